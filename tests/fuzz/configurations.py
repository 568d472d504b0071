"""Configurations of a WeightedClassifier that are drawn by number, and their rows."""

import importlib.util
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skweight import ColumnWeighting, WeightedClassifier

N_ROWS, N_FRESH, N_FOLDS = 90, 60, 3


def logistic():
    """Return a logistic regression that is fitted to its last digits."""
    return LogisticRegression(tol=1e-9, max_iter=2000)


LEARNERS = {
    "logistic": logistic,
    "bayes": GaussianNB,
    "tree": lambda: DecisionTreeClassifier(max_depth=3, random_state=0),
    "forest": lambda: RandomForestClassifier(5, max_depth=4, random_state=0),
    "boosting": lambda: HistGradientBoostingClassifier(
        max_iter=5, early_stopping=False, random_state=0
    ),
    "ridge": RidgeClassifier,
    # Small steps and a fixed number of passes. The first steps of the default are so
    # large that the last digit of a weight changes the model.
    "sgd": lambda: SGDClassifier(
        loss="log_loss",
        learning_rate="constant",
        eta0=0.01,
        max_iter=20,
        tol=None,
        random_state=0,
    ),
    "neighbors": lambda: KNeighborsClassifier(5),
    "pipeline": lambda: make_pipeline(StandardScaler(), logistic()),
}
TAKE_SPARSE = ("logistic", "tree", "forest", "ridge", "sgd")
LABELS = {
    "integers": [0, 1, 2],
    "signs": [-1, 1, 3],
    "texts": ["bad", "good", "ugly"],
    "objects": ["bad", "good", "ugly"],
    "floats": [0.0, 1.0, 2.0],
    "booleans": [False, True],
}
CONTAINERS = ["array", "fortran", "float32", "frame", "list", "csr", "csc", "polars"]
WEIGHTS = ["none", "ones", "random", "integers", "zeros", "frame"]
CALIBRATIONS = [
    None,
    "prior",
    "sigmoid",
    "isotonic",
    "beta",
    "temperature",
    "anchored",
    "auto",
    "venn_abers",
]
# By class, by a rule for rows that knows nothing of positions, and by a column.
WEIGHTINGS = ["none", "balanced", "half", "rows", "column"]
DECISIONS = ["argmax", "auto", "balanced", "threshold", "named", "tuned"]


@dataclass(frozen=True)
class Configuration:
    """What is drawn; its number is the seed of it and of its rows."""

    number: int
    learner: str
    n_classes: int
    labels: str
    container: str
    weights: str
    weighting: str
    calibration: str | None
    decision: str
    resampler: str | None
    stabilizer: str | None
    normalize: bool
    ensemble: bool

    def __str__(self):
        return ", ".join(f"{name}={value!r}" for name, value in asdict(self).items())


@dataclass
class Rows:
    """Rows as plain arrays; `folds` are the positions that every fold holds out.

    What a model says is read off fresh rows: the scores of its own rows are the very
    points at which a calibrator may step.
    """

    X: np.ndarray
    codes: np.ndarray
    weights: np.ndarray | None
    folds: list
    fresh: np.ndarray

    def take(self, rows):
        """Return some rows, some of them repeatedly; folds move with their rows."""
        fold_of = np.empty(len(self.X), dtype=int)
        for fold, test in enumerate(self.folds):
            fold_of[test] = fold
        taken = fold_of[rows]
        weights = None if self.weights is None else self.weights[rows]
        folds = [np.flatnonzero(taken == fold) for fold in range(len(self.folds))]
        return Rows(self.X[rows], self.codes[rows], weights, folds, self.fresh)

    def splits(self):
        """Return pairs of training and test positions."""
        everything = np.arange(len(self.X))
        return [(np.setdiff1d(everything, test), test) for test in self.folds]


def draw(number):
    """Return the configuration of a number."""
    rng = np.random.default_rng([7, number])

    def pick(values, p=None):
        return values[rng.choice(len(values), p=p)]

    learner = pick(list(LEARNERS))
    n_classes = pick([2, 3], p=[0.65, 0.35])
    labels = pick([name for name, v in LABELS.items() if len(v) >= n_classes])
    containers = [
        name
        for name in CONTAINERS
        if (learner in TAKE_SPARSE or name not in ("csr", "csc"))
        and (name != "polars" or importlib.util.find_spec("polars"))
    ]
    calibration = pick(CALIBRATIONS)
    if calibration == "prior" and learner == "ridge":
        calibration = "sigmoid"
    decisions = DECISIONS
    if calibration is None:
        decisions = ["auto"]
    elif calibration == "prior":
        # Costs would take weights of rows at their word, and are refused.
        decisions = ["argmax", "auto"]
    elif n_classes > 2:
        decisions = [d for d in DECISIONS if d != "threshold"]
    container = pick(containers)
    return Configuration(
        number=number,
        learner=learner,
        n_classes=n_classes,
        labels=labels,
        container=container,
        weights=pick(WEIGHTS),
        weighting=pick(WEIGHTINGS),
        calibration=calibration,
        decision=pick(decisions),
        resampler=pick([None, "random_over"], p=[0.9, 0.1]),
        stabilizer=pick([None, "clip", "temper"], p=[0.8, 0.1, 0.1]),
        normalize=bool(rng.integers(2)),
        ensemble=bool(rng.integers(2)),
    )


def rows_of(configuration):
    """Return the rows of a configuration, every class in every fold."""
    rng = np.random.default_rng([11, configuration.number])
    codes = rng.permutation(np.arange(N_ROWS) % 7 % configuration.n_classes)
    X = rng.normal(size=(N_ROWS + N_FRESH, 4))
    X[:N_ROWS] += codes[:, None] * [0.8, 0.3, 0.0, 0.0]
    # A column of positive numbers, and all such that float32 holds them exactly.
    X[:, 3] = rng.integers(1, 5, len(X)) / 4
    X = np.round(X * 1024) / 1024
    X, fresh = X[:N_ROWS], X[N_ROWS:]
    weights = {
        "none": lambda: None,
        "ones": lambda: np.ones(N_ROWS),
        "random": lambda: rng.uniform(0.5, 2, N_ROWS),
        "integers": lambda: rng.integers(1, 4, N_ROWS).astype(float),
        "zeros": lambda: rng.integers(0, 3, N_ROWS).astype(float),
        "frame": lambda: rng.uniform(0.5, 2, N_ROWS),
    }[configuration.weights]()
    fold_of = np.empty(N_ROWS, dtype=int)
    for code in range(configuration.n_classes):
        rows_of_class = np.flatnonzero(codes == code)
        fold_of[rows_of_class] = np.arange(rows_of_class.size) % N_FOLDS
    folds = [np.flatnonzero(fold_of == fold) for fold in range(N_FOLDS)]
    return Rows(X, codes, weights, folds, fresh)


def in_container(configuration, X):
    """Return an array in the container of a configuration."""
    names = ["a", "b", "c", "d"]
    if configuration.container == "polars":
        import polars as pl

        return pl.DataFrame(X, schema=names)
    return {
        "array": np.ascontiguousarray,
        "fortran": np.asfortranarray,
        "float32": lambda X: X.astype(np.float32),
        "frame": lambda X: pd.DataFrame(X, columns=names),
        "list": lambda X: X.tolist(),
        "csr": sp.csr_array,
        "csc": sp.csc_matrix,
    }[configuration.container](X)


def labels_of(configuration, codes, names=None):
    """Return labels of the kind of a configuration, or other names for them."""
    names = LABELS[configuration.labels] if names is None else names
    labels = np.array(names)[codes]
    return labels.astype(object) if configuration.labels == "objects" else labels


def weights_of(configuration, weights):
    """Return weights as they are passed."""
    return pd.Series(weights) if configuration.weights == "frame" else weights


def by_rule(X, y):
    """Weigh rows by what they hold, whatever contains them."""
    if hasattr(X, "toarray"):
        X = X.toarray()
    return 0.5 + np.abs(np.asarray(X, dtype=np.float64)[:, 0])


def model_of(configuration, rows, names=None, **params):
    """Return the unfitted classifier of a configuration."""
    names = LABELS[configuration.labels] if names is None else names
    decision = {"threshold": 0.3, "named": {names[0]: 0.4}}.get(
        configuration.decision, configuration.decision
    )
    weighting = {
        "none": None,
        "half": ["balanced", by_rule],
        "rows": by_rule,
        "column": ColumnWeighting(3, role="emphasis"),
    }.get(configuration.weighting, configuration.weighting)
    params = {
        "weighting": weighting,
        "calibration": configuration.calibration,
        "decision": decision,
        "resampler": configuration.resampler,
        "stabilizer": configuration.stabilizer,
        "normalize": configuration.normalize,
        "ensemble": configuration.ensemble and configuration.calibration is not None,
        "unsupported": "resample",
        "cv": rows.splits(),
        "random_state": 0,
    } | params
    return WeightedClassifier(LEARNERS[configuration.learner](), **params)


def fit(configuration, rows, names=None, **params):
    """Return the fitted classifier of a configuration."""
    return model_of(configuration, rows, names, **params).fit(
        in_container(configuration, rows.X),
        labels_of(configuration, rows.codes, names),
        sample_weight=weights_of(configuration, rows.weights),
    )
