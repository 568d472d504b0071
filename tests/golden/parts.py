"""What golden configurations are made of: data, learners that are watched, words.

Only public names are used, so that the set outlives every move inside the package.
"""

import numpy as np
import pandas as pd
from imblearn.over_sampling import SMOTE, RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, TimeSeriesSplit
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import skweight as sw
from skweight import pipeline, resampling, stabilizers
from skweight.density_ratio import ULSIF, KernelLogisticRatio

N_ROWS, N_NEW = 140, 40

# -- learners that write down what their fits are given ------------------------------

LOG = []


def _write(who, X, weights):
    n = np.shape(X)[0]
    if weights is None:
        LOG.append((who, n, None))
    else:
        LOG.append((who, n, np.array(weights, dtype=np.float64)))


def watched(base, *, weighted=True, streams=False):
    """Return a subclass whose fits leave the weights they were given in `LOG`."""
    name = f"Watched{base.__name__}"
    if weighted:

        def fit(self, X, y, sample_weight=None):
            _write(name, X, sample_weight)
            return base.fit(self, X, y, sample_weight=sample_weight)

    else:

        def fit(self, X, y):
            _write(name, X, None)
            return base.fit(self, X, y)

    members = {"fit": fit, "__module__": __name__}
    if streams:

        def partial_fit(self, X, y, classes=None, sample_weight=None):
            _write(name, X, sample_weight)
            return base.partial_fit(
                self, X, y, classes=classes, sample_weight=sample_weight
            )

        members["partial_fit"] = partial_fit
    return type(name, (base,), members)


Logistic = watched(LogisticRegression)
Bayes = watched(GaussianNB, streams=True)
Forest = watched(RandomForestClassifier)
ExtraTrees = watched(ExtraTreesClassifier)
Boosting = watched(HistGradientBoostingClassifier)
RidgeLabels = watched(RidgeClassifier)
Vectors = watched(LinearSVC)
Kernel = watched(SVC)
Neighbors = watched(KNeighborsClassifier, weighted=False)
Discriminant = watched(LinearDiscriminantAnalysis, weighted=False)
Line = watched(LinearRegression)
RidgeLine = watched(Ridge)
NeighborsLine = watched(KNeighborsRegressor, weighted=False)
StochasticLine = watched(SGDRegressor)


class Stochastic(SGDClassifier):
    """Its partial_fit takes its weights last, as that of scikit-learn does."""

    def fit(self, X, y, sample_weight=None):
        _write("Stochastic", X, sample_weight)
        return super().fit(X, y, sample_weight=sample_weight)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        _write("Stochastic", X, sample_weight)
        return super().partial_fit(X, y, classes=classes, sample_weight=sample_weight)


class Tree(DecisionTreeClassifier):
    """Ensembles call its fit with an argument of its own."""

    def fit(self, X, y, sample_weight=None, check_input=True):
        _write("Tree", X, sample_weight)
        return super().fit(X, y, sample_weight, check_input)


class TreeLine(DecisionTreeRegressor):
    """The same for numbers."""

    def fit(self, X, y, sample_weight=None, check_input=True):
        _write("TreeLine", X, sample_weight)
        return super().fit(X, y, sample_weight, check_input)


class Scaler(StandardScaler):
    """A transformer, which must see population weights alone."""

    def fit(self, X, y=None, sample_weight=None):
        _write("Scaler", X, sample_weight)
        return super().fit(X, y, sample_weight=sample_weight)


def _logistic(**parameters):
    return Logistic(max_iter=60, **parameters)


def _forest(**parameters):
    return Forest(8, max_depth=4, random_state=0, **parameters)


LEARNERS = {
    "logistic": _logistic,
    "balanced-logistic": lambda: _logistic(class_weight="balanced"),
    "bayes": Bayes,
    "tree": lambda: Tree(max_depth=3, random_state=0),
    "forest": _forest,
    "votes": lambda: _forest(bootstrap=True, class_weight="balanced_subsample"),
    "extra-trees": lambda: ExtraTrees(8, max_depth=4, bootstrap=True, random_state=0),
    "boosting": lambda: Boosting(max_iter=4, max_leaf_nodes=6, random_state=0),
    "ridge": RidgeLabels,
    "vectors": lambda: Vectors(random_state=0),
    "kernel-svc": lambda: Kernel(random_state=0),
    "neighbors": lambda: Neighbors(9),
    "discriminant": Discriminant,
    "stochastic": lambda: Stochastic(
        loss="log_loss", max_iter=20, tol=None, random_state=0
    ),
    "hinge": lambda: Stochastic(max_iter=20, tol=None, random_state=0),
    "scaled": lambda: make_pipeline(Scaler(with_mean=False), _logistic()),
    "scaled-neighbors": lambda: make_pipeline(Scaler(with_mean=False), Neighbors(9)),
    "selected": lambda: make_pipeline(
        Scaler(with_mean=False),
        SelectFromModel(_logistic(), threshold=-np.inf),
        Tree(max_depth=3, random_state=0),
    ),
    "search": lambda: GridSearchCV(_logistic(), {"C": [0.1, 1.0]}, cv=2),
    "bagged": lambda: BaggingClassifier(_logistic(), 3, random_state=0),
    "vote": lambda: VotingClassifier(
        [("a", _logistic()), ("b", Bayes())], voting="soft"
    ),
    "stack": lambda: StackingClassifier([("a", _logistic())], _logistic(), cv=2),
    "calibrated": lambda: CalibratedClassifierCV(_logistic(), cv=2),
    "ours-inside": lambda: pipeline.make_pipeline(
        Scaler(with_mean=False), sw.BalancedWeighting(0.5), _logistic()
    ),
    "our-sampler-inside": lambda: pipeline.make_pipeline(
        RandomOverSampler(random_state=0), _logistic()
    ),
}
FITTED = {"frozen": _logistic, "frozen-forest": _forest}

# -- data ------------------------------------------------------------------------------

LABELS = {
    "01": [0, 1],
    "words": ["no", "yes"],
    "signs": [-1, 1],
    "booleans": [False, True],
    "012": [0, 1, 2],
    "three words": ["high", "low", "mid"],
}


def columns(seed=0, n=N_ROWS, shift=0.0):
    rng = np.random.default_rng(seed)
    X = rng.normal(shift, 1, size=(n, 4))
    X[:, 3] = rng.uniform(0.5, 2.0, n)
    return np.round(X, 6)


def codes_of(X, n_classes, seed=1):
    rng = np.random.default_rng(seed)
    score = X[:, 0] + 0.5 * X[:, 1] + 0.7 * rng.normal(size=len(X))
    return np.digitize(score, [1.0] if n_classes == 2 else [0.3, 1.2])


def contain(X, container):
    if container == "frame":
        return pd.DataFrame(X, columns=list("abcd"))
    if container == "polars":
        import polars

        return polars.DataFrame(X, schema=list("abcd"))
    if container == "list":
        return X.tolist()
    if container in ("csr", "csc", "coo"):
        return getattr(sparse, f"{container}_matrix")(X)
    return X


def sample_weight_of(word, n=N_ROWS):
    rng = np.random.default_rng(2)
    weights = rng.uniform(0.5, 3.0, n).round(3)
    if word == "zeros":
        weights[rng.random(n) < 0.1] = 0.0
    elif word == "ones":
        weights[:] = 1.0
    return None if word == "none" else weights


# -- strategies, in the words of the configurations ------------------------------------


def first_column(X, y):
    X = X.toarray() if sparse.issparse(X) else np.asarray(X)
    return 0.5 + np.abs(np.asarray(X[:, 0], dtype=np.float64))


def _rising(labels):
    return {label: 1.0 + 2 * i for i, label in enumerate(labels)}


def _even(labels):
    return dict.fromkeys(labels, 1 / len(labels))


def costs(labels, by_row=False):
    """Return costs that rise with the number of the true class."""
    dear = sw.CostMatrix.column(3) if by_row else 8.0
    return sw.CostMatrix.from_dict(
        {
            true: {
                said: (dear if i == len(labels) - 1 else 1.0 + i)
                for said in labels
                if said != true
            }
            for i, true in enumerate(labels)
        }
    )


def _target():
    return columns(7, 50, shift=0.4)


WEIGHTINGS = {
    "none": lambda labels: None,
    "balanced": lambda labels: "balanced",
    "half": lambda labels: sw.BalancedWeighting(strength=0.5),
    "effective": lambda labels: "effective_number",
    "dict": _rising,
    "callable": lambda labels: first_column,
    "column": lambda labels: sw.ColumnWeighting(3),
    "column emphasis": lambda labels: sw.ColumnWeighting(3, role="emphasis"),
    "prior": lambda labels: sw.PriorWeighting(_even(labels)),
    "cost": lambda labels: sw.CostWeighting(costs(labels)),
    "cost by row": lambda labels: sw.CostWeighting(costs(labels, by_row=True)),
    "function": lambda labels: sw.FunctionWeighting(first_column, role="population"),
    "shift": lambda labels: sw.DensityRatioWeighting(
        _target(),
        estimator=KernelLogisticRatio(n_centers=20, lambdas=0.01),
        random_state=0,
    ),
    "ulsif": lambda labels: sw.DensityRatioWeighting(
        _target(),
        estimator=ULSIF(0.2, back_transform=True, sigmas=1.0, lambdas=0.1),
        random_state=0,
    ),
    "label shift": lambda labels: sw.LabelShiftWeighting(
        _target(), GaussianNB(), cv=2, random_state=0
    ),
    "column x balanced": lambda labels: [sw.ColumnWeighting(3), "balanced"],
    "callable x dict": lambda labels: [first_column, _rising(labels)],
    "prior x balanced": lambda labels: [sw.PriorWeighting(_even(labels)), "balanced"],
    "shift x balanced": lambda labels: [WEIGHTINGS["shift"](labels), "balanced"],
}

STABILIZERS = {
    "none": None,
    "clip": "clip",
    "pareto": "pareto",
    "temper": "temper",
    "3": 3.0,
    "object": stabilizers.CapStabilizer(2.0),
}

RESAMPLERS = {
    "none": None,
    "over": "random_over",
    "under": "random_under",
    "smote": "smote",
    "smote half": SMOTE(sampling_strategy="minority", k_neighbors=3),
    "ours": resampling.WeightedSampler(RandomUnderSampler()),
}

CALIBRATIONS = [
    "none",
    "anchored",
    "auto",
    "beta",
    "isotonic",
    "matrix",
    "prior",
    "quadratic",
    "sigmoid",
    "temperature",
    "vector",
    "venn_abers",
]

DECISIONS = {
    "auto": lambda labels: "auto",
    "argmax": lambda labels: "argmax",
    "0.3": lambda labels: 0.3,
    "tuned": lambda labels: "tuned",
    "costs": costs,
    "costs by row": lambda labels: costs(labels, by_row=True),
}

CVS = {
    "auto": "auto",
    "3": 3,
    "holdout": "holdout",
    "oob": "oob",
    "folds": KFold(3),
    "times": TimeSeriesSplit(3),
    "groups": GroupKFold(3),
    "pairs": [
        (np.arange(0, N_ROWS, 2), np.arange(1, N_ROWS, 2)),
        (np.arange(1, N_ROWS, 2), np.arange(0, N_ROWS, 2)),
    ],
}

REGRESSORS = {
    "line": Line,
    "ridge": RidgeLine,
    "tree": lambda: TreeLine(max_depth=3, random_state=0),
    "neighbors": lambda: NeighborsLine(5),
    "scaled": lambda: make_pipeline(Scaler(with_mean=False), RidgeLine()),
    "stochastic": lambda: StochasticLine(max_iter=20, tol=None, random_state=0),
}

PIPELINES = {
    "scaled": lambda labels: [Scaler(with_mean=False), _logistic()],
    "weighted": lambda labels: [
        Scaler(with_mean=False),
        sw.BalancedWeighting(),
        _logistic(),
    ],
    "sampled": lambda labels: [
        RandomOverSampler(random_state=0),
        Scaler(with_mean=False),
        _logistic(),
    ],
    "sampled and weighted": lambda labels: [
        SMOTE(k_neighbors=2, random_state=0),
        sw.ClassWeighting(_rising(labels)),
        Bayes(),
    ],
    "two weightings": lambda labels: [
        sw.ColumnWeighting(3),
        sw.BalancedWeighting(0.5),
        Tree(max_depth=3, random_state=0),
    ],
    "weighted classifier last": lambda labels: [
        Scaler(with_mean=False),
        sw.PriorWeighting(_even(labels)),
        sw.WeightedClassifier(_logistic(), calibration="sigmoid", random_state=0),
    ],
    "column": lambda labels: [
        pipeline.WeightColumn("balanced"),
        sw.WeightedClassifier(
            _logistic(),
            weighting=pipeline.WeightColumn("balanced").consumer(),
            calibration="prior",
        ),
    ],
    "selected": lambda labels: [
        SelectFromModel(_logistic(), threshold=-np.inf),
        sw.BalancedWeighting(),
        Boosting(max_iter=4, max_leaf_nodes=6, random_state=0),
    ],
}


def frozen(word, labels):
    """Return a model that was fitted, on balanced rows, before the configuration."""
    X = columns(3)
    y = np.array(labels)[codes_of(X, len(labels))]
    weights = np.where(y == labels[-1], 3.0, 1.0)
    return FrozenEstimator(FITTED[word]().fit(X, y, sample_weight=weights))
