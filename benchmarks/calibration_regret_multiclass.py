"""Which calibrator for a balanced model of six classes, by the number of rows?

As calibration_regret.py does for two classes: five models that were weighted or
resampled to balance, fitted on 20,000 rows of a problem whose true probabilities are
known, and calibrators on draws of other rows. Regret is the expected log loss above
that of the best calibrator fitted on the whole pool of 30,000 rows, in per cent.
"""

from functools import partial

import numpy as np
from _common import Figure, run, table
from calibration_regret import draw, fitted, models, pool_scores, true_loss
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from skweight.calibration import (
    AnchoredCalibrator,
    AutoCalibrator,
    BetaCalibrator,
    IsotonicCalibrator,
    PriorCalibrator,
    SigmoidCalibrator,
    StructuredMatrixScalingCalibrator,
    TemperatureCalibrator,
    VectorScalingCalibrator,
    VennAbersCalibrator,
)
from skweight.datasets import make_imbalanced

N_TRAIN, N_POOL, N_TEST = 20_000, 30_000, 20_000
PREVALENCE = (0.6, 0.2, 0.1, 0.05, 0.03, 0.02)
# Calibration rows, and how many draws of so many.
SIZES = {300: 4, 1000: 3, 5000: 2, 25_000: 1}
SEEDS = (20, 21)


class OneVersusRest:
    """One curve of scikit-learn per class, as CalibratedClassifierCV has them."""

    def __init__(self, make):
        self.make = make

    def fit(self, scores, y):
        self.curves_ = [
            self.make().fit(scores[:, k], y == k) for k in range(scores.shape[1])
        ]
        return self

    def predict_proba(self, scores):
        columns = [
            curve.predict(column)
            for curve, column in zip(self.curves_, scores.T, strict=True)
        ]
        proba = np.stack(columns, axis=1)
        total = proba.sum(axis=1, keepdims=True)
        return np.where(total > 0, proba / np.where(total > 0, total, 1), 1 / 6)


class Line:
    """A logistic curve of one score, as sigmoid calibration has it."""

    def fit(self, scores, y):
        line = LogisticRegression(C=np.inf) if y.any() else None
        self.line_ = line and line.fit(scores[:, np.newaxis], y)
        return self

    def predict(self, scores):
        return self.line_.predict_proba(scores[:, np.newaxis])[:, 1]


METHODS = {
    "auto": AutoCalibrator,
    "anchored": AnchoredCalibrator,
    "sigmoid": SigmoidCalibrator,
    "temperature": TemperatureCalibrator,
    "vector": VectorScalingCalibrator,
    "matrix": StructuredMatrixScalingCalibrator,
    "beta": BetaCalibrator,
    "isotonic": IsotonicCalibrator,
    "Venn-Abers": VennAbersCalibrator,
    "prior (no rows)": PriorCalibrator,
    "sigmoid of scikit-learn": partial(OneVersusRest, Line),
    "isotonic of scikit-learn": partial(
        OneVersusRest, partial(IsotonicRegression, out_of_bounds="clip")
    ),
    "temperature without bias": partial(TemperatureCalibrator, bias=False),
}
# Shown because they fail, or are not ours; "the best single method" is another one.
OTHERS = (
    "prior (no rows)",
    "sigmoid of scikit-learn",
    "isotonic of scikit-learn",
    "temperature without bias",
)


def regrets_of(problem, seed, sizes):
    """Yield model, size, calibrator and regret, for every draw of calibration rows."""
    (n_train, n_pool), data = problem
    train, pool = slice(n_train), slice(n_train, n_train + n_pool)
    truth, labels = data.proba[n_train + n_pool :], data.y[pool]
    rng = np.random.default_rng(seed)
    for name, model, multiplier, votes in models(data.X[train], data.y[train]):
        method = "predict_proba" if votes else "decision_function"
        outputs = getattr(model, method)(data.X[n_train:])
        rows = pool_scores(outputs, method, n_pool)

        def loss_of(one, drawn, rows=rows, told=(multiplier, votes)):
            scores, new = rows(drawn)
            calibrator = fitted(METHODS[one], scores, labels[drawn], *told)
            return true_loss(truth, calibrator.predict_proba(new))

        best = min(loss_of(method, np.arange(n_pool)) for method in METHODS)
        for size, draws in sizes.items():
            for _ in range(draws):
                drawn = draw(labels, size, rng)
                for one in METHODS:
                    yield name, size, one, 100 * (loss_of(one, drawn) / best - 1)


def measure(options):
    """Yield the tables of regrets, and the claims about "auto"."""
    shape, n_test, sizes, seeds = (N_TRAIN, N_POOL), N_TEST, SIZES, SEEDS
    if options.quick:
        shape, n_test, sizes, seeds = (1000, 1000), 600, {300: 1}, (20,)
    regrets = {}
    for seed in seeds:
        data = make_imbalanced(
            sum(shape) + n_test,
            n_features=10,
            n_classes=len(PREVALENCE),
            prevalence=PREVALENCE,
            nonlinearity=0.4,
            random_state=seed,
        )
        for name, size, one, regret in regrets_of((shape, data), seed, sizes):
            regrets.setdefault((name, size, one), []).append(regret)
    bases = list(dict.fromkeys(key[0] for key in regrets))
    mean = {
        (size, method): np.mean(
            [np.mean(regrets[base, size, method]) for base in bases]
        )
        for size in sizes
        for method in METHODS
    }
    total = {
        method: np.mean([mean[size, method] for size in sizes]) for method in METHODS
    }
    yield "## Regret in per cent, mean over five models\n\n" + table(
        [
            {"calibrator": method}
            | {f"n={size}": Figure(mean[size, method], ".2f") for size in sizes}
            | {"mean": Figure(total[method], ".2f")}
            for method in METHODS
        ]
    )
    for size in sizes:
        yield f"## By model, n={size}\n\n" + table(
            [
                {"calibrator": method}
                | {
                    base: Figure(np.mean(regrets[base, size, method]), ".2f")
                    for base in bases
                }
                for method in METHODS
            ]
        )
    single = [method for method in METHODS if method != "auto" and method not in OTHERS]
    best = min(single, key=total.get)
    worst = max(
        sizes, key=lambda n: mean[n, "auto"] / min(mean[n, value] for value in single)
    )
    ratio = mean[worst, "auto"] / min(mean[worst, value] for value in single)
    yield "## Claims\n\n" + table(
        [
            {
                "claim": "mean regret at or below the best single method's",
                "measured": f"{total['auto']:.3f} against {total[best]:.3f} ({best})",
                "holds": bool(total["auto"] <= total[best]),
            },
            {
                "claim": "at no size more than 1.2 x the best of the size",
                "measured": f"{ratio:.2f} x at n={worst}",
                "holds": bool(ratio <= 1.2),
            },
        ]
    )


if __name__ == "__main__":
    run(measure, __doc__, "calibration_regret_multiclass")
