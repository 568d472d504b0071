"""Linear models around which the closed-form inversion cannot be trusted."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import WeightedClassifier
from skweight.datasets import make_imbalanced
from skweight.exceptions import CalibrationWarning

SAYS = "closed-form inversion may not hold for this LogisticRegression"
LEARNERS = {
    "alone": LogisticRegression(max_iter=1000),
    "in a Pipeline": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "with class weights": LogisticRegression(class_weight="balanced", max_iter=1000),
}


def few(seed=0):
    """Return rows of which some 18 are positive, with 60 features."""
    data = make_imbalanced(
        600, n_features=60, prevalence=0.03, class_sep=3.0, random_state=seed
    )
    return data.X, data.y


def plenty(seed=0):
    """Return rows of which some 400 are positive, with 5 features."""
    data = make_imbalanced(4000, n_features=5, prevalence=0.1, random_state=seed)
    return data.X, data.y


def by_inversion(learner, **params):
    if learner.get_params().get("class_weight"):
        params = {"weighting": None, **params}
    return WeightedClassifier(learner, calibration="prior", **params)


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_few_positives_for_the_features_warn(learner):
    X, y = few()
    with pytest.warns(CalibrationWarning, match=SAYS) as caught:
        by_inversion(learner).fit(X, y)
    assert len(caught) == 1
    assert "calibration='auto'" in str(caught[0].message)


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_plenty_of_positives_do_not_warn(learner):
    by_inversion(learner).fit(*plenty())


@pytest.mark.parametrize("labels", [["no", "yes"], ["yes", "no"], [False, True]])
@pytest.mark.parametrize("sparse", [False, True])
def test_labels_and_containers_do_not_matter(labels, sparse):
    for rows, warns in ((few(), True), (plenty(), False)):
        X, y = rows
        X, y = csr_array(X) if sparse else X, np.array(labels)[y]
        clf = by_inversion(LogisticRegression(max_iter=1000))
        if warns:
            with pytest.warns(CalibrationWarning, match=SAYS):
                clf.fit(X, y)
        else:
            clf.fit(X, y)


@pytest.mark.parametrize("normalize", [False, True])
def test_zero_weight_is_as_if_the_row_were_absent(normalize):
    X, y = few()
    weight = np.random.default_rng(0).uniform(0.5, 1.5, len(y))
    clf = by_inversion(LogisticRegression(max_iter=1000), normalize=normalize)
    with pytest.warns(CalibrationWarning, match=SAYS) as alone:
        clf.fit(X, y, sample_weight=weight)
    others, labels = plenty()
    others = np.column_stack([others, np.zeros((len(others), 55))])
    with pytest.warns(CalibrationWarning, match=SAYS) as among:
        clf.fit(
            np.vstack([others, X]),
            np.append(labels, y),
            sample_weight=np.append(np.zeros(len(labels)), weight),
        )
    assert str(alone[0].message) == str(among[0].message)


@pytest.mark.filterwarnings("ignore::skweight.exceptions.DegenerateWeightsWarning")
def test_population_weights_that_leave_few_effective_rows_warn():
    X, y = plenty()
    weight = np.where((y == 1) & (np.arange(len(y)) % 40 > 0), 1e-3, 1.0)
    by_inversion(LogisticRegression()).fit(X, y, sample_weight=np.ones(len(y)))
    with pytest.warns(CalibrationWarning, match=SAYS):
        by_inversion(LogisticRegression()).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize(
    "learner", [LinearDiscriminantAnalysis(), SGDClassifier(loss="log_loss", alpha=0.1)]
)
def test_other_linear_models_are_judged_by_the_rows_they_have_seen(learner):
    X, y = few()
    name = type(learner).__name__
    weighting = {0: 1.0, 1: 30.0}
    with pytest.warns(CalibrationWarning, match=f"for this {name}"):
        by_inversion(learner, weighting=weighting, random_state=0).fit(X, y)


def test_nothing_is_asked_where_nothing_is_inverted():
    X, y = few()
    by_inversion(LogisticRegression(max_iter=1000), weighting=None).fit(X, y)


def test_nothing_is_asked_of_resampled_rows_or_three_classes():
    X, y = few()
    learner = LogisticRegression(max_iter=1000)
    clf = by_inversion(learner, weighting=None, resampler="random_over", random_state=0)
    clf.fit(X, y)
    by_inversion(learner).fit(X, y + (np.arange(len(y)) % 2) * (1 - y) * 2)
