"""What do weights for label shift gain where only class frequencies differ?

Known truth: two normal classes with one covariance, half of the training rows of each,
and a target in which the second is rarer. Labels of the target are used to judge alone.
"""

import numpy as np
from _common import Figure, run, table
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skweight import LabelShiftWeighting, PriorWeighting, WeightedClassifier

N_ROWS, N_JUDGED, N_SEEDS = 1000, 20_000, 10
SHARES = (0.3, 0.1, 0.03)
LEARNERS = {
    "line (is the truth)": LogisticRegression(),
    "boosting": HistGradientBoostingClassifier(max_iter=30, random_state=0),
}


def draw(n_rows, share, rng):
    """Return rows, and labels of which the second has a share."""
    y = (rng.random(n_rows) < share).astype(int)
    X = rng.normal(size=(n_rows, 4))
    X[:, 0] += 2 * y
    return X, y


def losses(learner, share, n_rows, seed):
    """Return the log loss on the target of each weighting, and the estimated share."""
    rng = np.random.default_rng(seed)
    X, y = draw(n_rows, 0.5, rng)
    X_target, _ = draw(n_rows, share, rng)
    X_new, y_new = draw(N_JUDGED, share, rng)
    weightings = {
        "none": None,
        "LabelShiftWeighting": LabelShiftWeighting(X_target, random_state=seed),
        "the true frequencies": PriorWeighting({0: 1 - share, 1: share}),
    }
    by_name = {}
    for name, weighting in weightings.items():
        clf = WeightedClassifier(learner, weighting=weighting, random_state=seed)
        by_name[name] = log_loss(y_new, clf.fit(X, y).predict_proba(X_new))
        if name == "LabelShiftWeighting":
            estimated = float(clf.weighting_.target_prior_[1])
    return by_name, estimated


def measure(options):
    n_rows = 200 if options.quick else N_ROWS
    n_seeds = 2 if options.quick else N_SEEDS
    rows = []
    for name, learner in LEARNERS.items():
        for share in SHARES[:1] if options.quick else SHARES:
            runs = [losses(learner, share, n_rows, seed) for seed in range(n_seeds)]
            plain = np.array([values["none"] for values, _ in runs])
            row = {"learner": name, "share in the target": f"{share:.0%}"}
            estimates = [estimate for _, estimate in runs]
            row["estimated"] = Figure(
                np.mean(estimates), ".3f", np.std(estimates, ddof=1)
            )
            row["log loss, none"] = Figure(plain.mean(), ".4f")
            for other in ("LabelShiftWeighting", "the true frequencies"):
                apart = np.array([values[other] for values, _ in runs]) - plain
                error = apart.std(ddof=1) / np.sqrt(n_seeds)
                row[other] = Figure(apart.mean(), "+.4f", error)
            rows.append(row)
    yield (
        f"{n_rows:,} rows of source and of target, {n_seeds} repetitions. Differences "
        "to no weights, paired, ± one standard error; of estimates, ± one standard "
        "deviation."
    )
    yield table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "label_shift")
