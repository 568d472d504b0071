"""Where to clip shares of votes before their logarithm is taken?

A forest, a tree or neighbours say zero where no vote was cast. The log odds of zero are
minus infinity, so a floor is needed; it decides how much a straight map on the log odds
is pulled by the rows without a vote. Balanced models, out-of-fold scores of five folds,
a sigmoid on them, log loss on the other 40 % of the rows, mean over two splits.
"""

import numpy as np
from _common import Figure, datasets, run, table
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    StratifiedKFold,
    StratifiedShuffleSplit,
    cross_val_predict,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

from skweight._held_out.outputs import SMALLEST_CLIP
from skweight.calibration import SigmoidCalibrator, scores_from_proba
from skweight.datasets import make_imbalanced

MODELS = {
    "forest": RandomForestClassifier(class_weight="balanced", random_state=0),
    "forest, 5 rows a leaf": RandomForestClassifier(
        class_weight="balanced", min_samples_leaf=5, random_state=0
    ),
    "tree, 20 rows a leaf": DecisionTreeClassifier(
        class_weight="balanced", min_samples_leaf=20, random_state=0
    ),
    "25 neighbours": KNeighborsClassifier(25),
}
QUANTILES = (0.0, 0.01, 0.05, 0.1)
MOST_ROWS = 8000


def problems(options):
    """Yield name, X and y of real data, and of problems that are made."""
    for name, X, y in datasets(options):
        texts = make_column_selector(dtype_include="category")
        coded = make_column_transformer(
            (OrdinalEncoder(encoded_missing_value=-1), texts), remainder="passthrough"
        ).fit_transform(X)
        rows = np.random.default_rng(0).permutation(len(y))[:MOST_ROWS]
        yield name, np.nan_to_num(coded[rows].astype(float)), y[rows]
    for prevalence in (0.02, 0.1):
        data = make_imbalanced(
            MOST_ROWS, prevalence=prevalence, nonlinearity=0.5, random_state=3
        )
        yield f"made, {prevalence:.0%}", data.X, data.y


def losses(model, X, y, train, test):
    """Return the log loss for every quantile, and the share of rows without a vote."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    held_out = cross_val_predict(
        model, X[train], y[train], cv=folds, method="predict_proba"
    )
    new = model.fit(X[train], y[train]).predict_proba(X[test])
    collected = []
    for quantile in QUANTILES:
        small = np.quantile(held_out[held_out > 0], quantile)
        clip = float(np.clip(small / 2, SMALLEST_CLIP, 0.25))
        calibrator = SigmoidCalibrator().fit(
            scores_from_proba(held_out, clip=clip), y[train]
        )
        proba = calibrator.predict_proba(scores_from_proba(new, clip=clip))
        collected.append(log_loss(y[test], proba[:, 1]))
    return [*collected, np.mean(held_out[:, 1] == 0)]


def measure(options):
    """Yield one table."""
    rows = []
    splits = StratifiedShuffleSplit(
        1 if options.quick else 2, test_size=0.4, random_state=0
    )
    for data, X, y in problems(options):
        for name, model in MODELS.items():
            each = [losses(model, X, y, *split) for split in splits.split(X, y)]
            *mean, zeros = np.mean(each, axis=0)
            row = {
                "data": data,
                "model": name,
                "rows without a vote, %": Figure(100 * zeros, ".0f"),
                "half the smallest": Figure(mean[0], ".4f"),
            }
            for quantile, one in zip(QUANTILES[1:], mean[1:], strict=True):
                row[f"half the {quantile:.0%} quantile"] = Figure(one, ".4f")
            rows.append(row)
    yield table(rows)


if __name__ == "__main__":
    run(measure, __doc__, "vote_floor")
