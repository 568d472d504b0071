"""Which strategy requests which array of row-wise data."""

from sklearn import get_config
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)

from skweight._utils.lookup import fit_takes


def asks_for(weighting, name):
    """Return whether a strategy's `fit` takes a row-wise array with a given name.

    A strategy takes an array if `fit` of the strategy has an argument with the name of
    the array, or if the metadata routing of the strategy requests the name.
    """
    if fit_takes(weighting, name):
        return True
    routing = get_routing_for_object(weighting)
    return bool(routing.consumes("fit", [name]))


def route_to_factors(product, factors):
    """Return how metadata are routed from a product to the multiplied strategies."""
    router = MetadataRouter(owner=product)
    mapping = MethodMapping().add(caller="fit", callee="fit")
    for position, factor in enumerate(factors):
        request = get_routing_for_object(factor)
        if hasattr(request, "fit"):
            request.fit.add_request(param="sample_weight", alias=False)
        router.add(**{f"factor_{position}": request}, method_mapping=mapping)
    return router


def sort_metadata(product, factors, metadata):
    """Return a dict of requested metadata for each strategy of a product."""
    if metadata and get_config()["enable_metadata_routing"]:
        routed = process_routing(product, "fit", **metadata)
        return [
            dict(routed[f"factor_{position}"]["fit"])
            for position in range(len(factors))
        ]
    return [
        {name: value for name, value in metadata.items() if asks_for(factor, name)}
        for factor in factors
    ]
