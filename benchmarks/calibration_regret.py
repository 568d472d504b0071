"""Which calibrator for a balanced model, by the number of calibration rows?

Five models that were weighted or resampled to balance are fitted on 20,000 rows of
a problem whose true probabilities are known, and calibrators on draws of other rows.
Regret is the true log loss (its expectation over labels, not a sample of them) above
that of the best calibrator fitted on the whole pool of 30,000 rows, in per cent.
"""

import warnings
from functools import partial

import numpy as np
from _common import Figure, run, table
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import RandomUnderSampler
from lightgbm import LGBMClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import has_fit_parameter

from skweight._held_out.outputs import log_scores, smallest_probability
from skweight.calibration import (
    AnchoredCalibrator,
    AutoCalibrator,
    BetaCalibrator,
    IsotonicCalibrator,
    PriorCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
    VennAbersCalibrator,
)
from skweight.datasets import make_imbalanced

N_TRAIN, N_POOL, N_TEST = 20_000, 30_000, 20_000
PREVALENCES = (0.1, 0.02)
# Calibration rows, and how many draws of so many.
SIZES = {300: 16, 1000: 8, 10_000: 2}
# Not those by which AutoCalibrator's candidates and temperature were chosen (below 20,
# and hundreds).
SEEDS = (20, 21)


class RawIsotonic:
    """scikit-learn's isotonic regression, as CalibratedClassifierCV uses it."""

    def fit(self, scores, y):
        self.curve_ = IsotonicRegression(out_of_bounds="clip").fit(scores, y)
        return self

    def predict_proba(self, scores):
        p = self.curve_.predict(scores)
        return np.column_stack([1 - p, p])


METHODS = {
    "auto": AutoCalibrator,
    "anchored": AnchoredCalibrator,
    "anchored, quadratic": partial(AnchoredCalibrator, "quadratic"),
    "sigmoid": SigmoidCalibrator,
    "beta": BetaCalibrator,
    "quadratic": QuadraticCalibrator,
    "isotonic, bounded": partial(IsotonicCalibrator, centered=False),
    "isotonic, centred": IsotonicCalibrator,
    "Venn-Abers": VennAbersCalibrator,
    "Venn-Abers, mean": partial(VennAbersCalibrator, point="mean"),
    "prior (no rows)": PriorCalibrator,
    "isotonic of scikit-learn": RawIsotonic,
    "temperature without bias": partial(TemperatureCalibrator, bias=False),
}
# Shown because they fail; "the best single method" is one of the others.
FAILURES = ("prior (no rows)", "isotonic of scikit-learn", "temperature without bias")


def models(X, y):
    """Yield five balanced models: name, model, class multiplier, whether votes."""
    weights = compute_class_weight("balanced", classes=np.unique(y), y=y)
    booster = partial(LGBMClassifier, n_jobs=1, random_state=0, verbose=-1)
    for name, model, votes in (
        ("LR, weights", LogisticRegression(class_weight="balanced"), False),
        ("LGBM, weights", booster(class_weight="balanced"), False),
        (
            "RF, weights",
            RandomForestClassifier(class_weight="balanced_subsample", random_state=0),
            True,
        ),
    ):
        yield name, model.fit(X, y), weights, votes
    for name, sampler in (
        ("LGBM, SMOTE", SMOTE(random_state=0)),
        ("LGBM, under-sampled", RandomUnderSampler(random_state=0)),
    ):
        drawn = sampler.fit_resample(X, y)
        multiplier = np.bincount(drawn[1]) / np.bincount(y)
        yield name, booster().fit(*drawn), multiplier, False


def fitted(make, scores, y, multiplier, votes):
    """Return a fitted calibrator, told what WeightedClassifier would tell it."""
    calibrator = make()
    known = {"class_multiplier": multiplier, "votes": votes}
    known["classes"] = np.arange(len(multiplier))
    told = {k: v for k, v in known.items() if has_fit_parameter(calibrator, k)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return calibrator.fit(scores, y, **told)


def true_loss(truth, proba):
    """Return the expected log loss of probabilities, all (n_rows, n_classes)."""
    proba = np.clip(proba, np.finfo(float).eps, 1)
    return -(truth * np.log(proba)).sum(axis=1).mean()


def measure(options):
    """Yield the table of regrets, and the claims about "auto"."""
    n_train, n_pool, n_test = N_TRAIN, N_POOL, N_TEST
    sizes, seeds = SIZES, SEEDS
    if options.quick:
        n_train, n_pool, n_test, sizes, seeds = 600, 600, 600, {300: 1}, (20,)
    regrets, chosen = {}, {}
    for prevalence in PREVALENCES:
        for seed in seeds:
            data = make_imbalanced(
                n_train + n_pool + n_test,
                n_features=10,
                prevalence=prevalence,
                nonlinearity=0.4,
                random_state=seed,
            )
            train = slice(n_train)
            pool = slice(n_train, n_train + n_pool)
            test = slice(n_train + n_pool, None)
            truth = data.proba[test]
            for name, model, multiplier, votes in models(data.X[train], data.y[train]):
                method = "predict_proba" if votes else "decision_function"
                outputs = getattr(model, method)(data.X[n_train:])
                rows = pool_scores(outputs, method, n_pool)
                labels = data.y[pool]
                best = np.inf
                for make in METHODS.values():
                    scores, new = rows(np.arange(n_pool))
                    full = fitted(make, scores, labels, multiplier, votes)
                    loss = true_loss(truth, full.predict_proba(new))
                    best = min(best, loss)
                rng = np.random.default_rng(seed)
                for size, draws in sizes.items():
                    for _ in range(draws):
                        drawn = draw(labels, size, rng)
                        scores, new = rows(drawn)
                        for one, make in METHODS.items():
                            calibrator = fitted(
                                make, scores, labels[drawn], multiplier, votes
                            )
                            loss = true_loss(truth, calibrator.predict_proba(new))
                            cell = (prevalence, size)
                            key = (*cell, name, one)
                            regrets.setdefault(key, []).append(100 * (loss / best - 1))
                            if one == "auto":
                                count = chosen.setdefault(cell, {})
                                count[calibrator.chosen_] = (
                                    count.get(calibrator.chosen_, 0) + 1
                                )
    cells = list(dict.fromkeys(key[:2] for key in regrets))
    bases = list(dict.fromkeys(key[2] for key in regrets))
    mean = {
        method: {
            cell: np.mean([np.mean(regrets[(*cell, base, method)]) for base in bases])
            for cell in cells
        }
        for method in METHODS
    }
    yield "## Regret in per cent, mean over five models\n\n" + table(
        [
            {"calibrator": method}
            | {
                f"{prevalence:.0%}, n={size}": Figure(
                    mean[method][prevalence, size], ".2f"
                )
                for prevalence, size in cells
            }
            | {"mean": Figure(np.mean(list(mean[method].values())), ".2f")}
            for method in METHODS
        ]
    )
    for cell in cells:
        yield f"## By model, {cell[0]:.0%} positive, n={cell[1]}\n\n" + table(
            [
                {"calibrator": method}
                | {
                    base: Figure(np.mean(regrets[(*cell, base, method)]), ".2f")
                    for base in bases
                }
                for method in METHODS
            ]
        )
    yield '## What "auto" chose\n\n' + table(
        [
            {
                "prevalence": f"{prevalence:.0%}",
                "n": size,
                "chosen": ", ".join(
                    f"{one} {count}x" for one, count in sorted(counts.items())
                ),
            }
            for (prevalence, size), counts in chosen.items()
        ]
    )
    yield "## Claims\n\n" + claims(mean, cells)


def pool_scores(outputs, method, n_pool):
    """Return a function from drawn rows to their scores and those of the test rows."""

    def rows(drawn):
        clip = smallest_probability(outputs[drawn], method)
        return (
            log_scores(outputs[:n_pool][drawn], method, clip),
            log_scores(outputs[n_pool:], method, clip),
        )

    return rows


def draw(labels, size, rng):
    """Return rows of a calibration set that holds at least two of either class."""
    while True:
        drawn = rng.choice(labels.size, size, replace=False)
        if np.bincount(labels[drawn], minlength=labels.max() + 1).min() >= 2:
            return drawn


def claims(mean, cells):
    """Return whether "auto" does what is claimed of it."""
    single = [
        method for method in METHODS if method != "auto" and method not in FAILURES
    ]
    best = min(single, key=lambda one: np.mean(list(mean[one].values())))
    worst = max(
        cells, key=lambda c: mean["auto"][c] / min(mean[value][c] for value in single)
    )
    ratio = mean["auto"][worst] / min(mean[value][worst] for value in single)
    auto = np.mean(list(mean["auto"].values()))
    other = np.mean(list(mean[best].values()))
    return table(
        [
            {
                "claim": "mean regret at or below the best single method's",
                "measured": f"{auto:.3f} against {other:.3f} ({best})",
                "holds": bool(auto <= other),
            },
            {
                "claim": "in no cell more than 1.2 x the best of the cell",
                "measured": f"{ratio:.2f} x at {worst[0]:.0%}, n={worst[1]}",
                "holds": bool(ratio <= 1.2),
            },
        ]
    )


if __name__ == "__main__":
    run(measure, __doc__, "calibration_regret")
