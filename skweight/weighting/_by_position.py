"""Parameters of the factors of a product, accessed by position."""

from sklearn.base import BaseEstimator

from skweight._utils.validation import is_sequence


class FactorsByPosition(BaseEstimator):
    """Base class of objects that hold other objects in a list, `factors`.

    A parameter of an object in the list is named by the position, as in
    ``1__strength``.
    """

    def get_params(self, deep=True):
        """Return the parameters; factors' parameters are named like ``1__strength``.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include the parameters of the objects in `factors`.

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
        """Set an object by its position, or set parameters of the object.

        Parameters
        ----------
        **params : dict
            Parameters to set, for example ``{"1__strength": 0.5}``.

        Returns
        -------
        self : object
            The strategy itself, with the new parameters.
        """
        if "factors" in params:
            self.factors = params.pop("factors")
        nested = {}
        for name, value in params.items():
            position, _, rest = name.partition("__")
            if not (position.isdigit() and int(position) < len(self.factors)):
                raise ValueError(
                    f"Invalid parameter {name!r} for {type(self).__name__}. The name "
                    "of a factor's parameter starts with the position of the "
                    f"factor, 0 to {len(self.factors) - 1}, as in '0__strength'."
                )
            if rest:
                nested.setdefault(int(position), {})[rest] = value
            else:
                factors = list(self.factors)
                factors[int(position)] = value
                self.factors = factors
        for position, values in nested.items():
            factor = self.factors[position]
            if factor is None:
                raise ValueError(
                    f"Invalid parameter {sorted(values)[0]!r} for factor {position} "
                    f"of {type(self).__name__}: this factor is None. First set the "
                    "factor itself, then its parameters."
                )
            factor.set_params(**values)
        return self
