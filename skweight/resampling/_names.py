"""The samplers of imbalanced-learn behind short names."""

from skweight._utils.validation import check_choice
from skweight.resampling._tables import is_frame, number_dtype

NAMES = ("smote", "random_over", "random_under")


def sampler_of_name(name, X=None, random_state=None):
    """Return the sampler of imbalanced-learn that a short name stands for.

    Parameters
    ----------
    name : {"smote", "random_over", "random_under"}
        ``"smote"`` is SMOTENC where X is a DataFrame with columns that hold no
        numbers, and SMOTEN where no column does.
    X : DataFrame, default=None
        Rows to choose by.
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
    nominal = columns_without_numbers(X) if X is not None and is_frame(X) else []
    if nominal:
        if len(nominal) == X.shape[1]:
            return over_sampling.SMOTEN(random_state=random_state)
        return over_sampling.SMOTENC(nominal, random_state=random_state)
    return over_sampling.SMOTE(random_state=random_state)


def columns_without_numbers(X):
    """Return the positions of the columns of a DataFrame that hold no numbers."""
    return [one for one in range(X.shape[1]) if number_dtype(X, [one]) is None]
