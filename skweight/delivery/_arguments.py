"""Find arguments of `fit` with one entry per row, with offsets, or with tables."""

import numpy as np
from sklearn.utils import _safe_indexing

from skweight._utils.columns import drop_columns
from skweight._utils.lookup import arguments_of
from skweight._utils.validation import n_rows, say


def fit_arguments(estimator):
    """Return the parameters of an estimator's `fit`, without deprecated parameters."""
    try:
        parameters = arguments_of(estimator.fit)
    except (TypeError, ValueError):
        return {}
    return {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.default != "deprecated"
    }


# Arguments of fit that never have one entry per row of X, even if they are as long as
# X.
NO_ROWS_OF_X = frozenset(
    {
        "X_target",
        "X_val",
        "base_margin_eval_set",
        "baseline_eval_set",
        "callbacks",
        "cat_features",
        "categorical_feature",
        "embedding_features",
        "eval_X",
        "eval_class_weight",
        "eval_group",
        "eval_init_score",
        "eval_metric",
        "eval_names",
        "eval_qid",
        "eval_sample_weight",
        "eval_set",
        "eval_y",
        "feature_name",
        "feature_weights",
        "sample_weight_eval_set",
        "sample_weight_target",
        "sample_weight_val",
        "text_features",
        "validation_data",
        "validation_set",
        "w_val",
        "y_val",
    }
)


# Arguments of fit that contain tables with the columns of X.
_TABLES = {"X_val", "eval_X", "eval_set", "validation_data", "validation_set"}


# Offsets are arguments of fit with numbers that learners add to the scores of the rows.
# The method predict_proba accepts the arguments in OFFSETS, but not the arguments in
# OFFSETS_OF_FIT_ALONE.
OFFSETS = frozenset({"base_margin"})


OFFSETS_OF_FIT_ALONE = {"init_score": "LightGBM", "baseline": "CatBoost"}


def base_name(name):
    """Return the name of an argument without the prefix of a step ("step__")."""
    return name.rpartition("__")[2]


def take_params(params, rows, n_samples):
    """Return arguments of fit for a part of the rows."""
    return {
        name: take_rows(value, rows, n_samples, name) for name, value in params.items()
    }


def offsets_of(params, rows, n_samples):
    """Return the offsets (numbers added to scores) of some rows, for each argument."""
    return {
        base_name(name): take_rows(value, rows, n_samples)
        for name, value in params.items()
        if base_name(name) in OFFSETS
    }


def check_offsets(names):
    """Raise if an offset (a number added to scores) is not allowed at prediction."""
    for name in names:
        package = OFFSETS_OF_FIT_ALONE.get(base_name(name))
        if package is not None:
            raise ValueError(
                f"{name} is an offset for each row, but predict_proba of {package} "
                "does not accept offsets. Held-out scores and predictions would be "
                "without the offset. Pass it as a column of X, or use base_margin of "
                "XGBoost, which is passed to fit and predict_proba."
            )


def hide_in_tables(params, columns, width):
    """Return the arguments of `fit`, without some columns of the validation rows."""
    if not columns:
        return params
    return {
        name: _hide(value, columns, width, name)
        if base_name(name) in _TABLES
        else value
        for name, value in params.items()
    }


def _hide(value, columns, width, name):
    """Drop columns from a table, or from all tables in a list or pair."""
    shape = getattr(value, "shape", None)
    if shape is None and isinstance(value, list | tuple) and len(value):
        first = value[0]
        if isinstance(first, list | tuple) and len(first) and np.ndim(first[0]) == 0:
            return drop_columns(value, columns, width=width)
        return type(value)(_hide(part, columns, width, name) for part in value)
    if shape is None or len(shape) != 2:
        return value
    if not (hasattr(value, "__getitem__") or shape[1] < width):
        raise TypeError(
            f"{name} must be a pair (X, y); got a {type(value).__name__}. From a pair, "
            f"the columns {say(columns)} can be dropped, which the estimator must not "
            "use."
        )
    return drop_columns(value, columns, width=width)


def take_rows(value, rows, n_samples, name=""):
    """Return the entries of `rows`, if a fit argument has one entry per row of X."""
    if is_row_wise(value, n_samples, name):
        return _safe_indexing(value, rows)
    return value


def is_row_wise(value, n_samples, name=""):
    """Return whether a fit argument has one entry per row of X."""
    if base_name(name) in NO_ROWS_OF_X:
        return False
    # The entries of a list may have any type, such as pairs (X, y) of an eval_set.
    # Therefore only the length of the list is compared with the number of rows.
    if isinstance(value, list | tuple):
        return len(value) == n_samples
    return len(getattr(value, "shape", ())) > 0 and n_rows(value) == n_samples
