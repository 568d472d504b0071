"""Words that lead nowhere, and errors that come from too far away to be understood."""

import numpy as np
import pandas as pd
import pytest
from imblearn.over_sampling import SMOTE
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.metrics import make_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline

import skweight
from skweight import (
    BalancedWeighting,
    ColumnWeighting,
    CostMatrix,
    CostSensitiveClassifier,
    DensityRatioWeighting,
    PriorWeighting,
    WeightedClassifier,
    WeightedRegressor,
)
from skweight.calibration import SigmoidCalibrator
from skweight.decision import TunedDecision
from skweight.resampling import WeightedSampler, resample
from skweight.testing import check_calibrator, check_decision, check_weighting
from skweight.weighting import EntropyBalancingWeighting, metadata

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3))
y = (X[:, 0] + rng.normal(size=120) > 0.5).astype(int)
names = np.where(y == 1, "fraud", "fine")


@pytest.mark.parametrize("word", ["kliep", "KLIEP", "ulsif", "kmm"])
def test_words_for_density_ratios_lead_to_the_strategy(word):
    with pytest.raises(ValueError, match=r"DensityRatioWeighting\(X_target, estimator"):
        WeightedClassifier(weighting=word, calibration=None).fit(X, y)
    with pytest.raises(ValueError, match="X_target"):
        WeightedClassifier(weighting=["balanced", word], calibration=None).fit(X, y)


@pytest.mark.parametrize(
    "word", ["smote", "SMOTE", "random_over", "RandomUnderSampler"]
)
def test_words_for_samplers_lead_to_the_resampler(word):
    with pytest.raises(ValueError, match="resampler='"):
        WeightedClassifier(weighting=word, calibration=None).fit(X, y)
    with pytest.raises(ValueError, match="resampler='"):
        WeightedRegressor(weighting=word).fit(X, X[:, 0])


def test_a_sampler_as_weighting_leads_to_the_resampler():
    with pytest.raises(TypeError, match="resampler="):
        WeightedClassifier(weighting=SMOTE(), calibration=None).fit(X, y)


def test_capital_letters_are_no_other_word():
    with pytest.raises(ValueError, match="Did you mean 'smote'"):
        WeightedClassifier(resampler="SMOTE", calibration=None).fit(X, y)
    with pytest.raises(ValueError, match="Did you mean 'random_over'"):
        WeightedSampler("Random_Over").fit_resample(X, y)
    with pytest.raises(ValueError, match="Did you mean 'balanced'"):
        WeightedClassifier(weighting="Balanced", calibration=None).fit(X, y)
    with pytest.raises(ValueError, match="Did you mean 'kliep'"):
        DensityRatioWeighting(X, estimator="KLIEP").fit(X)


@pytest.mark.parametrize("weighting", [None, "balanced", {0: 1, 1: 5}])
@pytest.mark.parametrize("name", ["X_target", "sample_weight_target"])
def test_a_target_without_a_strategy_for_it_is_refused(weighting, name):
    with pytest.raises(ValueError, match=rf"{name}.*weighting="):
        WeightedClassifier(weighting=weighting, calibration=None).fit(X, y, **{name: X})
    if weighting is None:
        with pytest.raises(ValueError, match=rf"{name}.*weighting="):
            WeightedRegressor().fit(X, X[:, 0], **{name: X})


def test_a_target_reaches_the_strategy_that_asks_for_it():
    shift = DensityRatioWeighting(estimator="ulsif", random_state=0)
    WeightedClassifier(weighting=["balanced", shift], calibration=None).fit(
        X, y, X_target=X + 0.1
    )


@pytest.mark.parametrize("label", [0, 1.0, "only", True])
@pytest.mark.parametrize(
    "params",
    [
        {"calibration": "prior"},
        {"calibration": "auto"},
        {"calibration": "isotonic", "cv": 3},
        {"decision": "tuned"},
    ],
    ids=str,
)
def test_one_class_is_said_plainly(params, label):
    clf = WeightedClassifier(
        RandomForestClassifier(3), **{"calibration": None, **params}
    )
    with pytest.raises(ValueError, match=f"only one class, {label!r}"):
        clf.fit(X, np.full(120, label))


def test_a_learner_that_takes_one_class_may_have_it():
    clf = WeightedClassifier(RandomForestClassifier(3), calibration=None).fit(
        X, np.full(120, "only")
    )
    assert set(clf.predict(X)) == {"only"}


@pytest.mark.parametrize("wrapper", [WeightedClassifier, WeightedRegressor])
@pytest.mark.parametrize("estimator", ["logistic", LogisticRegression, 3])
def test_what_is_no_estimator_is_refused_by_name(wrapper, estimator):
    with pytest.raises(TypeError, match="must be an object with fit"):
        wrapper(estimator).fit(X, y)


@pytest.mark.parametrize("weighting", ["balanced", {0: 1, 1: 2}, ["balanced"]])
def test_a_regression_has_no_classes_to_balance(weighting):
    model = WeightedRegressor(LinearRegression(), weighting=weighting)
    with pytest.raises(ValueError, match="weights rows by their class"):
        model.fit(X, X[:, 0])


def test_a_label_with_a_slip_is_suggested():
    with pytest.raises(ValueError, match="Did you mean 'fraud'"):
        WeightedClassifier(weighting={"frauds": 5, "fine": 1}, calibration=None).fit(
            X, names
        )


@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision", "neg_log_loss"])
@pytest.mark.parametrize("calibration", [None, "sigmoid"])
def test_scores_that_no_threshold_changes_are_refused(scoring, calibration):
    clf = WeightedClassifier(calibration=calibration, decision=TunedDecision(scoring))
    with pytest.raises(ValueError, match="do not depend on the threshold"):
        clf.fit(X, y)


def test_a_scorer_of_ranks_is_refused_and_one_of_labels_is_not():
    ranks = make_scorer(roc_auc_score, response_method="predict_proba")
    with pytest.raises(ValueError, match="do not depend on the threshold"):
        WeightedClassifier(decision=TunedDecision(ranks), calibration=None).fit(X, y)
    labels = make_scorer(lambda true, said: float((true == said).mean()))
    WeightedClassifier(decision=TunedDecision(labels), calibration=None).fit(X, y)


@pytest.mark.parametrize("sampler", ["smote", "random_over", SMOTE(random_state=0)])
@pytest.mark.parametrize(
    "container", [list, np.array, lambda texts: np.array(texts, object)]
)
def test_texts_are_resampled_after_they_are_columns(sampler, container):
    texts, labels = (
        container(["good day", "bad day", "fine", "awful"] * 9),
        [1, 0, 0, 0] * 9,
    )
    steps = make_pipeline(TfidfVectorizer(), LogisticRegression())
    with pytest.raises(ValueError, match=r"(?i)resampler.*pipeline"):
        WeightedClassifier(
            steps, resampler=sampler, random_state=0, calibration=None
        ).fit(texts, labels)
    with pytest.raises(ValueError, match=r"(?i)resampler.*pipeline"):
        resample(sampler, texts, labels)
    inner = WeightedClassifier(
        LogisticRegression(), resampler="random_over", calibration=None
    )
    make_pipeline(TfidfVectorizer(), inner).fit(texts, labels)


def test_decision_values_of_a_calibrated_model_lead_to_its_probabilities():
    clf = WeightedClassifier(calibration="sigmoid").fit(X, y)
    with pytest.raises(AttributeError, match="predict_proba"):
        clf.decision_function(X)


def test_a_generator_is_no_table():
    with pytest.raises(TypeError, match="table of rows; got generator"):
        WeightedClassifier(calibration=None).fit((row for row in X), y)


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("SigmoidCalibrator", "calibration"),
        ("TunedDecision", "decision"),
        ("ColumnWeighting", "weighting"),
        ("CalibrationWarning", "exceptions"),
        ("ULSIFRatio", None),
    ],
)
def test_an_import_from_the_top_names_the_module(name, module):
    if name in skweight.__all__:
        pytest.skip("it is at the top")
    assert not hasattr(skweight, name)  # as tools ask that look at modules
    with pytest.raises(AttributeError, match=name):
        getattr(skweight, name)
    with pytest.raises(ImportError, match=f"skweight.{module}" if module else name):
        exec(f"from skweight import {name}", {})


@pytest.mark.parametrize("wrapper", [WeightedClassifier, WeightedRegressor])
def test_a_report_before_the_fit_is_a_lack_of_a_fit(wrapper):
    assert not hasattr(wrapper(), "report_")
    with pytest.raises(NotFittedError, match="so it has no report"):
        _ = wrapper().report_
    with pytest.raises(NotFittedError, match="not fitted"):
        _ = DensityRatioWeighting(X).report_


@pytest.mark.parametrize("cv", [1, np.int64(1)])
def test_one_fold_is_none(cv):
    with pytest.raises(ValueError, match=r"With cv=1, .*no row is left.*holdout"):
        WeightedClassifier(calibration="sigmoid", cv=cv).fit(X, y)


@pytest.mark.parametrize("word", ["uLSIF", "kliep"])
def test_a_word_is_no_target(word):
    with pytest.raises(TypeError, match=rf"estimator='{word.lower()}'"):
        DensityRatioWeighting(word).fit(X)
    with pytest.raises(TypeError, match="table of rows; got generator"):
        DensityRatioWeighting(row for row in X).fit(X)


@pytest.mark.parametrize("calibration", [None, "prior", "sigmoid"])
def test_a_frozen_model_that_was_never_fitted_is_said_so(calibration):
    for model in (LogisticRegression(), make_pipeline(LogisticRegression())):
        clf = WeightedClassifier(FrozenEstimator(model), calibration=calibration)
        with pytest.raises(NotFittedError):
            clf.fit(X, y)


def test_a_wrong_label_of_a_prevalence_is_suggested():
    clf = WeightedClassifier(calibration="sigmoid").fit(X, names)
    with pytest.raises(ValueError, match="Did you mean 'fraud'"):
        clf.set_prevalence({"fruad": 0.1})


SMOTE_STEP = Pipeline([("smote", SMOTE()), ("m", LogisticRegression())])


@pytest.mark.parametrize(
    "params",
    [
        {"resampler": SMOTE},
        {"decision": TunedDecision},
        {"weighting": DensityRatioWeighting},
        {"calibration": SigmoidCalibrator},
        {"estimator": LogisticRegression},
    ],
    ids=str,
)
def test_a_class_is_no_object(params):
    [cls] = params.values()
    with pytest.raises((TypeError, ValueError), match=rf"{cls.__name__}\(\)"):
        WeightedClassifier(**params).fit(X, y)


@pytest.mark.parametrize("weighting", [None, "balanced"])
@pytest.mark.parametrize(
    "model",
    [
        SMOTE_STEP,
        GridSearchCV(SMOTE_STEP, {"m__C": [1.0]}),
        BaggingClassifier(SMOTE_STEP),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_sampler_in_a_pipeline_of_scikit_learn_leads_out(model, weighting):
    with pytest.raises(TypeError, match=r"'smote'.*resampler=.*skweight\.pipeline"):
        WeightedClassifier(model, weighting=weighting, calibration=None).fit(X, y)


@pytest.mark.parametrize(
    ("costs", "sentence"),
    [
        ({"fine": {"fraud": 1}, "fraud": {}}, r"they lack \['fine'\]\. "),
        (
            {"fine": {"fraud": 1}, "fraud": {"fine": 1, "frau": 2}},
            r"they have the unknown \['frau'\]\. .*Did you mean 'fraud'",
        ),
        ({"fine": {"fraud": 1}, "fruad": {"fine": 1}}, "Did you mean 'fraud'"),
    ],
)
def test_costs_name_what_they_lack_and_nothing_else(costs, sentence):
    with pytest.raises(ValueError, match=sentence) as caught:
        CostMatrix.from_dict(costs)
    assert "[]" not in str(caught.value)


def test_costs_that_lack_a_label_of_y():
    cost = CostMatrix.from_dict({"fine": {"fraud": 1}, "fraud": {"fine": 1}})
    with pytest.raises(ValueError, match=r"missing are \['third'\]\. "):
        WeightedClassifier(decision=cost).fit(X, [*names[:-1], "third"])
    wrong = CostMatrix.binary(fp=1, fn=5, pos_label="fruad")
    with pytest.raises(ValueError, match="Did you mean 'fraud'"):
        WeightedClassifier(decision=wrong).fit(X, names)


@pytest.mark.parametrize("table", [X, pd.DataFrame(X, columns=["a", "b", "c"])])
def test_a_number_in_quotes_is_no_column(table):
    cost = CostMatrix.binary(fp="10", fn=5)
    with pytest.raises(ValueError, match="the number 10, without quotes"):
        WeightedClassifier(decision=cost).fit(table, y)


@pytest.mark.parametrize("other", ["balanced", 2.0, {0: 1, 1: 2}, None])
def test_a_product_with_what_is_no_strategy_leads_to_the_list(other):
    strategy = BalancedWeighting()
    with pytest.raises(TypeError, match=r"weighting=\[BalancedWeighting\(\), \.\.\.\]"):
        strategy * other
    with pytest.raises(TypeError, match=r"weighting=\[BalancedWeighting\(\), \.\.\.\]"):
        other * strategy


@pytest.mark.parametrize(
    ("weighting", "sentence"),
    [
        ({0: "1", 1: 1}, r"weighting \{label: weight\} must have a number for 0"),
        ({1: 10}, r"lacks \[0\]\. .*the weight 1 does not change"),
        ([{0: 1, 1: -2}], r"weighting .* of 0 or more for 1; got -2"),
        (PriorWeighting({1: 0.1}), r"lacks \[0\]\. .*frequencies must sum to 1"),
        (PriorWeighting({0: 0.9, "1": 0.1}), "of type int/str and the labels of"),
    ],
    ids=str,
)
def test_weights_by_label_are_called_what_the_user_called_them(weighting, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence) as caught:
        WeightedClassifier(weighting=weighting, calibration=None).fit(X, y)
    assert "class_weight" not in str(caught.value)


@pytest.mark.parametrize(
    ("word", "strategy"),
    [
        ("density_ratio", r"DensityRatioWeighting\(\.\.\.\) of skweight\.weighting"),
        ("covariate-shift", "DensityRatioWeighting"),
        ("RakingWeighting", "RakingWeighting"),
        ("label_shfit", "LabelShiftWeighting"),
        ("time", "RecencyWeighting"),
        ("EffectiveNumberWeighting", "'effective_number'"),
        ("costs", "decision=CostMatrix"),
    ],
)
def test_names_without_a_default_lead_to_the_object(word, strategy):
    with pytest.raises(ValueError, match=strategy):
        WeightedClassifier(weighting=word, calibration=None).fit(X, y)


@pytest.mark.parametrize("wrapper", [WeightedClassifier, WeightedRegressor])
@pytest.mark.parametrize("steps", [False, True])
@pytest.mark.parametrize(
    ("slip", "name"),
    [("X_targt", "X_target"), ("sample_weights", "sample_weight"), ("group", "groups")],
)
def test_arguments_of_fit_with_a_slip(wrapper, steps, slip, name):
    inner = (
        LogisticRegression() if wrapper is WeightedClassifier else LinearRegression()
    )
    model = wrapper(make_pipeline(inner) if steps else inner)
    with pytest.raises(TypeError, match=f"Did you mean '{name}'"):
        model.fit(X, y, **{slip: X})


def test_an_argument_that_a_strategy_named_is_suggested():
    clf = WeightedClassifier(weighting=ColumnWeighting(metadata("exposure")))
    with pytest.raises(TypeError, match="Did you mean 'exposure'"):
        clf.fit(X, y, exposur=np.ones(120))


@pytest.mark.parametrize(
    ("wrapper", "slip", "name"),
    [
        (WeightedClassifier, "cost", "decision"),
        (WeightedClassifier, "weigthing", "weighting"),
        (WeightedClassifier, "calibrator", "calibration"),
        (WeightedRegressor, "class_weight", "weighting"),
        (CostSensitiveClassifier, "costs", "cost"),
    ],
)
def test_parameters_with_a_slip(wrapper, slip, name):
    with pytest.raises(TypeError, match=rf"no parameter '{slip}'\. .*'{name}'\?"):
        wrapper(LogisticRegression(), **{slip: 1})


def test_costs_on_weighted_probabilities_lead_to_the_default_calibration():
    cost = CostMatrix.binary(fp=1, fn=5)
    with pytest.raises(ValueError, match=r"set calibration='auto'"):
        WeightedClassifier(decision=cost, calibration=None).fit(X, y)


@pytest.mark.parametrize("word", ["hold-out", "HOLDOUT", "hold_out"])
def test_words_for_one_cut_are_suggested(word):
    with pytest.raises(ValueError, match="Did you mean 'holdout'"):
        WeightedClassifier(calibration="sigmoid", cv=word).fit(X, y)


FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


@pytest.mark.parametrize("strategy", [DensityRatioWeighting, EntropyBalancingWeighting])
@pytest.mark.parametrize(("rows", "target"), [(FRAME, X + 0.1), (X, FRAME + 0.1)])
def test_names_on_one_side_warn_that_columns_go_by_position(strategy, rows, target):
    known = {"estimator": "ulsif"} if strategy is DensityRatioWeighting else {}
    with pytest.warns(UserWarning, match="matched by position"):
        strategy(target, **known).fit(rows, y)
    strategy(FRAME * 0.9, **known).fit(FRAME, y)
    strategy(pd.DataFrame(X * 0.9), **known).fit(X, y)  # its names are positions


@pytest.mark.parametrize("estimator", ["classifier", "search"])
@pytest.mark.parametrize("in_target", [True, False])
def test_text_against_numbers_names_the_column(estimator, in_target):
    text = FRAME.assign(b="north")
    rows, target = (FRAME, text) if in_target else (text, FRAME)
    side = "X_target" if in_target else "X_source"
    with pytest.raises(ValueError, match=rf"'b' holds numbers .*{side}.*'north'"):
        DensityRatioWeighting(target, estimator=estimator).fit(rows)
    with pytest.raises(
        ValueError, match=r"No value of the column 'b' occurs in both tables"
    ):
        EntropyBalancingWeighting(target).fit(rows, y)


class Bare:
    def fit(self, *args, **kwargs):
        return self


@pytest.mark.parametrize("check", [check_calibrator, check_decision, check_weighting])
def test_checks_of_parts_say_which_methods_are_missing(check):
    with pytest.raises(
        AssertionError, match=r"Bare lacks .*'get_params'.*BaseEstimator"
    ):
        check(Bare())
    with pytest.raises(AssertionError, match=r"not the class Bare\. Write Bare\(\)"):
        check(Bare)


@pytest.mark.parametrize("name", ["estimator", "estimator__alpha"])
def test_a_stream_after_a_fit_goes_on_with_its_learner(name):
    learner = SGDClassifier(loss="log_loss", random_state=0)
    clf = WeightedClassifier(clone(learner), calibration=None).fit(X, y)
    clf.set_params(**{name: GaussianNB() if name == "estimator" else 1.0})
    with pytest.raises(ValueError, match="estimator changed since the fit"):
        clf.partial_fit(X, y)
    clf.set_params(estimator=learner).partial_fit(X, y)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"cv": "5"}, "the number 5, without quotes"),
        ({"decision": "0.3"}, r"the number 0\.3, without quotes"),
        ({"weighting": "none"}, "None, without quotes"),
        ({"normalize": "no"}, "normalize must be True or False"),
        ({"calibration": LogisticRegression()}, "the classifier LogisticRegression"),
    ],
    ids=str,
)
def test_values_of_another_type_are_refused_before_a_fit(params, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        WeightedClassifier(**params).fit(X, y)
