"""Could any calibrator bring the default below scikit-learn's average of five models?

The default is one model with balanced weights. Maps of its scores are fitted to the
test rows themselves: no map of the family has a lower log loss there, whatever it
learns from. What one could expect to gain is shown by maps that learn from nine tenths
of the test rows and are applied to the last tenth. The same is done for one model
without weights. Problems, learners, folds and log loss are those of
`default_against_peers`.
"""

import sys
import warnings

import numpy as np
import pandas as pd
from _common import Figure, run, table
from default_against_peers import (
    AVERAGED,
    BOTH,
    DEFAULT,
    METHODS,
    NONE,
    log_loss,
    mean_of,
    problems,
    shared_fits,
)
from scipy.special import log_expit, logit
from sklearn.ensemble import RandomForestClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FAMILIES = ("boosting", "forest")
PEERS = ("sklearn sigmoid", "sklearn isotonic", "sklearn sigmoid, one model")
BOUNDS = {
    "sigmoid": lambda scores: scores[:, np.newaxis],
    "quadratic": lambda scores: np.column_stack([scores, scores**2]),
    "beta": lambda scores: np.column_stack([log_expit(scores), log_expit(-scores)]),
}
ISOTONIC = "isotonic"
# Maps of the very rows that judge, and maps of the nine tenths that do not.
THESE, OTHERS = "of the test rows", "of other test rows"


def scores_of(model, X):
    """Return the log odds of the estimator inside of a fitted wrapper.

    A share of votes of 0 or 1 becomes one that is half a vote away from it.
    """
    proba = model.estimator_.predict_proba(X)[:, 1]
    least = 1e-7
    if isinstance(model.estimator_, RandomForestClassifier):
        least = 0.5 / model.estimator_.n_estimators
    return logit(np.clip(proba, least, 1 - least))


def best_map(name, scores, hits):
    """Return the map of a family with the least log loss of some rows."""
    if name == ISOTONIC:
        return IsotonicRegression(out_of_bounds="clip").fit(scores, hits).predict
    y, weights = np.repeat([0, 1], scores.size), np.concatenate([1 - hits, hits])
    best = make_pipeline(
        StandardScaler(), LogisticRegression(C=np.inf, max_iter=1000, tol=1e-8)
    )
    terms = BOUNDS[name]
    best.fit(terms(np.tile(scores, 2)), y, logisticregression__sample_weight=weights)
    return lambda scores: best.predict_proba(terms(scores))[:, 1]


def bounds(model, split):
    """Yield names of maps that learn from test rows, and what they make of them.

    Where the truth is known, it takes the place of the labels.
    """
    scores = scores_of(model, split.X_test)
    hits = split.y_test if split.truth is None else split.truth[:, 1]
    parts = list(StratifiedKFold(10).split(scores, split.y_test))
    for name in (*BOUNDS, ISOTONIC):
        proba = best_map(name, scores, hits)(scores)
        yield f"{name} {THESE}", two_columns(proba)
        if name == ISOTONIC:  # it would give a probability of 0 to some rows
            continue
        for others, these in parts:
            learned = best_map(name, scores[others], hits[others])
            proba[these] = learned(scores[these])
        yield f"{name} {OTHERS}", two_columns(proba)


def two_columns(proba):
    """Return the probabilities of both classes."""
    return np.column_stack([1 - proba, proba])


def compared(split, family, seed):
    """Yield names of methods and of maps, and their losses."""
    share = np.bincount(split.y) / split.y.size
    base = log_loss(split, np.tile(share, (split.y_test.size, 1)))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    with warnings.catch_warnings(), shared_fits():
        warnings.simplefilter("ignore")
        for method in (DEFAULT, NONE, AVERAGED, BOTH, *PEERS):
            model = METHODS[method](family, folds).fit(split.X, split.y)
            yield method, log_loss(split, model.predict_proba(split.X_test)) / base
            if method in (DEFAULT, NONE):
                for name, proba in bounds(model, split):
                    yield f"{method}, {name}", log_loss(split, proba) / base


def arguments(parser):
    """Add the number of seeds."""
    parser.add_argument("--seeds", type=int, default=3)


def measure(options):
    """Yield a table for each family."""
    for family in FAMILIES:
        losses = {}
        for name, draw in problems(options):
            of_seeds = []
            for seed in range(1 if options.quick else options.seeds):
                of_seeds.append(dict(compared(draw(seed=seed), family, seed)))
            losses[name] = pd.DataFrame(of_seeds).mean()
            print(f"{family}, {name}", file=sys.stderr, flush=True)
        losses = pd.DataFrame(losses).T
        rows = []
        for method in losses:
            row = {"method": method, "log loss": Figure(losses[method].mean(), ".4f")}
            for peer in PEERS:
                row[f"minus {peer}"] = mean_of(losses[method] - losses[peer])
            below = (losses[method] < losses[PEERS[0]]).sum()
            row[f"problems below {PEERS[0]}"] = f"{below} of {len(losses)}"
            rows.append(row)
        yield f"## {family.capitalize()}: log loss over that of the prevalence"
        yield table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "calibrator_bounds", arguments)
