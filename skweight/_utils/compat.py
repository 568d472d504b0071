"""All uses of private names of scikit-learn; no other file of skweight uses them."""

import os
import re
import sys
import threading
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from itertools import takewhile
from types import FunctionType, SimpleNamespace
from weakref import WeakKeyDictionary

import numpy as np
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metadata_routing import MetadataRouter, get_routing_for_object

_VERSION = tuple(int(part) for part in sklearn.__version__.split(".")[:2])


def weights_need_support(name):
    """Return whether an ensemble passes its sample_weight to the estimators inside it.

    If the result is True, the inner estimators must support `sample_weight`. From
    scikit-learn 1.8 on, a bagging ensemble instead draws its rows by weight.
    """
    return name == "AdaBoostClassifier" or (
        name == "BaggingClassifier" and _VERSION < (1, 8)
    )


def run_as_task(estimator, task, n_subtasks, body):
    """Run ``body(context)`` as a task, and report it to callbacks of an estimator.

    Callbacks came with scikit-learn 1.9. An estimator begins a task by a method that is
    documented, although its name has an underscore. Earlier versions have no callbacks.
    """
    if not (hasattr(estimator, "_init_callback_context") and has_callbacks(estimator)):
        return body(NoCallbacks())

    @with_callbacks
    def run(estimator):
        return body(
            estimator._init_callback_context(task_name=task, max_subtasks=n_subtasks)
        )

    return run(estimator)


def has_callbacks(estimator):
    """Return whether an estimator has callbacks of its own or of an outer estimator."""
    names = ("_skl_callbacks", "_parent_callback_ctx")
    return any(getattr(estimator, name, None) for name in names)


class NoCallbacks:
    """Replaces the callback context in scikit-learn versions without callbacks."""

    def subcontext(self, **_):
        """Return the context of a part of the task."""
        return self

    def propagate_callback_context(self, estimator):
        """Return a context manager within which an estimator is fitted."""
        return nullcontext()

    def call_on_fit_task_begin(self, **_):
        """Report nothing."""

    call_on_fit_task_end = call_on_fit_task_begin


if _VERSION == (1, 8):
    from sklearn.preprocessing import FunctionTransformer

    class PassthroughRemainder(FunctionTransformer):
        """Replaces ``remainder="passthrough"`` of a ColumnTransformer before the fit.

        scikit-learn 1.8 does not route metadata to ``"passthrough"``, and fails with a
        KeyError.
        """


def make_remainder(columns):
    """Replace ``remainder="passthrough"`` by a transformer, if routing needs one."""
    remainder = getattr(columns, "remainder", None)
    if _VERSION == (1, 8) and isinstance(remainder, str) and remainder == "passthrough":
        columns.remainder = PassthroughRemainder(
            accept_sparse=True, check_inverse=False, feature_names_out="one-to-one"
        )


def forget_remainder(value):
    """Undo `make_remainder`: restore the fitted estimator as scikit-learn makes it."""
    if _VERSION != (1, 8):
        return
    if isinstance(getattr(value, "remainder", None), PassthroughRemainder):
        value.remainder = "passthrough"
    if isinstance(value, PassthroughRemainder):
        value.__class__ = FunctionTransformer


def asks_to_print():
    """Return whether scikit-learn reads the parameters in order to print.

    scikit-learn prints a nested estimator from `get_params`, without calling
    ``__repr__``. But `clone` also calls `get_params`, and must get the real values.
    """
    frame = sys._getframe(2)
    while frame.f_code.co_name == "get_params":  # of an outer estimator
        frame = frame.f_back
    printer = frame.f_globals.get("__name__") == "sklearn.utils._pprint"
    return printer or frame.f_code.co_name == "_get_params_html"


class ShownByParts:
    """An estimator whose diagram shows its parts side by side, each with its name.

    scikit-learn draws every nested estimator that is passed as an object. A part that
    is given by name, such as ``calibration="sigmoid"``, is drawn only if the estimator
    describes its parts in a method whose name starts with an underscore. scikit-learn
    reads the attributes of this description.
    """

    def _sk_visual_block_(self):
        parts = self._parts()
        return SimpleNamespace(
            kind="parallel",
            estimators=[part for _, part in parts],
            names=[role for role, _ in parts],
            name_details=[None if isinstance(p, str) else str(p) for _, p in parts],
            name_caption=None,
            doc_link_label=None,
            dash_wrapped=True,
        )


class Documented:
    """An estimator whose diagram links to its page in the documentation.

    For the link, scikit-learn calls a method whose name starts with an underscore. The
    address comes from the installed package. Without an address, there is no link.
    """

    def _get_doc_link(self):
        module, name = type(self).__module__, type(self).__name__
        address = _address_of_documentation()
        if module.partition(".")[0] != "skweight" or not address:
            return ""
        public = "skweight"
        if name not in sys.modules["skweight"]._HOMES:
            public = ".".join(takewhile(_is_public, module.split(".")))
        return f"{address}/api/{public}.{name}.html"


def _is_public(word):
    return not word.startswith("_")


@cache
def _address_of_documentation():
    """Return the address in the metadata of the package, or an empty text."""
    try:
        addresses = metadata("skweight").get_all("Project-URL") or []
    except PackageNotFoundError:  # imported from a folder
        return ""
    named = dict(re.split(r",\s*", address, maxsplit=1) for address in addresses)
    return named.get("Documentation", "").rstrip("/")


def routing_of(estimator):
    """Return the metadata routing of an estimator, or None if it has none.

    None is also returned if routing fails: AdaBoostClassifier raises an error.
    RidgeClassifierCV without ``scoring`` recurses without end, because it is its own
    scorer.
    """
    try:
        return get_routing_for_object(estimator)
    except (NotImplementedError, RecursionError):
        return None


def own_requests(estimator, method="fit"):
    """Return the metadata requests of an estimator itself: True, False, alias or None.

    Some composites both use a metadata argument and pass it on, as
    ``CalibratedClassifierCV`` does with ``sample_weight``. The request of the composite
    itself is in a private attribute of the router. The public method `consumes` also
    includes the estimators inside the composite. Reading the default requests of a
    class takes a tenth of the time of a small fit, so the requests are cached.
    """
    cls = type(estimator)
    getter = getattr(cls, "get_metadata_routing", None)
    if (
        getter is not BaseEstimator.get_metadata_routing
        or "_metadata_request" in vars(estimator)  # the user's own
    ):
        return _requests_of(estimator, method)
    known = _KNOWN_REQUESTS.setdefault(cls, {})
    if method not in known:
        known[method] = _requests_of(estimator, method)
    return dict(known[method])


def _requests_of(estimator, method):
    routing = routing_of(estimator)
    if isinstance(routing, MetadataRouter):
        routing = routing._self_request
    return dict(getattr(getattr(routing, method, None), "requests", {}))


# Cached default requests, by class and method. The defaults are valid for instances on
# which no requests were set.
_KNOWN_REQUESTS = WeakKeyDictionary()


def own_request(estimator, name, method="fit"):
    """Return the request of an estimator itself (not its parts) for one argument."""
    return own_requests(estimator, method).get(name)


def clone_learner(value):
    """Clone an estimator, also one that returns copies of its parameters.

    CatBoost copies lists and dicts among its parameters. `clone` then assumes that the
    constructor changed them, and raises an error. Here, the new estimator is accepted
    if its parameters equal the old ones. Metadata requests and output containers are
    copied from two private attributes, as `clone` does.
    """
    try:
        return clone(value, safe=False)
    except RuntimeError as error:
        if "Cannot clone object" not in str(error):
            raise
        if isinstance(value, list | tuple):
            return type(value)(map(clone_learner, value))
        params = value.get_params(deep=False)
        other = type(value)(**{k: clone_learner(param) for k, param in params.items()})
        kept = other.get_params(deep=False)
        if repr(sorted(kept.items())) != repr(sorted(params.items())):
            raise
        for name in ("_metadata_request", "_sklearn_output_config"):
            if name in vars(value):
                vars(other)[name] = deepcopy(vars(value)[name])
        return other


def forget_requests(estimator):
    """Remove the record of requests of an estimator if the record equals the default.

    ``set_fit_request`` creates the record, and some packages that store models cannot
    read it.
    """
    record = vars(estimator).pop("_metadata_request", None)
    if record is None:
        return
    if repr(estimator._get_metadata_request()) != repr(record):
        estimator._metadata_request = record  # the user's own


# Stands for a parameter that a learner did not have.
NO_PARAMETER = object()


def reset_params(learner, before):
    """Reset the parameters of a fitted learner to their original values.

    `before` maps names to values; `NO_PARAMETER` stands for a missing name. CatBoost
    does not allow changes of parameters after a fit, and LightGBM keeps every name that
    was ever set. Both learners store parameters in a private dict.
    """
    stored = vars(learner).get("_init_params")  # of CatBoost
    stored = vars(learner).get("_other_params", stored)  # of LightGBM
    for name, value in before.items():
        if value is NO_PARAMETER:
            stored.pop(name, None)
            vars(learner).pop(name, None)
        elif stored is not None and name in stored:
            stored[name] = value
        else:
            learner.set_params(**{name: value})


try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9 has no callbacks
    CallbackSupportMixin = None


class TakesCallbacks(CallbackSupportMixin or object):
    """An estimator that reports its fits to callbacks, if scikit-learn has them."""


def run_with_callbacks(steps, take, callbacks, *, n_steps, name):
    """Call the function ``take`` on every step, and report each call to callbacks.

    Only an estimator can call the hooks of a callback. So a small estimator with the
    given name is created here. This estimator uses a method whose name starts with an
    underscore. scikit-learn documents this method for estimators of other packages. If
    a callback requests a stop, the remaining steps are skipped.
    """
    if not callbacks:
        for step in steps:
            take(step)
        return
    if CallbackSupportMixin is None:
        raise ValueError(
            f"callbacks need scikit-learn 1.9 or newer; this is {sklearn.__version__}. "
            "Pass verbose=1 to print progress with any version."
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


# -- bins of weighted rows ---------------------------------------------------------

# Releases of scikit-learn that sort every column once per bin if rows have weights. The
# repeated sort was removed in scikit-learn #34248; `tests/test_binning.py` fails if
# this list is out of date.
SLOW_BINNING = ("1.9.0", "1.9.1")

_BINNING = "sklearn.ensemble._hist_gradient_boosting.binning"
_binning_lock = threading.Lock()
_binning_here = threading.local()
_binning_everywhere = {"fits": 0, "theirs": None, "ours": None}


@contextmanager
def quick_binning():
    """Let histogram gradient boosting bin weighted rows in one sort per column.

    The bins are the same, bit for bit, and so is the model. The change applies only to
    fits of the calling thread inside the ``with`` block. All other fits use
    scikit-learn's own code. There is no change in releases that do not need it, or if
    the boosting was never imported. ``SKWEIGHT_QUICK_BINNING=0`` in the environment
    turns the change off.
    """
    needed = sklearn.__version__ in SLOW_BINNING and _BINNING in sys.modules
    if not needed or os.environ.get("SKWEIGHT_QUICK_BINNING") == "0":
        yield
        return
    _count_binning_fits(+1)
    before = getattr(_binning_here, "on", False)
    _binning_here.on = True
    try:
        yield
    finally:
        _binning_here.on = before
        _count_binning_fits(-1)


def _count_binning_fits(change):
    """Count fits in all threads: the faster binning is installed if there are any.

    The first fit of any thread installs the faster binning. The faster binning is
    removed when the last fit has finished.
    """
    mapper, state = sys.modules[_BINNING]._BinMapper, _binning_everywhere
    with _binning_lock:
        if state["fits"] == 0:
            state["theirs"] = mapper.fit
            state["ours"] = mapper.fit = _with_quick_bins(mapper.fit)
        state["fits"] += change
        # A function that other code installed meanwhile is kept.
        if state["fits"] == 0 and mapper.fit is state["ours"]:
            mapper.fit = state["theirs"]


def _with_quick_bins(fit):
    """Return a ``fit`` of the bin mapper that is fast only in threads that ask for it.

    The columns are binned in joblib threads. These threads do not know the thread that
    called the method. So the calling thread chooses between the original method and a
    copy of this method that calls the faster function.
    """
    if fit.__closure__:  # already replaced
        return fit
    names = fit.__globals__ | {"_find_binning_thresholds": quick_thresholds}
    quick = FunctionType(fit.__code__, names, fit.__name__, fit.__defaults__)

    def choose(self, X, y=None, sample_weight=None):
        chosen = quick if getattr(_binning_here, "on", False) else fit
        return chosen(self, X, y, sample_weight)

    return choose


def quick_thresholds(column, max_bins, sample_weight=None):
    """Return exactly the result of scikit-learn's ``_find_binning_thresholds``.

    scikit-learn's function sorts all values again for every percentile. This function
    sorts once.
    """
    binning = sys.modules[_BINNING]
    theirs = binning._find_binning_thresholds
    if sample_weight is None:
        return theirs(column, max_bins)
    counts = (sample_weight != 0) & ~np.isnan(column)
    values, weights = column[counts], sample_weight[counts]
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    n_distinct = np.count_nonzero(values[1:] != values[:-1]) + 1
    if n_distinct <= max_bins:  # no percentiles
        return theirs(column, max_bins, sample_weight)
    if n_distinct < values.size:
        # scikit-learn sorts twice. The second sort changes the order of equal values,
        # and with it the rounding of the sum of their weights. So this function also
        # sorts a second time.
        order = np.argsort(values[:, np.newaxis], axis=0)[:, 0]
        values, weights = values[order], weights[order]
    mass = np.cumsum(weights)
    ranks = np.linspace(0, 100, num=max_bins + 1)[1:-1] / 100 * mass[-1]
    at = np.minimum(np.searchsorted(mass, ranks), values.size - 1)
    above = np.minimum(at + 1, values.size - 1)
    between = mass[at] - ranks <= np.finfo(np.float64).eps
    thresholds = np.where(between, (values[at] + values[above]) / 2, values[at])
    return np.clip(np.unique(thresholds), None, binning.ALMOST_INF)
