"""Metadata of fit and predict, sorted by the object that requests them."""

from sklearn import get_config
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing

from skweight._utils.compat import routing_of
from skweight._utils.families import packages_of
from skweight._utils.lookup import fit_takes
from skweight._utils.validation import did_you_mean, say
from skweight.delivery._arguments import OFFSETS, fit_arguments
from skweight.weighting._base import factors_of
from skweight.weighting._metadata import asks_for

# The parts of a wrapper that can request metadata; for each part, the method that gets
# the metadata.
_CALLEES = {
    "weighting": "fit",
    "decision": "fit",
    "estimator": "fit",
    "splitter": "split",
}


# Arguments that only strategies for shift take.
_OF_TARGET = ("X_target", "sample_weight_target")


def takes_in_fit(estimator, name):
    """Return whether an estimator requests an argument of fit by name."""
    routing = None if estimator is None else routing_of(estimator)
    return routing is not None and bool(routing.consumes("fit", [name]))


def sort_fit_params(
    router, fit_params, *, weighting, decision=None, cv=None, estimator=None
):
    """Return the arguments of fit, sorted by the object that receives them.

    Parameters
    ----------
    router : estimator
        The wrapper. Its metadata routing is used if routing is enabled.
    fit_params : dict
        Keyword arguments of the `fit` of the wrapper.
    weighting, decision, cv, estimator : object
        The parts of the wrapper. An argument that none of these objects requests goes
        to the estimator. An argument for a splitter also goes to the estimator if the
        estimator makes its own splits with it.

    Returns
    -------
    sorted_params : dict of dict
        The arguments, with the keys "weighting", "decision", "estimator" and
        "splitter".
    """
    sorted_params = {who: {} for who in _CALLEES}
    if not fit_params:
        return sorted_params
    if get_config()["enable_metadata_routing"]:
        routed = process_routing(router, "fit", **fit_params)
        for who, method in _CALLEES.items():
            if who in routed:
                sorted_params[who] = dict(routed[who][method])
        return sorted_params
    splits_by = get_routing_for_object(cv).consumes("split", fit_params)
    for name, value in fit_params.items():
        receives = {
            "weighting": any(
                asks_for(strategy, name)
                for strategy in [weighting, *factors_of(weighting)]
            ),
            "decision": name in getattr(decision, "metadata_names", list)(),
            "splitter": name in splits_by,
        }
        receives["estimator"] = not any(receives.values()) or (
            receives["splitter"] and takes_in_fit(estimator, name)
        )
        if name in _OF_TARGET and not (
            receives["weighting"] or fit_takes(estimator, name)
        ):
            raise ValueError(
                f"fit got {name}, but weighting={router.weighting!r} uses no target "
                "population. Use a strategy that does, such as "
                "weighting=DensityRatioWeighting()."
            )
        if not any(list(receives.values())[:3]):
            _check_known(name, estimator, weighting, decision)
        for who, asks in receives.items():
            if asks:
                sorted_params[who][name] = value
    return sorted_params


def _check_known(name, estimator, weighting, decision):
    """Raise if the fit of an estimator does not accept an argument; suggest a name.

    There is no check if the estimator accepts arguments of any name: such an estimator
    raises its own error. A Pipeline of another package accepts only arguments whose
    names begin with the name of a step.
    """
    arguments = fit_arguments(estimator)
    takes_any = any(each.kind is each.VAR_KEYWORD for each in arguments.values())
    if takes_any and hasattr(estimator, "steps") and "__" not in name:
        takes_any = "skweight" in packages_of(estimator)
    if name in arguments or takes_any or not arguments:
        return
    names = {*arguments, *_OF_TARGET, "sample_weight", "validation", "groups"}
    names.update(getattr(decision, "metadata_names", list)())
    for strategy in factors_of(weighting):
        requests = getattr(get_routing_for_object(strategy), "fit", None)
        names.update(getattr(requests, "requests", ()))
    raise TypeError(
        f"fit got an unexpected keyword argument {name!r}: neither "
        f"{type(estimator).__name__}.fit nor the weighting, decision or splitter "
        f"requests this argument.{did_you_mean(name, names - {'X', 'y', 'params'})}"
    )


def sort_predict_params(router, params, decision, offsets):
    """Return the arguments of predict for the decision and for the estimator.

    `offsets` are the names of the offsets passed to `fit`. Offsets are added to the
    scores of each row, so predictions need them, too.
    """
    if not params and not offsets:
        return {}, {}
    named = {name: value for name, value in params.items() if name in OFFSETS}
    params = {name: value for name, value in params.items() if name not in OFFSETS}
    missing = sorted(set(offsets) - set(named))
    if missing:
        raise ValueError(
            f"The fit got {say(missing)}, an offset for each row, so new rows need "
            f"offsets, too. Pass {missing[0]}=... to this method."
        )
    unknown = [name for name in named if name not in offsets]
    if not unknown and params and get_config()["enable_metadata_routing"]:
        routed = process_routing(router, "predict", **params)
        return dict(routed["decision"]["predict"]), named
    names = getattr(decision, "metadata_names", list)()
    unknown += [name for name in params if name not in names]
    if unknown:
        raise TypeError(
            f"predict got {say(unknown)}, which the decision does not request; it "
            f"requests {say(names)}."
        )
    return params, named


def rows_and_offsets(wrapper, X, params):
    """Return the rows that the models predict, and the offsets of these rows."""
    _, offsets = sort_predict_params(wrapper, params, None, wrapper._offsets)
    return wrapper._without_side_columns(X), offsets
