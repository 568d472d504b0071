"""How far calibrators agree with those of other packages, where the method is the same.

Largest difference of a probability over the calibration rows, all weights one. Ours
are set to what the others do: no pseudo-rows where they have none, no bounds, no
inversion. Where a difference remains, the last column says why. Packages that are not
installed are left out: betacal, netcal, probmetrics, venn-abers.
"""

import warnings
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from _common import run, table
from scipy.special import expit, log_softmax, softmax
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from skweight.calibration import (
    BetaCalibrator,
    IsotonicCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    StructuredMatrixScalingCalibrator,
    TemperatureCalibrator,
    VectorScalingCalibrator,
    VennAbersCalibrator,
)

TRACE = 1e-9
EARLY = "their logistic regression stops at a gradient of 1e-4"
BFGS = "their BFGS stops at a gradient of 1e-5; the objective is {:.0e} lower at ours"


def two_classes(n):
    """Return scores, which rank imperfectly and are too sure, and labels."""
    rng = np.random.default_rng(0)
    scores = rng.normal(-1, 1.5, size=n)
    return scores, (rng.random(n) < expit(0.7 * scores - 0.5)).astype(int)


def three_classes(n):
    """Return scores of three classes, too sure, and labels."""
    rng = np.random.default_rng(1)
    truth = rng.normal(loc=[0.5, 0.0, -0.8], size=(n, 3))
    y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    return truth * [1.5, 1.2, 2.0], y


def row(package, method, ours, theirs, why=""):
    """Return one line of the table."""
    difference = float(np.abs(np.asarray(ours) - np.asarray(theirs)).max())
    return {
        "package": package,
        "method": method,
        "largest": difference,
        "why, where above 1e-6": why if difference > 1e-6 else "",
    }


def versions():
    """Return which of the other packages are there."""
    collected = []
    for package in ("betacal", "netcal", "probmetrics", "torch", "venn-abers"):
        with suppress(PackageNotFoundError):
            collected.append(f"{package} {version(package)}")
    return f"Beside: {', '.join(collected) or 'nothing'}."


def with_scikit_learn(n):
    """Yield the comparisons with CalibratedClassifierCV around a frozen model."""
    scores, y = two_classes(n)
    X = scores[:, np.newaxis]
    model = LogisticRegression().fit(X, y)
    scores = model.decision_function(X)
    for method, ours, why in (
        (
            "sigmoid",
            SigmoidCalibrator(bounded=False),
            "L-BFGS stops at a gradient of 1e-6; ours is the minimum",
        ),
        (
            "isotonic",
            IsotonicCalibrator(centered=False),
            "ours are bounded away from 0 and 1; elsewhere equal (next line)",
        ),
        (
            "temperature",
            TemperatureCalibrator(bias=False, smoothing=TRACE, bounded=False),
            "their scalar search stops early",
        ),
    ):
        theirs = CalibratedClassifierCV(
            FrozenEstimator(model), method=method, ensemble=False
        ).fit(X, y)
        p = ours.fit(scores, y).predict_proba(scores)[:, 1]
        q = theirs.predict_proba(X)[:, 1]
        yield row("scikit-learn", method, p, q, why)
        if method == "isotonic":
            low, high = 1 / ((y == 0).sum() + 2), (y.sum() + 1) / (y.sum() + 2)
            yield row("scikit-learn", "isotonic, clipped", p, np.clip(q, low, high))


def with_betacal(n):
    """Yield the comparison with betacal."""
    from betacal import BetaCalibration

    scores, y = two_classes(n)
    ours = BetaCalibrator(smoothing=TRACE, bounded=False).fit(scores, y)
    theirs = BetaCalibration().fit(expit(scores), y).predict(expit(scores))
    p = ours.predict_proba(scores)[:, 1]
    yield row("betacal", "beta", p, theirs, EARLY)
    # The same features to the end.
    from sklearn.linear_model import LogisticRegression as Logistic

    q = expit(scores)
    features = np.column_stack([np.log(q), -np.log1p(-q)])
    exact = Logistic(C=1e11, tol=1e-10, max_iter=10_000).fit(features, y)
    p_exact = exact.predict_proba(features)[:, 1]
    yield row("betacal", "beta, their problem solved to 1e-10", p, p_exact)


def with_netcal(n):
    """Yield the comparisons with netcal."""
    from netcal.scaling import BetaCalibration, LogisticCalibration, TemperatureScaling

    scores, y = two_classes(n)
    proba = expit(scores)
    for method, theirs, ours in (
        (
            "logistic",
            LogisticCalibration(),
            SigmoidCalibrator(smoothing=TRACE, bounded=False),
        ),
        (
            "beta",
            BetaCalibration(),
            BetaCalibrator(smoothing=TRACE, bounded=False),
        ),
        (
            "temperature",
            TemperatureScaling(),
            TemperatureCalibrator(bias=False, smoothing=TRACE, bounded=False),
        ),
    ):
        theirs.fit(proba, y)
        p = ours.fit(scores, y).predict_proba(scores)[:, 1]
        q = np.asarray(theirs.transform(proba)).ravel()
        yield row("netcal", method, p, q, "float32, and an early stop of their L-BFGS")


def with_probmetrics(n):
    """Yield the comparisons with probmetrics."""
    from probmetrics.calibrators import get_calibrator

    scores, y = two_classes(n)
    proba = np.column_stack([expit(-scores), expit(scores)])
    for name, ours in (
        ("affine-scaling", SigmoidCalibrator(smoothing=TRACE, bounded=False)),
        ("beta", BetaCalibrator(smoothing=TRACE, bounded=False)),
        ("quadratic-scaling", QuadraticCalibrator(smoothing=TRACE, bounded=False)),
    ):
        theirs = get_calibrator(name)
        theirs.fit(proba, y)
        p = ours.fit(scores, y).predict_proba(scores)
        yield row("probmetrics", name, p, theirs.predict_proba(proba), EARLY)
    scores, y = three_classes(n)
    proba = softmax(scores, axis=1)
    for name, ours in (
        ("temp-scaling", TemperatureCalibrator(bias=False, smoothing=TRACE)),
        ("svs", VectorScalingCalibrator()),
        ("sms", StructuredMatrixScalingCalibrator()),
    ):
        theirs = get_calibrator(name)
        theirs.fit(proba, y)
        p = ours.fit(scores, y).predict_proba(scores)
        why = ""
        if name != "temp-scaling":
            z = np.log(theirs.ts_.predict_proba(proba)).astype(np.float64)
            if name == "svs":
                measured = np.diag(theirs.v_), theirs.b_
                mine = np.diag(ours.slope_), ours.intercept_
            else:
                measured = theirs.W_[:, :-1], theirs.W_[:, -1]
                mine = ours.matrix_, ours.intercept_
            gain = structured_loss(z, y, *measured) - structured_loss(z, y, *mine)
            why = BFGS.format(gain)
        yield row("probmetrics", name, p, theirs.predict_proba(proba), why)


def structured_loss(z, y, matrix, intercept):
    """Return the objective of structured matrix scaling, which both minimise."""
    n, k = z.shape
    loss = -log_softmax(z @ matrix.T + intercept, axis=1)[np.arange(n), y].mean()
    away = matrix - np.eye(k)
    diagonal = (np.diag(away) ** 2).sum()
    off = (away**2).sum() - diagonal
    ridge = k * (diagonal + (intercept**2).sum()) + k * (k - 1) * off
    return loss + ridge / n


def with_venn_abers(n):
    """Yield the comparison with venn-abers."""
    from venn_abers import VennAbers

    scores, y = two_classes(n)
    proba = np.column_stack([expit(-scores), expit(scores)])
    theirs = VennAbers()
    with np.errstate(all="ignore"):
        theirs.fit(proba, y)
        merged, interval = theirs.predict_proba(proba)
    ours = VennAbersCalibrator().fit(scores, y)
    lower, upper = ours.predict_interval(scores)
    yield row("venn-abers", "p0", lower[:, 1], interval[:, 0])
    yield row("venn-abers", "p1", upper[:, 1], interval[:, 1])
    yield row("venn-abers", "merged", ours.predict_proba(scores), merged)


def measure(options):
    """Yield one table."""
    n = 500 if options.quick else 5000
    rows = []
    for compare in (
        with_scikit_learn,
        with_betacal,
        with_netcal,
        with_probmetrics,
        with_venn_abers,
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                rows += list(compare(n))
            except ImportError as error:
                yield f"Left out: {error}."
    yield versions()
    yield f"{n:,} rows:"
    yield table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "calibrator_agreement")
