"""Do weights for covariate shift make a model better where it is used?

Log loss on the target, weighted fit minus unweighted fit, paired over repetitions:
negative is better. First on problems whose truth is known, with a model that cannot
follow it and one that can; then on real data, trained on the young and used on the old.
"""

import sys
import warnings
from functools import partial

import numpy as np
import pandas as pd
from _common import REAL, Figure, run, table
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from skweight import (
    DensityRatioWeighting,
    FunctionWeighting,
    WeightedClassifier,
)
from skweight.datasets import make_covariate_shift

MODELS = {
    "line (cannot follow the truth)": lambda: LogisticRegression(),
    "parabola (can)": lambda: make_pipeline(
        PolynomialFeatures(2, include_bias=False),
        StandardScaler(),
        LogisticRegression(),
    ),
}
STRATEGIES = {
    estimator: partial(DensityRatioWeighting, estimator=estimator)
    for estimator in ("search", "logistic", "ulsif", "kliep")
}


def fit(estimator, X, y, weighting):
    with warnings.catch_warnings():
        # Few rows that look like the target are what is measured here.
        warnings.simplefilter("ignore")
        return WeightedClassifier(estimator, weighting=weighting, calibration=None).fit(
            X, y
        )


def paired(differences):
    differences = np.asarray(differences)
    error = differences.std(ddof=1) / np.sqrt(differences.size)
    return Figure(differences.mean(), "+.4f", error)


def rows_of(losses, names, model):
    """Return one row of the table for each strategy, from losses by strategy."""
    plain = np.asarray(losses["none"])
    return [
        {
            "model": model,
            "weighting": name,
            "log loss unweighted": Figure(plain.mean(), ".4f"),
            "difference ± s.e.": paired(losses[name] - plain),
            "better in": f"{np.mean(losses[name] < plain):.0%}",
        }
        for name in names
    ]


def known_truth(options):
    repeats = 2 if options.quick else 10
    for n in [200] if options.quick else [300, 1000]:
        rows = []
        weightings = {}
        for seed in range(repeats):
            data = make_covariate_shift(n, n, n_features=5, random_state=seed)
            X = data.X_source
            weightings[seed] = learn(STRATEGIES, X, data.X_target, seed)
            weightings[seed]["the true ratio"] = given(data.ratio(X))
            print(f"n={n}, seed {seed}", file=sys.stderr, flush=True)
        for model, make in MODELS.items():
            losses = {}
            for seed in range(repeats):
                data = make_covariate_shift(n, n, n_features=5, random_state=seed)
                new = make_covariate_shift(10, 20_000, n_features=5, random_state=1000)
                for name, weighting in weightings[seed].items():
                    clf = fit(make(), data.X_source, data.y_source, weighting)
                    p = np.clip(clf.predict_proba(new.X_target), 1e-15, 1)
                    q = new.proba_target
                    loss = -np.mean(q * np.log(p[:, 1]) + (1 - q) * np.log(p[:, 0]))
                    losses.setdefault(name, []).append(loss)
            losses = {name: np.array(values) for name, values in losses.items()}
            rows += rows_of(losses, list(losses)[1:], model)
        yield (
            f"Known truth, P(1 | x) = sigmoid(x_1² - 1), five features, {n:,} rows of "
            f"source and target, whose first feature is one higher; expected log loss, "
            f"{repeats} repetitions."
        )
        yield table(rows)


def learn(strategies, X, X_target, seed):
    """Return strategies that repeat weights learned once, for any model."""
    by_name = {"none": None}
    for name, make in strategies.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            weights = make(X_target, random_state=seed).fit_weigh(X, None)
        by_name[name] = given(weights)
        if name == "DensityRatioWeighting":
            by_name["... exponent=0.5"] = given(np.sqrt(weights))
    return by_name


def given(weights):
    return FunctionWeighting(lambda X, y: weights, role="population")


def adult_models():
    words = make_column_selector(dtype_include="category")
    numbers = make_column_selector(dtype_exclude="category")
    return {
        "logistic regression": make_pipeline(
            make_column_transformer(
                (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
                (OneHotEncoder(handle_unknown="ignore", min_frequency=20), words),
            ),
            LogisticRegression(max_iter=1000),
        ),
        "boosted trees": HistGradientBoostingClassifier(
            max_iter=50, categorical_features="from_dtype", random_state=0
        ),
    }


def real_data(options):
    file, target, positive, unused = REAL["adult"]
    path = options.data / file
    if options.quick or not path.is_file():
        print(f"SKIPPED: {path}", file=sys.stderr)
        return
    X = pd.read_csv(path, na_values="?")
    y = (X[target].astype(str) == positive).to_numpy(dtype=int)
    X = X.drop(columns=[target, *unused])
    texts = X.select_dtypes(exclude="number").columns
    X = X.astype(dict.fromkeys(texts, "category"))
    age = X["age"].to_numpy()
    young = 1 / (1 + np.exp((age - 38) / 5))
    splits = {
        "Rows are drawn for training with a chance that falls with age, and for the "
        "target with one that rises. Age is a feature, so that labels depend on the "
        "features alike in both.": (X, young, 1 - young),
        "Training rows are up to 35 and target rows over 45 years old, and age is no "
        "feature. What it says about income is then a shift that no weights see.": (
            X.drop(columns="age"),
            (age <= 35).astype(float),
            (age > 45).astype(float),
        ),
    }
    strategies = {
        estimator: partial(DensityRatioWeighting, estimator=estimator)
        for estimator in ("search", "classifier")
    }
    repeats, n = 6, 1500
    for text, (table_, chance_source, chance_target) in splits.items():
        losses = {name: {} for name in adult_models()}
        for seed in range(repeats):
            rng = np.random.default_rng(seed)
            half = rng.uniform(size=len(y)) < 0.5
            source = draw(rng, np.where(half, chance_source, 0), n)
            rows = draw(rng, np.where(half, 0, chance_target), n + 5000)
            unlabelled, judged = rows[:n], rows[n:]
            X_source, X_target = table_.iloc[source], table_.iloc[unlabelled]
            weightings = learn(strategies, X_source, X_target, seed)
            for model, estimator in adult_models().items():
                for name, weighting in weightings.items():
                    clf = fit(estimator, X_source, y[source], weighting)
                    p = clf.predict_proba(table_.iloc[judged])[:, 1]
                    loss = log_loss(y[judged], p)
                    losses[model].setdefault(name, []).append(loss)
            print(f"adult, seed {seed}", file=sys.stderr, flush=True)
        rows = []
        for model, own in losses.items():
            own = {name: np.array(values) for name, values in own.items()}
            rows += rows_of(own, list(own)[1:], model)
        yield f"adult, {n:,} rows of each, {repeats} repetitions. {text}"
        yield table(rows)


def draw(rng, chance, n):
    """Return n different rows, each with a chance in proportion to the one given."""
    clocks = np.divide(
        rng.exponential(size=chance.size),
        chance,
        out=np.full(chance.size, np.inf),
        where=chance > 0,
    )
    rows = np.argsort(clocks)[:n]
    return rng.permutation(rows)


def measure(options):
    yield from known_truth(options)
    yield from real_data(options)


if __name__ == "__main__":
    run(measure, __doc__, "shift_target_error")
