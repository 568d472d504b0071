"""Entropy balancing: weights that give training rows the means of a target."""

from typing import NamedTuple

import numpy as np
from sklearn.utils import _safe_indexing

from skweight._utils.examples import example_target
from skweight._utils.validation import (
    check_bool,
    check_number,
    check_weights,
    n_rows,
    say,
)
from skweight.calibration._engine.newton import Ridge, newton, newton_step
from skweight.weighting._balance_passes import Passes, moments_without_rows
from skweight.weighting._base import BaseWeighting
from skweight.weighting._masses import refuse_stabilizer
from skweight.weighting._moments import moments_given, moments_of_rows
from skweight.weighting._shift import SharedTarget

# If a weighted mean and its target differ by at most this number of standard
# deviations, the two count as equal.
_REACHED = 1e-8
# Ridge penalty for measuring the distance to a target that no weights can reach.
_FAR = 1e-6


class EntropyBalancingWeighting(SharedTarget, BaseWeighting):
    r"""Weight training rows so that the weighted means equal the means of a target.

    Use this strategy if you have rows of the target population, or if means and shares
    of the target are published. These means and shares are called moments. Many weight
    vectors give the training rows the moments of the target. Among these vectors, the
    strategy finds the vector that differs least, in relative entropy, from the present
    weights. A fit takes milliseconds, while the estimate of a density ratio takes
    seconds. The weights are correct if the log of the density ratio is linear in the
    moments. Otherwise, add moments with `degree` or `interactions`, or use
    :class:`~skweight.DensityRatioWeighting`. The role of the weights is population:
    calibration, thresholds and scores use them, too.

    .. math::

        \min_w \sum_i w_i \log\frac{w_i}{s_i}
        \quad\text{where}\quad \sum_i w_i \phi(x_i) = t, \; \sum_i w_i = 1,
        \qquad w_i \propto s_i \, e^{\lambda^\top \phi(x_i)}

    where :math:`s` is the caller's ``sample_weight``, :math:`\phi` contains the
    columns, powers of the columns and products of columns, and t contains the moments
    of the target.

    Parameters
    ----------
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the target. The rows are not copied: clones share them.
        Columns of a DataFrame are matched by name; columns of X that `X_target` lacks
        are not balanced. In a numeric column, the mean is balanced. In a column of text
        or categories, the share of every value is balanced. A missing category counts
        as a separate value.
    moments : dict, default=None
        Known moments, instead of `X_target`: ``{column: mean}``, ``{column: [mean, mean
        of squares, ...]}`` or ``{column: {value: share}}``. A column is a name or a
        position.
    degree : int, default=1
        For a numeric column, the means of all powers up to this degree are balanced.
        With 2, variances are balanced, too. A higher degree brings the rows closer to
        the target, but lowers the effective sample size.
    interactions : bool, default=False
        Whether to balance the means of products of two columns, too. For two numeric
        columns, this balances the covariance; for two columns of categories, this
        balances the joint shares.
    ridge : float, default=0.0
        Penalty :math:`\rho` on the multipliers :math:`\lambda`, in units of
        standardised moments. With 0, the moments are equal to the target, or the fit
        raises an error. With a positive ridge, the moments differ from the target by
        :math:`\rho\lambda`, and the effective sample size is larger. Use a ridge if no
        weights can reach the target.
    sample_weight_target : array-like of shape (n_target,), default=None
        How many rows of the target population each row of `X_target` stands for.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged. With
        a stabilizer, the moments are no longer exact.

    Attributes
    ----------
    moments_ : list of Moment
        A moment has the attributes ``name``, ``target`` (mean in the target) and
        ``weighted`` (mean over the weighted training rows). In powers and products, the
        target mean is first subtracted from each numeric column.
    coef_ : ndarray of shape (n_moments,)
        Multipliers :math:`\lambda` of the standardised moments.
    gap_ : float
        Largest distance between a weighted moment and the target, in standard
        deviations of the training rows.
    effective_sample_size_ : float
        Number of equally weighted rows that contain as much information as the weighted
        rows.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    ValueError
        In `fit`, if no weights give the moments of the target; the message names the
        worst moment. Also if a column is constant in the training rows, but has another
        mean in the target. Also if there are at least as many moments as rows, or if
        values are missing.

    See Also
    --------
    RakingWeighting : Reaches known shares of categories; needs no rows of the target.
    skweight.DensityRatioWeighting : For shifts that the moments do not describe.

    Notes
    -----
    The dual problem is smooth and convex. Newton's method needs about ten passes over
    the rows; with d moments, a pass costs O(n d^2). A row gets weight zero if its
    category never occurs in the target. New rows outside the range of the training rows
    can get very large weights, because the exponential grows fast. A `stabilizer`
    limits these weights.

    References
    ----------
    .. [1] J. Hainmueller, Entropy balancing for causal effects, Political Analysis
       20(1), 2012, equations 3 to 8.
    .. [2] Q. Zhao, D. Percival, Entropy balancing is doubly robust, Journal of Causal
       Inference 5(1), 2017.

    Examples
    --------
    >>> import pandas as pd
    >>> from skweight.weighting import EntropyBalancingWeighting
    >>> X = pd.DataFrame({"age": [20, 30, 40, 50], "sex": ["f", "m", "f", "m"]})
    >>> weighting = EntropyBalancingWeighting(
    ...     moments={"age": 38, "sex": {"f": 0.5, "m": 0.5}}
    ... )
    >>> weights = weighting.fit_weigh(X, y=None)
    >>> float((weights * X["age"]).mean().round(6))
    38.0
    """

    role = "population"
    needs_classes = False

    def __init__(
        self,
        X_target=None,
        *,
        moments=None,
        degree=1,
        interactions=False,
        ridge=0.0,
        sample_weight_target=None,
        stabilizer=None,
    ):
        self.X_target = X_target
        self.moments = moments
        self.degree = degree
        self.interactions = interactions
        self.ridge = ridge
        self.sample_weight_target = sample_weight_target
        self.stabilizer = stabilizer

    def _sources(self):
        return list(self.moments or ())

    def _learn(self, X, y, sample_weight):
        self._check_parameters()
        if sample_weight is None:
            sample_weight = np.ones(n_rows(X))
        counts = np.flatnonzero(sample_weight)
        weights = np.zeros(sample_weight.size)
        weights[counts] = self._learn_of(
            _safe_indexing(X, counts), sample_weight[counts]
        )
        return weights

    def _learn_of(self, X, mass):
        """Learn from rows of positive weight, and return the weights of these rows."""
        if self.moments is None:
            self._moments, wanted = moments_of_rows(
                X,
                self.X_target,
                self._target_share(),
                degree=int(self.degree),
                interactions=self.interactions,
            )
        else:
            self._moments, wanted = moments_given(X, self.moments)
        values, names = self._moments.values(X), self._moments.names
        share = mass * self._moments.shown(X)
        if not share.any():
            raise ValueError(
                "Each training row with a positive weight has a value that never "
                "occurs in the target, in one of the columns "
                f"{say(list(self._moments.levels))}. {_REMEDY}"
            )
        self._balance = balance(values, share / share.sum(), wanted, names, self.ridge)
        self.coef_ = self._balance.coef
        raw = self._raw(X, None)
        share = mass * raw / (mass @ raw)
        self.effective_sample_size_ = float(1 / (share @ share))
        reached = share @ values
        self.gap_ = float(np.max(np.abs(reached - wanted) * self._balance.per_sd))
        self.moments_ = self._moments.compare(wanted, reached)
        return raw

    def fit_statistics(self, statistics):
        """Learn the weights of rows that do not fit into memory, in several passes.

        Parameters
        ----------
        statistics : callable
            Function that adds all rows to the sums that it receives, and returns the
            sums: ``lambda sums: summarize(rows, sums, X=columns)``. The function is
            called about ten times.

        Returns
        -------
        self : object
            The fitted strategy, the same as after `fit` on the rows.

        Raises
        ------
        TypeError
            If `statistics` cannot be called.
        ValueError
            If no weights give the moments of the target, if a mean of the target equals
            the smallest or largest value of the rows, or if a `stabilizer` is set.
        """
        self._check_parameters()
        if not callable(statistics):
            raise TypeError(
                "EntropyBalancingWeighting.fit_statistics takes a function that "
                "adds all rows to the sums it receives, such as lambda sums: "
                f"summarize(rows, sums, X=columns); got {type(statistics).__name__}."
            )
        refuse_stabilizer(self, "table")
        self._moments, wanted = moments_without_rows(self, self._target_share())
        passes = Passes(statistics, self._moments, wanted)
        self._balance, sums = balance_in_passes(
            passes, self._moments.names, self.ridge, given=self.moments is not None
        )
        self.coef_ = self._balance.coef
        self.effective_sample_size_ = float(sums["mass"] ** 2 / sums["squares"])
        away = sums["mean"] / sums["mass"]
        self.gap_ = float(np.max(np.abs(away)))
        per_sd = np.where(passes.per_sd > 0, passes.per_sd, 1.0)
        self.moments_ = self._moments.compare(wanted, wanted + away / per_sd)
        self.scale_, self._points = 1.0, None
        return self

    def _target_share(self):
        if self.moments is not None:
            return None
        share = np.ones(n_rows(self.X_target, "X_target"))
        if self.sample_weight_target is not None:
            share = check_weights(
                self.sample_weight_target, share.size, name="sample_weight_target"
            )
        return share / share.sum()

    def _raw(self, X, y):
        weights = self._balance.weigh(self._moments.values(X))
        return np.where(self._moments.shown(X), weights, 0.0)

    def _check_parameters(self):
        check_number(self.degree, name="degree", low=1)
        if int(self.degree) != self.degree:
            raise ValueError(f"degree must be a whole number; got {self.degree!r}.")
        check_bool(self.interactions, name="interactions")
        check_number(self.ridge, name="ridge", low=0)
        if (self.X_target is None) == (self.moments is None):
            raise ValueError(
                "EntropyBalancingWeighting needs rows of the target population or "
                "its moments, not both. Pass EntropyBalancingWeighting(X_target), "
                "or pass "
                "EntropyBalancingWeighting(moments={'age': 41.5, 'sex': {'f': 0.51, "
                "'m': 0.49}})."
            )
        if self.moments is not None and (self.degree != 1 or self.interactions):
            raise ValueError(
                "degree and interactions choose moments of X_target, so they have "
                "no effect with moments=. For powers, pass "
                "{column: [mean, mean of squares]}, and leave degree and "
                "interactions at their defaults."
            )

    @classmethod
    def _instances(cls, labels):
        return [
            cls(moments={0: 1.02, 2: 1.05}),
            cls(example_target(), degree=2, interactions=True, ridge=0.1),
        ]


# -- the dual: uses masses and moments of distinct rows, not tables --------------------


class Balance(NamedTuple):
    """The fitted weights: multipliers of moments (balanced means), and excluded rows.

    The wanted mean of a moment can be the smallest or the largest value in the training
    rows. Then only training rows with exactly this value can have a positive weight.
    ``edges`` lists all moments of this kind, each with this smallest or largest value.
    """

    coef: np.ndarray
    centre: np.ndarray
    per_sd: np.ndarray
    edges: list
    top: float

    def weigh(self, values):
        """Return the weights of rows from their moments; the largest is about one."""
        exponent = ((values - self.centre) * self.per_sd) @ self.coef - self.top
        weights = np.exp(np.minimum(exponent, 500.0))
        for moment, value in self.edges:
            weights[np.abs(values[:, moment] - value) > _rounding(abs(value))] = 0.0
        return weights


class _OutOfReachError(Exception):
    """Error if no weights reach the wanted means: the dual problem has no minimum."""


class _Dual:
    """The dual ``log sum b exp(z'l)``; z are standardised differences to the target."""

    def __init__(self, z, share, lowest):
        self.z, self.share, self.lowest = z, share, lowest

    def _weights(self, coef):
        exponent = self.z @ coef
        top = exponent.max()
        weights = self.share * np.exp(exponent - top)
        total = weights.sum()
        return weights / total, top + np.log(total)

    def value(self, coef):
        return self._weights(coef)[1]

    def slopes(self, coef):
        weights = self._weights(coef)[0]
        mean = weights @ self.z
        hessian = (self.z * weights[:, np.newaxis]).T @ self.z
        return mean, hessian - np.outer(mean, mean)


class _Bounded:
    """A dual that stops the search when its value proves that no weights exist.

    Suppose that weights w give the moments of the target. Then the dual is never below
    the negative relative entropy of w, and never below the logarithm of the smallest
    share of a row. A lower value of the dual proves that no weights give the moments.
    """

    def __init__(self, dual, lowest):
        self.dual, self.lowest = dual, lowest
        self.slopes = dual.slopes

    def value(self, coef):
        value = self.dual.value(coef)
        if value < self.lowest:
            raise _OutOfReachError
        return value


def balance(values, share, wanted, names, ridge=0.0):
    """Return weights that give `values` the wanted means and are closest to `share`.

    A row may represent several identical rows; `share` then holds the total share of
    these rows.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_moments)
        Values whose weighted means (moments) are balanced, for each row.
    share : ndarray of shape (n_rows,)
        Share of each row in the population; a row of share zero is left out.
    wanted : ndarray of shape (n_moments,)
        Mean of each moment in the target.
    names : list of str
        Names of the moments, used in error messages.
    ridge : float, default=0.0
        Penalty on the multipliers of the moments.

    Returns
    -------
    solution : Balance
        The weights, described by the multipliers of the moments and by the rows that
        are excluded.
    """
    counts = share > 0
    values, share = values[counts], share[counts]
    edges = []
    while not ridge:
        # If the target of a moment is the smallest or largest value of the rows, rows
        # with other values are removed. The remaining rows have a smaller range, so the
        # target of another moment may now be their smallest or largest value.
        further = _find_edges(values, share, wanted, names)
        if not further:
            break
        edges += further
        kept = _on_edges(values, further)
        if not kept.any():
            raise ValueError(
                f"The target has {_say_all(names, wanted, edges)}. Each of these "
                "means is the smallest or largest value in the training rows, and "
                f"no row has all of these values. {_REMEDY}"
            )
        values, share = values[kept], share[kept]
    share = share / share.sum()
    centre = share @ values
    spread = np.sqrt(share @ (values - centre) ** 2)
    size = np.maximum(np.abs(values).max(axis=0), np.abs(wanted))
    varies = spread > 1e-12 * np.maximum(size, 1e-300)
    if not ridge:
        _check_constant(varies, centre, wanted, size, names)
        _check_choice_left(int(varies.sum()), share.size)
    per_sd = np.where(varies, 1 / np.where(varies, spread, 1.0), 0.0)
    z = ((values - wanted) * per_sd)[:, varies]
    coef = np.zeros(wanted.size)
    kept_names = [name for name, kept in zip(names, varies, strict=True) if kept]
    coef[varies] = _solve(z, share, kept_names, ridge)
    top = (((values - centre) * per_sd) @ coef).max()
    return Balance(coef, centre, per_sd, edges, float(top))


_REMEDY = (
    "Collect rows that are closer to the target, drop the column, lower degree, or "
    "set ridge=0.01, which accepts the closest weights."
)


def balance_in_passes(passes, names, ridge, *, given):
    """Return the fitted weights' multipliers, and the sums of the last pass over rows.

    `given` is true if the user passed the shares of all values of the columns. Then a
    row with another value raises an error. If `given` is false, a row with another
    value gets weight zero.
    """
    sums, wanted = passes.start(), passes.origin
    if given and sums["mass"] < sums["total"] * (1 - 1e-12):
        raise ValueError(
            f"{1 - sums['mass'] / sums['total']:.2%} of the total weight belongs to "
            "rows with values that have no share in the target. Give every value a "
            "share; rows with a value of share 0 are left out."
        )
    away = sums["mean"] / sums["mass"]
    centre = wanted + away
    spread = np.sqrt(np.maximum(np.diag(sums["gram"]) / sums["mass"] - away**2, 0.0))
    size = np.maximum(np.maximum(np.abs(sums["low"]), np.abs(sums["high"])), wanted)
    varies = spread > 1e-12 * np.maximum(np.abs(size), 1e-300)
    if not ridge:
        _check_constant(varies, centre, wanted, np.abs(size), names)
        _check_choice_left(int(varies.sum()), int(sums["rows"]))
        beyond = varies & ((wanted <= sums["low"]) | (wanted >= sums["high"]))
        if beyond.any():
            moment = int(np.flatnonzero(beyond)[0])
            raise ValueError(
                f"The mean of {names[moment]} in the target is not strictly between "
                f"the smallest and the largest value of the training rows. {_REMEDY}"
            )
        passes.lowest = np.log(sums["lightest"] / sums["mass"]) - 1e-6
    passes.per_sd = np.where(varies, 1 / np.where(varies, spread, 1.0), 0.0)
    passes.varies = varies
    kept = [name for name, varied in zip(names, varies, strict=True) if varied]
    coef = np.zeros(wanted.size)
    coef[varies] = _minimum(passes, kept, ridge)
    sums = passes.sums(coef[varies])
    # The mean over the rows is one.
    top = np.log(sums["mass"] / sums["total"])
    top += ((wanted - centre) * passes.per_sd) @ coef
    return Balance(coef, centre, passes.per_sd, [], float(top)), sums


def _solve(z, share, names, ridge):
    """Return the multipliers for which the weighted mean of z is zero."""
    lowest = -np.inf if ridge else np.log(share.min()) - 1e-6
    return _minimum(_Dual(z, share, lowest), names, ridge)


def _minimum(dual, names, ridge):
    """Return the minimum of a dual; if there is none, raise and name the worst mean."""
    start = np.zeros(len(names))
    if not start.size:
        return start
    pulled = Ridge(dual, ridge * np.eye(start.size), start) if ridge else dual
    try:
        coef = newton(_Bounded(pulled, dual.lowest), start)
    except _OutOfReachError:
        _refuse(dual, names)
    for _ in range(2):  # Newton may stop early on a flat objective
        coef = coef + newton_step(*pulled.slopes(coef))
    if not ridge and np.abs(dual.slopes(coef)[0]).max() > _REACHED:
        _refuse(dual, names)
    return coef


def _refuse(dual, names):
    """Raise an error that says how far the closest weights are from the target."""
    start = np.zeros(len(names))
    pulled = Ridge(dual, _FAR * np.eye(start.size), start)
    gap = pulled.objective.slopes(newton(pulled, start))[0]
    worst = int(np.argmax(np.abs(gap)))
    over_all = f" (distance over all moments: {np.sqrt(gap @ gap):.2g})"
    apart = "" if gap.size == 1 else over_all
    raise ValueError(
        "No weights give the training rows the moments of the target. With the "
        f"closest weights, {names[worst]} is still {abs(gap[worst]):.2g} standard "
        f"deviations too {'high' if gap[worst] > 0 else 'low'}{apart}. {_REMEDY}"
    )


def _find_edges(values, share, wanted, names):
    """Return the moments (means) whose target is the smallest or largest row value."""
    edges = []
    low, high = values.min(axis=0), values.max(axis=0)
    margin = _rounding(np.maximum(np.abs(low), np.abs(high)))
    at_low, at_high = wanted <= low + margin, wanted >= high - margin
    for moment in np.flatnonzero((at_low | at_high) & (high - low > margin)):
        end = low[moment] if at_low[moment] else high[moment]
        short = abs(wanted[moment] - end)
        if short > margin[moment]:
            centre = np.average(values[:, moment], weights=share)
            spread = np.average((values[:, moment] - centre) ** 2, weights=share)
            raise ValueError(
                "No weights can give the training rows the mean that "
                f"{names[moment]} has in the target: it is "
                f"{short / np.sqrt(spread):.2g} standard deviations "
                f"{'below' if at_low[moment] else 'above'} the value of every "
                f"training row. {_REMEDY}"
            )
        edges.append((int(moment), float(end)))
    return edges


def _rounding(size):
    return 1e-12 * np.maximum(size, 1e-3)


def _say_all(names, wanted, edges):
    return ", ".join(f"{names[moment]} = {wanted[moment]:g}" for moment, _ in edges)


def _on_edges(values, edges):
    kept = np.ones(values.shape[0], dtype=bool)
    for moment, value in edges:
        kept &= np.abs(values[:, moment] - value) <= _rounding(abs(value))
    return kept


def _check_constant(varies, centre, wanted, size, names):
    """Raise if a value is constant in the training rows and differs in the target."""
    off = ~varies & (np.abs(centre - wanted) > 1e-8 * np.maximum(size, 1e-8))
    if off.any():
        moment = int(np.flatnonzero(off)[0])
        raise ValueError(
            f"{names[moment]} has the same value in every training row with a "
            "positive weight, but its mean in the target differs by "
            f"{wanted[moment] - centre[moment]:+g}. No weights can change that. "
            f"{_REMEDY}"
        )


def _check_choice_left(n_moments, n_rows):
    if n_moments and n_moments >= n_rows:
        raise ValueError(
            f"There are {n_moments} moments to balance, but only {n_rows} training "
            "rows that can get a weight. Use fewer columns, a lower degree, or "
            "ridge=0.01."
        )
