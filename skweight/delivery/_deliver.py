"""Fit any estimator with weights. No other package of skweight fits wrapped estimators.

There are several ways to pass weights. A single estimator gets them in the first way
that it supports. A composite, such as a Pipeline, a search or an ensemble, is traversed
from the outside in. Learners get population weights times training emphasis (weights
that only change the learning). Transformers, calibrators and scorers get population
weights only. Metadata requests for these weights are set on a private clone, which is
fitted while metadata routing is switched on. Estimators that routing cannot reach are
wrapped by an adapter during the fit.
"""

from contextlib import nullcontext

from sklearn import config_context, get_config
from sklearn.frozen import FrozenEstimator
from sklearn.utils.metadata_routing import MetadataRequest, get_routing_for_object

from skweight._utils.compat import (
    clone_learner,
    own_request,
    own_requests,
    quick_binning,
)
from skweight._utils.families import takes_codes
from skweight._utils.lookup import arguments_of
from skweight._utils.validation import check_choice, positions_of
from skweight.delivery._arguments import base_name
from skweight.delivery._composite import (
    LEARNER,
    Delivery,
    Plan,
    is_composite,
)
from skweight.delivery._draw import POLICIES
from skweight.delivery._one import (
    WeightAdapter,
    fit_called,
    fit_one,
    name_of,
    takes_roles,
    takes_sample_weight,
    watching,
)
from skweight.delivery._tidy import tidied
from skweight.exceptions import UnsupportedWeightsError


def deliver(
    estimator,
    X,
    y,
    weights=None,
    *,
    population=None,
    unsupported="raise",
    random_state=None,
    fit_params=None,
    validation=None,
    labels=None,
):
    """Fit a clone of an estimator with weights, in any way that the estimator supports.

    First, the ``sample_weight`` of `fit` is tried. If all rows of a class have the same
    weight, the parameter ``class_weight`` is tried next, and then the ``priors`` of a
    discriminant analysis. If no way is possible, `unsupported` says what to do. A
    request ``set_fit_request(sample_weight=False)`` is respected. The result does not
    depend on the user's setting of metadata routing, and `deliver` does not change this
    setting.

    Parameters
    ----------
    estimator : estimator
        Classifier, Pipeline, search, ensemble or other composite; never changed.
    X : array-like of shape (n_samples, n_features)
        Training rows, passed on unchanged.
    y : array-like of shape (n_samples,)
        Class labels.
    weights : ndarray of shape (n_samples,), default=None
        Weights for learners: the population weights times the training emphasis
        (weights that only change the learning). None means no weights.
    population : ndarray of shape (n_samples,), default=None
        Population weights, for transformers, calibrators and scorers inside a
        composite. None means that every population weight is 1.
    unsupported : {"raise", "resample", "subsample"}, default="raise"
        What to do with an estimator that supports no weights: raise an error, or fit
        the estimator on rows drawn in proportion to the weights. ``"resample"`` draws
        as many rows as the training data have; ``"subsample"`` draws no row twice.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw.
    fit_params : dict, default=None
        Further arguments of `fit`, which are passed on as in scikit-learn.
    validation : ValidationRows, default=None
        Rows that an early-stopping learner monitors. The learner stands alone or is the
        last step of Pipelines.
    labels : ndarray of shape (n_classes,), default=None
        All labels, sorted. XGBoost gets positions in this array if the labels are not
        0, 1, and so on. If None, y is passed on unchanged.

    Returns
    -------
    fitted : estimator
        The fitted clone.
    deliveries : list of Delivery
        One record for each estimator that got weights. It says which weights were
        passed, and how. Without weights, the list is empty.

    Raises
    ------
    UnsupportedWeightsError
        If a learner does not support the weights and `unsupported` is "raise".

    Notes
    -----
    The cost is the cost of the fit, plus O(n).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skweight.delivery import deliver
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> pipe = make_pipeline(StandardScaler(), LogisticRegression())
    >>> fitted, deliveries = deliver(pipe, X, y, np.array([1.0, 1.0, 1.0, 3.0]))
    >>> deliveries[0].estimator, deliveries[0].way
    ('logisticregression: LogisticRegression', 'sample_weight')
    """
    check_choice(unsupported, POLICIES, name="unsupported")
    estimator = clone_learner(estimator)
    if labels is not None and takes_codes(estimator, labels):
        y = positions_of(y, labels, owner="The wrapped estimator")
        validation = None if validation is None else validation.encoded(labels)
    deliveries = deliver_in_place(
        estimator,
        X,
        y,
        weights,
        population=population,
        unsupported=unsupported,
        random_state=random_state,
        fit_params=fit_params,
        validation=validation,
    )
    return estimator, deliveries


@quick_binning()
def deliver_in_place(
    estimator,
    X,
    y,
    weights=None,
    *,
    population=None,
    unsupported="raise",
    random_state=None,
    fit_params=None,
    validation=None,
):
    """Fit an estimator in place as `deliver` does; return records of the weights.

    The estimator should be a clone, because the parameters ``class_weight`` or
    ``priors`` of the estimator may be set.
    """
    fit_params = dict(fit_params or {})
    if isinstance(estimator, FrozenEstimator):
        estimator.fit(X, y)
        return [Delivery(name_of(estimator), "none", "frozen")]
    if validation is not None:
        validation = validation.inside(estimator)
    if weights is None:
        _fit_without_weights(estimator, X, y, fit_params, validation)
        return []
    if not is_composite(estimator):
        # Metadata routing is switched on only if fit has further arguments. With
        # routing on, some estimators refuse weights, and some need a request on the
        # scorer.
        routing = get_config()["enable_metadata_routing"] and bool(fit_params)
        with (
            routing_switched(routing),
            watching(validation, estimator, fit_params, X, y) as fit_params,
        ):
            way = fit_one(
                estimator,
                X,
                y,
                weights,
                unsupported,
                random_state,
                population=population,
                fit_params=fit_params,
            )
        return [Delivery(name_of(estimator), LEARNER, way)]
    translate = not get_config()["enable_metadata_routing"]
    with config_context(enable_metadata_routing=True):
        plan = Plan(
            y,
            weights,
            population=population,
            unsupported=unsupported,
            random_state=random_state,
            passed=[] if translate else fit_params,
            validation=validation,
        )
        plan.prepare(estimator)
        if translate:
            fit_params = plan.route(estimator, fit_params)
        fit_called(estimator, X, y, plan.weights_by_name(), fit_params)
        tidied(estimator)
    return plan.deliveries


def routing_switched(on):
    """Return a context manager that switches metadata routing on or off.

    The ``config_context`` of scikit-learn sets all options, even if none changes.
    Therefore ``config_context`` is used only if the setting of routing differs from
    `on`.
    """
    if get_config()["enable_metadata_routing"] == on:
        return nullcontext()
    return config_context(enable_metadata_routing=on)


def _fit_without_weights(estimator, X, y, fit_params, validation):
    """Fit an estimator without weights; the learner inside may get validation rows."""
    if validation is None or not validation.pipelines:
        with watching(validation, estimator, fit_params, X, y) as fit_params:
            estimator.fit(X, y, **fit_params)
        return
    inner = validation.pipelines[-1]
    name, learner = inner.steps[-1]
    names = {argument: argument for argument in map(base_name, fit_params)}
    for argument, alias in own_requests(learner).items():
        names |= {alias if isinstance(alias, str) else argument: argument}
    inner.set_params(**{name: WeightAdapter(learner, names, validation=validation)})
    estimator.fit(X, y, **fit_params)
    tidied(estimator)


def deliver_fit_predict(estimator, X, y, weights, population, params):
    """Fit an estimator with weights; return the labels of the training rows.

    Parameters
    ----------
    estimator : estimator
        Estimator to fit in place; pass a clone if `leaves_traces` is True.
    X, y : array-like
        Training rows and labels.
    weights, population : ndarray of shape (n_samples,) or None
        The same as in `deliver`, but `weights` are not None.
    params : dict of dict
        Further arguments of ``fit`` or ``fit_predict``, by the name of the method.

    Returns
    -------
    labels : ndarray of shape (n_samples,)
        Labels of the training rows.
    deliveries : list of Delivery
        For each estimator that got weights, a record of how the weights were passed.
    """
    if "sample_weight" in arguments_of(estimator.fit_predict):
        labels = estimator.fit_predict(
            X, y, sample_weight=weights, **params["fit_predict"]
        )
        return labels, [Delivery(name_of(estimator), LEARNER, "sample_weight")]
    deliveries = deliver_in_place(
        estimator, X, y, weights, population=population, fit_params=params["fit"]
    )
    if hasattr(estimator, "labels_"):
        return estimator.labels_, deliveries
    return estimator.predict(X), deliveries


def leaves_traces(estimator, *, learner=True):
    """Return whether a fit with weights changes parameters or metadata requests.

    Two kinds of estimators must be cloned before the fit: composites, because metadata
    requests are set on composites, and learners that get the weights as a parameter.
    """
    if isinstance(estimator, FrozenEstimator):
        return False
    if is_composite(estimator):
        return True
    return learner and not (takes_roles(estimator) or takes_sample_weight(estimator))


@quick_binning()
def deliver_transform(transformer, X, y, population=None, params=None, transform=True):
    """Fit a transformer, with population weights if the transformer supports weights.

    Parameters
    ----------
    transformer : transformer
        Transformer, or a composite such as a ColumnTransformer. The transformer is
        fitted in place, and metadata requests may change during the fit: pass a clone.
    X, y : array-like
        Training rows and labels, passed on unchanged.
    population : ndarray of shape (n_samples,), default=None
        Population weights; None means no weights.
    params : dict of dict, default=None
        Further arguments of ``fit_transform``, or of ``fit`` and ``transform``, by the
        name of the method.
    transform : bool, default=True
        Whether to return the transformed training rows.

    Returns
    -------
    Xt : array-like or None
        The transformed training rows; None if `transform` is False.
    deliveries : list of Delivery
        For each estimator that got weights, a record of how the weights were passed.
    """
    params = {"fit_transform": {}, "fit": {}, "transform": {}} | dict(params or {})
    method = "fit_transform" if transform else "fit"
    if population is None or isinstance(transformer, FrozenEstimator):
        return _prepare(transformer, method, X, y, params), []
    if not is_composite(transformer):
        if not takes_sample_weight(transformer):
            return _prepare(transformer, method, X, y, params), []
        Xt = _prepare(transformer, method, X, y, params, {"sample_weight": population})
        return Xt, [Delivery(name_of(transformer), "population", "sample_weight")]
    with config_context(enable_metadata_routing=True):
        plan = Plan(
            y,
            None,
            population=population,
            unsupported="raise",
            random_state=None,
            passed=params["fit_transform"] | params["fit"],
        )
        prepared = plan.prepare(transformer, learner=False)
        routing = get_routing_for_object(prepared)
        names = routing.consumes(method, plan.weights_by_name())
        weights = {name: plan.weights_by_name()[name] for name in names}
        Xt = _prepare(prepared, method, X, y, params, weights)
        tidied(prepared)
    return Xt, plan.deliveries


def _prepare(transformer, method, X, y, params, weights=None):
    """Fit a transformer, by ``fit_transform`` if possible."""
    weights = weights or {}
    if method == "fit_transform" and hasattr(transformer, method):
        return transformer.fit_transform(X, y, **params[method], **weights)
    fitted = transformer.fit(X, y, **params["fit"], **weights)
    return fitted.transform(X, **params["transform"]) if method != "fit" else None


def learns_with_weights(estimator):
    """Return whether ``partial_fit`` takes weights and no request forbids weights."""
    if "sample_weight" not in arguments_of(estimator.partial_fit):
        return False
    return own_request(estimator, "sample_weight", "partial_fit") is not False


def deliver_partial(estimator, X, y, weights, classes, *, takes_weights, drawn=False):
    """Call ``partial_fit`` with a chunk of rows, and with weights if there are any.

    Parameters
    ----------
    estimator : estimator
        Estimator with ``partial_fit``, updated in place.
    X, y : array-like
        Rows and labels of the chunk.
    weights : ndarray of shape (n_samples,) or None
        Weights of the rows; None means equal weights.
    classes : ndarray
        All labels of the stream. They are passed only with the first chunk, because the
        estimator would check them again with every further chunk.
    takes_weights : function
        Function such as `learns_with_weights`, which says whether ``partial_fit`` takes
        weights.
    drawn : bool, default=False
        Whether rows were already drawn in proportion to a part of the weights. If so,
        `weights` is the remaining part.

    Returns
    -------
    deliveries : list of Delivery
        For each estimator that got weights, a record of how the weights were passed.
    """
    arguments = {}
    is_new = not hasattr(estimator, "classes_")
    if is_new and "classes" in arguments_of(estimator.partial_fit):
        arguments["classes"] = classes
    if weights is not None:
        if not takes_weights(estimator):
            raise UnsupportedWeightsError(
                f"partial_fit of {name_of(estimator)} does not accept sample_weight. "
                "To draw rows in proportion to their weights, set "
                "unsupported='resample' or streaming='sample'. To use no weights, set "
                "weighting=None and pass no sample_weight."
            )
        arguments["sample_weight"] = weights
    # With routing on, some estimators refuse weights without a request.
    with routing_switched(False):
        estimator.partial_fit(X, y, **arguments)
    ways = ["resample"] * drawn + ["sample_weight"] * (weights is not None)
    if not ways:
        return []
    return [Delivery(name_of(estimator), LEARNER, " and ".join(ways))]


def routing_without_weights(estimator, forbidden=(None, True)):
    """Return the routing of an estimator that does not request sample_weight.

    A meta-estimator such as WeightedClassifier passes the weights to `estimator`
    itself. Suppose that the user calls ``set_fit_request(sample_weight=False)`` of the
    meta-estimator. A request inside `estimator` would override this setting. Therefore
    each request whose value is in `forbidden` is set to False. If only None is in
    `forbidden`, requests of the user stay.
    """

    def forbid(routing):
        if not isinstance(routing, MetadataRequest):
            for _, inner in routing:
                forbid(inner.router)
            return routing
        # The requests of transform and fit must be equal.
        transforms = routing.transform.requests.get("sample_weight", False)
        fit_request = routing.fit.requests.get("sample_weight", False)
        if fit_request in forbidden and transforms in (None, False):
            routing.fit.add_request(param="sample_weight", alias=False)
        return routing

    return forbid(get_routing_for_object(estimator))
