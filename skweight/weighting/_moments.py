"""Moments of a table: means of numbers, powers and products, and category shares.

A moment is the mean of a product of numbers, called factors. A factor is either a power
or an indicator. For a power, the mean in the target is first subtracted from the
number. An indicator is one for a certain value of a column and zero for other values.
"""

from math import comb
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from skweight._utils.columns import take_column
from skweight._utils.times import are_times
from skweight._utils.validation import find_missing, is_sequence, plain, say
from skweight.density_ratio._tables import (
    column_names,
    warn_of_missing_names,
    width,
)

_MISSING = "(missing)"


class Power(NamedTuple):
    """A number minus `centre`, raised to a power."""

    column: object
    centre: float
    power: int = 1

    @property
    def name(self):
        """Name of the factor."""
        name = _name_of(self.column)
        return name if self.power == 1 else f"{name}^{self.power}"

    def values(self, read):
        """Return the factor of every row."""
        return (read.numbers(self.column) - self.centre) ** self.power


class Level(NamedTuple):
    """Indicator: one if a column has the value at `position` of its levels, else 0."""

    column: object
    levels: tuple
    position: int

    @property
    def name(self):
        """Name of the factor."""
        return f"{_name_of(self.column)}={self.levels[self.position]!r}"

    def values(self, read):
        """Return the factor of every row."""
        return (read.codes(self.column, self.levels) == self.position).astype(float)


class Moment(NamedTuple):
    """A moment: its name, and its means in the target and over the weighted rows."""

    name: str
    target: float
    weighted: float


class Moments:
    """The moments (means to balance), and the categories that occur in the target.

    Parameters
    ----------
    terms : list of tuple of factors
        For each moment, a tuple of factors (powers or indicators). The moment is the
        mean of the product of these factors.
    levels : dict
        For each column of categories, the values with a positive share in the target.
    """

    def __init__(self, terms, levels):
        self.terms = terms
        self.levels = levels
        self.names = [" x ".join(factor.name for factor in term) for term in terms]

    def values(self, X):
        """Return the moments of each row, of shape (n_rows, n_moments)."""
        read = Reader(X)
        factors = {factor for term in self.terms for factor in term}
        known = {factor: factor.values(read) for factor in factors}
        out = np.ones((read.n_rows, len(self.terms)))
        for moment, term in enumerate(self.terms):
            for factor in term:
                out[:, moment] *= known[factor]
        return out

    def compare(self, wanted, reached):
        """Return each moment with the means in the target and over the weighted rows.

        A number itself is not centred; powers and products are.
        """
        away = [
            term[0].centre
            if len(term) == 1 and getattr(term[0], "power", 0) == 1
            else 0
            for term in self.terms
        ]
        return [
            Moment(name, float(goal + shift), float(mean + shift))
            for name, goal, mean, shift in zip(
                self.names, wanted, reached, away, strict=True
            )
        ]

    def shown(self, X):
        """Return a mask of the rows whose values all occur in the target."""
        read = Reader(X)
        rows = np.ones(read.n_rows, dtype=bool)
        for column, levels in self.levels.items():
            rows &= read.codes(column, levels) >= 0
        return rows


class Reader:
    """Read columns of a table as numbers, or as positions in a list of categories."""

    def __init__(self, X, name="X"):
        if sparse.issparse(X):
            raise TypeError(
                "EntropyBalancingWeighting does not take sparse matrices, because "
                f"it balances a moment of every column, and {name} may have "
                "thousands of columns. Pass a table with the few columns that "
                "matter, or pass moments= with their positions."
            )
        self.X = X if hasattr(X, "shape") else np.asarray(X)
        self.name = name
        width(self.X, name)
        self.n_rows = self.X.shape[0]

    def columns(self):
        """Return the names of the columns, or their positions."""
        if column_names(self.X) is None:
            return list(range(self.X.shape[1]))
        return list(self.X.columns)

    def raw(self, column):
        """Return a column unchanged."""
        return np.asarray(
            take_column(self.X, column, owner="EntropyBalancingWeighting")
        )

    def is_number(self, column):
        """Return whether a column holds numbers; True and False count as 1 and 0."""
        values = self.raw(column)
        if are_times(values):
            raise ValueError(
                f"The column {column!r} of {self.name} contains times, and their "
                "mean or shares cannot be balanced. Convert the column to a number, "
                "such as days since a date, or to a category, such as the month."
            )
        if values.dtype.kind in "biuf":
            return True
        return all(
            isinstance(value, int | float | np.number | np.bool_)
            for value in values.tolist()
        )

    def numbers(self, column):
        """Return a column as floats; raise if a value is missing or is text."""
        values = self.raw(column)
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"The mean of the column {column!r} of {self.name} cannot be "
                f"balanced, because some values are not numbers ({error}). Pass "
                f"shares instead: moments={{column: {{value: share}}}}."
            ) from error
        bad = np.count_nonzero(~np.isfinite(values))
        if bad:
            raise ValueError(
                f"The column {column!r} of {self.name} is NaN or infinite in {bad} "
                f"of {values.size} rows, so its mean cannot be balanced. Impute the "
                "values, or leave the column out of the target."
            )
        return values

    def categories(self, column):
        """Return a column as objects; missing values get a name."""
        values = self.raw(column).astype(object)
        values[find_missing(values)] = _MISSING
        return values

    def codes(self, column, levels):
        """Return the position of each row's value in `levels`; -1 for other values."""
        return pd.Index(levels, dtype=object).get_indexer(self.categories(column))


def moments_of_rows(X, X_target, share, *, degree, interactions):
    """Return the moments that are computed from target rows, with the target means.

    Parameters
    ----------
    X, X_target : array-like
        Training rows, of which only the columns are used, and rows of the target.
    share : ndarray of shape (n_target,)
        Share of each row in the target.
    degree : int
        For a numeric column, the means of all powers up to this degree are balanced.
    interactions : bool
        Whether to balance the means of products of two columns, too.

    Returns
    -------
    moments : Moments
        The moments whose means are balanced.
    wanted : ndarray of shape (n_moments,)
        Mean of each moment in the target.
    """
    source, target = Reader(X), Reader(X_target, "X_target")
    by_column, levels = [], {}
    for column in _common_columns(source, target):
        if target.is_number(column) and source.is_number(column):
            mean = float(share @ target.numbers(column))
            by_column.append([Power(column, mean, p) for p in range(1, degree + 1)])
            continue
        values = target.categories(column)
        shares = pd.Series(share).groupby(values, sort=False).sum()
        shares = {plain(value): s for value, s in shares.items() if s > 0}
        factors, levels[column] = _levels_of(column, shares, source)
        by_column.append(factors)
    terms = [(factor,) for factors in by_column for factor in factors]
    if interactions:
        # A product of two columns uses the numbers of both columns, not higher powers
        # of these numbers.
        bases = [
            [f for f in factors if getattr(f, "power", 1) == 1] for factors in by_column
        ]
        terms += [
            (first, second)
            for i, left in enumerate(bases)
            for right in bases[i + 1 :]
            for first in left
            for second in right
        ]
    moments = Moments(terms, levels)
    return moments, share @ moments.values(X_target)


def moments_given(X, means):
    """Return the moments for a dict, and their values.

    Parameters
    ----------
    X : array-like
        Training rows.
    means : dict
        ``{column: mean}``, ``{column: [mean, mean of squares, ...]}`` or ``{column:
        {value: share}}``.

    Returns
    -------
    moments : Moments
        The moments whose means are balanced.
    wanted : ndarray of shape (n_moments,)
        Mean of each moment in the target.
    """
    if not hasattr(means, "items") or not means:
        raise TypeError(
            "moments must be a dict, such as "
            f"{{'age': 41.5, 'sex': {{'f': 0.51, 'm': 0.49}}}}; got {means!r}."
        )
    source = Reader(X)
    terms, wanted, levels = [], [], {}
    for column, value in means.items():
        if hasattr(value, "items"):
            shares = check_shares(
                value, pd.unique(source.categories(column)), repr(column)
            )
            factors, levels[column] = _levels_of(column, shares, source)
            wanted += [shares[factor.levels[factor.position]] for factor in factors]
        else:
            powers = list(map(float, value if is_sequence(value) else [value]))
            source.numbers(column)
            mean = powers[0]
            factors = [Power(column, mean, p) for p in range(1, len(powers) + 1)]
            wanted += [_about(mean, powers, p) for p in range(1, len(powers) + 1)]
        terms += [(factor,) for factor in factors]
    return Moments(terms, levels), np.array(wanted)


def check_shares(shares, values, name):
    """Return the positive share of each value of a column; raise if shares are invalid.

    Parameters
    ----------
    shares : dict {value: share}
        Share of each value of the column in the target.
    values : array-like
        Values in the training rows; values may be repeated.
    name : str
        Name of the column, for error messages.

    Returns
    -------
    shares : dict {value: share}
        The positive shares, with sum one.
    """
    checked = {}
    for value, share in shares.items():
        number = isinstance(share, int | float | np.number) and not isinstance(
            share, bool
        )
        if not number or not 0 <= share < np.inf:
            raise ValueError(
                f"The share of {name} = {say(value)} must be a number, 0 or more; "
                f"got {share!r}."
            )
        checked[plain(value)] = float(share)
    total = sum(checked.values())
    if not abs(total - 1) <= 1e-6:
        raise ValueError(
            f"The shares of {name} must sum to 1; they sum to {total:g}. Divide "
            "counts by their total, and list every value."
        )
    unknown = sorted(set(map(plain, values)) - set(checked), key=repr)
    if unknown:
        raise ValueError(
            f"The column {name} has the values {say(unknown)}, but the target shares "
            f"only contain {say(list(checked))}. Give every value a share; rows with "
            "a value of share 0 are left out."
        )
    return {value: share / total for value, share in checked.items() if share > 0}


def _common_columns(source, target):
    """Return the columns of the target; raise if the training rows lack a column."""
    named = [column_names(table.X) is not None for table in (source, target)]
    if all(named):
        known = source.columns()
        unknown = [column for column in target.columns() if column not in known]
        if unknown:
            raise ValueError(
                f"X_target has the columns {say(unknown)}, but X has only the "
                f"columns {say(known)}. Pass columns that both tables have."
            )
        return target.columns()
    if source.X.shape[1] != target.X.shape[1]:
        raise ValueError(
            f"X_target must have the {source.X.shape[1]} columns of X; got "
            f"{target.X.shape[1]}. Pass two DataFrames to match columns by name."
        )
    warn_of_missing_names(
        target.X, column_names(source.X), name="X_target", reference="X"
    )
    return list(range(source.X.shape[1]))


def _levels_of(column, shares, source):
    """Return indicators of all values except one, and the list of all values.

    The shares of a column sum to one, so the share of one value follows from the other
    shares. The left-out value is the value with the largest share, among values that
    occur in the training rows.
    """
    levels = tuple(sorted(shares, key=repr))
    there = set(pd.unique(source.categories(column)))
    if not there.intersection(levels):
        raise ValueError(
            f"No value of the column {column!r} occurs in both tables: X has "
            f"{say(sorted(there, key=repr))} and X_target has {say(levels)}. Encode "
            "the column in the same way in both tables, or drop it from X_target."
        )
    reference = max(levels, key=lambda value: (value in there, shares[value]))
    factors = [
        Level(column, levels, position)
        for position, value in enumerate(levels)
        if value != reference
    ]
    return factors, levels


def _name_of(column):
    return column if isinstance(column, str) else f"column {column}"


def _about(mean, powers, power):
    """Return the mean of ``(x - mean)^power``, computed from means of powers of x."""
    raw = [1.0, *powers]
    return sum(
        comb(power, k) * raw[k] * (-mean) ** (power - k) for k in range(power + 1)
    )
