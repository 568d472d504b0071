"""Bring weights into any estimator. No other module fits a wrapped estimator.

An estimator that stands alone is asked how it takes weights. A composite, such as a
Pipeline, a search or an ensemble, is walked from the outside in: what learns to
classify is to get population x emphasis; transformers, calibrators and scorers are to
get the population alone. Requests that say so are set on a private clone, which is
then fitted with scikit-learn's own metadata routing, switched on for this one fit.
Estimators that routing cannot reach stand behind an adapter meanwhile.
"""

from inspect import signature

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
from skweight._utils.validation import check_choice, positions_of
from skweight.delivery._composite import (
    LEARNER,
    Delivery,
    Plan,
    is_composite,
)
from skweight.delivery._one import (
    WeightAdapter,
    base_name,
    fit_called,
    fit_one,
    name_of,
    takes_roles,
    takes_sample_weight,
    tidied,
    watching,
)
from skweight.exceptions import UnsupportedWeightsError

POLICIES = ("raise", "resample")


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
    """Fit a clone of an estimator with weights, by whatever way it takes them.

    The ways, in this order: the ``sample_weight`` of its `fit`; its ``class_weight``,
    where the weights are constant per class; the ``priors`` of a discriminant
    analysis, likewise; then the policy `unsupported`. An explicit
    ``set_fit_request(sample_weight=False)`` is obeyed. Works with metadata routing on
    and off, and leaves the setting as it was.

    Parameters
    ----------
    estimator : estimator
        Classifier, Pipeline, search, ensemble or other composite. Never changed.
    X : array-like of shape (n_samples, n_features)
        Training rows, passed on untouched.
    y : array-like of shape (n_samples,)
        Class labels.
    weights : ndarray of shape (n_samples,), default=None
        Population x emphasis, for what learns to classify. None: no weights at all.
    population : ndarray of shape (n_samples,), default=None
        Population weights, for transformers, calibrators and scorers inside a
        composite. None means ones.
    unsupported : {"raise", "resample"}, default="raise"
        What to do with an estimator that takes no weights: raise, or fit it on a
        systematic bootstrap of the rows, drawn in proportion to their weights.
    random_state : int, RandomState instance or None, default=None
        Seed of the bootstrap.
    fit_params : dict, default=None
        Further arguments of `fit`, passed on as scikit-learn would.
    validation : ValidationRows, default=None
        Rows that a learner watches to stop early, alone or last in Pipelines.
    labels : ndarray of shape (n_classes,), default=None
        All labels, in order. XGBoost is given their positions where they are not 0, 1,
        and so on. None: y is passed on untouched.

    Returns
    -------
    fitted : estimator
        The fitted clone.
    deliveries : list of Delivery
        What got which weights, and how; empty without weights.

    Raises
    ------
    UnsupportedWeightsError
        If some learner cannot take the weights and the policy is "raise".

    Notes
    -----
    Costs the fit of the estimator and O(n) besides.

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
    """Fit an estimator as `deliver` does, itself; return the deliveries.

    For a clone that somebody holds already. Its ``class_weight`` or ``priors`` may be
    set by this, where that is the way in.
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
        # With routing on, some estimators refuse weights or want a scorer to be told
        # about them; only further arguments of fit need it.
        routing = get_config()["enable_metadata_routing"] and bool(fit_params)
        with (
            config_context(enable_metadata_routing=routing),
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
        fit_called(estimator, X, y, plan.given(), fit_params)
        tidied(estimator)
    return plan.deliveries


def _fit_without_weights(estimator, X, y, fit_params, validation):
    """Fit an estimator as it comes; what learns in it may watch validation rows."""
    if validation is None or not validation.pipelines:
        with watching(validation, estimator, fit_params, X, y) as fit_params:
            estimator.fit(X, y, **fit_params)
        return
    inner = validation.pipelines[-1]
    name, learner = inner.steps[-1]
    names = {own: own for own in map(base_name, fit_params)}
    for own, alias in own_requests(learner).items():
        names |= {alias if isinstance(alias, str) else own: own}
    inner.set_params(**{name: WeightAdapter(learner, names, validation=validation)})
    estimator.fit(X, y, **fit_params)
    tidied(estimator)


def deliver_fit_predict(estimator, X, y, weights, population, params):
    """Fit an estimator with weights; return what it says of the training rows.

    Parameters
    ----------
    estimator : estimator
        Fitted itself: pass a clone where `leaves_traces` says so.
    X, y : array-like
        Training rows and labels.
    weights, population : ndarray of shape (n_samples,) or None
        As in `deliver`; `weights` are not None.
    params : dict of dict
        Further arguments for its ``fit`` or ``fit_predict``, by the name of the method.

    Returns
    -------
    labels : ndarray of shape (n_samples,)
        Labels of the training rows.
    deliveries : list of Delivery
        What got weights, and how.
    """
    if "sample_weight" in signature(estimator.fit_predict).parameters:
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
    """Return whether delivering weights to an estimator changes what the user set.

    Composites are set requests, and some learners take weights as a parameter. Such a
    one should be cloned first.
    """
    if isinstance(estimator, FrozenEstimator):
        return False
    if is_composite(estimator):
        return True
    return learner and not (takes_roles(estimator) or takes_sample_weight(estimator))


@quick_binning()
def deliver_transform(transformer, X, y, population=None, params=None, transform=True):
    """Fit a transformer, with the population weights where it takes them.

    Parameters
    ----------
    transformer : transformer
        Transformer, or a composite of some, such as a ColumnTransformer. It is fitted
        itself, and with weights its requests are set meanwhile: pass a clone.
    X, y : array-like
        Training rows and labels, passed on untouched.
    population : ndarray of shape (n_samples,), default=None
        Population weights; None: no weights at all.
    params : dict of dict, default=None
        Further arguments for its ``fit_transform``, or for its ``fit`` and
        ``transform``, by the name of the method.
    transform : bool, default=True
        Whether the training rows are wanted transformed.

    Returns
    -------
    Xt : array-like or None
        The training rows, transformed.
    deliveries : list of Delivery
        What got weights, and how.
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
        names = routing.consumes(method, plan.given())
        given = {name: plan.given()[name] for name in names}
        Xt = _prepare(prepared, method, X, y, params, given)
        tidied(prepared)
    return Xt, plan.deliveries


def _prepare(transformer, method, X, y, params, weights=None):
    """Fit a transformer; its rows come from ``fit_transform`` where it has that."""
    weights = weights or {}
    if method == "fit_transform" and hasattr(transformer, method):
        return transformer.fit_transform(X, y, **params[method], **weights)
    fitted = transformer.fit(X, y, **params["fit"], **weights)
    return fitted.transform(X, **params["transform"]) if method != "fit" else None


def learns_with_weights(estimator):
    """Return whether ``partial_fit`` takes weights, and no request forbids it."""
    if "sample_weight" not in signature(estimator.partial_fit).parameters:
        return False
    return own_request(estimator, "sample_weight", "partial_fit") is not False


def deliver_partial(estimator, X, y, weights, classes, *, drawn=False):
    """Let an estimator learn from a chunk of rows, with weights where there are any.

    Parameters
    ----------
    estimator : estimator
        Learns itself, on top of what it has learned.
    X, y : array-like
        Rows and labels of the chunk.
    weights : ndarray of shape (n_samples,) or None
        Their weights; None: every row alike.
    classes : ndarray
        All labels there will be.
    drawn : bool, default=False
        Whether rows were drawn by their weights, or some part of them.

    Returns
    -------
    deliveries : list of Delivery
        What got weights, and how.
    """
    arguments = {}
    if "classes" in signature(estimator.partial_fit).parameters:
        arguments["classes"] = classes
    if weights is not None:
        if not learns_with_weights(estimator):
            raise UnsupportedWeightsError(
                f"The partial_fit of {name_of(estimator)} takes no sample_weight. Pass "
                "unsupported='resample' or streaming='sample', which draw rows by "
                "their weights, or weighting=None and no sample_weight."
            )
        arguments["sample_weight"] = weights
    # With routing on, some estimators refuse weights that nobody has requested.
    with config_context(enable_metadata_routing=False):
        estimator.partial_fit(X, y, **arguments)
    ways = ["resample"] * drawn + ["sample_weight"] * (weights is not None)
    if not ways:
        return []
    return [Delivery(name_of(estimator), LEARNER, " and ".join(ways))]


def routing_without_weights(estimator, forbidden=(None, True)):
    """Return the routing of an estimator whose weights are delivered, not routed.

    No outer router may then find a consumer of sample_weight in it, which would
    outvote ``set_fit_request(sample_weight=False)`` of the classifier around it. With
    only None forbidden, requests of the user's are left for the outer router to find.
    """

    def forbid(routing):
        if not isinstance(routing, MetadataRequest):
            for _, inner in routing:
                forbid(inner.router)
            return routing
        # A request of transform must be the same as that of fit.
        transforms = routing.transform.requests.get("sample_weight", False)
        asked = routing.fit.requests.get("sample_weight", False)
        if asked in forbidden and transforms in (None, False):
            routing.fit.add_request(param="sample_weight", alias=False)
        return routing

    return forbid(get_routing_for_object(estimator))
