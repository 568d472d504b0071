"""The checks of scikit-learn and imbalanced-learn as cases of a test."""

from functools import cache

import pytest


def listed(mark):
    """Return the mark of a `parametrize_with_checks`, with a list of cases.

    Old versions give pytest a generator. And the name of an estimator, which is its
    repr, is made once and not for each of its sixty checks.
    """
    (names, cases), kwargs = mark.mark.args, mark.mark.kwargs
    return pytest.mark.parametrize(names, list(cases), ids=cache(kwargs["ids"]))
