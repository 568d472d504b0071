"""Weights go by position; an index that says otherwise is spoken of."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, SGDClassifier

from skweight import (
    BalancedWeighting,
    WeightedClassifier,
    WeightedRegressor,
    WeightMonitor,
    recommend_weighting,
)
from skweight.density_ratio import ULSIF
from skweight.exceptions import DegenerateWeightsWarning
from skweight.pipeline import WeightColumn, make_pipeline
from skweight.resampling import WeightedSampler

rng = np.random.default_rng(0)
INDICES = {
    "numbers": np.arange(1000, 1080),
    "words": [f"row{i}" for i in range(80)],
    "dates": pd.date_range("2024-01-01", periods=80),
    "pairs": pd.MultiIndex.from_product([range(8), range(10)]),
}
FITS = {
    "classifier": lambda X, y, w: WeightedClassifier(calibration=None).fit(
        X, y, sample_weight=w
    ),
    "calibrated": lambda X, y, w: WeightedClassifier(
        calibration="sigmoid", random_state=0
    ).fit(X, y, sample_weight=w),
    "regressor": lambda X, y, w: WeightedRegressor().fit(X, X[0], sample_weight=w),
    "strategy": lambda X, y, w: BalancedWeighting().fit(X, y, sample_weight=w),
    "stream": lambda X, y, w: WeightedClassifier(
        SGDClassifier(loss="log_loss"), calibration=None
    ).partial_fit(X, y, classes=[0, 1], sample_weight=w),
    "pipeline": lambda X, y, w: make_pipeline(
        BalancedWeighting(), LogisticRegression()
    ).fit(X, y, sample_weight=w),
    "column": lambda X, y, w: WeightColumn().fit(X, y, sample_weight=w),
    "monitor": lambda X, y, w: WeightMonitor(
        LogisticRegression(), cv=2, random_state=0
    ).fit(X, y, sample_weight=w),
    "sampler": lambda X, y, w: WeightedSampler(random_state=0).fit_resample(X, y, w),
    "ratio": lambda X, y, w: ULSIF(random_state=0).fit(X, X, w, None),
    "advice": lambda X, y, w: recommend_weighting(X, y, sample_weight=w),
}


def table(index):
    X = pd.DataFrame(rng.normal(size=(80, 3)), index=index)
    y = (X[0] + 0.3 * rng.normal(size=80) > 0).to_numpy().astype(int)
    return X, y, pd.Series(1 + rng.random(80), index=X.index)


@pytest.mark.in_turn(3)
@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_weights_in_another_order_warn_once(index, fit):
    X, y, weights = table(index)
    with pytest.warns(DegenerateWeightsWarning, match="by position") as caught:
        fit(X, y, weights.sample(frac=1, random_state=1))
    assert sum(record.category is DegenerateWeightsWarning for record in caught) == 1


# Rows that are shuffled without their labels are ranked by chance.
@pytest.mark.filterwarnings("ignore::skweight.exceptions.CalibrationWarning")
@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_there_is_silence_where_an_index_says_nothing(fit):
    X, y, weights = table(INDICES["words"])
    mixed = weights.sample(frac=1, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DegenerateWeightsWarning)
        fit(X, y, weights)
        fit(X, y, mixed.to_numpy())
        fit(X, y, mixed.reset_index(drop=True))
        fit(X.reset_index(drop=True), y, mixed)
        fit(X.to_numpy() if fit is not FITS["regressor"] else X, y, mixed.to_numpy())
        shuffled = X.reset_index(drop=True).sample(frac=1, random_state=0)
        fit(shuffled, y, mixed.reset_index(drop=True))
        fit(shuffled, y, pd.Series(mixed.to_numpy(), index=shuffled.index))


def test_weights_are_taken_by_position():
    X, y, weights = table(INDICES["numbers"])
    mixed = weights.sample(frac=1, random_state=1)
    with pytest.warns(DegenerateWeightsWarning):
        clf = WeightedClassifier(calibration=None).fit(X, y, sample_weight=mixed)
    same = WeightedClassifier(calibration=None).fit(
        X, y, sample_weight=mixed.to_numpy()
    )
    np.testing.assert_array_equal(clf.predict_proba(X), same.predict_proba(X))


def test_a_filter_takes_the_topic_alone():
    X, y, weights = table(INDICES["numbers"])
    mixed = weights.sample(frac=1, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "The index of", DegenerateWeightsWarning)
        WeightedClassifier(calibration=None).fit(X, y, sample_weight=mixed)
