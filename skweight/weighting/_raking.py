"""Raking: weights under which several columns have known shares."""

import numpy as np
import pandas as pd

from skweight._utils.columns import columns_of, row_values
from skweight._utils.examples import first_above_one
from skweight._utils.validation import check_number, n_rows, plain, say
from skweight.weighting._base import BaseWeighting
from skweight.weighting._moments import check_shares

# Largest difference between a weighted share and the known share at convergence.
_REACHED = 1e-10


class RakingWeighting(BaseWeighting):
    r"""Weight rows so that several columns have exactly the known shares.

    Raking is a standard method of survey statistics. Raking needs only the known shares
    of single columns, called margins, such as "51 % women" and "22 % under 30" from a
    census. Shares of combinations are not needed. For one column after the other,
    weights are multiplied by factors, until the weighted rows have all these shares.
    The odds ratios between columns stay the same. The role of the weights is
    population: calibration, thresholds and scores use them, too.

    .. math::

        w_i \propto s_i \prod_j f_j(x_{ij}) \quad\text{with}\quad
        \sum_{i: x_{ij} = v} w_i \Big/ \sum_i w_i = m_{jv} \;\text{for all } j, v

    Parameters
    ----------
    margins : dict {column: {value: share}}
        Shares of the values of every column in the population; the shares of a column
        sum to one. Rows with a value of share 0 get weight zero. A column is given by
        name or position, by a callable of X, or by ``metadata("name")``.
    tol : float, default=1e-12
        Largest difference between a weighted share and the known share at convergence.
    max_iter : int, default=10_000
        Largest number of sweeps; in a sweep, the weights are adjusted to each margin
        once.
    drop : bool, default=False
        Whether the columns are hidden from the estimator and from other strategies. If
        False, the estimator may learn from these columns, and X must contain these
        columns in `predict`, too.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged. With
        a stabilizer, the margins are no longer exact.

    Attributes
    ----------
    multipliers_ : list of dict
        Multiplier of the weight for every value, one dict for each margin (shares of a
        column).
    n_iter_ : int
        Number of sweeps (one adjustment to every margin each).
    gap_ : float
        Largest difference between a weighted share and the known share.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    ValueError
        In `fit`, if the shares of a column do not sum to one, or if the known shares
        contradict each other because some combinations of values have no row. Also if a
        value in the rows is missing or has no share, or if no row has a value with a
        positive share.

    See Also
    --------
    EntropyBalancingWeighting : Balances means of numbers and joint shares, too.
    skweight.PriorWeighting : Weights the classes to known shares.

    Notes
    -----
    The method is iterative proportional fitting over the distinct combinations of
    values (cells). Finding the cells takes O(n) time. A sweep (one adjustment to each
    margin) takes O(cells x margins) time. The solution minimises the relative entropy
    to the present weights of the rows. New rows are weighed by the product of the
    multipliers.

    References
    ----------
    .. [1] W. E. Deming, F. F. Stephan, On a least squares adjustment of a sampled
       frequency table when the expected marginal totals are known, Annals of
       Mathematical Statistics 11(4), 1940.
    .. [2] I. Csiszár, I-divergence geometry of probability distributions and
       minimization problems, Annals of Probability 3(1), 1975, theorem 3.2.

    Examples
    --------
    >>> import pandas as pd
    >>> from skweight.weighting import RakingWeighting
    >>> X = pd.DataFrame({"sex": list("ffmmmm"), "age": [1, 2, 1, 1, 2, 2]})
    >>> weighting = RakingWeighting(
    ...     {"sex": {"f": 0.5, "m": 0.5}, "age": {1: 0.3, 2: 0.7}}
    ... )
    >>> weights = weighting.fit_weigh(X, y=None)
    >>> float(weights[:2].sum().round(6)), float(weights[[0, 2, 3]].sum().round(6))
    (3.0, 1.8)
    """

    role = "population"
    needs_classes = False
    _learns_from_cells = True

    def __init__(
        self, margins, *, tol=1e-12, max_iter=10_000, drop=False, stabilizer=None
    ):
        self.margins = margins
        self.tol = tol
        self.max_iter = max_iter
        self.drop = drop
        self.stabilizer = stabilizer

    def _sources(self):
        return list(self.margins) if hasattr(self.margins, "items") else []

    def _learn(self, X, y, sample_weight, **metadata):
        self._check_parameters()
        mass = np.ones(n_rows(X)) if sample_weight is None else sample_weight
        columns = self._read(X, metadata)
        shares = [
            self._check_margin(source, margin, column, mass)
            for (source, margin), column in zip(
                self.margins.items(), columns, strict=True
            )
        ]
        codes = _codes(columns, shares)
        usable = (codes >= 0).all(axis=1) & (mass > 0)
        if not usable.any():
            raise ValueError(
                "Every row with a positive weight has a value of share 0 in some "
                "margin, so no row could get a weight. Check the values with share "
                f"0 in {self.margins!r}."
            )
        cells, masses = _distinct(codes[usable], mass[usable], list(map(len, shares)))
        factors, self.n_iter_, self.gap_ = rake(
            masses,
            cells,
            [np.array(list(share.values())) for share in shares],
            tol=self.tol,
            max_iter=self.max_iter,
        )
        if self.gap_ > _REACHED:
            names = [_name_of(source) for source in self.margins]
            raise ValueError(_contradiction(cells, masses, factors, shares, names))
        self.multipliers_ = [
            dict(zip(share, factor.tolist(), strict=True))
            for share, factor in zip(shares, factors, strict=True)
        ]
        return self._multiply(codes)

    def _raw(self, X, y, **metadata):
        return self._multiply(_codes(self._read(X, metadata), self.multipliers_))

    def _multiply(self, codes):
        weights = (codes >= 0).all(axis=1).astype(float)
        for code, factor in zip(codes.T, self.multipliers_, strict=True):
            weights *= np.array(list(factor.values()))[code]
        return weights

    def _read(self, X, metadata):
        return [
            pd.factorize(row_values(source, X, metadata, owner="RakingWeighting"))
            for source in self.margins
        ]

    def _check_parameters(self):
        check_number(self.tol, name="tol", low=0, include="right")
        check_number(self.max_iter, name="max_iter", low=1)
        nested = hasattr(self.margins, "items") and all(
            hasattr(margin, "items") for margin in self.margins.values()
        )
        if not nested or not self.margins:
            raise TypeError(
                "margins must be a dict {column: {value: share}}, such as "
                f"{{'sex': {{'f': 0.51, 'm': 0.49}}}}; got {self.margins!r}."
            )

    def _check_margin(self, source, margin, column, mass):
        """Return the positive shares of a column; raise if the shares are invalid."""
        name = _name_of(source)
        codes, values = column
        missing = np.count_nonzero((codes < 0) & (mass > 0))
        if missing:
            raise ValueError(
                f"The column {name} is missing in {missing} of {mass.size} rows, but "
                "a margin needs a value in every row. Fill the missing entries with "
                "an additional value, and give this value a share."
            )
        there = np.bincount(codes + 1, mass, len(values) + 1)[1:] > 0
        values = [plain(value) for value in values[there]]
        shares = check_shares(margin, values, name)
        empty = [value for value in shares if value not in values]
        if empty:
            raise ValueError(
                f"The margin of {name} has positive shares for {say(empty)}, but no "
                "row with a positive weight has these values. Collect such rows, or "
                "merge these values with other values."
            )
        return shares

    @classmethod
    def _instances(cls, labels):
        return [cls({first_above_one: {False: 0.4, True: 0.6}})]


def rake(masses, cells, margins, *, tol=1e-12, max_iter=10_000):
    """Return multipliers with which the distinct rows have the given column shares.

    Only the total weight of every cell (combination of values) is needed. Therefore the
    total weights may be summed over parts of the data.

    Parameters
    ----------
    masses : ndarray of shape (n_cells,)
        Total weight of the rows of each cell (combination of values).
    cells : ndarray of shape (n_cells, n_margins)
        Position of each cell's value in each margin.
    margins : list of ndarray
        Known share of every value of a column, one array for each margin.
    tol, max_iter : float, int
        The parameters of the same name of `RakingWeighting`.

    Returns
    -------
    factors : list of ndarray
        Multiplier of the weight for every value, one array for each margin.
    n_iter : int
        Number of sweeps (one adjustment to every margin each).
    gap : float
        Largest difference between a weighted share and the known share.
    """
    factors = [np.ones(margin.size) for margin in margins]
    weights = masses / masses.sum()
    pairs = [
        (np.ascontiguousarray(codes), margin)
        for codes, margin in zip(cells.T, margins, strict=True)
    ]
    gap, n_iter = np.inf, 0
    while gap > tol and n_iter < max_iter:
        gap, n_iter = 0.0, n_iter + 1
        for position, (codes, margin) in enumerate(pairs):
            share = np.bincount(codes, weights, margin.size)
            gap = max(gap, float(np.abs(share - margin).max()))
            ratio = margin / np.where(share > 0, share, 1.0)
            factors[position] *= ratio
            weights = weights * ratio[codes]
    return factors, n_iter, gap


def _codes(columns, by_value):
    """Return the position of every row's value in each column; -1 for other values."""
    out = []
    for (codes, values), known in zip(columns, by_value, strict=True):
        positions = {value: position for position, value in enumerate(known)}
        table = [positions.get(plain(value), -1) for value in values]
        out.append(np.array([*table, -1])[codes])  # -1 stands for a missing value
    return np.column_stack(out)


def _distinct(codes, mass, sizes):
    """Return each distinct combination of value positions, and the total weights."""
    if np.prod(np.array(sizes, dtype=float)) < 2**62:
        keys, rows = np.unique(
            np.ravel_multi_index(codes.T, sizes), return_inverse=True
        )
        cells = np.column_stack(np.unravel_index(keys, sizes))
    else:
        cells, rows = np.unique(codes, axis=0, return_inverse=True)
    return cells, np.bincount(rows.ravel(), mass, len(cells))


def _contradiction(cells, masses, factors, shares, names):
    """Return an error message that names the share furthest from its known value."""
    weights = masses / masses.sum()
    for codes, factor in zip(cells.T, factors, strict=True):
        weights = weights * factor[codes]
    worst = (0.0, 0, 0)
    for position, (codes, share) in enumerate(zip(cells.T, shares, strict=True)):
        reached = np.bincount(codes, weights, len(share))
        gaps = np.abs(reached / weights.sum() - np.array(list(share.values())))
        worst = max(worst, (float(gaps.max()), position, int(gaps.argmax())))
    gap, position, value = worst
    value = list(shares[position])[value]
    n_cells = int(np.prod([len(share) for share in shares]))
    return (
        f"No weights of these rows can reach all margins: {names[position]} = "
        f"{say(value)} stays {gap:.2g} away from its share of "
        f"{shares[position][value]:g}. {n_cells - len(cells)} of {n_cells} "
        "combinations of values have no row. Merge rare values, or leave out a "
        "margin."
    )


def _name_of(source):
    if columns_of(source):
        return repr(source)
    return repr(getattr(source, "name", None) or getattr(source, "__name__", source))
