"""The base class of estimators that wrap another estimator to fit it with weights.

The base class handles four tasks: parameters given by a short name, the routing of
metadata, the tags of the wrapped estimator, and columns that the wrapped estimator must
not see.
"""

from copy import copy

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
)
from sklearn.utils.validation import check_is_fitted

from skweight._utils.columns import drop_columns
from skweight._utils.compat import Documented, ShownByParts, clone_learner
from skweight._utils.lookup import ReadOnce, params_of
from skweight._utils.suggest import suggests_names
from skweight.delivery._deliver import routing_without_weights
from skweight.stabilizers import resolve_stabilizer
from skweight.weighting import resolve_weighting
from skweight.weighting._base import factors_of, fitted_factors_of


class LearnedInFit:
    """A descriptor that stands for the attribute ``report_`` until a fit sets it.

    `partial_fit` stores only a function that makes the report, because most reports of
    a stream are never read.
    """

    def __get__(self, instance, owner):
        """Make the report of the last chunk; raise an error if there was no fit."""
        if instance is None:
            return self
        learned = vars(instance)
        if make := learned.get("_make_report"):
            learned["report_"] = make()
            learned.pop("_make_report", None)
            return learned["report_"]
        raise NotFittedError(
            f"This {owner.__name__} instance is not fitted yet, so it has no report. "
            "Call fit(X, y) first."
        )


class WeightedWrapper(ShownByParts, Documented, MetaEstimatorMixin, ReadOnce):
    """Base class of wrappers; parameters are estimator, weighting and stabilizer.

    A subclass implements ``_default_estimator``. The list ``_resolvers`` contains the
    parameters that may be given by a short name.
    """

    _resolvers = (("weighting", resolve_weighting), ("stabilizer", resolve_stabilizer))

    report_ = LearnedInFit()

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):
            cls.__init__ = suggests_names(cls.__init__)

    def set_params(self, **params):
        """Set parameters, also those of a strategy or calibrator given by a short name.

        Parameters
        ----------
        **params : dict
            For example ``weighting__strength=0.5`` or ``estimator__C=10``.

        Returns
        -------
        self : object
            The wrapper.
        """
        # A short name such as "balanced" stands for an object with parameters. A search
        # can tune these parameters, too.
        for name, resolve in self._resolvers:
            nested = [key for key in params if key.startswith(f"{name}__")]
            if nested:
                params[name] = resolve(params.get(name, getattr(self, name)))
                if params[name] is None:
                    raise ValueError(
                        f"Invalid parameter {nested[0]!r}: {name}=None has no "
                        "parameters. To search over None and other values, pass a list "
                        "of grids."
                    )
        if self.estimator is None and any(
            key.startswith("estimator__") for key in params
        ):
            params.setdefault("estimator", self._get_estimator())
        nested = {key: value for key, value in params.items() if "__" in key}
        super().set_params(**{k: v for k, v in params.items() if k not in nested})
        return super().set_params(**nested)

    def __sklearn_clone__(self):
        try:
            return super().__sklearn_clone__()
        except RuntimeError:
            learner = clone_learner(self.estimator)  # may raise an error
            bare = copy(self)
            bare.estimator = None
            return clone(bare).set_params(estimator=learner)

    def __getstate__(self):
        if "_make_report" in vars(self):
            self.report_  # noqa: B018, a file holds the finished report
        return super().__getstate__()

    def get_metadata_routing(self):
        """Return how metadata are routed to the weighting, estimator and splitter.

        Returns
        -------
        routing : MetadataRouter
            Metadata routing of scikit-learn. The wrapper itself uses `sample_weight`
            and computes the weights of its estimator.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        # The wrapper computes the weights of its parts, so the parts need no metadata
        # request.
        weighting = get_routing_for_object(resolve_weighting(self.weighting))
        if hasattr(weighting, "fit"):
            weighting.fit.add_request(param="sample_weight", alias=False)
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                estimator=routing_without_weights(self._get_estimator()),
                method_mapping=mapping,
            )
            .add(weighting=weighting, method_mapping=mapping)
            .add(
                splitter=self._get_splitter(),
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self._get_estimator())
        # The wrapper takes what its estimator takes.
        for name in ("sparse", "allow_nan", "categorical", "string", "positive_only"):
            setattr(tags.input_tags, name, getattr(inner.input_tags, name))
        tags.input_tags.pairwise = inner.input_tags.pairwise
        tags.non_deterministic = inner.non_deterministic
        return tags

    @property
    def feature_importances_(self):
        """Importances of the features, the mean over the fitted models."""
        return self._mean_over_models("feature_importances_")

    @property
    def coef_(self):
        """Coefficients of the features, the mean over the fitted models."""
        return self._mean_over_models("coef_")

    def _parts(self):
        """Return the parts of a diagram: pairs of a name and an object or a text."""
        fitted = vars(self)
        weighting = fitted.get("weighting_") or self._resolved("weighting")
        parts = [("weighting", weighting)]
        if self.stabilizer is not None:
            parts.append(("stabilizer", self._resolved("stabilizer")))
        if not fitted.keys() & {"report_", "_make_report"}:
            return [*parts, ("estimator", self._get_estimator())]
        models = self._models()
        role = "estimator" if len(models) == 1 else f"estimator: 1 of {len(models)}"
        return [*parts, (role, models[0])]

    def _models(self):
        """Return the fitted models that predict."""
        return getattr(self, "estimators_", None) or [self.estimator_]

    def _resolved(self, name):
        """Return the object that a parameter stands for, or the parameter as text."""
        value = getattr(self, name)
        try:
            part = dict(self._resolvers)[name](value)
        except Exception:  # a fit will report the error
            part = value
        return part if hasattr(part, "get_params") else repr(part)

    def _mean_over_models(self, name):
        """Return the mean of an attribute over all fitted models.

        Coefficients belong to the scores before a calibration.
        """
        check_is_fitted(self, "report_")
        models = self._models()
        if not all(hasattr(model, name) for model in models):
            hint = ""
            if hasattr(models[0], "steps"):
                where = (
                    "estimators_[0]" if hasattr(self, "estimators_") else "estimator_"
                )
                hint = f"; that of its last step is {where}[-1].{name}"
            raise AttributeError(
                f"{type(self).__name__} has {name} only if its fitted models have this "
                f"attribute, but {type(models[0]).__name__} does not{hint}."
            )
        values = [getattr(model, name) for model in models]
        if len({np.shape(value) for value in values}) > 1:
            raise AttributeError(
                f"The shape of {name} differs between the fold models, because they "
                f"saw different classes. Read {name} from each model in estimators_."
            )
        return values[0] if len(values) == 1 else sum(values) / len(values)

    def _default_estimator(self):
        raise NotImplementedError

    def _get_estimator(self):
        return self._default_estimator() if self.estimator is None else self.estimator

    def _get_splitter(self):
        """Return the object whose metadata requests the splits use; None: no splits."""
        return getattr(self, "cv", None)

    def _delegate(self):
        return getattr(self, "estimator_", None) or self._get_estimator()

    def _find_side_columns(self, *strategies):
        """Return the columns of X that the estimator must not see."""
        return [
            column
            for strategy in strategies
            for column in getattr(strategy, "side_columns", list)()
        ]

    def _without_side_columns(self, X):
        return drop_columns(X, self._side_columns, width=self._width)


def check_fitted(wrapper, attribute):
    """Raise unless a wrapper is fitted.

    The check of scikit-learn is called only if the attribute is missing, because this
    check first collects the tags of all wrapped objects. Collecting tags takes longer
    than all other work of the wrapper for the prediction of one row.
    """
    if attribute not in vars(wrapper):
        check_is_fitted(wrapper, attribute)


def set_learned(wrapper, model, weighed, hidden, **learned):
    """Set all attributes that a fit has learned, together at the end of the fit.

    The attributes of the previous fit stay until the end of the new fit, so a failed
    fit changes nothing. During the new fit, the models of both fits are in memory.
    Attributes about features, such as ``n_features_in_``, are copied from the fitted
    `model`.
    """
    of_features = ("n_features_in_", "feature_names_in_")
    learned |= {
        name: getattr(model, name) for name in of_features if hasattr(model, name)
    }
    learned |= {"_side_columns": hidden, "_width": weighed.width}
    learned["weighting_"] = _without_targets(weighed.weighting)
    for name in (*of_features, "report_", "_make_report"):
        if name not in learned:
            vars(wrapper).pop(name, None)
    vars(wrapper).update(learned)
    return wrapper


def _without_targets(weighting):
    """Remove the target rows from a fitted strategy; only the fit needs target rows.

    Target rows may be confidential, so a stored model must not contain them.
    """
    for factor in [*fitted_factors_of(weighting), *factors_of(weighting)]:
        of_target = ("X_target", "sample_weight_target")
        held = {name for name in of_target if getattr(factor, name, None) is not None}
        if held:
            factor.set_params(**dict.fromkeys(held & params_of(factor).keys()))
    return weighting
