"""The only file that touches private names of scikit-learn, each with its reason."""

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
    """Return whether an ensemble hands its sample_weight to the estimators inside it.

    Then these must support it. From scikit-learn 1.8 on, a bagging ensemble draws its
    rows by weight instead.
    """
    return name == "AdaBoostClassifier" or (
        name == "BaggingClassifier" and _VERSION < (1, 8)
    )


def run_as_task(estimator, task, n_subtasks, body):
    """Run ``body(context)`` as a task of which the callbacks of an estimator hear.

    Callbacks came with scikit-learn 1.9, for whom an estimator begins a task by a
    method that is documented and yet has an underscore. Before, nobody listens.
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
    """Return whether a callback was set on an estimator, or reaches it from outside."""
    names = ("_skl_callbacks", "_parent_callback_ctx")
    return any(getattr(estimator, name, None) for name in names)


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


if _VERSION == (1, 8):
    from sklearn.preprocessing import FunctionTransformer

    class PassthroughRemainder(FunctionTransformer):
        """What a ColumnTransformer makes of ``remainder="passthrough"``, made before.

        scikit-learn 1.8 forgets to route to it, and fails with a KeyError.
        """


def make_remainder(columns):
    """Make what passes the remaining columns through, where routing would forget it."""
    remainder = getattr(columns, "remainder", None)
    if _VERSION == (1, 8) and isinstance(remainder, str) and remainder == "passthrough":
        columns.remainder = PassthroughRemainder(
            accept_sparse=True, check_inverse=False, feature_names_out="one-to-one"
        )


def forget_remainder(value):
    """Leave of `make_remainder` only what scikit-learn would have made."""
    if _VERSION != (1, 8):
        return
    if isinstance(getattr(value, "remainder", None), PassthroughRemainder):
        value.remainder = "passthrough"
    if isinstance(value, PassthroughRemainder):
        value.__class__ = FunctionTransformer


def asks_to_print():
    """Return whether scikit-learn asks the caller for parameters in order to print.

    It prints an estimator inside another one without asking its ``__repr__``, and asks
    `get_params` instead, as `clone` does, which must get the values themselves.
    """
    frame = sys._getframe(2)
    while frame.f_code.co_name == "get_params":  # of an estimator around this one
        frame = frame.f_back
    printer = frame.f_globals.get("__name__") == "sklearn.utils._pprint"
    return printer or frame.f_code.co_name == "_get_params_html"


class ShownByParts:
    """An estimator whose diagram shows its parts side by side, by their roles.

    scikit-learn draws any estimator inside another one that is given as an object; a
    part that goes by a name, such as ``calibration="sigmoid"``, has to be told of by a
    method with an underscore. What it returns is looked at by its attributes.
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

    scikit-learn asks a method with an underscore for it. The address is that of the
    installed package; as long as it has none, there is no link.
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
    """Return the address that the metadata of the package name, or an empty text."""
    try:
        addresses = metadata("skweight").get_all("Project-URL") or []
    except PackageNotFoundError:  # imported from a folder
        return ""
    named = dict(re.split(r",\s*", address, maxsplit=1) for address in addresses)
    return named.get("Documentation", "").rstrip("/")


def routing_of(estimator):
    """Return the metadata routing of an estimator, or None where it has none.

    Some estimators raise an error (AdaBoostClassifier), and one recurses without end:
    RidgeClassifierCV without ``scoring`` is its own scorer.
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
    What a class requests by default takes a tenth of a small fit to find out, and is
    found once.
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


# What instances request that have made no request of their own, by class and method.
_KNOWN_REQUESTS = WeakKeyDictionary()


def own_request(estimator, name, method="fit"):
    """Return what an estimator has requested for itself of one metadata."""
    return own_requests(estimator, method).get(name)


def clone_learner(value):
    """Clone an estimator, also one that hands out copies of its parameters.

    CatBoost does so with lists and dicts, which `clone` takes for a constructor that
    changes what it is given, and refuses. Where the parameters of the new estimator are
    equal to those of the old one, it is what a clone should be. What `clone` keeps of
    metadata requests and output containers is in two private attributes.
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
    """Remove an estimator's record of requests if it equals that of its class.

    ``set_fit_request`` makes one, which some packages that store models cannot read.
    """
    record = vars(estimator).pop("_metadata_request", None)
    if record is None:
        return
    if repr(estimator._get_metadata_request()) != repr(record):
        estimator._metadata_request = record  # the user's own


# Stands for a parameter that a learner did not have.
NO_PARAMETER = object()


def reset_params(learner, before):
    """Give a fitted learner the parameters back that it was written with.

    `before` maps names to values; `NO_PARAMETER` stands for a name that was not there.
    CatBoost refuses to change parameters of a fitted model, and LightGBM keeps any name
    that it has ever been given; both have them in a private dict.
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
    """An estimator whose fits callbacks hear of, where scikit-learn has callbacks."""


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


# -- bins of weighted rows ---------------------------------------------------------

# Releases that sort every column once per bin where rows have weights. Mended in
# scikit-learn #34248; `tests/test_binning.py` fails where this list is out of date.
SLOW_BINNING = ("1.9.0", "1.9.1")

_BINNING = "sklearn.ensemble._hist_gradient_boosting.binning"
_binning_lock = threading.Lock()
_binning_here = threading.local()
_binning_everywhere = {"fits": 0, "theirs": None, "ours": None}


@contextmanager
def quick_binning():
    """Let histogram gradient boosting bin weighted rows in one sort per column.

    The bins are the same, bit for bit, and so is the model. In force for the fits of
    this thread alone, and within this block: every other fit keeps scikit-learn's own
    code. Nothing happens in releases that do not need it, where the boosting was never
    imported, or with ``SKWEIGHT_QUICK_BINNING=0`` in the environment.
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
    """Install with the first fit of all threads, and remove with the last."""
    mapper, state = sys.modules[_BINNING]._BinMapper, _binning_everywhere
    with _binning_lock:
        if state["fits"] == 0:
            state["theirs"] = mapper.fit
            state["ours"] = mapper.fit = _with_quick_bins(mapper.fit)
        state["fits"] += change
        # What somebody else has put there meanwhile is theirs.
        if state["fits"] == 0 and mapper.fit is state["ours"]:
            mapper.fit = state["theirs"]


def _with_quick_bins(fit):
    """Return the ``fit`` of the bin mapper, which looks whose thread it is in.

    The columns are binned in threads of joblib's, which do not know who asked. So the
    choice is made before, between the method and a copy of it that finds another
    function under the same name.
    """
    if fit.__closure__:  # somebody else's already
        return fit
    names = fit.__globals__ | {"_find_binning_thresholds": quick_thresholds}
    quick = FunctionType(fit.__code__, names, fit.__name__, fit.__defaults__)

    def choose(self, X, y=None, sample_weight=None):
        chosen = quick if getattr(_binning_here, "on", False) else fit
        return chosen(self, X, y, sample_weight)

    return choose


def quick_thresholds(column, max_bins, sample_weight=None):
    """Return what scikit-learn's ``_find_binning_thresholds`` does, bit for bit.

    It takes the percentiles one by one, and sorts and accumulates for each.
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
        # Sorting again moves the weights of ties, and so the rounding of their sum.
        order = np.argsort(values[:, np.newaxis], axis=0)[:, 0]
        values, weights = values[order], weights[order]
    mass = np.cumsum(weights)
    ranks = np.linspace(0, 100, num=max_bins + 1)[1:-1] / 100 * mass[-1]
    at = np.minimum(np.searchsorted(mass, ranks), values.size - 1)
    above = np.minimum(at + 1, values.size - 1)
    between = mass[at] - ranks <= np.finfo(np.float64).eps
    thresholds = np.where(between, (values[at] + values[above]) / 2, values[at])
    return np.clip(np.unique(thresholds), None, binning.ALMOST_INF)
