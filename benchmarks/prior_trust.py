"""Does a fit know when the closed-form inversion of its weights is off?

Balanced logistic regressions, on problems whose true probabilities are known: enough
rows of the rare class, too few of them for the features, and features so skewed that
the model has the wrong form. The mean of the inverted probabilities on fresh rows is
held against the prevalence. A fit is *off* beyond a factor of 1.25, *near* within 1.1;
the verdict has seen the training rows alone, and no other fit was made.
"""

import numpy as np
from _common import Figure, run, table
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight.calibration._trust import judge_linear_model
from skweight.datasets import make_imbalanced

# Kind, rows, prevalence, features, share that no line can see, spread of the log odds.
PROBLEMS = [
    *(
        ("enough", *shape)
        for shape in (
            (1200, 0.15, 6, 0.1, 2.0),
            (2500, 0.06, 8, 0.0, 2.5),
            (3500, 0.1, 25, 0.2, 2.0),
            (5000, 0.05, 12, 0.4, 2.0),
            (7000, 0.03, 5, 0.0, 2.0),
            (2000, 0.25, 10, 0.6, 3.0),
            (4500, 0.08, 20, 0.0, 1.5),
            (9000, 0.04, 8, 0.7, 2.0),
            (3000, 0.12, 15, 0.3, 3.0),
            (15_000, 0.02, 10, 0.2, 2.0),
        )
    ),
    *(
        ("too few", *shape)
        for shape in (
            (500, 0.06, 30, 0.0, 3.0),
            (900, 0.03, 50, 0.3, 3.0),
            (400, 0.08, 40, 0.4, 2.0),
            (1200, 0.02, 40, 0.2, 2.0),
            (1000, 0.04, 80, 0.3, 3.0),
            (2500, 0.02, 100, 0.3, 3.0),
        )
    ),
    *(
        ("skewed", *shape)
        for shape in (
            (3500, 0.06, 5, 0.0, 3.0),
            (7000, 0.03, 8, 0.2, 4.0),
            (2500, 0.1, 6, 0.3, 4.0),
            (9000, 0.02, 5, 0.0, 4.0),
            (5000, 0.05, 12, 0.5, 3.0),
            (6000, 0.04, 4, 0.0, 5.0),
        )
    ),
]
N_DRAWS = 10
N_FRESH = 30_000


def draw(problem, seed):
    """Fit once; return the rows of the rare class, the true ratio, and the verdict."""
    kind, n, prevalence, n_features, nonlinearity, class_sep = problem
    data = make_imbalanced(
        n + N_FRESH,
        n_features=n_features,
        prevalence=prevalence,
        nonlinearity=nonlinearity,
        class_sep=class_sep,
        random_state=seed,
    )
    X = np.exp(data.X) if kind == "skewed" else data.X
    y = data.y[:n]
    multiplier = n / (2 * np.bincount(y))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3000))
    model.fit(X[:n], y, logisticregression__sample_weight=multiplier[y])
    shift = np.log(multiplier[1] / multiplier[0])
    mean = expit(model.decision_function(X[n:]) - shift).mean()
    verdict = judge_linear_model(model, X[:n], y, multiplier[y], None, multiplier)
    return y.sum(), mean / data.proba[n:, 1].mean(), verdict


def measure(options):
    """Yield a line per problem, and the claims."""
    problems = PROBLEMS[::6] if options.quick else PROBLEMS
    rows, off, near = [], [], []
    for i, problem in enumerate(problems):
        drawn = [
            draw(problem, 10_000 + 100 * i + seed)
            for seed in range(1 if options.quick else N_DRAWS)
        ]
        positives, true, verdicts = zip(*drawn, strict=True)
        warned = np.array([not verdict.trusted for verdict in verdicts])
        away = np.abs(np.log(true))
        off += warned[away > np.log(1.25)].tolist()
        near += warned[away < np.log(1.1)].tolist()
        rows.append(
            {
                "problem": problem[0],
                "rows": problem[1],
                "features": problem[3],
                "positives": int(np.mean(positives)),
                "mean over prevalence": Figure(np.mean(true), ".2f", np.std(true)),
                "estimated": Figure(np.mean([v.ratio for v in verdicts]), ".2f"),
                "off": int((away > np.log(1.25)).sum()),
                "near": int((away < np.log(1.1)).sum()),
                "warned": int(warned.sum()),
            }
        )
    yield f"## {len(problems)} problems, by draws\n\n" + table(rows)
    silent = 1 - np.mean(off) if off else 0.0
    alarms = np.mean(near) if near else 0.0
    yield "## Claims\n\n" + table(
        [
            {
                "claim": "of fits off by more than 1.25 at most 5 % are silent",
                "measured": f"{silent:.1%} of {len(off)}",
                "holds": bool(silent <= 0.05),
            },
            {
                "claim": "of fits within 1.1 at most 10 % warn",
                "measured": f"{alarms:.1%} of {len(near)}",
                "holds": bool(alarms <= 0.1),
            },
        ]
    )


if __name__ == "__main__":
    run(measure, __doc__, "prior_trust")
