"""Short names of samplers of imbalanced-learn."""

import numpy as np

from skweight._utils.times import are_times
from skweight._utils.validation import check_choice, say
from skweight.resampling._tables import is_frame, number_dtype

NAMES = ("smote", "random_over", "random_under")


def sampler_of_name(name, X=None, random_state=None):
    """Return the sampler of imbalanced-learn with a short name.

    Parameters
    ----------
    name : {"smote", "random_over", "random_under"}
        ``"smote"`` means SMOTE if all columns are numeric, SMOTEN if X is a DataFrame
        without numeric columns, and SMOTENC if X is a DataFrame with numeric and
        non-numeric columns.
    X : DataFrame, default=None
        Rows from which the variant of SMOTE is chosen.
    random_state : int, RandomState instance or None, default=None
        Seed of the sampler.

    Returns
    -------
    sampler : sampler
        With the defaults of imbalanced-learn.

    Examples
    --------
    >>> from skweight.resampling._names import sampler_of_name
    >>> sampler_of_name("smote", random_state=0)
    SMOTE(random_state=0)
    """
    check_choice(name, NAMES, name="resampler")
    from imblearn import over_sampling, under_sampling

    if name == "random_over":
        return over_sampling.RandomOverSampler(random_state=random_state)
    if name == "random_under":
        return under_sampling.RandomUnderSampler(random_state=random_state)
    if X is not None and times_in(X):
        raise ValueError(say_of_times("SMOTE", X))
    nominal = columns_without_numbers(X) if X is not None and is_frame(X) else []
    if nominal:
        if len(nominal) == X.shape[1]:
            return over_sampling.SMOTEN(random_state=random_state)
        return over_sampling.SMOTENC(nominal, random_state=random_state)
    return over_sampling.SMOTE(random_state=random_state)


def times_in(X):
    """Return the names or positions of the columns of a table that hold times."""
    if not is_frame(X):
        table = X if isinstance(X, np.ndarray) else np.empty((0, 0))
        return [j for j, column in enumerate(table.T) if are_times(column)]
    columns = (X.iloc[:, j] for j in range(X.shape[1]))
    pairs = zip(X.columns, columns, strict=True)
    return [
        name
        for name, column in pairs
        if number_dtype(column.to_frame()) is None and are_times(np.asarray(column))
    ]


def say_of_times(sampler, X):
    """Return a message that a sampler cannot create times."""
    return (
        f"{sampler} creates new rows from numbers and categories, but the columns "
        f"{say(times_in(X))} contain times. Convert them to numbers, such as days "
        "since a date. Or use 'random_over' or 'random_under', which do not change "
        "rows."
    )


def columns_without_numbers(X):
    """Return the positions of the non-numeric columns of a DataFrame."""
    return [column for column in range(X.shape[1]) if number_dtype(X, [column]) is None]
