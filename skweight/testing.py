"""Test your own strategy, and find every estimator of the library.

:func:`check_weighting` states the contract of a weighting as checks that anyone can
run. The registry below is what the library's own tests run over: a new strategy is
added by one row here.
"""

import numpy as np
from sklearn.base import clone

from skweight._utils.roles import ROLES, multiply
from skweight.costs import CostMatrix
from skweight.density_ratio import KernelLogisticRatio
from skweight.weighting import (
    BalancedWeighting,
    ClassifierRatioWeighting,
    ClassWeighting,
    ColumnWeighting,
    CostWeighting,
    DensityRatioWeighting,
    EffectiveNumberWeighting,
    EntropyBalancingWeighting,
    FunctionWeighting,
    KernelLogisticRatioWeighting,
    KLIEPWeighting,
    KMMWeighting,
    LabelShiftWeighting,
    PriorWeighting,
    ProductWeighting,
    ULSIFWeighting,
)
from skweight.weighting._base import ClassLevelWeighting

__all__ = ["all_estimators", "all_pipelines", "all_weightings", "check_weighting"]


def _heavier_with_first_feature(X, y):
    return 1 + np.abs(np.asarray(X, dtype=float)[:, 0])


def _even(labels):
    return {label: 1 / len(labels) for label in labels}


def _rising(labels):
    return {label: 1.0 + position for position, label in enumerate(labels)}


def _dearer_later(labels, last=9.0):
    """Return costs under which mistakes about later labels are dearer."""
    return CostMatrix.from_dict(
        {
            true: {
                decided: last if true == labels[-1] else 1.0 + position
                for decided in labels
                if decided != true
            }
            for position, true in enumerate(labels)
        }
    )


class _AnyLabels(CostMatrix):
    """Costs for whatever labels come, as the checks of scikit-learn bring many."""

    __slots__ = ()

    def align(self, classes):
        if len(classes) > 1:
            return _dearer_later(list(classes))
        return CostMatrix.binary(fp=1, fn=1).align(classes)


def _target():
    """Return rows of a target population that the rows of the checks overlap with."""
    return np.random.RandomState(4).uniform(0.7, 1.7, size=(30, 3))


def _frozen(labels, shift=1.0):
    """Return a fitted classifier of the labels."""
    from sklearn.frozen import FrozenEstimator
    from sklearn.naive_bayes import GaussianNB

    X = np.random.RandomState(5).uniform(0.5, 1.5, size=(40, 3))
    y = np.resize(np.asarray(labels), 40)
    X += shift * np.unique(y, return_inverse=True)[1][:, np.newaxis]
    return FrozenEstimator(GaussianNB().fit(X, y))


# One row for each strategy: how to make one, given the labels it will meet. Parameters
# that are chosen by leaving out rows are given here: to such a choice a row of weight
# two is one row, and to the fit that follows it is two.
_WEIGHTINGS = {
    "BalancedWeighting": lambda labels: BalancedWeighting(),
    "BalancedWeighting(strength=0.5)": lambda labels: BalancedWeighting(strength=0.5),
    "EffectiveNumberWeighting": lambda labels: EffectiveNumberWeighting(beta=0.9),
    "ClassWeighting": lambda labels: ClassWeighting(_rising(labels)),
    "PriorWeighting": lambda labels: PriorWeighting(_even(labels)),
    "ColumnWeighting": lambda labels: ColumnWeighting(0),
    "CostWeighting": lambda labels: CostWeighting(_dearer_later(labels)),
    "CostWeighting(level='instance')": lambda labels: CostWeighting(
        _dearer_later(labels, CostMatrix.column(0))
    ),
    "FunctionWeighting": lambda labels: FunctionWeighting(_heavier_with_first_feature),
    "DensityRatioWeighting": lambda labels: DensityRatioWeighting(
        _target(),
        estimator=KernelLogisticRatio(n_centers=0, lambdas=0.01),
        exponent=0.5,
    ),
    "ULSIFWeighting": lambda labels: ULSIFWeighting(_target(), sigmas=1, lambdas=0.1),
    "KLIEPWeighting": lambda labels: KLIEPWeighting(_target(), sigmas=1.0),
    "KMMWeighting": lambda labels: KMMWeighting(_target(), sigma=1, ridge=1.0),
    "KernelLogisticRatioWeighting": lambda labels: KernelLogisticRatioWeighting(
        _target(), n_centers=0, lambdas=0.01
    ),
    "ClassifierRatioWeighting": lambda labels: ClassifierRatioWeighting(
        _target(), estimator=_frozen([0, 1], shift=0.05), calibration=None
    ),
    "EntropyBalancingWeighting": lambda labels: EntropyBalancingWeighting(
        moments={0: 1.02, 2: 1.05}
    ),
    "EntropyBalancingWeighting(ridge=0.1)": lambda labels: EntropyBalancingWeighting(
        _target(), degree=2, interactions=True, ridge=0.1
    ),
    "LabelShiftWeighting": lambda labels: LabelShiftWeighting(
        _target(), _frozen(labels), method="bbse"
    ),
    "ProductWeighting": lambda labels: ProductWeighting(
        [PriorWeighting(_even(labels)), BalancedWeighting(0.5), ColumnWeighting(0)]
    ),
}


def all_weightings(labels=(0, 1)):
    """Return one instance of every strategy.

    Parameters
    ----------
    labels : sequence, default=(0, 1)
        Labels that the strategies will meet.

    Returns
    -------
    weightings : dict {str: weighting}
        Unfitted strategies under a readable name.

    Examples
    --------
    >>> from skweight.testing import all_weightings
    >>> all_weightings()["BalancedWeighting"]
    BalancedWeighting()
    """
    return {name: make(list(labels)) for name, make in _WEIGHTINGS.items()}


def all_estimators():
    """Return every wrapper of the library, around typical estimators.

    Returns
    -------
    estimators : dict {str: estimator}
        Unfitted estimators under a readable name, on which scikit-learn's estimator
        checks are run.

    Examples
    --------
    >>> from skweight.testing import all_estimators
    >>> all(hasattr(estimator, "fit") for estimator in all_estimators().values())
    True
    """
    from sklearn.linear_model import (
        LinearRegression,
        LogisticRegression,
        Ridge,
        RidgeClassifier,
    )
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from skweight.classifier import WeightedClassifier
    from skweight.cost_sensitive import CostSensitiveClassifier
    from skweight.regressor import WeightedRegressor

    inner = {
        "LogisticRegression": LogisticRegression(),
        "GaussianNB": GaussianNB(),
        "RidgeClassifier": RidgeClassifier(),
        "Pipeline": make_pipeline(StandardScaler(), LogisticRegression()),
    }
    weighted = {
        f"{name}, weighting={weighting!r}, normalize={normalize}": WeightedClassifier(
            clone(estimator), weighting=weighting, normalize=normalize
        )
        for name, estimator in inner.items()
        for weighting in ("balanced", None)
        for normalize in (True, False)
    }
    # The labels of this matrix only say that there may be more than two.
    cost = _AnyLabels.ordinal("abc")
    costly = {
        f"{name}, cost, calibration={calibration!r}": CostSensitiveClassifier(
            clone(inner[name]), cost=cost, calibration=calibration
        )
        for name in ("LogisticRegression", "GaussianNB")
        for calibration in (None, "auto")
    }
    regressors = {
        "LinearRegression": WeightedRegressor(LinearRegression()),
        "Ridge, normalize=False": WeightedRegressor(Ridge(), normalize=False),
    }
    return weighted | costly | regressors


def all_pipelines():
    """Return a Pipeline of every kind, and what else goes into Pipelines.

    Returns
    -------
    estimators : dict {str: estimator}
        Unfitted estimators under a readable name, on which scikit-learn's estimator
        checks are run.

    Examples
    --------
    >>> from skweight.testing import all_pipelines
    >>> [*all_pipelines()["with a weighting"].named_steps]
    ['standardscaler', 'balancedweighting', 'logisticregression']
    """
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler

    from skweight.classifier import WeightedClassifier
    from skweight.pipeline import WeightColumn, make_pipeline

    weighted = WeightedClassifier(LogisticRegression(), weighting=None, normalize=False)
    lasts = {
        "of a regressor": [Ridge()],
        "of a classifier": [LogisticRegression()],
        "with a weighting": [BalancedWeighting(), LogisticRegression()],
        "with a weighting before a weighted classifier": [
            BalancedWeighting(strength=0.5),
            weighted,
        ],
    }
    pipelines = {
        name: make_pipeline(StandardScaler(), *steps) for name, steps in lasts.items()
    }
    return {**pipelines, "WeightColumn": WeightColumn()}


_LABELS = {
    "binary": (0, 1),
    "three classes": (0, 1, 2),
    "strings": ("no", "yes"),
    "minus one and one": (-1, 1),
    "booleans": (False, True),
    "floats": (0.0, 1.0),
}


def check_weighting(weighting, *, X=None, y=None):
    """Check that a strategy keeps the contract of a weighting.

    Checked are: parameters and clone; weights that are finite, not negative, of mean
    one; `fit_weigh` and `weigh` agreeing on the training rows; no change to the
    caller's arrays; equivariance to the order of the rows; a row of weight two being
    the same row twice; rows of weight zero being as if removed; the apartness of
    roles; refusal of bad `sample_weight`; pickling.

    Parameters
    ----------
    weighting : weighting
        Unfitted strategy. Never changed.
    X : array-like of shape (n_samples, n_features), default=None
        Rows to check on; None makes positive random ones.
    y : array-like of shape (n_samples,), default=None
        Labels to check on; None makes two classes, 0 and 1.

    Raises
    ------
    AssertionError
        If the contract is broken; the message names the clause.

    Examples
    --------
    >>> from skweight import BalancedWeighting
    >>> from skweight.testing import check_weighting
    >>> check_weighting(BalancedWeighting(strength=0.7))
    """
    rng = np.random.RandomState(0)
    if X is None:
        X = rng.uniform(0.5, 1.5, size=(40 if y is None else len(y), 3))
    y = np.array([0, 1, 0, 0] * (len(X) // 4)) if y is None else np.asarray(y)
    for check in (
        _check_parameters,
        _check_weights,
        _check_arrays_unchanged,
        _check_row_order,
        _check_repetition,
        _check_roles,
        _check_bad_sample_weight,
        _check_pickle,
    ):
        check(weighting, X, y)


def _assert_close(actual, expected, clause):
    np.testing.assert_allclose(actual, expected, rtol=1e-10, err_msg=clause)


def _check_parameters(weighting, X, y):
    params = weighting.get_params(deep=False)
    copy = clone(weighting)
    assert copy is not weighting, "clone returned the strategy itself"
    assert set(copy.get_params(deep=False)) == set(params), "clone lost a parameter"
    before = repr(params)
    copy.fit(X, y)
    assert repr(copy.get_params(deep=False)) == before, "fit changed a parameter"


def _check_weights(weighting, X, y):
    copy = clone(weighting)
    weights = copy.fit_weigh(X, y)
    assert weights.shape == (len(y),), "one weight per row"
    assert weights.dtype == np.float64, "weights are float64"
    assert np.isfinite(weights).all(), "weights are finite"
    assert (weights >= 0).all(), "weights are not negative"
    _assert_close(weights.mean(), 1, "weights have mean one")
    sample_weight = np.random.RandomState(1).uniform(0.5, 2, len(y))
    weighted = clone(weighting).fit_weigh(X, y, sample_weight)
    mean = np.average(weighted, weights=sample_weight)
    _assert_close(mean, 1, "the mean, weighted by sample_weight, is one")
    if isinstance(weighting, ClassLevelWeighting):
        _assert_close(copy.weigh(X, y), weights, "weigh repeats fit_weigh")


def _check_arrays_unchanged(weighting, X, y):
    sample_weight = np.ones(len(y))
    given = X.copy(), y.copy(), sample_weight.copy()
    weights = clone(weighting).fit_weigh(X, y, sample_weight)
    weights[:] = -1
    for now, before in zip((X, y, sample_weight), given, strict=True):
        assert np.array_equal(np.asarray(now), np.asarray(before)), (
            "the caller's arrays never change, nor do the weights alias them"
        )


def _check_row_order(weighting, X, y):
    order = np.random.RandomState(2).permutation(len(y))
    straight = clone(weighting).fit_weigh(X, y)
    shuffled = clone(weighting).fit_weigh(_rows(X, order), y[order])
    _assert_close(shuffled, straight[order], "weights follow their rows")


def _check_repetition(weighting, X, y):
    times = np.random.RandomState(3).randint(0, 4, len(y))
    # Every class keeps a row: a strategy may name the classes it wants to see.
    for label in np.unique(y):
        times[np.flatnonzero(y == label)[0]] = 2
    rows = np.repeat(np.arange(len(y)), times)
    once = clone(weighting).fit_weigh(X, y, times.astype(float))
    repeated = clone(weighting).fit_weigh(_rows(X, rows), y[rows])
    _assert_close(
        repeated,
        once[rows],
        "a row of weight two is the same row twice, one of weight zero is not there",
    )


def _check_roles(weighting, X, y):
    assert weighting.role in ROLES, f"role must be one of {ROLES}"
    by_role = clone(weighting).fit_weigh_by_role(X, y)
    _assert_close(
        multiply(*by_role), clone(weighting).fit_weigh(X, y), "roles multiply"
    )
    if weighting.role == "population":
        assert by_role.emphasis is None, "population weights carry no emphasis"


def _check_bad_sample_weight(weighting, X, y):
    n_samples = len(y)
    for bad, word in (
        (np.full(n_samples, -1.0), "negative"),
        (np.full(n_samples, np.nan), "NaN"),
        (np.zeros(n_samples), "zero"),
        (np.ones(n_samples + 1), "one weight per row"),
    ):
        message = None
        try:
            clone(weighting).fit(X, y, sample_weight=bad)
        except ValueError as error:
            message = str(error)
        assert message is not None, f"sample_weight: {word} was accepted"
        assert word in message, f"the error for {word} weights does not say so"


def _check_pickle(weighting, X, y):
    import pickle
    import sys

    cls = type(weighting)
    if getattr(sys.modules.get(cls.__module__), cls.__qualname__, None) is not cls:
        # Pickle finds classes by their name, which local classes do not have.
        return
    copy = clone(weighting).fit(X, y)
    again = pickle.loads(pickle.dumps(copy))
    _assert_close(again.weigh(X, y), copy.weigh(X, y), "pickling keeps the weights")


def _rows(X, rows):
    from sklearn.utils import _safe_indexing

    return _safe_indexing(X, rows)
