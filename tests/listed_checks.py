"""The checks of scikit-learn and imbalanced-learn as cases of a test."""

from functools import cache

import pytest


def listed(mark):
    """Return the mark of a `parametrize_with_checks`, with a list of cases.

    Of each class the first estimator; the others share its code, and are the lane
    ``pytest -m checks``. The name of an estimator, which is its repr, is made once and
    not for each of its sixty checks.
    """
    (names, cases), kwargs = mark.mark.args, mark.mark.kwargs
    first, listing = {}, []
    for case in cases:
        values, marks = getattr(case, "values", case), list(getattr(case, "marks", ()))
        estimator = values[0]
        if first.setdefault(type(estimator), estimator) is not estimator:
            marks.append(pytest.mark.checks)
        listing.append(pytest.param(*values, marks=marks))
    return pytest.mark.parametrize(names, listing, ids=cache(kwargs["ids"]))
