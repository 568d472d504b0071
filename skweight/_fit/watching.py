"""How to pass validation rows to early-stopping learners, by family of learners.

All differences between the libraries are here: the argument names of validation rows
and their weights, the parameter for the patience (rounds without improvement before the
stop), the default metric, and the number of rounds of a fitted model.
"""

import warnings
from contextlib import contextmanager, nullcontext
from copy import copy

import numpy as np
from sklearn.base import is_classifier

from skweight._utils.compat import reset_params
from skweight._utils.families import gives_raw_scores, packages_of
from skweight._utils.lookup import fit_takes, params_of
from skweight.metrics import RefinedLogLoss

# Name of this metric in a report.
REFINED = "RefinedLogLoss"
_NAME_OF_WATCH = "refined_log_loss"
# Texts of two warnings of CatBoost, which are suppressed. They say that a metric in
# Python is slow.
_SLOW_METRIC = "Failed to import numba|Can't optimze method"


class Family:
    """A family of learners that can monitor validation rows passed to them.

    Attributes
    ----------
    patience : str
        The parameter that sets the patience, with an example value.
    names : set of str
        Arguments of `fit` of the learner for validation rows or for their weights.
    weights : set of str
        The arguments among `names` that are weights.
    """

    patience = ""
    names = frozenset()
    weights = frozenset()

    def is_patient(self, params, arguments):
        """Return whether the learner has a patience."""
        raise NotImplementedError

    def chosen_watch(self, params, arguments):
        """Return the metric that the user has set; None for the default metric."""
        return None

    def takes_refined(self, learner, params, arguments):
        """Return whether a learner will monitor the refined loss."""
        return is_classifier(learner) and self.chosen_watch(params, arguments) is None

    def settings(self, learner, rows, arguments, refined):
        """Return parameters and fit arguments that pass validation rows to a learner.

        `refined` is the metric to monitor, or None.
        """
        raise NotImplementedError

    def weights_passed(self, arguments):
        """Yield labels and weights of the validation rows that a user passed."""
        return iter(())

    def restore(self, learner, before):
        """Reset parameters of a fitted learner to the values before the fit."""
        reset_params(learner, before)

    def rounds(self, model):
        """Return the number of rounds that a fitted model predicts with."""
        raise NotImplementedError

    def quiet(self):
        """Return a context manager that stops messages of the learner on our metric."""
        return nullcontext()


class XGBoost(Family):
    """XGBoost takes ``eval_set``, a list of pairs; the metric is a parameter."""

    patience = "early_stopping_rounds=50"
    weights = frozenset({"sample_weight_eval_set"})
    names = frozenset({"eval_set", "base_margin_eval_set"}) | weights

    def is_patient(self, params, arguments):
        stops = _of_name(params.get("callbacks"), "EarlyStopping")
        return params.get("early_stopping_rounds") is not None or bool(stops)

    def chosen_watch(self, params, arguments):
        return _said(params, "eval_metric")

    def settings(self, learner, rows, arguments, refined):
        kwargs = {"eval_set": [(rows.X, rows.y)]}
        if rows.weight is not None:
            kwargs["sample_weight_eval_set"] = [rows.weight]
        if "base_margin" in rows.offsets:
            kwargs["base_margin_eval_set"] = [rows.offsets["base_margin"]]
        if "verbose" not in arguments:
            kwargs["verbose"] = False  # avoids a print for every round
        return {} if refined is None else {"eval_metric": refined}, kwargs

    def weights_passed(self, arguments):
        pairs = arguments.get("eval_set") or []
        weights = arguments.get("sample_weight_eval_set") or []
        return ((y, w) for (_, y), w in zip(pairs, weights, strict=False))

    def rounds(self, model):
        return model.best_iteration + 1


# Parameter names of the patience and the metric in LightGBM.
_PATIENCE_OF_LIGHTGBM = (
    "early_stopping_round",
    "early_stopping_rounds",
    "early_stopping",
    "n_iter_no_change",
)
_METRIC_OF_LIGHTGBM = ("metric", "metrics", "metric_types")


class LightGBM(Family):
    """``eval_X`` and ``eval_y``, or ``eval_set`` before version 4.7.

    LightGBM stops if any metric no longer improves, so the default metric is off.
    """

    patience = "early_stopping_round=50"
    weights = frozenset({"eval_sample_weight", "eval_class_weight"})
    names = frozenset({"eval_set", "eval_X", "eval_y", "eval_init_score"}) | weights

    def is_patient(self, params, arguments):
        patience = any((params.get(name) or 0) > 0 for name in _PATIENCE_OF_LIGHTGBM)
        return patience or bool(
            _of_name(arguments.get("callbacks"), "_EarlyStoppingCallback")
        )

    def chosen_watch(self, params, arguments):
        return _said(params, *_METRIC_OF_LIGHTGBM) or _said(arguments, "eval_metric")

    def settings(self, learner, rows, arguments, refined):
        kwargs = {"eval_set": [(rows.X, rows.y)]}
        if fit_takes(learner, "eval_X"):
            kwargs = {"eval_X": rows.X, "eval_y": rows.y}
        if rows.weight is not None:
            kwargs["eval_sample_weight"] = [rows.weight]
        if refined is None:
            return {}, kwargs
        return {"metric": "None"}, kwargs | {"eval_metric": refined.lightgbm}

    def weights_passed(self, arguments):
        labels = [y for _, y in arguments.get("eval_set") or []]
        if arguments.get("eval_y") is not None:
            y = arguments["eval_y"]
            labels = list(y) if isinstance(y, tuple) else [y]
        weights = arguments.get("eval_sample_weight") or []
        return zip(labels, weights, strict=False)

    def rounds(self, model):
        return model.best_iteration_ or model.n_estimators_


class CatBoost(Family):
    """CatBoost takes rows with weights as a ``Pool`` that knows the text columns."""

    patience = "early_stopping_rounds=50"
    names = frozenset({"eval_set"})

    def is_patient(self, params, arguments):
        names = ("early_stopping_rounds", "od_wait", "od_pval")
        return any((params | arguments).get(name) is not None for name in names)

    def chosen_watch(self, params, arguments):
        return _said(params, "eval_metric")

    def settings(self, learner, rows, arguments, refined):
        pair = rows.X, rows.y
        if rows.weight is not None:
            from catboost import Pool

            known = learner.get_params() | arguments
            kinds = ("cat_features", "text_features", "embedding_features")
            columns = {name: known[name] for name in kinds if name in known}
            pair = Pool(*pair, weight=rows.weight, **columns)
        return {} if refined is None else {"eval_metric": refined}, {"eval_set": pair}

    def weights_passed(self, arguments):
        passed = arguments.get("eval_set")
        for pool in passed if isinstance(passed, list) else [passed]:
            if hasattr(pool, "get_weight"):
                yield pool.get_label(), pool.get_weight()

    def rounds(self, model):
        return model.tree_count_

    @contextmanager
    def quiet(self):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=_SLOW_METRIC)
            yield


class HistGradientBoosting(Family):
    """``X_val`` and ``y_val``; the metric is a scorer."""

    patience = "early_stopping=True, n_iter_no_change=50"
    weights = frozenset({"sample_weight_val"})
    names = frozenset({"X_val", "y_val"}) | weights

    def is_patient(self, params, arguments):
        return params["early_stopping"] is True

    def chosen_watch(self, params, arguments):
        scoring = params["scoring"]
        return None if _is_word(scoring, "loss") else f"scoring={scoring!r}"

    def settings(self, learner, rows, arguments, refined):
        kwargs = {"X_val": rows.X, "y_val": rows.y}
        if rows.weight is not None:
            kwargs["sample_weight_val"] = rows.weight
        return {} if refined is None else {"scoring": refined.scorer()}, kwargs

    def weights_passed(self, arguments):
        yield arguments.get("y_val"), arguments.get("sample_weight_val")

    def rounds(self, model):
        return model.n_iter_


# The metric that a callback of skorch monitors by default.
_DEFAULT_MONITOR = "valid_loss"


class Skorch(Family):
    """skorch takes a predefined split; a callback computes the metric."""

    patience = "callbacks=[EarlyStopping(patience=20)]"

    def is_patient(self, params, arguments):
        return bool(_of_name(params.get("callbacks"), "EarlyStopping"))

    def chosen_watch(self, params, arguments):
        stopper = _of_name(params.get("callbacks"), "EarlyStopping")[0]
        monitor = getattr(stopper, "monitor", _DEFAULT_MONITOR)
        return None if _is_word(monitor, _DEFAULT_MONITOR) else f"monitor={monitor!r}"

    def settings(self, learner, rows, arguments, refined):
        from skorch.callbacks import EpochScoring
        from skorch.dataset import Dataset
        from skorch.helper import predefined_split

        X = rows.X
        if rows.weight is not None and hasattr(learner, "_with_weights"):
            X = learner._with_weights(X, rows.y, rows.weight)
        params = {"train_split": predefined_split(Dataset(X, rows.y))}
        if refined is None:
            return params, {}

        def watched(net, X, y):
            return refined(rows.y, net.predict_proba(X), rows.weight)

        scoring = EpochScoring(watched, lower_is_better=True, name=_NAME_OF_WATCH)
        callbacks = [(_NAME_OF_WATCH, scoring)]
        for item in learner.get_params(deep=False)["callbacks"]:
            named = isinstance(item, tuple)
            callback = item[-1] if named else item
            if _names(callback) & {"EarlyStopping"}:
                callback = copy(callback)
                callback.monitor = _NAME_OF_WATCH
            callbacks.append((item[0], callback) if named else callback)
        return params | {"callbacks": callbacks}, {}

    def restore(self, learner, before):
        # Setting `callbacks` would restart the callbacks that have run.
        known = vars(learner).get("callbacks_", [])
        super().restore(learner, before)
        learner.callbacks_ = [item for item in known if item[0] != _NAME_OF_WATCH]
        for _, callback in learner.callbacks_:
            if getattr(callback, "monitor", None) == _NAME_OF_WATCH:
                callback.monitor = _DEFAULT_MONITOR

    def rounds(self, model):
        return len(model.history)


class Keras(Family):
    """``validation_data``, encoded as scikeras encodes the training rows.

    The refined loss (log loss after recalibration) cannot be a metric of Keras, because
    metrics of Keras are means over batches. So the fit monitors ``val_loss`` with
    population weights.
    """

    patience = "callbacks=[keras.callbacks.EarlyStopping(patience=20)]"
    names = frozenset({"validation_data", "validation_split"})

    def is_patient(self, params, arguments):
        places = [params.get("callbacks"), params.get("fit__callbacks")]
        places.append(arguments.get("callbacks"))
        return any(_of_name(place, "EarlyStopping") for place in places)

    def takes_refined(self, learner, params, arguments):
        return False

    def settings(self, learner, rows, arguments, refined):
        if "KerasClassifier" in _names(learner):
            vars(learner).setdefault("classes_", None)  # as scikeras does first
        X = learner.feature_encoder.fit(rows.X_train).transform(np.asarray(rows.X))
        y = learner.target_encoder.fit(np.asarray(rows.y_train))
        y = y.transform(np.asarray(rows.y))
        parts = (X, y) if rows.weight is None else (X, y, rows.weight)
        return {}, {"validation_data": parts}

    def weights_passed(self, arguments):
        rows = arguments.get("validation_data") or ()
        yield from [rows[1:3]] if len(rows) == 3 else []

    def rounds(self, model):
        return len(model.history_["loss"])


_BY_PACKAGE = {
    "xgboost": XGBoost(),
    "lightgbm": LightGBM(),
    "catboost": CatBoost(),
    "skorch": Skorch(),
    "scikeras": Keras(),
}
_HIST = HistGradientBoosting()
# Classes are compared by name, because importing scikit-learn's ensembles takes time.
_HISTS = {"HistGradientBoostingClassifier", "HistGradientBoostingRegressor"}
# Learners that hold out rows themselves and accept no validation rows. Each line has
# the learner, the parameter that makes the learner hold out rows, and the value of this
# parameter for which the learner holds out no rows.
_BY_THEMSELVES = {
    "BaseGradientBoosting": ("n_iter_no_change", None),
    "BaseMultilayerPerceptron": ("early_stopping", False),
    "BaseSGD": ("early_stopping", False),
}
# With more rows than this, histogram gradient boosting stops early by default.
_MANY_ROWS = 10_000
_INSTEAD = (
    "Use XGBoost, LightGBM, CatBoost, HistGradientBoosting, skorch or scikeras, or do "
    "not use validation rows."
)


def family_of(learner):
    """Return the family of a learner that can monitor validation rows, or None."""
    if _names(learner) & _HISTS:
        return _HIST if fit_takes(learner, "X_val") else None
    families = [_BY_PACKAGE.get(package) for package in packages_of(learner)]
    return next((family for family in families if family is not None), None)


def own_rows_off(learner, n_rows):
    """Return the setting that turns off a learner's own validation rows, or None.

    None if the learner holds out rows only for a purpose other than early stopping.
    `n_rows` is the number of rows of the fit.
    """
    names, params = _names(learner), params_of(learner)
    if names & _HISTS:
        early = params["early_stopping"]
        early = n_rows > _MANY_ROWS if _is_word(early, "auto") else early
        holds_out = early and params["validation_fraction"] is not None
        return "early_stopping=False" if holds_out else None
    for cls in names & _BY_THEMSELVES.keys():
        name, off = _BY_THEMSELVES[cls]
        if params[name] is not None and params[name] is not False:
            return f"{name}={off}"
    family = family_of(learner)
    if isinstance(family, Skorch | Keras) and family.is_patient(params, {}):
        name = "train_split" if isinstance(family, Skorch) else "validation_split"
        return f"{name}=None" if params.get(name) else None
    return None


def stops_by_accuracy(learner):
    """Return whether a learner stops early by the accuracy on its held-out rows."""
    return bool(_names(learner) & {"BaseMultilayerPerceptron", "BaseSGD"})


def no_validation_rows(learner):
    """Return the error for a learner that takes no validation rows."""
    name = type(learner).__name__
    holds = [_BY_THEMSELVES[cls] for cls in _names(learner) & _BY_THEMSELVES.keys()]
    if _names(learner) & _HISTS:
        why = "accepts X_val and y_val only in newer versions of scikit-learn"
    elif holds:
        why = f"holds out rows itself by {holds[0][0]}, and accepts no other rows"
    elif "keras" in packages_of(learner):
        why = "of keras.wrappers does not accept them; KerasClassifier of scikeras does"
    else:
        why = "does not stop early by validation rows"
    return ValueError(f"validation rows cannot be used: {name} {why}. {_INSTEAD}")


def refined_loss(learner):
    """Return the metric to monitor, for outputs in the form used by the learner."""
    objective = learner.get_params(deep=False).get("objective")
    return RefinedLogLoss(raw=callable(objective) or gives_raw_scores(learner))


def _said(params, *names):
    """Return ``name=value`` for the first of the names that has a value, or None."""
    said = [f"{name}={params[name]!r}" for name in names if params.get(name)]
    return said[0] if said else None


def _is_word(value, word):
    return isinstance(value, str) and value == word


def _names(value):
    """Return the names of the classes of an object, or of a class."""
    cls = value if isinstance(value, type) else type(value)
    return {base.__name__ for base in cls.__mro__}


def _of_name(callbacks, name):
    """Return the callbacks whose class has the given name, in any container."""
    if callbacks is None or isinstance(callbacks, str):
        return []
    if isinstance(callbacks, dict):
        callbacks = list(callbacks.values())
    listed = callbacks if isinstance(callbacks, list | tuple) else [callbacks]
    callbacks = [item[-1] if isinstance(item, tuple) else item for item in listed]
    return [item for item in callbacks if name in _names(item)]
