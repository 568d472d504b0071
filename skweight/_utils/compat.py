"""The only file that touches private names of scikit-learn, each with its reason."""

from contextlib import nullcontext

import sklearn
from sklearn.utils.metadata_routing import MetadataRouter, get_routing_for_object

_VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def weights_need_support(name):
    """Return whether an ensemble hands its sample_weight to the estimators inside it.

    They must take it, then. A bagging ensemble draws its rows by weight instead, but
    only from scikit-learn 1.8 on.
    """
    return name == "AdaBoostClassifier" or (
        name == "BaggingClassifier" and _VERSION < (1, 8)
    )


def run_as_task(estimator, task, n_subtasks, body):
    """Run ``body(context)`` as a task of which the callbacks of an estimator hear.

    Callbacks came with scikit-learn 1.9, for whom an estimator begins a task by a
    method that is documented and yet has an underscore. Before, nobody listens.
    """
    if not hasattr(estimator, "_init_callback_context"):
        return body(NoCallbacks())

    @with_callbacks
    def run(estimator):
        return body(
            estimator._init_callback_context(task_name=task, max_subtasks=n_subtasks)
        )

    return run(estimator)


class NoCallbacks:
    """The callback context of scikit-learn versions that have none."""

    def subcontext(self, **_):
        """Return the context of a part of the task."""
        return self

    def propagate_callback_context(self, estimator):
        """Return a context manager within which an estimator is fitted."""
        return nullcontext()

    def call_on_fit_task_begin(self, **_):
        """Tell nobody."""

    call_on_fit_task_end = call_on_fit_task_begin


def routing_of(estimator):
    """Return the metadata routing of an estimator, or None where it has none.

    Some estimators refuse routing (AdaBoostClassifier), and one never comes to an end
    of it: RidgeClassifierCV without ``scoring`` scores with itself.
    """
    try:
        return get_routing_for_object(estimator)
    except (NotImplementedError, RecursionError):
        return None


def own_requests(estimator, method="fit"):
    """Return what an estimator has requested for itself: True, False, an alias, None.

    A composite that uses a metadata itself and also routes it on, as
    ``CalibratedClassifierCV`` does with ``sample_weight``, keeps its own request in a
    private attribute of the router; the public `consumes` mixes in its children.
    """
    routing = routing_of(estimator)
    if isinstance(routing, MetadataRouter):
        routing = routing._self_request
    return dict(getattr(getattr(routing, method, None), "requests", {}))


def own_request(estimator, name, method="fit"):
    """Return what an estimator has requested for itself of one metadata."""
    return own_requests(estimator, method).get(name)


try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9 has no callbacks
    CallbackSupportMixin = None


def run_with_callbacks(steps, take, callbacks, *, n_steps, name):
    """Call ``take`` on every step there is, and tell callbacks of each.

    The hooks of a callback are called by the estimator that it is set on. What has no
    estimator gets one here, of the given name; its one private method is the one that
    scikit-learn documents for estimators of third parties. The steps end early where
    a callback says so.
    """
    if not callbacks:
        for step in steps:
            take(step)
        return
    if CallbackSupportMixin is None:
        raise ValueError(
            f"callbacks need scikit-learn 1.9 or newer; this is {sklearn.__version__}. "
            "Pass verbose=1 for a bar that every version can draw."
        )

    def fit(self):
        context = self._init_callback_context(max_subtasks=n_steps)
        context.call_on_fit_task_begin(estimator=self)
        for step in steps:
            take(step)
            task = context.subcontext()
            task.call_on_fit_task_begin(estimator=self)
            if task.call_on_fit_task_end(estimator=self):
                break
        context.call_on_fit_task_end(estimator=self)

    run = type(name, (CallbackSupportMixin,), {"fit": with_callbacks(fit)})()
    run.set_callbacks(*callbacks).fit()
