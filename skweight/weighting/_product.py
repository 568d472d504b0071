"""What ``weighting=`` takes, and the product of strategies."""

import numpy as np
from sklearn import get_config
from sklearn.base import clone
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)

from skweight._utils.roles import ROLES, RoleWeights, multiply
from skweight._utils.validation import check_number, did_you_mean, is_sequence, say
from skweight.weighting._balance import (
    BalancedWeighting,
    ClassWeighting,
    EffectiveNumberWeighting,
)
from skweight.weighting._base import BaseWeighting, ClassLevelWeighting, asks_for
from skweight.weighting._given import FunctionWeighting

NAMES = {
    "balanced": BalancedWeighting,
    "effective_number": EffectiveNumberWeighting,
}


def resolve_weighting(spec):
    """Turn anything that ``weighting=`` takes into a strategy, or None.

    Parameters
    ----------
    spec : None, str, dict, callable, strategy, or list of these
        What the user passed.

    Returns
    -------
    weighting : BaseWeighting or None
        A strategy; objects are returned as they are, not cloned.

    Examples
    --------
    >>> from skweight.weighting import resolve_weighting
    >>> resolve_weighting("balanced")
    BalancedWeighting()
    >>> resolve_weighting({"fraud": 10, "fine": 1})
    ClassWeighting(class_weight={'fine': 1, 'fraud': 10})
    """
    if spec is None or isinstance(spec, BaseWeighting):
        return spec
    if isinstance(spec, str):
        if spec in NAMES:
            return NAMES[spec]()
        raise ValueError(
            f"weighting={spec!r} is no known strategy. The names are "
            f"{say(list(NAMES))}; for others pass a strategy object."
            f"{did_you_mean(spec, NAMES)}"
        )
    if hasattr(spec, "items"):
        return ClassWeighting(spec)
    if is_sequence(spec):
        return ProductWeighting(list(spec))
    if isinstance(spec, type):
        raise TypeError(
            f"weighting must be a strategy object, got the class {spec.__name__}. "
            f"Did you mean {spec.__name__}()?"
        )
    if hasattr(spec, "fit_weigh_by_role"):
        return spec
    if callable(spec):
        return FunctionWeighting(spec)
    array = np.asarray(spec) if hasattr(spec, "__array__") else None
    hint = (
        " Weights that exist already are passed to fit(X, y, sample_weight=...), or "
        "as a column of X with ColumnWeighting."
        if array is not None
        else ""
    )
    raise TypeError(
        "weighting must be None, a name, a dict {label: weight}, a callable "
        f"(X, y) -> weights, a strategy, or a list of these; got "
        f"{type(spec).__name__}.{hint}"
    )


def split_by_level(weighting):
    """Return what a strategy says of rows, and what of classes; None for nothing.

    What says something of classes is emphasis that is the same for all rows of a
    class, and is learned from the classes as they are.
    """
    factors = getattr(weighting, "_resolved", lambda: [weighting])()
    by_level = {True: [], False: []}
    for factor in factors:
        if factor is not None:
            by_class = isinstance(factor, ClassLevelWeighting)
            by_level[by_class and factor.role == "emphasis"].append(factor)
    return tuple(
        None if not found else found[0] if len(found) == 1 else ProductWeighting(found)
        for found in (by_level[False], by_level[True])
    )


def join_levels(by_row, by_class, mean):
    """Return one fitted strategy of the two that `split_by_level` gave.

    ``mean`` is that of the product of their emphasis, over the rows that it is of.
    """
    if by_row is None:
        return by_class
    factors, scale = [], mean
    for one in (by_row, by_class):
        if isinstance(one, ProductWeighting):
            factors += one.factors_
            scale *= one.scale_
        else:
            factors.append(one)
    joined = ProductWeighting([clone(factor) for factor in factors])
    joined.factors_, joined.scale_ = factors, scale
    return joined


class ProductWeighting(BaseWeighting):
    r"""Multiply strategies, each keeping its role.

    Written ``a * b``, or as a list wherever a weighting is asked for. Factors of role
    population are learned first, in their order, each on rows that already count as
    the earlier ones say; factors of role emphasis are then learned on that
    population, independently of each other.

    .. math:: w_i = \prod_{a \in \mathrm{population}} w_i^{(a)}
              \prod_{b \in \mathrm{emphasis}} w_i^{(b)}

    Parameters
    ----------
    factors : list of weightings
        Strategies, or anything else that ``weighting=`` takes. Their parameters are
        reached by position, as in ``product.set_params(**{"1__strength": 0.5})``.

    Attributes
    ----------
    factors_ : list of BaseWeighting
        The fitted strategies, in the order of `factors`, products taken apart.
    scale_ : float
        Mean of the product of the emphasis factors over the population.

    Raises
    ------
    ValueError
        In `fit`, if no row is left with a positive weight.

    See Also
    --------
    BaseWeighting : The contract of one strategy.

    Notes
    -----
    Cost: that of the factors, and O(n) for each product.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import BalancedWeighting, PriorWeighting
    >>> X, y = np.zeros((4, 1)), np.array([0, 0, 0, 1])
    >>> product = PriorWeighting({0: 0.9, 1: 0.1}) * BalancedWeighting()
    >>> population, emphasis = product.fit_weigh_by_role(X, y)
    >>> population.round(2)  # the deployment world: 90 % and 10 %
    array([1.2, 1.2, 1.2, 0.4])
    >>> (population * emphasis).round(2)  # the fit sees both classes alike
    array([0.67, 0.67, 0.67, 2.  ])
    """

    def __init__(self, factors):
        self.factors = factors

    @property
    def role(self):
        """Role of the product: "population" only where every factor has that role."""
        roles = {factor.role for factor in self._resolved()}
        return "population" if roles == {"population"} else "emphasis"

    @property
    def needs_classes(self):
        """Whether any factor looks at the classes of the rows."""
        return any(factor.needs_classes for factor in self._resolved())

    def get_params(self, deep=True):
        """Return the parameters, those of the factors under their position.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of the factors.

        Returns
        -------
        params : dict
            Parameter names mapped to their values.
        """
        params = {"factors": self.factors}
        if deep and is_sequence(self.factors):
            for position, factor in enumerate(self.factors):
                params[str(position)] = factor
                if hasattr(factor, "get_params"):
                    for name, value in factor.get_params().items():
                        params[f"{position}__{name}"] = value
        return params

    def set_params(self, **params):
        """Set parameters; a position replaces a factor or reaches into it.

        Parameters
        ----------
        **params : dict
            For example ``{"1__strength": 0.5}``.

        Returns
        -------
        self : object
            The strategy.
        """
        if "factors" in params:
            self.factors = params.pop("factors")
        nested = {}
        for name, value in params.items():
            position, _, rest = name.partition("__")
            if not (position.isdigit() and int(position) < len(self.factors)):
                raise ValueError(
                    f"Invalid parameter {name!r} for ProductWeighting. Factors are "
                    f"reached by position, 0 to {len(self.factors) - 1}, as in "
                    "'0__strength'."
                )
            if rest:
                nested.setdefault(int(position), {})[rest] = value
            else:
                factors = list(self.factors)
                factors[int(position)] = value
                self.factors = factors
        for position, own in nested.items():
            # A name or a dict stands for a strategy, which has parameters; None for
            # no strategy, which has none.
            factor = resolve_weighting(self.factors[position])
            if factor is None:
                raise ValueError(
                    f"Invalid parameter {sorted(own)[0]!r} for factor {position} of "
                    "ProductWeighting, which is None. Replace the factor first."
                )
            factor.set_params(**own)
            if factor is not self.factors[position]:
                factors = list(self.factors)
                factors[position] = factor
                self.factors = factors
        return self

    def get_metadata_routing(self):
        """Return how metadata are routed to the factors.

        Returns
        -------
        routing : MetadataRouter
            Routing of scikit-learn. What a factor gets as `sample_weight` is computed,
            so no request of it is needed.
        """
        router = MetadataRouter(owner=self)
        mapping = MethodMapping().add(caller="fit", callee="fit")
        for position, factor in enumerate(self._resolved()):
            request = get_routing_for_object(factor)
            if hasattr(request, "fit"):
                request.fit.add_request(param="sample_weight", alias=False)
            router.add(**{f"factor_{position}": request}, method_mapping=mapping)
        return router

    def _fit_by_role(self, X, y, sample_weight, **metadata):
        self.factors_ = [clone(factor) for factor in self._resolved()]
        weights = dict.fromkeys(ROLES)
        known = sample_weight
        asked_by_factor = self._sort_metadata(metadata)
        # Sorting by role is stable: population first, each in the order given.
        for factor, asked in sorted(
            zip(self.factors_, asked_by_factor, strict=True),
            key=lambda one: ROLES.index(one[0].role),
        ):
            learned = factor.fit_weigh(X, y, known, **asked)
            weights[factor.role] = multiply(weights[factor.role], learned)
            if factor.role == "population":
                known = multiply(known, learned)
        # Each factor of emphasis has mean one; their product need not.
        self.scale_ = 1.0
        if weights["emphasis"] is not None:
            self.scale_ = self._mean(weights["emphasis"], known)
            check_number(
                self.scale_,
                name="The mean weight of the product",
                low=0,
                include="neither",
            )
            weights["emphasis"] = weights["emphasis"] / self.scale_
        return RoleWeights(**weights)

    def _weigh(self, X, y):
        weights = None
        for factor in self.factors_:
            weights = multiply(weights, factor.weigh(X, y))
        return weights / self.scale_

    def side_columns(self):
        """Return the columns of X that only the factors may see.

        Returns
        -------
        columns : list of str or int
            They are dropped before the wrapped estimator sees X.
        """
        return [column for one in self._resolved() for column in one.side_columns()]

    def _sort_metadata(self, metadata):
        """Return for each factor the metadata that it asks for."""
        if metadata and get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", **metadata)
            return [
                dict(routed[f"factor_{position}"]["fit"])
                for position in range(len(self.factors_))
            ]
        return [
            {name: value for name, value in metadata.items() if asks_for(factor, name)}
            for factor in self.factors_
        ]

    def _resolved(self):
        if not is_sequence(self.factors) or not len(self.factors):
            raise TypeError(
                "ProductWeighting takes a list of at least one strategy; got "
                f"{self.factors!r}."
            )
        flat = []
        for factor in map(resolve_weighting, self.factors):
            if isinstance(factor, ProductWeighting):
                flat.extend(factor._resolved())
            elif factor is not None:
                flat.append(factor)
        if not flat:
            raise TypeError(
                "ProductWeighting takes a list of at least one strategy; got only "
                "None. Use weighting=None for no weighting at all."
            )
        return flat
