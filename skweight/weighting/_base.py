"""The contract that every weighting strategy keeps, and the product of strategies.

A strategy learns one non-negative number per row. Its *role* says what the number
means, and with that where it may go:

``"population"``
    How many rows of the population of interest a row stands for. Goes into the fit,
    the calibrator, the threshold and the score.
``"emphasis"``
    How hard training should look at a row. Goes into the fit and nowhere else.

A new strategy implements two methods, `_learn` and `_raw`. Everything else, mean one,
checks, products, roles, is here.
"""

import numpy as np
from sklearn import get_config
from sklearn.base import BaseEstimator, clone
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    get_routing_for_object,
    process_routing,
)
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from skweight._utils.columns import (
    columns_of,
    drop_columns,
    metadata_names_of,
    warn_of_order,
)
from skweight._utils.compat import Documented
from skweight._utils.roles import ROLES, RoleWeights, in_range, multiply
from skweight._utils.validation import (
    check_bool,
    check_choice,
    check_labels,
    check_number,
    check_rows,
    check_weights,
    encode_labels,
    is_sequence,
    n_rows,
    plain,
    positions_of,
    say,
)
from skweight.stabilizers import map_of, resolve_stabilizer
from skweight.weighting._masses import ClassMass, masses_of, rows_of_cells


def asks_for(weighting, name):
    """Return whether a strategy's fit takes the row-wise array of that name.

    Its `fit` names the array, or, where the name is the user's choice, its metadata
    routing does.
    """
    if has_fit_parameter(weighting, name):
        return True
    routing = get_routing_for_object(weighting)
    return bool(routing.consumes("fit", [name]))


class BaseWeighting(Documented, BaseEstimator):
    r"""Base class of all weighting strategies.

    Derive from it to write a strategy of your own, then test it with
    :func:`skweight.testing.check_weighting`. A subclass sets `role` and implements

    - ``_learn(X, y, sample_weight, **metadata)``: learn from the training rows and
      return their raw weights, or None to have `_raw` called on them;
    - ``_raw(X, y)``: the raw weights of any rows.

    A strategy that reads row-wise side information (a group, a time) names the
    parameters that say where it comes from in ``_side_information``; columns among them
    are hidden from the estimator if the strategy has a parameter `drop` that is true.

    Set `needs_fits` to True for a strategy that looks at a model: its `fit_weigh` then
    takes ``fits``, as :class:`~skweight.weighting.BaseModelWeighting` explains. Set
    `needs_classes` to False where y is not looked at or may be values of any kind:
    the strategy then serves regressors too.

    Raw weights may have any scale. `fit_weigh` and `weigh` divide them by one number
    learned in `fit`, so that the training rows have mean one,

    .. math:: \sum_i s_i w_i = \sum_i s_i,

    with :math:`s` the caller's ``sample_weight``. A strategy whose constructor stores
    a `stabilizer` has its raw weights stabilized first, those of other rows likewise.

    Attributes
    ----------
    scale_ : float
        Mean raw weight of the training rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import BaseWeighting
    >>> class RecencyWeighting(BaseWeighting):
    ...     '''Halve the weight of a row with every year of its age (column 0).'''
    ...
    ...     role = "population"
    ...     needs_classes = False
    ...
    ...     def _raw(self, X, y):
    ...         return 0.5 ** np.asarray(X)[:, 0]
    >>> RecencyWeighting().fit_weigh([[0.0], [1.0], [1.0]], [0, 1, 0])
    array([1.5 , 0.75, 0.75])
    """

    role = "emphasis"
    needs_classes = True
    # Whether `fit_weigh` takes ``fits``, out-of-fold probabilities of a model.
    needs_fits = False
    # Whether `weigh` has a meaning for rows that were not in training.
    weighs_new_rows = True
    # Parameters that say where row-wise side information comes from.
    _side_information = ()

    # Whether one row for each combination of values, with the mass of all that are
    # alike, teaches as much as the rows.
    _learns_from_cells = False

    def fit(self, X, y, sample_weight=None, **metadata):
        """Learn the weights from training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels, or values of any kind where `needs_classes` is False.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows of the population each row stands for.
        **metadata : dict
            Row-wise side information that the strategy asks for by name.

        Returns
        -------
        self : object
            The fitted strategy.
        """
        self.fit_weigh(X, y, sample_weight, **metadata)
        return self

    def fit_weigh(self, X, y, sample_weight=None, **metadata):
        """Learn the weights and return those of the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels, or values of any kind where `needs_classes` is False.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows of the population each row stands for.
        **metadata : dict
            Row-wise side information that the strategy asks for by name.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            Non-negative weights; their mean, weighted by `sample_weight`, is one.

        Raises
        ------
        ValueError
            If the input or the weights that follow from it cannot be used.
        """
        return multiply(*self.fit_weigh_by_role(X, y, sample_weight, **metadata))

    def weigh(self, X, y=None, **metadata):
        """Return the weights of any rows, on the scale of the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to weigh.
        y : array-like of shape (n_samples,), default=None
            Their class labels, for strategies that need them.
        **metadata : dict
            Row-wise side information that the strategy asks for by name.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            Non-negative weights. Their mean is one on the training rows, and whatever
            it is on others.
        """
        check_is_fitted(self, "scale_")
        return self._weigh(X, y if y is None else self._check_y(X, y), **metadata)

    def fit_statistics(self, statistics):
        """Learn the weights from sums over rows that are nowhere together.

        Parameters
        ----------
        statistics : ClassMasses or CellMasses
            Sums over the training rows, of the kind that the strategy needs: masses of
            the classes for those that weigh by class, of the cells for those that weigh
            by group or margin.

        Returns
        -------
        self : object
            The fitted strategy, whose `weigh` gives the weights of any rows.

        Raises
        ------
        TypeError
            If the strategy learns more from the rows than sums tell, or the statistics
            are of another kind.
        ValueError
            If a `stabilizer` is set, which looks at the weights of all rows.
        """
        if self._learns_from_cells:
            return self.fit(*rows_of_cells(statistics, self))
        self._learn_masses(masses_of(statistics, self))
        return self

    def _learn_masses(self, known):
        """Learn from the masses of the classes, by strategies that need no more."""
        raise TypeError(
            f"{self._name} learns from the rows themselves, of which sums know too "
            "little. Fit it on a sample of the rows and weigh the others with "
            "weigh(X, y)."
        )

    def class_weight_dict(self):
        """Return the weight of every label, for strategies that weigh by class.

        What an engine needs to weigh rows by itself: a SQL ``CASE``, ``create_map`` of
        Spark, ``replace_strict`` of polars.

        Returns
        -------
        weights : dict {label: float}
            Weight of a row of each class, as `weigh` gives it.

        Raises
        ------
        TypeError
            If rows of one class may have different weights.
        """
        check_is_fitted(self, "scale_")
        if not self._by_class:
            raise TypeError(
                f"{self._name} does not give all rows of a class one weight, so that "
                "no table of labels can say them. Use weigh(X, y)."
            )
        classes = self._labels()
        weights = self.weigh(np.zeros((len(classes), 1)), classes).tolist()
        return dict(zip(map(plain, classes), weights, strict=True))

    @property
    def _by_class(self):
        """Whether all rows of a class have one weight."""
        return False

    def _labels(self):
        return self.classes_

    def fit_weigh_by_role(self, X, y, sample_weight=None, **metadata):
        """Learn the weights and return them apart by role.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels, or values of any kind where `needs_classes` is False.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows of the population each row stands for.
        **metadata : dict
            Row-wise side information that the strategy asks for by name.

        Returns
        -------
        weights : RoleWeights
            ``weights.population`` and ``weights.emphasis``; None stands for ones.
        """
        X, y, sample_weight = self._check_input(X, y, sample_weight)
        return self._fit_by_role(X, y, sample_weight, **metadata)

    def _raw_in_stream(self, X, y, classes, masses):
        """Return raw weights of a chunk of rows, of which more are to come.

        `masses` are the total weights of the classes so far, the chunk included.
        """
        if type(self)._learn is not BaseWeighting._learn:
            raise TypeError(
                f"{self._name} learns from all rows at once, and partial_fit sees a "
                "chunk of them. Weigh rows by class or by a rule for each row, or "
                "learn the weights before and pass them as sample_weight."
            )
        return self._raw(X, y)

    def side_columns(self):
        """Return the columns of X that only the strategy may see.

        Returns
        -------
        columns : list of str or int
            They are dropped before the wrapped estimator, or another strategy, sees X.
        """
        return columns_of(self._sources()) if getattr(self, "drop", False) else []

    def get_metadata_routing(self):
        """Return what the strategy asks for when it is fitted.

        Returns
        -------
        routing : MetadataRequest
            Requests of scikit-learn. Arrays that a parameter names, as in
            ``metadata("segment")``, are requested by that alone.
        """
        request = super().get_metadata_routing()
        for name in metadata_names_of(self._sources()):
            request.fit.add_request(param=name, alias=True)
        return request

    def _sources(self):
        """Return where row-wise side information is read from, one entry a source."""
        return [getattr(self, name) for name in self._side_information]

    def __mul__(self, other):
        """Multiply with another strategy; every factor keeps its role."""
        if not isinstance(other, BaseWeighting):
            return NotImplemented
        return ProductWeighting([self, other])

    @property
    def _name(self):
        return type(self).__name__

    def _check_input(self, X, y, sample_weight):
        if self.needs_classes or y is not None:
            y = self._check_y(X, y)
        if sample_weight is not None:
            warn_of_order(sample_weight, X)
            sample_weight = in_range(check_weights(sample_weight, n_rows(X)))
        return X, y, sample_weight

    def _check_y(self, X, y):
        if self.needs_classes:
            y = check_labels(y, owner=self._name)
        y = np.asarray(y)
        check_rows(X, y)
        return y

    def _fit_by_role(self, X, y, sample_weight, **metadata):
        check_choice(self.role, ROLES, name=f"{self._name}.role")
        check_bool(getattr(self, "drop", False), name=f"drop of {self._name}")
        raw = self._learn(X, y, sample_weight, **metadata)
        if raw is None:
            raw = self._raw(X, y, **metadata)
        raw = check_weights(raw, n_rows(X), name=f"The weight of {self._name}")
        raw = self._stabilize(raw, sample_weight)
        self.scale_ = self._mean(raw, sample_weight)
        if self.scale_ == 0:
            raise ValueError(
                f"{self._name} gives weight zero to every row whose sample_weight is "
                "positive, so no row would count."
            )
        weights = raw / self.scale_
        if self.role == "population":
            return RoleWeights(weights, None)
        return RoleWeights(None, weights)

    def _weigh(self, X, y, **metadata):
        raw = self._raw(X, y, **metadata)
        raw = check_weights(raw, n_rows(X), name=f"The weight of {self._name}")
        return self._follow(raw) / self.scale_

    def _stabilize(self, raw, sample_weight):
        """Return stabilized weights, and keep in mind how other rows follow them."""
        self._points = None
        stabilizer = resolve_stabilizer(getattr(self, "stabilizer", None))
        if stabilizer is not None:
            self._points = map_of(raw, stabilizer.stabilize(raw))
        return self._follow(raw)

    def _follow(self, raw):
        points = getattr(self, "_points", None)
        return raw if points is None else np.interp(raw, *points)

    @staticmethod
    def _mean(raw, sample_weight):
        if sample_weight is None:
            return float(raw.mean())
        return float(raw @ sample_weight / sample_weight.sum())

    def _learn(self, X, y, sample_weight, **metadata):
        return None

    def _raw(self, X, y):
        raise NotImplementedError(f"{self._name} must implement _raw(X, y).")

    @classmethod
    def _instances(cls, labels):
        """Return examples for the common tests, given the labels they will meet."""
        return [] if cls is BaseWeighting else [cls()]


class ClassLevelWeighting(BaseWeighting):
    """Base class of strategies that give all rows of a class the same weight.

    A subclass implements ``_class_weights(classes, masses)``: the raw weight of each
    class, from its total ``sample_weight`` (its number of rows without one). A class
    of zero mass has no row that counts; whatever it is given is set to zero.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    class_weight_ : ndarray of shape (n_classes,)
        Weight of a row of each class.
    scale_ : float
        Mean weight of the training rows before it was set to one.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight.weighting import ClassLevelWeighting
    >>> class LogWeighting(ClassLevelWeighting):
    ...     def _class_weights(self, classes, masses):
    ...         return 1 / np.log1p(masses)
    >>> X, y = np.zeros((4, 1)), [0, 0, 0, 1]
    >>> LogWeighting().fit_weigh(X, y)
    array([0.8, 0.8, 0.8, 1.6])
    """

    def _learn_masses(self, known):
        if type(self)._learn is not ClassLevelWeighting._learn:
            super()._learn_masses(known)
        self.classes_ = known.classes_
        self.class_weight_ = self._of_mean_one(known.mass_)
        self.scale_, self._points = 1.0, None

    @property
    def _by_class(self):
        return True

    def _learn(self, X, y, sample_weight):
        self.classes_, codes = encode_labels(y)
        masses = np.bincount(
            codes, weights=sample_weight, minlength=self.classes_.size
        ).astype(np.float64)
        self.class_weight_ = self._of_mean_one(masses)
        return self.class_weight_[codes]

    def _raw_in_stream(self, X, y, classes, masses):
        if type(self)._learn is not ClassLevelWeighting._learn:
            return super()._raw_in_stream(X, y, classes, masses)
        self.classes_ = classes
        # Classes that are still to come hold the places of theirs.
        self.class_weight_ = self._of_mean_one(np.maximum(masses, 1e-9 * masses.sum()))
        return self._raw(X, y)

    def _of_mean_one(self, masses):
        """Return the weight of each class; the mean over the masses is one."""
        raw = np.asarray(self._class_weights(self.classes_, masses), dtype=np.float64)
        raw = np.where(masses > 0, raw, 0.0)
        mean = raw @ masses / masses.sum()
        if not mean > 0:
            raise ValueError(
                f"{self._name} gives weight zero to every class that has rows, "
                f"{say(self.classes_[masses > 0])}, so no row would count."
            )
        return raw / mean

    def _stabilize(self, raw, sample_weight):
        stable = super()._stabilize(raw, sample_weight)
        # The weight of a class is all there is to follow.
        self.class_weight_ = self._follow(self.class_weight_)
        self._points = None
        return stable

    def _raw(self, X, y):
        if y is None:
            raise ValueError(
                f"{self._name}.weigh needs y: its weights depend on the class of a "
                "row. Pass weigh(X, y)."
            )
        return self.class_weight_[
            positions_of(y, self.classes_, owner=f"{self._name}.weigh")
        ]

    @classmethod
    def _instances(cls, labels):
        return [] if cls is ClassLevelWeighting else super()._instances(labels)


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
        Strategies; None stands for no strategy. Names, dicts and callables become
        strategies where a ``weighting=`` is asked for, which takes lists of them.
        Parameters of factors are reached by position, as in
        ``product.set_params(**{"1__strength": 0.5})``.

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
        roles = {factor.role for factor in factors_of(self)}
        return "population" if roles == {"population"} else "emphasis"

    @property
    def needs_classes(self):
        """Whether any factor looks at the classes of the rows."""
        return any(factor.needs_classes for factor in factors_of(self))

    @property
    def needs_fits(self):
        """Whether any factor looks at a model."""
        return any(getattr(factor, "needs_fits", False) for factor in factors_of(self))

    @property
    def by_row(self):
        """Whether a factor that looks at a model weighs each row by its own label."""
        return any(getattr(factor, "by_row", False) for factor in factors_of(self))

    @property
    def weighs_new_rows(self):
        """Whether all factors can weigh rows that were not in training."""
        return all(
            getattr(factor, "weighs_new_rows", True) for factor in factors_of(self)
        )

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
        for position, values in nested.items():
            factor = self.factors[position]
            if factor is None:
                raise ValueError(
                    f"Invalid parameter {sorted(values)[0]!r} for factor {position} of "
                    "ProductWeighting, which is None. Replace the factor first."
                )
            factor.set_params(**values)
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
        for position, factor in enumerate(factors_of(self)):
            request = get_routing_for_object(factor)
            if hasattr(request, "fit"):
                request.fit.add_request(param="sample_weight", alias=False)
            router.add(**{f"factor_{position}": request}, method_mapping=mapping)
        return router

    def _fit_by_role(self, X, y, sample_weight, **metadata):
        self.factors_ = [clone(factor) for factor in factors_of(self)]
        self._width = np.shape(X)[1] if len(np.shape(X)) == 2 else None
        weights = dict.fromkeys(ROLES)
        known = sample_weight
        fits = metadata.pop("fits", None)
        asked_by_factor = self._sort_metadata(metadata)
        # Sorting by role is stable: population first, each in the order given.
        for factor, asked in sorted(
            zip(self.factors_, asked_by_factor, strict=True),
            key=lambda one: ROLES.index(one[0].role),
        ):
            rows = self._rows_for(factor, X)
            if getattr(factor, "needs_fits", False):
                asked["fits"] = fits
            learned = factor.fit_weigh(rows, y, known, **asked)
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

    def _learn_masses(self, known):
        masses, emphasis = known.mass_, np.ones(known.mass_.size)
        factors = [clone(factor) for factor in factors_of(self)]
        for factor in sorted(factors, key=lambda factor: ROLES.index(factor.role)):
            factor.fit_statistics(ClassMass(known.classes_, masses))
            learned = np.array(list(factor.class_weight_dict().values()))
            if factor.role == "population":
                masses = masses * learned
            else:
                emphasis = emphasis * learned
        self.factors_ = factors
        self.scale_ = float(emphasis @ masses / masses.sum())

    @property
    def _by_class(self):
        return all(factor._by_class for factor in self.factors_)

    def _labels(self):
        return self.factors_[0]._labels()

    def _weigh(self, X, y, **metadata):
        weights = None
        asked_by_factor = self._sort_metadata(metadata)
        for factor, asked in zip(self.factors_, asked_by_factor, strict=True):
            rows = self._rows_for(factor, X)
            weights = multiply(weights, factor.weigh(rows, y, **asked))
        return weights / self.scale_

    def _rows_for(self, factor, X):
        """Return X without the columns that other factors alone may see.

        A factor that reads columns by name or position gets X as it came.
        """
        if getattr(factor, "_sources", list)():
            return X
        hidden = [
            column
            for other in self.factors_
            if other is not factor
            for column in other.side_columns()
        ]
        return drop_columns(X, hidden, width=getattr(self, "_width", None))

    def side_columns(self):
        """Return the columns of X that only the factors may see.

        Returns
        -------
        columns : list of str or int
            They are dropped before the wrapped estimator sees X.
        """
        return [column for one in factors_of(self) for column in one.side_columns()]

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

    @classmethod
    def _instances(cls, labels):
        return []


def factors_of(weighting):
    """Return the strategies that a weighting multiplies, products taken apart."""
    if not isinstance(weighting, ProductWeighting):
        return [] if weighting is None else [weighting]
    factors = weighting.factors
    if not is_sequence(factors) or not len(factors):
        raise TypeError(
            f"ProductWeighting takes a list of at least one strategy; got {factors!r}."
        )
    for factor in factors:
        if factor is not None and not hasattr(factor, "fit_weigh_by_role"):
            raise TypeError(
                f"ProductWeighting multiplies strategies; got {factor!r}. Names, dicts "
                "and callables are resolved where a weighting is asked for: pass the "
                "list itself, weighting=[...], or resolve_weighting([...])."
            )
    flat = [strategy for factor in factors for strategy in factors_of(factor)]
    if not flat:
        raise TypeError(
            "ProductWeighting takes a list of at least one strategy; got only "
            "None. Use weighting=None for no weighting at all."
        )
    return flat


def fitted_factors_of(weighting):
    """Return the fitted strategies whose product a fitted weighting is."""
    if isinstance(weighting, ProductWeighting):
        return weighting.factors_
    return [] if weighting is None else [weighting]


def fitted_product(factors, scale):
    """Return the fitted product of fitted strategies, divided by a number."""
    product = ProductWeighting([clone(factor) for factor in factors])
    product.factors_, product.scale_ = list(factors), scale
    return product


def split_by_level(weighting):
    """Return what a strategy says of rows, and what of classes; None for nothing.

    What says something of classes is emphasis that is the same for all rows of a
    class, and is learned from the classes as they are.
    """
    by_level = {True: [], False: []}
    for factor in factors_of(weighting):
        by_class = isinstance(factor, ClassLevelWeighting)
        by_level[by_class and factor.role == "emphasis"].append(factor)
    return tuple(
        None if not level else level[0] if len(level) == 1 else ProductWeighting(level)
        for level in (by_level[False], by_level[True])
    )


def join_levels(by_row, by_class, mean):
    """Return one fitted strategy of the two that `split_by_level` gave.

    ``mean`` is that of the product of their emphasis, over the rows that it is of.
    """
    if by_row is None:
        return by_class
    scale = mean
    for part in (by_row, by_class):
        if isinstance(part, ProductWeighting):
            scale *= part.scale_
    return fitted_product(
        fitted_factors_of(by_row) + fitted_factors_of(by_class), scale
    )
