"""How one estimator takes weights, and an adapter that makes every estimator take them.

The ways, best first: the ``sample_weight`` of its `fit`; its ``class_weight``, where
the weights are constant per class; the ``priors`` of a discriminant analysis,
likewise; drawing rows in proportion to their weights, where the caller allows it.
"""

from contextlib import contextmanager
from copy import deepcopy
from inspect import signature

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing, check_random_state, get_tags
from sklearn.utils.metadata_routing import (
    MetadataRequest,
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skweight._utils.columns import drop_columns, with_rows
from skweight._utils.compat import (
    forget_remainder,
    forget_requests,
    own_request,
    own_requests,
    routing_of,
    weights_need_support,
)
from skweight._utils.roles import without_rounding_noise
from skweight._utils.validation import encode_labels, n_rows, say
from skweight.exceptions import UnsupportedWeightsError

# The names under which the two weight vectors travel through a composite.
TRAINING = "skweight_training_weight"
POPULATION = "skweight_population_weight"


def name_of(estimator):
    """Return the class name of an estimator, of the one inside where it is wrapped."""
    if isinstance(estimator, FrozenEstimator | WeightAdapter):
        return name_of(estimator.estimator)
    return type(estimator).__name__


def fit_arguments(estimator):
    """Return the parameters of an estimator's fit, by name, without deprecated ones."""
    try:
        parameters = signature(estimator.fit).parameters
    except (TypeError, ValueError):
        return {}
    return {
        name: one for name, one in parameters.items() if one.default != "deprecated"
    }


def takes_sample_weight(estimator):
    """Return whether fit takes sample_weight and no request forbids it."""
    if "sample_weight" not in fit_arguments(estimator):
        return False
    inner = estimator.get_params(deep=False).get("estimator")
    if weights_need_support(name_of(estimator)) and inner is not None:
        return "sample_weight" in fit_arguments(inner)
    return own_request(estimator, "sample_weight") is not False


def takes_roles(estimator):
    """Return whether an estimator wants population and emphasis apart.

    One that calibrates, decides or transforms must not do so by emphasis. It has a
    method ``_fit_with_roles(X, y, population, emphasis, **fit_params)``, and obeys the
    rules of weights itself.
    """
    return hasattr(estimator, "_fit_with_roles")


def ways_in(estimator):
    """Return the ways in which an estimator can take weights, best first."""
    ways = ["sample_weight"] if takes_sample_weight(estimator) else []
    params = estimator.get_params(deep=False)
    if "class_weight" in params:
        ways.append("class_weight")
    # A string, such as the "uniform" of NearestCentroid, ignores frequencies on
    # purpose; weights would not multiply with it.
    if not isinstance(params.get("priors", ""), str):
        ways.append("priors")
    return ways


def no_way_in(estimator, path=""):
    """Return the error for an estimator that cannot take the weights."""
    ways = ways_in(estimator)
    if ways:
        why = f"takes only {ways[0]}, and the weights differ within a class"
    elif own_request(estimator, "sample_weight") is False:
        why = "was told set_fit_request(sample_weight=False) and has no other way in"
    elif "sample_weight" in fit_arguments(estimator):
        inner = name_of(estimator.get_params(deep=False)["estimator"])
        why = f"passes sample_weight on to {inner}, which does not take it"
    else:
        why = "takes neither sample_weight nor class_weight nor priors"
    where = f" (at {path})" if path else ""
    return UnsupportedWeightsError(
        f"{name_of(estimator)}{where} {why}, so the weights cannot reach it. Pass "
        "unsupported='resample' to fit it on rows drawn in proportion to their "
        "weights, weighting=None and no sample_weight to do without, or use another "
        "estimator."
    )


def fit_one(
    estimator,
    X,
    y,
    weights,
    unsupported,
    random_state,
    *,
    population=None,
    fit_params=None,
):
    """Fit one estimator, in place, with weights; return the way that was taken."""
    fit_params = fit_params or {}
    check_no_second_weight(estimator, fit_params)
    if takes_roles(estimator):
        estimator._fit_with_roles(X, y, *_apart(weights, population), **fit_params)
        return "roles apart"
    ways = ways_in(estimator)
    if "sample_weight" in ways:
        if name_of(estimator) in _TUNES_ITSELF:
            _fit_tuned(estimator, X, y, weights, population, fit_params)
        else:
            estimator.fit(X, y, sample_weight=weights, **fit_params)
        return "sample_weight"
    by_class = by_class_or_none(y, weights) if ways else None
    if by_class is not None:
        classes, class_weight, shares = by_class
        if ways[0] == "class_weight":
            params = dict(zip(classes.tolist(), class_weight.tolist(), strict=True))
        else:
            own = estimator.get_params(deep=False)["priors"]
            params = class_weight * (shares if own is None else np.asarray(own))
            params /= params.sum()
        estimator.set_params(**{ways[0]: params}).fit(X, y, **fit_params)
        return ways[0]
    if unsupported == "raise":
        raise no_way_in(estimator)
    rows = systematic_resample(weights, random_state=random_state)
    drawn = take_params(fit_params, rows, n_rows(X))
    X = with_rows(X)
    estimator.fit(_safe_indexing(X, rows), _safe_indexing(y, rows), **drawn)
    return "resample"


def _apart(weights, population):
    """Return population and emphasis, given their product and the population."""
    if population is None or weights is population:
        return population, None if weights is population else weights
    counted = population > 0
    emphasis = np.divide(weights, population, out=np.ones(len(weights)), where=counted)
    return population, without_rounding_noise(emphasis)


def check_no_second_weight(estimator, names):
    """Raise if weights were passed past the WeightedClassifier to a learner."""
    if "sample_weight" in names:
        raise ValueError(
            f"{name_of(estimator)} was given a sample_weight of its own, under an "
            "alias or behind its name, besides the weights it is to be fitted with. "
            "Pass it as sample_weight of the WeightedClassifier, which multiplies "
            "the two."
        )


# Estimators that choose a parameter by scores of held-out rows, within one fit, and
# would weight those scores by the weights of the fit.
_TUNES_ITSELF = {"LogisticRegressionCV"}


def _fit_tuned(estimator, X, y, weights, population, fit_params):
    """Fit with weights an estimator that scores by itself, as the population counts."""
    scoring = estimator.scoring
    default = scoring is None or (isinstance(scoring, str) and scoring == "warn")
    passed = {} if population is None else {POPULATION: population}
    with config_context(enable_metadata_routing=True):
        scorer = scorer_for("accuracy" if default else scoring, weighted=bool(passed))
        estimator.set_params(scoring=scorer)
        consumed = get_routing_for_object(estimator).consumes("fit", passed)
        estimator.fit(
            X,
            y,
            sample_weight=weights,
            **{name: passed[name] for name in consumed},
            **fit_params,
        )
    estimator.set_params(scoring=scoring)


def scorer_for(scoring, *, weighted):
    """Return a scorer that asks for the population weights, or for none at all.

    What the user has requested stays. A plain function takes no weights and is
    returned as it is.
    """
    if isinstance(scoring, str):
        from sklearn.metrics import get_scorer

        scoring = get_scorer(scoring)
    if not hasattr(scoring, "set_score_request"):
        return scoring
    scoring = deepcopy(scoring)
    if own_request(scoring, "sample_weight", "score") in (None, True):
        scoring.set_score_request(sample_weight=POPULATION if weighted else False)
    return scoring


class OwnScore:
    """Scorer that calls the ``score`` of an estimator with the population weights.

    What ``scoring=None`` of a search means. Routing alone cannot do it: the ``score``
    of a Pipeline takes its weights by no other name than ``sample_weight``, which is
    not the one they travel by.
    """

    def __call__(self, estimator, X, y, sample_weight=None):
        """Return the score of the estimator, or of the last step of a Pipeline."""
        if isinstance(estimator, WeightAdapter):
            return self(estimator.estimator, X, y, sample_weight)
        if hasattr(estimator, "steps") and takes_roles(estimator):
            X = estimator[:-1].transform(X)  # knows which steps count after a fit
            return self(estimator.steps[-1][1], X, y, sample_weight)
        if hasattr(estimator, "steps"):
            for _, step in estimator.steps[:-1]:
                if step is not None and step != "passthrough":
                    X = step.transform(X)
            return self(estimator.steps[-1][1], X, y, sample_weight)
        name = "sample_weight"
        if get_routing_for_object(estimator).consumes("score", [POPULATION]):
            name = POPULATION  # a search in a search
        weights = {} if sample_weight is None else {name: sample_weight}
        with config_context(enable_metadata_routing=name == POPULATION):
            return estimator.score(X, y, **weights)

    def get_metadata_routing(self):
        """Return the request of the population weights."""
        request = get_routing_for_object(None)
        request.score.add_request(param="sample_weight", alias=POPULATION)
        return request


def fit_called(estimator, X, y, metadata, fit_params=None):
    """Fit a composite, called and not routed to, with metadata it may want.

    They come under the names they travel by. A composite that uses one of them itself
    takes it by the name of its argument.
    """
    arguments = {}
    own = own_request(estimator, "sample_weight")
    renamed = isinstance(own, str) and own in metadata
    if renamed:
        arguments["sample_weight"] = metadata[own]
        estimator.set_fit_request(sample_weight=None)
    wanted = get_routing_for_object(estimator).consumes("fit", metadata)
    arguments |= {name: metadata[name] for name in wanted}
    estimator.fit(X, y, **arguments, **(fit_params or {}))
    if renamed:
        estimator.set_fit_request(sample_weight=own)


def by_class_or_none(y, weights):
    """Return classes, their weight and share of rows; None if weights vary within."""
    classes, codes = encode_labels(np.asarray(y))
    counts = np.bincount(codes)
    class_weight = np.bincount(codes, weights=weights) / counts
    if not np.allclose(weights, class_weight[codes], rtol=1e-9, atol=0):
        return None
    return classes, class_weight, counts / codes.size


# Arguments of fit that hold no rows of X, however long they are: never cut, repeated or
# refused by their length.
NO_ROWS_OF_X = frozenset(
    {
        "X_target",
        "X_val",
        "base_margin_eval_set",
        "baseline_eval_set",
        "callbacks",
        "cat_features",
        "categorical_feature",
        "embedding_features",
        "eval_X",
        "eval_class_weight",
        "eval_group",
        "eval_init_score",
        "eval_metric",
        "eval_names",
        "eval_qid",
        "eval_sample_weight",
        "eval_set",
        "eval_y",
        "feature_name",
        "feature_weights",
        "sample_weight_eval_set",
        "sample_weight_target",
        "sample_weight_val",
        "text_features",
        "validation_data",
        "validation_set",
        "w_val",
        "y_val",
    }
)

# Those of them that hold tables with the columns of X.
_TABLES = {"X_val", "eval_X", "eval_set", "validation_data", "validation_set"}

# Arguments of fit that add to the scores of each row, and which learners take them back
# at prediction.
OFFSETS = frozenset({"base_margin"})
OFFSETS_OF_FIT_ALONE = {"init_score": "LightGBM", "baseline": "CatBoost"}


def base_name(name):
    """Return the name of an argument without the path to the step that takes it."""
    return name.rpartition("__")[2]


def take_params(params, rows, n_samples):
    """Return arguments of fit for some of the rows."""
    return {
        name: take_rows(value, rows, n_samples, name) for name, value in params.items()
    }


def offsets_of(params, rows, n_samples):
    """Return what the scores of some rows are added to, by the name of the argument."""
    return {
        base_name(name): take_rows(value, rows, n_samples)
        for name, value in params.items()
        if base_name(name) in OFFSETS
    }


def check_offsets(names):
    """Raise where an offset of the fit could not be told to predictions."""
    for name in names:
        package = OFFSETS_OF_FIT_ALONE.get(base_name(name))
        if package is not None:
            raise ValueError(
                f"{name} is an offset of every row, and the predict_proba of {package} "
                "takes none: held-out scores and predictions would leave it out. Pass "
                "it as a column of X, or use XGBoost, whose base_margin is passed to "
                "both."
            )


def hide_in_tables(params, columns, width):
    """Return arguments of fit, with columns of X dropped from validation rows, too."""
    if not columns:
        return params
    return {
        name: _hide(value, columns, width, name)
        if base_name(name) in _TABLES
        else value
        for name, value in params.items()
    }


def _hide(value, columns, width, name):
    """Drop columns from a table, or from all tables in a list or pair."""
    shape = getattr(value, "shape", None)
    if shape is None and isinstance(value, list | tuple) and len(value):
        first = value[0]
        if isinstance(first, list | tuple) and len(first) and np.ndim(first[0]) == 0:
            return drop_columns(value, columns, width=width)
        return type(value)(_hide(part, columns, width, name) for part in value)
    if shape is None or len(shape) != 2:
        return value
    if not (hasattr(value, "__getitem__") or shape[1] < width):
        raise TypeError(
            f"{name} holds a {type(value).__name__}, from which the columns "
            f"{say(columns)} cannot be dropped. The estimator is not to see them. Pass "
            "rows and labels as a pair (X, y)."
        )
    return drop_columns(value, columns, width=width)


def take_rows(value, rows, n_samples, name=""):
    """Return the given rows of a fit argument that has one entry per row of X."""
    if is_row_wise(value, n_samples, name):
        return _safe_indexing(value, rows)
    return value


def is_row_wise(value, n_samples, name=""):
    """Return whether a fit argument has one entry per row of X."""
    if base_name(name) in NO_ROWS_OF_X:
        return False
    # A list may hold anything, such as the pairs (X, y) of an eval_set.
    if isinstance(value, list | tuple):
        return len(value) == n_samples
    return len(getattr(value, "shape", ())) > 0 and n_rows(value) == n_samples


@contextmanager
def watching(validation, estimator, fit_params, X, y):
    """Let an estimator watch validation rows, if any; yield the arguments of its fit.

    What is watched is in force within this block alone.
    """
    if validation is None:
        yield fit_params
        return
    with validation.given_to(estimator, fit_params, X, y) as further:
        yield fit_params | further


def systematic_resample(weights, n_draws=None, *, random_state=None):
    r"""Draw row numbers in proportion to weights, with the least possible noise.

    One uniform number places an even comb on the cumulated weights. Row :math:`i` is
    drawn :math:`\lfloor m w_i / \sum w \rfloor` times or once more, never fewer and
    never more, where independent draws would scatter around that.

    Parameters
    ----------
    weights : array-like of shape (n_samples,)
        Non-negative weights, not all zero.
    n_draws : int, default=None
        Number of draws :math:`m`; None draws as many as there are rows.
    random_state : int, RandomState instance or None, default=None
        Seed of the one uniform number.

    Returns
    -------
    indices : ndarray of shape (n_draws,)
        Row numbers, ascending. Rows of weight zero are never drawn.

    Notes
    -----
    O(n) time and memory.

    References
    ----------
    .. [1] Kitagawa, G. (1996). Monte Carlo filter and smoother for non-Gaussian
       nonlinear state space models. J. Comput. Graph. Stat. 5(1), 1-25, appendix.

    Examples
    --------
    >>> from skweight.delivery._one import systematic_resample
    >>> systematic_resample([1.0, 0.0, 3.0], 4, random_state=0)
    array([0, 2, 2, 2])
    """
    weights = np.asarray(weights, dtype=np.float64)
    n_draws = weights.size if n_draws is None else n_draws
    drawable = np.flatnonzero(weights)
    cumulated = np.cumsum(weights[drawable])
    start = check_random_state(random_state).uniform()
    comb = (start + np.arange(n_draws)) * (cumulated[-1] / n_draws)
    found = np.searchsorted(cumulated, comb, side="right")
    return drawable[np.minimum(found, drawable.size - 1)]


class WeightAdapter(BaseEstimator):
    """Stand in for an estimator inside a composite that routing cannot serve.

    There are six kinds: estimators that take no ``sample_weight`` or refuse routing;
    estimators in composites that route the same metadata twice, where an alias is
    resolved too early; selectors that fit a model, whose ``fit_transform`` passes no
    metadata on; composites whose parts a search replaces, after it has routed by the
    parts that were there before; transformers that fail while routing is on; and
    learners that watch validation rows, which go through the steps before them. The
    adapter is a router itself, so that metadata reaches it under the names it travels
    by, and it hands them over by the rule for an estimator that stands alone. In all
    else it is that estimator, parameters included.

    Parameters
    ----------
    estimator : estimator
        Estimator to stand in for; fitted in place.
    names : dict {str: str}
        Names by which metadata travel, mapped to the arguments of ``fit``; what
        comes to be ``TRAINING`` is the weight to fit with.
    composite : bool, default=False
        Whether the estimator routes metadata further, which then keep their names.
    unsupported, random_state
        As in `fit_one`.
    validation : ValidationRows, default=None
        Rows that the estimator watches to stop early.
    """

    def __init__(
        self,
        estimator,
        names=None,
        *,
        composite=False,
        unsupported="raise",
        random_state=None,
        validation=None,
    ):
        self.validation = validation
        self.estimator = estimator
        self.names = dict(names or {})
        self.composite = composite
        self.unsupported = unsupported
        self.random_state = random_state

    def fit(self, X, y, **metadata):
        """Fit the estimator, with weights by whatever way it takes them."""
        if self.composite:
            fit_called(self.estimator, X, y, metadata)
            return self
        arguments = {
            argument: metadata[name]
            for name, argument in self.names.items()
            if name in metadata
        }
        population = arguments.pop(POPULATION, None)
        # What only prepares is fitted with the population weights.
        weights = arguments.pop(TRAINING, population)
        # Routing is on for the composite around, and some estimators refuse every
        # weight while it is.
        with (
            config_context(enable_metadata_routing=False),
            watching(self.validation, self.estimator, arguments, X, y) as arguments,
        ):
            if weights is None:
                self.estimator.fit(X, y, **arguments)
            else:
                fit_one(
                    self.estimator,
                    X,
                    y,
                    np.asarray(weights, dtype=np.float64),
                    self.unsupported,
                    self.random_state,
                    population=population,
                    fit_params=arguments,
                )
        return self

    @available_if(lambda self: hasattr(self.estimator, "transform"))
    def fit_transform(self, X, y=None, **metadata):
        """Fit the estimator and transform the rows."""
        if not (self.names or self.composite):
            with config_context(enable_metadata_routing=False):
                return self.estimator.fit_transform(X, y)
        return self.fit(X, y, **metadata).estimator.transform(X)

    def get_metadata_routing(self):
        """Return a router that passes on what the adapter was told to."""
        asked = get_routing_for_object(None)
        for alias, name in self.names.items():
            asked.fit.add_request(param=name, alias=alias)
        mapping = (
            MethodMapping()
            .add(caller="fit", callee="fit")
            .add(caller="fit_transform", callee="fit")
        )
        router = MetadataRouter(owner=self).add(asked=asked, method_mapping=mapping)
        if self.composite:
            router.add(estimator=self.estimator, method_mapping=mapping)
        return router

    def get_params(self, deep=True):
        """Return the parameters of the estimator."""
        return self.estimator.get_params(deep=deep)

    def set_params(self, **params):
        """Set parameters of the estimator."""
        self.estimator.set_params(**params)
        return self

    def __getattr__(self, name):
        if name.startswith("__") or "estimator" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.estimator, name)

    def __sklearn_clone__(self):
        return WeightAdapter(
            clone(self.estimator),
            self.names,
            composite=self.composite,
            unsupported=self.unsupported,
            random_state=self.random_state,
            validation=self.validation,
        )

    def __sklearn_tags__(self):
        return get_tags(self.estimator)

    def __sklearn_is_fitted__(self):
        try:
            check_is_fitted(self.estimator)
        except NotFittedError:
            return False
        return True


def tidied(value, seen=None):
    """Leave no trace of a delivery in what was fitted: no adapters, no requests.

    Users look into the steps, members and candidates of a composite, and clone them.
    """
    seen = {} if seen is None else seen
    if isinstance(value, WeightAdapter):
        return tidied(value.estimator, seen)
    if id(value) in seen:
        return value
    if isinstance(value, tuple):
        parts = [tidied(one, seen) for one in value]
        same = all(a is b for a, b in zip(parts, value, strict=True))
        return value if same else tuple(parts)
    # Kept, so that no other object can have its id meanwhile.
    seen[id(value)] = value
    if isinstance(value, list):
        value[:] = [tidied(one, seen) for one in value]
    elif isinstance(value, dict):
        value.update({key: tidied(one, seen) for key, one in value.items()})
    elif isinstance(value, np.ndarray) and value.dtype == object:
        for position in np.ndindex(value.shape):
            value[position] = tidied(value[position], seen)
    elif _may_hold_traces(value):
        forget_remainder(value)
        _withdraw(value, "fit")
        _withdraw(value, "score")
        forget_requests(value)
        # Of what is no composite nothing inside was touched; a forest is large.
        asks_alone = isinstance(routing_of(value), MetadataRequest)
        if not (asks_alone and hasattr(value, "get_params")):
            for name, one in vars(value).items():
                setattr(value, name, tidied(one, seen))
    return value


def _may_hold_traces(value):
    """Return whether an object is a composite, or a part of one, or was asked."""
    if isinstance(value, FrozenEstimator | type) or not hasattr(value, "__dict__"):
        return False
    # A scorer or a calibrated model is no estimator, but holds one.
    of_sklearn = type(value).__module__.startswith("sklearn.")
    return of_sklearn or hasattr(value, "get_metadata_routing")


def _withdraw(estimator, method):
    """Take back every request of a name that only this delivery used."""
    setter = getattr(estimator, f"set_{method}_request", None)
    if setter is None:
        return
    for name, alias in own_requests(estimator, method).items():
        if isinstance(alias, str) and alias.startswith("skweight_"):
            setter(**{name: None})
