"""The estimator checks of scikit-learn and imbalanced-learn, on everything here."""

import pytest
import sklearn
from listed_checks import listed
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from skweight.pipeline import PairwiseDifference, Pipeline
from skweight.testing import all_estimators

TRANSFORMERS = all_estimators("transformer")
PIPELINES = all_estimators("pipeline") | TRANSFORMERS

_OVERWRITES = (
    "the fitted steps take the place of those given, which is how users of Pipelines "
    "look into them; scikit-learn excuses its own from this check too"
)
_OLD = tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 7)


def excuses(estimator):
    """Return the checks that an estimator cannot pass, each with its reason."""
    by_name = {}
    if isinstance(estimator, Pipeline):
        names = ["check_dont_overwrite_parameters", "check_estimators_overwrite_params"]
        by_name = dict.fromkeys(names, _OVERWRITES)
        if _OLD:
            by_name["check_sample_weight_equivalence_on_sparse_data"] = (
                "before scikit-learn 1.7 a Pipeline says that it takes sparse X "
                "although its StandardScaler does not"
            )
    return by_name


@listed(
    parametrize_with_checks(list(PIPELINES.values()), expected_failed_checks=excuses)
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_checks(estimator, check):
    try:
        check(estimator)
    except (ValueError, AssertionError) as error:
        said = f"{error} {error.__cause__} {error.__context__}"
        pairs = isinstance(estimator, PairwiseDifference)
        if pairs and "an even number of columns" in said:
            pytest.skip("X of this check has an odd number of columns: no pairs")
        raise


def test_the_number_of_excuses_does_not_grow():
    collected = [excuses(item) for item in PIPELINES.values()]
    assert max(map(len, collected)) == 2 + _OLD
    assert sum(map(bool, collected)) == len(collected) - len(TRANSFORMERS)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_imblearn_checks():
    checks = pytest.importorskip("imblearn.utils.estimator_checks")
    from imblearn.under_sampling import RandomUnderSampler

    pipe = Pipeline(
        [
            ("sampler", RandomUnderSampler(random_state=0)),
            ("logistic", LogisticRegression()),
        ]
    )
    ran = 0
    for estimator, check in checks.estimator_checks_generator(pipe):
        check(estimator)
        ran += 1
    assert ran == 2  # all that it has for classifiers; samplers are checked as such
