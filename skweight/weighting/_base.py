"""The base class of all weighting strategies, and the product of strategies.

A strategy learns one non-negative number per row. The *role* of the strategy says what
the number means, and which steps use the number:

``"population"``
    The number says how many rows of the population of interest a row stands for. The
    fit, the calibrator, the threshold and the score use this number.
``"emphasis"``
    The number says how strongly training should count a row. Only the fit uses this
    number.
"""

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skweight._utils.columns import (
    columns_of,
    drop_columns,
    metadata_names_of,
    warn_of_order,
    with_rows,
)
from skweight._utils.compat import Documented
from skweight._utils.lookup import ReadOnce
from skweight._utils.roles import ROLES, RoleWeights, in_range, multiply
from skweight._utils.validation import (
    check_bool,
    check_choice,
    check_labels,
    check_number,
    check_rows,
    check_weights,
    is_sequence,
    n_rows,
    plain,
)
from skweight.stabilizers import map_of, resolve_stabilizer
from skweight.weighting._by_position import FactorsByPosition
from skweight.weighting._masses import ClassMass, masses_of, rows_of_cells
from skweight.weighting._metadata import route_to_factors, sort_metadata


class BaseWeighting(Documented, ReadOnce):
    r"""Base class of all weighting strategies.

    Derive your own strategy from this class, then test the strategy with
    :func:`skweight.testing.check_weighting`. A subclass sets `role` and implements

    - ``_learn(X, y, sample_weight, **metadata)``: learn from the training rows, and
      return the raw weights of these rows. If `_learn` returns None, `_raw` is called;
    - ``_raw(X, y)``: return the raw weights of any rows.

    A strategy may read additional data of each row (a group, a time).
    ``_side_information`` then lists the parameters that say where these data are. If
    the strategy has a parameter `drop` with the value True, the estimator does not see
    the columns that contain these data.

    Set `needs_fits` to True if the strategy depends on a fitted model: `fit_weigh` then
    receives ``fits``, see :class:`~skweight.weighting.BaseModelWeighting`. Set
    `needs_classes` to False if the strategy ignores y or accepts any values of y. The
    strategy then works for regressors.

    Raw weights may have any scale. `fit_weigh` and `weigh` divide raw weights by a
    number from `fit`, so that the training rows have a mean weight of one,

    .. math:: \sum_i s_i w_i = \sum_i s_i,

    with :math:`s` the caller's ``sample_weight``. A `stabilizer` of the constructor is
    applied to the raw weights first, for training rows and for other rows.

    Attributes
    ----------
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

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
    # Whether `fit_weigh` takes ``fits``, which compute out-of-fold probabilities.
    needs_fits = False
    # Whether the method `weigh` works for rows that were not in training.
    weighs_new_rows = True
    # Names of parameters that say where a row's group, time or other data are.
    _side_information = ()
    # Whether the total weight of each combination of values is enough for a fit.
    _learns_from_cells = False

    def fit(self, X, y, sample_weight=None, **metadata):
        """Learn the weights from training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels, or values of any kind if `needs_classes` is False.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows of the population each row stands for.
        **metadata : dict
            Arrays that the strategy requests by name; each has one entry per row.

        Returns
        -------
        self : object
            The fitted strategy.
        """
        self.fit_weigh(X, y, sample_weight, **metadata)
        return self

    def fit_weigh(self, X, y, sample_weight=None, **metadata):
        """Learn the weights and return the weights of the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels, or values of any kind if `needs_classes` is False.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows of the population each row stands for.
        **metadata : dict
            Arrays that the strategy requests by name; each has one entry per row.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            Non-negative weights. Their mean, weighted by `sample_weight`, is one.

        Raises
        ------
        ValueError
            If the input is not valid, or if the computed weights are not valid.
        """
        return multiply(*self.fit_weigh_by_role(X, y, sample_weight, **metadata))

    def weigh(self, X, y=None, **metadata):
        """Return the weights of any rows, on the scale of the training rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to weigh.
        y : array-like of shape (n_samples,), default=None
            Class labels of the rows, for strategies that need labels.
        **metadata : dict
            Arrays that the strategy requests by name; each has one entry per row.

        Returns
        -------
        weights : ndarray of shape (n_samples,)
            Non-negative weights. Their mean is one on the training rows, but may differ
            on other rows.
        """
        check_is_fitted(self, "scale_")
        y = y if y is None else self._check_y(X, y)
        return self._weigh(with_rows(X), y, **metadata)

    def fit_statistics(self, statistics):
        """Learn the weights from sums over rows; the rows need not fit into memory.

        Parameters
        ----------
        statistics : ClassMasses or CellMasses
            Sums over the training rows. Pass `ClassMasses` to strategies that weigh by
            class, and `CellMasses` to strategies that weigh by groups or shares.

        Returns
        -------
        self : object
            The fitted strategy; call `weigh` to get the weights of any rows.

        Raises
        ------
        TypeError
            If the strategy cannot learn from sums, or needs sums of another type.
        ValueError
            If a `stabilizer` is set: a stabilizer needs the weights of all rows.
        """
        if self._learns_from_cells:
            return self.fit(*rows_of_cells(statistics, self))
        self._learn_masses(masses_of(statistics, self))
        return self

    def _learn_masses(self, known):
        """Learn from the total weight of each class; raise if other sums are needed."""
        raise TypeError(
            f"{self._name} cannot learn from sums over rows. Fit the strategy on a "
            "sample of the rows, and weigh the other rows with weigh(X, y)."
        )

    def class_weight_dict(self):
        """Return the weight of every label, for strategies that weigh by class.

        The dict is useful outside of Python, such as in a SQL ``CASE`` expression.

        Returns
        -------
        weights : dict {label: float}
            For each label, the weight of a row with this label, as from `weigh`.

        Raises
        ------
        TypeError
            If rows of one class may have different weights.
        """
        check_is_fitted(self, "scale_")
        if not self._by_class:
            raise TypeError(
                f"{self._name} may give different weights to rows of the same class. "
                "Use weigh(X, y)."
            )
        classes = self._labels()
        weights = self.weigh(np.zeros((len(classes), 1)), classes).tolist()
        return dict(zip(map(plain, classes), weights, strict=True))

    @property
    def _by_class(self):
        """Whether all rows of a class have the same weight."""
        return False

    def _labels(self):
        return self.classes_

    def fit_weigh_by_role(self, X, y, sample_weight=None, **metadata):
        """Learn the weights, and return one weight vector for each role.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels, or values of any kind if `needs_classes` is False.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows of the population each row stands for.
        **metadata : dict
            Arrays that the strategy requests by name; each has one entry per row.

        Returns
        -------
        weights : RoleWeights
            One weight vector for each role, in the attributes ``population`` and
            ``emphasis``. None means that all weights of the role are one.
        """
        X, y, sample_weight = self._check_input(X, y, sample_weight)
        return self._fit_by_role(X, y, sample_weight, **metadata)

    def _raw_in_stream(self, X, y, codes, classes, masses):
        """Return the raw weights of a chunk of rows, in a fit that gets rows in chunks.

        `codes` are the positions of the labels `y` in `classes`. `masses` are the total
        weights of the classes in this chunk and all chunks before it.
        """
        if type(self)._learn is not BaseWeighting._learn:
            raise TypeError(
                f"{self._name} learns from all rows at once, but partial_fit gets only "
                "a part. Weigh by class, or pass weights as sample_weight."
            )
        return self._raw(X, y)

    def side_columns(self):
        """Return the columns of X that are hidden from the estimator.

        Returns
        -------
        columns : list of str or int
            Columns to remove before X reaches the estimator or another strategy.
        """
        return columns_of(self._sources()) if getattr(self, "drop", False) else []

    def get_metadata_routing(self):
        """Return the metadata that the strategy requests when it is fitted.

        Returns
        -------
        routing : MetadataRequest
            Metadata requests of scikit-learn. Arrays named by a parameter, as
            ``metadata("segment")``, are requested automatically.
        """
        request = super().get_metadata_routing()
        for name in metadata_names_of(self._sources()):
            request.fit.add_request(param=name, alias=True)
        return request

    def _sources(self):
        """Return the parameters that say where groups, times or other data are."""
        return [getattr(self, name) for name in self._side_information]

    def __mul__(self, other):
        """Multiply with another strategy; every factor keeps its role."""
        if not isinstance(other, BaseWeighting):
            raise TypeError(
                f"{self._name} can only be multiplied by a strategy; got {other!r}. "
                f"To use names or dicts, pass a list: weighting=[{self!r}, ...]."
            )
        return ProductWeighting([self, other])

    __rmul__ = __mul__

    @property
    def _name(self):
        return type(self).__name__

    def _check_input(self, X, y, sample_weight):
        if self.needs_classes or y is not None:
            y = self._check_y(X, y)
        if sample_weight is not None:
            warn_of_order(sample_weight, X)
            sample_weight = in_range(check_weights(sample_weight, n_rows(X)))
        return with_rows(X), y, sample_weight

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
                f"{self._name} gives weight zero to every row with a positive "
                "sample_weight, so no row could be used."
            )
        weights, is_population = raw / self.scale_, self.role == "population"
        return RoleWeights(*((weights, None) if is_population else (None, weights)))

    def _weigh(self, X, y, **metadata):
        raw = self._raw(X, y, **metadata)
        raw = check_weights(raw, n_rows(X), name=f"The weight of {self._name}")
        return self._follow(raw) / self.scale_

    def _stabilize(self, raw, sample_weight):
        """Limit large weights by the stabilizer, and store how weights change."""
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
        """Return instances of this class for tests on rows with the given labels."""
        return [] if cls is BaseWeighting else [cls()]


class ProductWeighting(FactorsByPosition, BaseWeighting):
    r"""Multiply strategies; each strategy keeps its role.

    Write ``a * b``, or pass a list as ``weighting=``. The strategies of a product are
    called factors. Factors of role population are learned first, in the order of the
    list, with the weights of all earlier population factors. Factors of role emphasis
    (for training only) are learned next, with the weights of all population factors.

    .. math:: w_i = \prod_{a \in \mathrm{population}} w_i^{(a)}
              \prod_{b \in \mathrm{emphasis}} w_i^{(b)}

    Parameters
    ----------
    factors : list of weightings
        Strategies; None stands for no strategy. Names, dicts and callables are not
        accepted here; pass them in a list for ``weighting=``. Parameters of a strategy
        are set by position, as in ``product.set_params(**{"1__strength": 0.5})``.

    Attributes
    ----------
    factors_ : list of BaseWeighting
        The fitted strategies, in the order of `factors`, without nested products.
    scale_ : float
        Mean of the product of all emphasis weights, over the rows of the population.

    Raises
    ------
    ValueError
        In `fit`, if no row is left with a positive weight.

    See Also
    --------
    BaseWeighting : The contract of one strategy.

    Notes
    -----
    The time is the time of the strategies, plus O(n) for each multiplication.

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
        """Role: "population" if all strategies have this role, otherwise "emphasis"."""
        roles = {factor.role for factor in factors_of(self)}
        return "population" if roles == {"population"} else "emphasis"

    @property
    def needs_classes(self):
        """Whether any factor uses the classes of the rows."""
        return any(factor.needs_classes for factor in factors_of(self))

    @property
    def needs_fits(self):
        """Whether any strategy of the product depends on a fitted model."""
        return any(getattr(factor, "needs_fits", False) for factor in factors_of(self))

    @property
    def by_row(self):
        """Whether some strategy fits models and weighs each row by its label."""
        return any(getattr(factor, "by_row", False) for factor in factors_of(self))

    @property
    def weighs_new_rows(self):
        """Whether all strategies can weigh rows that were not in training."""
        return all(getattr(f, "weighs_new_rows", True) for f in factors_of(self))

    def get_metadata_routing(self):
        """Return how metadata are routed to the factors.

        Returns
        -------
        routing : MetadataRouter
            Metadata routing of scikit-learn. The product computes the `sample_weight`
            of each strategy, so `sample_weight` needs no request.
        """
        return route_to_factors(self, factors_of(self))

    def _fit_by_role(self, X, y, sample_weight, **metadata):
        self.factors_ = [clone(factor) for factor in factors_of(self)]
        self._width = np.shape(X)[1] if len(np.shape(X)) == 2 else None
        weights = dict.fromkeys(ROLES)
        known = sample_weight
        fits = metadata.pop("fits", None)
        by_factor = sort_metadata(self, self.factors_, metadata)
        # Strategies of role population come first, then those of role emphasis.
        # Strategies of the same role stay in the order of the list.
        for factor, arguments in sorted(
            zip(self.factors_, by_factor, strict=True),
            key=lambda pair: ROLES.index(pair[0].role),
        ):
            rows = self._rows_for(factor, X)
            if getattr(factor, "needs_fits", False):
                arguments["fits"] = fits
            learned = factor.fit_weigh(rows, y, known, **arguments)
            weights[factor.role] = multiply(weights[factor.role], learned)
            if factor.role == "population":
                known = multiply(known, learned)
        # Each strategy's weights have mean one; the mean of their product can differ.
        self.scale_ = 1.0
        if weights["emphasis"] is not None:
            self.scale_ = self._mean(weights["emphasis"], known)
            name = "The mean weight of the product"
            check_number(self.scale_, name=name, low=0, include="neither")
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
        by_factor = sort_metadata(self, self.factors_, metadata)
        for factor, arguments in zip(self.factors_, by_factor, strict=True):
            rows = self._rows_for(factor, X)
            weights = multiply(weights, factor.weigh(rows, y, **arguments))
        return weights / self.scale_

    def _rows_for(self, factor, X):
        """Return X without the columns that only other strategies may see.

        A strategy that reads columns of X by name or position gets X unchanged.
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
        """Return the columns of X that only the strategies may see.

        Returns
        -------
        columns : list of str or int
            Columns to remove before X reaches the wrapped estimator.
        """
        return [c for factor in factors_of(self) for c in factor.side_columns()]

    @classmethod
    def _instances(cls, labels):
        return []


def factors_of(weighting):
    """Return the factors of a weighting; nested products are flattened."""
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
                f"ProductWeighting accepts only strategy objects; got {factor!r}. "
                "Pass names, dicts or callables in a list as weighting=[...]."
            )
    flat = [strategy for factor in factors for strategy in factors_of(factor)]
    if not flat:
        raise TypeError(
            "ProductWeighting needs at least one strategy; got only None. Use "
            "weighting=None if you want no weighting."
        )
    return flat


def fitted_factors_of(weighting):
    """Return the fitted factors of a fitted weighting."""
    if isinstance(weighting, ProductWeighting):
        return weighting.factors_
    return [] if weighting is None else [weighting]


def fitted_product(factors, scale):
    """Return a product of fitted strategies; divide emphasis weights by `scale`."""
    product = ProductWeighting([clone(factor) for factor in factors])
    product.factors_, product.scale_ = list(factors), scale
    return product
