"""A Pipeline whose steps may also be samplers and weightings."""

import numpy as np
from sklearn import get_config
from sklearn.pipeline import make_pipeline as name_steps
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import (
    MetadataRequest,
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)
from sklearn.utils.metaestimators import available_if

from skweight._utils.columns import warn_of_order
from skweight._utils.compat import own_request, run_as_task
from skweight._utils.roles import RoleWeights, in_range
from skweight._utils.validation import check_weights, did_you_mean, n_rows, plain
from skweight.delivery._deliver import routing_without_weights
from skweight.delivery._one import takes_roles
from skweight.pipeline._fitted import FittedSteps
from skweight.pipeline._steps import (
    METHODS,
    Flow,
    check_params,
    is_nothing,
    is_sampler,
    is_weighting,
)


def _last_has(*methods):
    def check(self):
        last = self.steps[-1][1] if self.steps else None
        if self.steps and is_nothing(last) and "predict" not in methods[0]:
            return True
        for method in methods[:-1]:
            if hasattr(last, method):
                return True
        # The last step raises the AttributeError.
        getattr(last, methods[-1])
        return True

    return check


class Pipeline(FittedSteps):
    r"""Chain transformers, samplers and weightings with an estimator at the end.

    The class replaces the Pipelines of scikit-learn and imbalanced-learn. A step may
    also be a weighting, such as ``BalancedWeighting()``. All steps, including samplers,
    pass on the weights with the rows. Weightings and samplers may have any order.

    The role of a weight decides which steps use the weight. *Population* weights are
    the caller's `sample_weight`, multiplied by the weights from weightings with the
    role population. Every transformer that accepts weights gets population weights.
    *Emphasis* weights (weights that only change the learning) come from weightings with
    the role emphasis. Only the last step gets emphasis weights. The last step is fitted
    with the product

    .. math:: w_i = p_i \, e_i.

    Some last steps, such as a :class:`~skweight.WeightedClassifier`, can use both
    roles. These last steps get population weights and emphasis weights separately, and
    calibrate with the population weights only. Weightings and samplers are used only in
    `fit`, not in predictions.

    Parameters
    ----------
    steps : list of tuple (str, object)
        Names and steps in their order. Every step except the last has ``transform``,
        ``fit_resample`` or ``fit_weigh_by_role``; ``"passthrough"`` and None do
        nothing. A weighting uses the rows that reach its position. After a sampler,
        ``BalancedWeighting()`` therefore corrects only the imbalance that is left.
    transform_input : list of str, default=None
        Names of further tables among the arguments of `fit`, such as a validation set.
        Before a step gets the tables, all earlier steps transform the tables. This
        works only with metadata routing. The `X_target` of a weighting, from its
        constructor or from `fit`, is always transformed by the earlier steps.
    memory : str or object with the interface of joblib.Memory, default=None
        Cache for the work of every step except the last, so that a fit on the same rows
        with the same weights does not repeat this work.
    verbose : bool, default=False
        Whether to print how long each step took.

    Attributes
    ----------
    named_steps : Bunch
        The steps by their names. After `fit`, these are the fitted steps.
    classes_ : ndarray of shape (n_classes,)
        Class labels, if the last step is a classifier.
    class_multiplier_ : ndarray of shape (n_classes,)
        Total weight of each class in the last step, divided by the total weight of the
        class in the population. This is the combined effect of samplers and emphasis.
    deliveries_ : list of Delivery
        A record for each step: which weights the step got, and how the weights were
        passed.
    n_features_in_ : int
        Number of columns of X in `fit`, if the first step has this attribute.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X, if the first step has this attribute.

    Raises
    ------
    TypeError
        In `fit`, if a step has none of the methods that its position needs.
    ValueError
        In `fit`, if no step accepts one of the arguments, or if weights cannot be used.
    UnsupportedWeightsError
        In `fit`, if there are weights and the last step accepts none.

    See Also
    --------
    make_pipeline : Names the steps by the names of their classes.
    skweight.WeightedClassifier : Wraps a Pipeline to calibrate it.
    WeightColumn : Adds weights as a column, for a Pipeline of scikit-learn.

    Notes
    -----
    The scale of `sample_weight` is kept, as in scikit-learn; weightings multiply the
    weights by factors of mean one. If `memory` is set, every step is cloned before the
    fit. Otherwise, a step is cloned only if the fit would change its parameters or
    requests. This is the case for composite estimators, and for classifiers that take
    weights as ``class_weight``. Therefore read fitted steps from ``named_steps``. In
    addition to the time of the steps, the Pipeline takes O(n) time.

    You can pass weights to a single step by its name, as in
    ``logisticregression__sample_weight=w``. These weights replace the population
    weights in this step. Samplers resample these weights together with the rows.

    With metadata routing, request the weights once, by
    ``pipe.set_fit_request(sample_weight=True)``. The steps need no request, because the
    Pipeline computes their weights. If the request of a step is False, the Pipeline
    respects the request.

    References
    ----------
    .. [1] Lemaître, G., Nogueira, F., Aridas, C. (2017). Imbalanced-learn: a Python
       toolbox to tackle the curse of imbalanced datasets in machine learning. JMLR
       18(17), section 3.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skweight import BalancedWeighting
    >>> from skweight.pipeline import make_pipeline
    >>> X, y = make_classification(1000, weights=[0.9], random_state=0)
    >>> pipe = make_pipeline(
    ...     StandardScaler(), BalancedWeighting(strength=0.5), LogisticRegression()
    ... ).fit(X, y)
    >>> pipe.class_multiplier_.round(2)  # the square root of the way to balance
    array([0.83, 2.47])
    """

    def __init__(self, steps, *, transform_input=None, memory=None, verbose=False):
        super().__init__(
            steps, transform_input=transform_input, memory=memory, verbose=verbose
        )

    # -- fitting -----------------------------------------------------------------------

    def fit(self, X, y=None, sample_weight=None, **params):
        """Fit all steps in order; the last step is fitted with the weights.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, as input of the first step.
        y : array-like of shape (n_samples,), default=None
            Labels or values.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
        **params : dict
            Arguments for the steps, in the form ``step__name=value``. With metadata
            routing, use the names that the steps have requested.

        Returns
        -------
        self : object
            The fitted Pipeline.
        """
        self._fit_steps("fit", X, y, sample_weight, None, params, guards=True)
        return self

    @available_if(_last_has("transform", "fit_transform"))
    def fit_transform(self, X, y=None, sample_weight=None, **params):
        """Fit all steps and return the training rows, transformed by the last step.

        If a step resamples, the result contains the resampled rows; ``fit(X,
        y).transform(X)`` transforms the original rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,), default=None
            Labels or values.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
        **params : dict
            Arguments for the steps, as in `fit`.

        Returns
        -------
        Xt : array-like of shape (n_rows, n_transformed)
            Rows after all transformers.
        """
        return self._fit_steps("fit_transform", X, y, sample_weight, None, params)

    @available_if(_last_has("fit_predict"))
    def fit_predict(self, X, y=None, sample_weight=None, **params):
        """Fit all steps and return predictions of the last step for the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,), default=None
            Labels or values.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
        **params : dict
            Arguments for the steps, as in `fit`.

        Returns
        -------
        labels : ndarray of shape (n_rows,)
            Predictions of the last step.
        """
        return self._fit_steps("fit_predict", X, y, sample_weight, None, params)

    @available_if(_last_has("fit_resample"))
    def fit_resample(self, X, y=None, sample_weight=None, **params):
        """Fit all steps and return the training rows, resampled by the last step.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,), default=None
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights, which are passed to the transformers.
        **params : dict
            Arguments for the steps, as in `fit`.

        Returns
        -------
        X_resampled : array-like of shape (n_rows, n_transformed)
            Training rows, transformed and resampled.
        y_resampled : array-like of shape (n_rows,)
            Labels of the resampled rows.
        """
        # Metadata routing knows this method only through imbalanced-learn.
        return self._fit_steps("fit_resample", X, y, sample_weight, None, params)

    def _fit_with_roles(self, X, y, population, emphasis, **params):
        """Fit with weights that are already separated by role."""
        self._fit_steps("fit", X, y, population, emphasis, params)

    def _guard_passed(self, X, y, sample_weight):
        """Warn of arguments that would make the calibrator of the last step wrong."""
        guard = getattr(self.steps[-1][1], "_guard_passed", None)
        if guard is not None:
            guard(X, y, sample_weight)

    def _fit_steps(self, method, X, y, population, emphasis, params, *, guards=False):
        check_params(self)
        self.steps = list(self.steps)
        routing = get_config()["enable_metadata_routing"]
        if self.transform_input is not None and not routing:
            raise ValueError(
                "The `transform_input` parameter can only be set if metadata routing "
                "is enabled: sklearn.set_config(enable_metadata_routing=True)."
            )
        if population is not None:
            # The scale of the caller's weights is kept, unless the weights are
            # extremely large or small.
            warn_of_order(population, X)
            population = in_range(check_weights(population, n_rows(X)))
        if guards:
            # If the last step gets population weights and emphasis weights (weights
            # that only change the learning) separately, the fit of this step does not
            # check the caller's weights. Therefore the Pipeline asks the last step for
            # this check here.
            self._guard_passed(X, y, population)
        by_step = self._sort_params(method, params, routing, population)

        def run(context):
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            flow = Flow(
                self, X, y, RoleWeights(population, emphasis), by_step, params, context
            )
            # Meanwhile, slices of this Pipeline transform tables.
            self._side_widths = flow.widths
            result = flow.prepare().finish(method)
            context.call_on_fit_task_end(estimator=self, X=flow.X, y=flow.y)
            self.deliveries_ = flow.deliveries
            self._multipliers = dict(flow.multipliers)
            if method == "fit_resample" and is_nothing(self.steps[-1][1]):
                return flow.X, flow.y
            return result

        task = "fit" if method in ("fit", "fit_predict") else method.replace("_", "-")
        return run_as_task(self, task, len(self.steps), run)

    def _sort_params(self, method, params, routing, sample_weight):
        """Return the arguments of a fit, grouped by step and by method of the step."""
        if routing and sample_weight is not None:
            params = {**params, "sample_weight": sample_weight}
        names = [name for name, step in self.steps if not is_nothing(step)]
        by_step = {name: {callee: {} for callee in METHODS} for name in names}
        if routing and params:
            routed = process_routing(
                self, "fit" if method == "fit_resample" else method, **params
            )
            for name in names:
                for callee in METHODS:
                    # In a fit, steps get weights by role.
                    by_step[name][callee] = {
                        key: value
                        for key, value in routed[name].get(callee, {}).items()
                        if callee == "transform" or value is not sample_weight
                    }
            return by_step
        for key, value in params.items():
            name, separator, argument = key.partition("__")
            if not separator:
                raise ValueError(
                    f"Pipeline.{method} does not accept the {key} parameter. Say which "
                    f"step it is for, as in {names[-1]}__{key}=..."
                )
            if name not in by_step:
                raise ValueError(
                    f"Pipeline.{method} got {key!r}, but has no step {name!r} that "
                    f"could take it.{did_you_mean(name, names)}"
                )
            for callee in METHODS[:-1]:
                by_step[name][callee][argument] = value
        return by_step

    def _multiplier_of(self, classes):
        """Return `class_multiplier_` for given classes.

        The multipliers are None if the last step gets population weights and emphasis
        weights (for training only) separately. In this case, the last step itself
        undoes the effect of the emphasis weights on the probabilities.
        """
        if takes_roles(self.steps[-1][1]):
            return None
        return np.array([self._multipliers.get(plain(label), 1.0) for label in classes])

    def _holds_out_rows(self):
        """Return whether the last step holds out rows."""
        last = self.steps[-1][1]
        return takes_roles(last) and last._holds_out_rows()

    @property
    def named_steps(self):
        """The steps by their names. After `fit`, these are the fitted steps."""
        return super().named_steps

    @property
    def classes_(self):
        """Class labels, if the last step is a classifier."""
        return super().classes_

    @property
    def class_multiplier_(self):
        """Total weight of each class in the last step, relative to the population."""
        if not hasattr(self, "_multipliers"):
            raise AttributeError("class_multiplier_ is known after fit.")
        multiplier = self._multiplier_of(self.classes_)
        return self.steps[-1][1].class_multiplier_ if multiplier is None else multiplier

    # -- what scikit-learn asks of a Pipeline ------------------------------------------

    def __sklearn_tags__(self):
        try:
            used = self._used() if self.steps else None
        except (TypeError, ValueError):
            used = None  # fit raises an error if steps are not pairs
        if used is None:
            return super().__sklearn_tags__()
        tags = get_tags(used)
        for _, step in self.steps:
            if is_sampler(step):
                tags.input_tags.sparse &= get_tags(step).input_tags.sparse
        return tags

    def get_metadata_routing(self):
        """Return how metadata are routed to the steps.

        Returns
        -------
        routing : MetadataRouter
            Metadata routing of scikit-learn. The Pipeline itself requests
            `sample_weight`, and computes the weights of its steps in `fit`.
        """
        router = MetadataRouter(owner=self).add_self_request(self._own_request())
        used = {
            name: pair.mapping for name, pair in self._used().get_metadata_routing()
        }
        for name, step in self.steps:
            if is_nothing(step):
                continue
            callee = "fit_resample" if is_sampler(step) else "fit"
            if name in used and not is_weighting(step):
                mapping = used[name]
            elif hasattr(get_routing_for_object(step), callee) or is_weighting(step):
                mapping = MethodMapping()
                for caller in ("fit", "fit_transform", "fit_predict"):
                    mapping.add(caller=caller, callee=callee)
            else:
                continue
            routing = routing_without_weights(step, forbidden=(None,))
            router.add(**{name: routing}, method_mapping=mapping)
        return router

    def _own_request(self):
        """Return whether `fit` requests weights, as set by the user or else by a step.

        A step that is itself a scikit-learn Pipeline requests weights if any step
        inside this Pipeline requests weights.
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        _, pair = next(iter(router))
        alias = pair.router.fit.requests.get("sample_weight")
        if alias is None and any(
            own_request(step, "sample_weight") is True
            for _, step in self.steps
            if not is_nothing(step)
        ):
            alias = True
        request = MetadataRequest(owner=self)
        request.fit.add_request(param="sample_weight", alias=alias)
        return request

    @classmethod
    def _instances(cls, labels):
        """Return instances of this class for tests on rows with the given labels."""
        from sklearn.linear_model import LogisticRegression, Ridge
        from sklearn.preprocessing import StandardScaler

        from skweight.weighting import BalancedWeighting

        return [
            make_pipeline(StandardScaler(), *steps)
            for steps in (
                [BalancedWeighting(), LogisticRegression()],
                [Ridge()],
                [BalancedWeighting(), BalancedWeighting(0.5), LogisticRegression()],
            )
        ]


def make_pipeline(*steps, transform_input=None, memory=None, verbose=False):
    """Make a Pipeline whose steps are named by their types.

    Parameters
    ----------
    *steps : list of transformers, samplers, weightings and estimators
        The steps in their order.
    transform_input : list of str, default=None
        The same as the parameter of :class:`Pipeline`.
    memory : str or object with the interface of joblib.Memory, default=None
        The same as the parameter of :class:`Pipeline`.
    verbose : bool, default=False
        The same as the parameter of :class:`Pipeline`.

    Returns
    -------
    pipeline : Pipeline
        The Pipeline. A step is named as in scikit-learn: by its class in small letters,
        with a number if the class occurs more than once.

    See Also
    --------
    Pipeline : The class of the result.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight import BalancedWeighting
    >>> from skweight.pipeline import make_pipeline
    >>> list(make_pipeline(BalancedWeighting(), LogisticRegression()).named_steps)
    ['balancedweighting', 'logisticregression']
    """
    named = name_steps(*steps).steps
    return Pipeline(
        named, transform_input=transform_input, memory=memory, verbose=verbose
    )
