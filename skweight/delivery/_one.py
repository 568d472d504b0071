"""A function that fits a single estimator with weights, and an adapter class.

There are four ways to pass weights, and the first possible way is used. The first way
is the ``sample_weight`` of `fit`. If all rows of a class have the same weight, the
parameter ``class_weight`` is the second way, and the ``priors`` of a discriminant
analysis are the third. If the caller allows it, the last way is to draw rows in
proportion to the weights, with or without replacement.
"""

from contextlib import contextmanager
from copy import deepcopy

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skweight._utils.columns import with_rows
from skweight._utils.compat import (
    own_request,
    weights_need_support,
)
from skweight._utils.lookup import params_of
from skweight._utils.roles import without_rounding_noise
from skweight._utils.validation import encode_labels, n_rows
from skweight.delivery._arguments import fit_arguments, take_params
from skweight.delivery._draw import draw
from skweight.exceptions import UnsupportedWeightsError

# The names of the two weight vectors in metadata routing.
TRAINING = "skweight_training_weight"
POPULATION = "skweight_population_weight"


def name_of(estimator):
    """Return the class name of an estimator, or of the estimator that it wraps."""
    if isinstance(estimator, FrozenEstimator | WeightAdapter):
        return name_of(estimator.estimator)
    return type(estimator).__name__


def takes_sample_weight(estimator):
    """Return whether `fit` takes sample_weight and no metadata request forbids it."""
    if "sample_weight" not in fit_arguments(estimator):
        return False
    inner = params_of(estimator).get("estimator")
    if weights_need_support(name_of(estimator)) and inner is not None:
        return "sample_weight" in fit_arguments(inner)
    return own_request(estimator, "sample_weight") is not False


def takes_roles(estimator):
    """Return whether an estimator needs two weight vectors: population and emphasis.

    Emphasis weights are weights that only change the learning. An estimator must not
    use them to calibrate, to decide or to transform. If an estimator needs population
    weights and emphasis weights separately, it has a method ``_fit_with_roles(X, y,
    population, emphasis, **fit_params)``.
    """
    return hasattr(estimator, "_fit_with_roles")


def ways_in(estimator):
    """Return the ways in which an estimator supports weights, the best way first."""
    ways = ["sample_weight"] if takes_sample_weight(estimator) else []
    params = params_of(estimator)
    if "class_weight" in params:
        ways.append("class_weight")
    # If `priors` is a string, such as "uniform" of NearestCentroid, weights do not
    # replace the string, because the user chose it.
    if not isinstance(params.get("priors", ""), str):
        ways.append("priors")
    return ways


def no_way_in(estimator, path=""):
    """Return the exception to raise if an estimator does not support the weights."""
    ways = ways_in(estimator)
    if ways:
        why = f"supports only {ways[0]}, but the weights differ within a class"
    elif own_request(estimator, "sample_weight") is False:
        why = (
            "has set_fit_request(sample_weight=False) and no other support for weights"
        )
    elif "sample_weight" in fit_arguments(estimator):
        inner = name_of(estimator.get_params(deep=False)["estimator"])
        why = f"passes sample_weight to {inner}, which does not support it"
    else:
        why = "supports neither sample_weight nor class_weight nor priors"
    where = f" (at {path})" if path else ""
    return UnsupportedWeightsError(
        f"{name_of(estimator)}{where} {why}. Set unsupported='resample' to fit it on "
        "rows drawn in proportion to their weights, or unsupported='subsample' to draw "
        "no row twice. To fit without weights, set weighting=None and pass no "
        "sample_weight. Or use another estimator."
    )


def is_drawn_for(estimator, y, weights):
    """Return whether a learner cannot use `weights`, so that rows must be drawn."""
    if takes_roles(estimator):
        return False
    ways = ways_in(estimator)
    if not ways:
        return True
    return ways[0] != "sample_weight" and by_class_or_none(y, weights) is None


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
    """Fit a single estimator in place; return the way in which weights were passed."""
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
            priors = estimator.get_params(deep=False)["priors"]
            params = class_weight * (shares if priors is None else np.asarray(priors))
            params /= params.sum()
        estimator.set_params(**{ways[0]: params}).fit(X, y, **fit_params)
        return ways[0]
    if unsupported == "raise":
        raise no_way_in(estimator)
    labels = None if is_regressor(estimator) else y
    rows = draw(unsupported, weights, labels, random_state)
    drawn = take_params(fit_params, rows, n_rows(X))
    X = with_rows(X)
    estimator.fit(_safe_indexing(X, rows), _safe_indexing(y, rows), **drawn)
    return unsupported


def _apart(weights, population):
    """Split `weights`, a product, into population weights and emphasis weights."""
    if population is None or weights is population:
        return population, None if weights is population else weights
    counted = population > 0
    emphasis = np.divide(weights, population, out=np.ones(len(weights)), where=counted)
    return population, without_rounding_noise(emphasis)


def check_no_second_weight(estimator, names):
    """Raise if sample_weight is passed to a learner directly."""
    if "sample_weight" in names:
        raise ValueError(
            f"{name_of(estimator)} got a sample_weight directly (by name or by an "
            "alias), in addition to the weights of the WeightedClassifier. Pass these "
            "weights as sample_weight to the WeightedClassifier, which multiplies them "
            "by its own weights."
        )


# Estimators whose `fit` chooses a parameter by scores of held-out rows. These scores
# must use the population weights, but the estimators would use the training weights.
_TUNES_ITSELF = {"LogisticRegressionCV"}


def _fit_tuned(estimator, X, y, weights, population, fit_params):
    """Fit an estimator that computes scores inside `fit`, with population weights."""
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
    """Return a scorer that requests the population weights, or no weights.

    A metadata request of the user is kept. A plain function is returned unchanged.
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
    """Scorer that calls an estimator's ``score`` method with the population weights.

    A search with ``scoring=None`` gets this scorer. Metadata routing alone would fail,
    because a Pipeline's ``score`` accepts weights only under the name
    ``sample_weight``, but the weights have another name in routing.
    """

    def __call__(self, estimator, X, y, sample_weight=None):
        """Return the score of the estimator; for a Pipeline, of its last step."""
        if isinstance(estimator, WeightAdapter):
            return self(estimator.estimator, X, y, sample_weight)
        if hasattr(estimator, "steps") and takes_roles(estimator):
            X = estimator[:-1].transform(X)  # skips steps that are only for training
            return self(estimator.steps[-1][1], X, y, sample_weight)
        if hasattr(estimator, "steps"):
            for _, step in estimator.steps[:-1]:
                if step is not None and step != "passthrough":
                    X = step.transform(X)
            return self(estimator.steps[-1][1], X, y, sample_weight)
        name = "sample_weight"
        if get_routing_for_object(estimator).consumes("score", [POPULATION]):
            name = POPULATION  # a nested search
        weights = {} if sample_weight is None else {name: sample_weight}
        with config_context(enable_metadata_routing=name == POPULATION):
            return estimator.score(X, y, **weights)

    def get_metadata_routing(self):
        """Return the request of the population weights."""
        request = get_routing_for_object(None)
        request.score.add_request(param="sample_weight", alias=POPULATION)
        return request


def fit_called(estimator, X, y, metadata, fit_params=None):
    """Fit a composite directly, with the metadata that it requests.

    Metadata for estimators inside the composite keep their names in metadata routing.
    Metadata that the composite itself uses are passed under the names of its `fit`
    arguments.
    """
    arguments = {}
    user_request = own_request(estimator, "sample_weight")
    renamed = isinstance(user_request, str) and user_request in metadata
    if renamed:
        arguments["sample_weight"] = metadata[user_request]
        estimator.set_fit_request(sample_weight=None)
    wanted = get_routing_for_object(estimator).consumes("fit", metadata)
    arguments |= {name: metadata[name] for name in wanted}
    estimator.fit(X, y, **arguments, **(fit_params or {}))
    if renamed:
        estimator.set_fit_request(sample_weight=user_request)


def by_class_or_none(y, weights):
    """Return label, weight and share of each class; None if weights vary in a class."""
    classes, codes = encode_labels(np.asarray(y))
    counts = np.bincount(codes)
    class_weight = np.bincount(codes, weights=weights) / counts
    if not np.allclose(weights, class_weight[codes], rtol=1e-9, atol=0):
        return None
    return classes, class_weight, counts / codes.size


@contextmanager
def watching(validation, estimator, fit_params, X, y):
    """Pass validation rows, if any, to an estimator; yield the arguments of `fit`.

    The settings for early stopping are valid only inside the ``with`` block.
    """
    if validation is None:
        yield fit_params
        return
    with validation.given_to(estimator, fit_params, X, y) as further:
        yield fit_params | further


class WeightAdapter(BaseEstimator):
    """Adapter for an estimator in a composite, if metadata routing cannot reach it.

    An adapter is needed for six kinds of estimators:

    - estimators without ``sample_weight`` or without support for routing;
    - members of composites that route metadata twice, and resolve an alias too early;
    - selectors whose ``fit_transform`` loses metadata;
    - composites inside a search that replaces their parts after routing was set up;
    - transformers that fail while routing is on;
    - learners with validation rows, which must first pass through the previous steps.

    The adapter gets metadata under their names in routing. It fits the estimator as if
    there were no composite, and has the attributes and parameters of the estimator.

    Parameters
    ----------
    estimator : estimator
        The wrapped estimator, which is fitted in place.
    names : dict {str: str}
        For each name of metadata in routing, the name of the argument of ``fit``. The
        name ``TRAINING`` stands for the training weights.
    composite : bool, default=False
        Whether the estimator routes metadata to other estimators, under the same names.
    unsupported, random_state
        The same as in `fit_one`.
    validation : ValidationRows, default=None
        Rows that an early-stopping estimator monitors.
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
        """Fit the estimator, with weights in any way that the estimator supports."""
        if self.composite:
            fit_called(self.estimator, X, y, metadata)
            return self
        arguments = {
            argument: metadata[name]
            for name, argument in self.names.items()
            if name in metadata
        }
        population = arguments.pop(POPULATION, None)
        # Transformers are fitted with the population weights.
        weights = arguments.pop(TRAINING, population)
        # Metadata routing is on for the composite, but some estimators refuse weights
        # if routing is on. Therefore routing is off while the estimator inside the
        # adapter is fitted.
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
        """Return a router for the metadata in ``names``."""
        requests = get_routing_for_object(None)
        for alias, name in self.names.items():
            requests.fit.add_request(param=name, alias=alias)
        mapping = (
            MethodMapping()
            .add(caller="fit", callee="fit")
            .add(caller="fit_transform", callee="fit")
        )
        router = MetadataRouter(owner=self).add(asked=requests, method_mapping=mapping)
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
