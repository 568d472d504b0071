"""`AutoCalibrator`: who has a say, by rows, classes and kind of model."""

import pickle
import warnings
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier
from skweight.calibration import (
    AnchoredCalibrator,
    AutoCalibrator,
    IsotonicCalibrator,
    PriorCalibrator,
    QuadraticCalibrator,
    SigmoidCalibrator,
    TemperatureCalibrator,
    _auto,
    _cross_loss,
    _quadratic,
    _rows,
)
from skweight.calibration._engine.logistic import LogisticObjective
from skweight.calibration._engine.merged import merge_scores
from skweight.calibration._rows import CalibrationRows
from skweight.calibration._venn_abers import InterpolatedVennAbersCalibrator
from skweight.datasets import make_imbalanced
from skweight.exceptions import CalibrationWarning


def draw(n, seed=0, *, bend=0.0, shift=2.2):
    """Return scores of a balanced model, labels and the true probabilities."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-2.5, 1.5, size=n)
    scores = logit + shift
    scores = scores + bend * np.where(scores > 0, scores, 0)
    return scores, (rng.random(n) < expit(logit)).astype(int), expit(logit)


def loss(p, q):
    return -np.mean(p * np.log(q) + (1 - p) * np.log1p(-q))


# -- the rule --------------------------------------------------------------------------


@pytest.mark.parametrize("n_rare", [1, 4, 5])
def test_below_five_rows_nothing_can_be_compared(n_rare):
    rng = np.random.default_rng(0)
    y = np.r_[np.zeros(60, int), np.ones(n_rare, int)]
    scores = rng.normal(size=y.size) + y
    found = AutoCalibrator().fit(scores, y, class_multiplier=[1, 9])
    if n_rare < 5:
        assert found.losses_ == {}
        assert found.shares_ == {"anchored": 1.0}
        alone = AnchoredCalibrator()
        alone.fit(scores, y, class_multiplier=[1, 9])
        assert_allclose(found.predict_proba(scores), alone.predict_proba(scores))
    else:
        assert len(found.losses_) == 4


def test_rows_count_by_what_they_know():
    scores, y, _ = draw(400)
    weight = np.where(y == 1, 1e-9, 1.0)
    weight[np.flatnonzero(y == 1)[:3]] = 1.0
    assert AutoCalibrator().fit(scores, y, weight).losses_ == {}


def test_the_candidates_of_more_classes():
    data = make_imbalanced(
        3000, prevalence=[0.6, 0.3, 0.1], n_classes=3, random_state=0
    )
    scores = np.log(data.proba) + np.log([1, 2, 6])
    found = AutoCalibrator().fit(scores, data.y, class_multiplier=[1, 2, 6])
    names = ["temperature", "vector", "matrix"]
    assert list(found.losses_) == names
    assert np.abs(found.predict_proba(scores) - data.proba).mean() < 0.01


def test_a_matrix_is_no_candidate_for_very_many_classes(monkeypatch, rng):
    monkeypatch.setattr(_auto, "MOST_CLASSES", 3)
    scores = rng.normal(size=(400, 4))
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    found = AutoCalibrator().fit(scores, y)
    assert list(found.losses_) == ["temperature", "vector"]


def test_classes_that_are_taken_for_one_another(rng):
    """A matrix mends it and slopes do not, so it takes all with many rows."""
    truth = 2 * rng.normal(size=(6000, 3))
    y = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    scores = truth + 0.5 * truth[:, [0, 2, 1]] * [0, 0, 1]
    found = AutoCalibrator().fit(scores, y)
    assert found.chosen_ == "matrix"
    assert found.shares_["matrix"] > 0.9


def test_votes_are_anchored_loosely():
    scores, y, _ = draw(200)
    for votes, scale in ((False, 0.5), (True, 1.0)):
        found = AutoCalibrator().fit(scores, y, class_multiplier=[1, 9], votes=votes)
        assert found.calibrators_["anchored"].slope_scale == scale
    # With more classes, what is scaled is not inverted first.
    rng = np.random.default_rng(0)
    table = rng.normal(size=(300, 3))
    three = (table + rng.gumbel(size=table.shape)).argmax(axis=1)
    for votes in (False, True):
        found = AutoCalibrator()
        found.fit(table, three, class_multiplier=[1, 2, 9], votes=votes)
        assert found.calibrators_["vector"].inversion is not votes


# -- the mixture -----------------------------------------------------------------------


def test_it_is_the_mean_by_cross_fitted_loss():
    scores, y, _ = draw(500, bend=1.0)
    known = {"class_multiplier": [1, 9]}
    found = AutoCalibrator().fit(scores, y, **known)
    candidates = {
        "anchored": AnchoredCalibrator(),
        "quadratic": QuadraticCalibrator(),
        "isotonic": IsotonicCalibrator(),
        "Venn-Abers": InterpolatedVennAbersCalibrator(),
    }
    # A fixed draw from the rows sorted by the score of their own class.
    fold = np.empty(500, int)
    for label in (0, 1):
        block = np.flatnonzero(y == label)
        block = block[np.argsort((2 * label - 1) * scores[block])]
        shuffled = np.random.default_rng(0).permutation(block)
        fold[shuffled] = np.arange(block.size) % 5
    expected = 0
    losses = {}
    for name, candidate in candidates.items():
        extra = known if name.startswith("anchored") else {}
        rows = []
        for k in range(5):
            fitted = candidate.fit(scores[fold != k], y[fold != k], **extra)
            proba = fitted.predict_proba(scores[fold == k])
            rows.append(-np.log(proba[np.arange(len(proba)), y[fold == k]]))
        losses[name] = np.concatenate(rows).mean()
    assert found.losses_ == pytest.approx(losses)
    trust = np.exp(-500 * np.array(list(losses.values())) / 4)
    trust[trust < 0.02 * trust.sum()] = 0
    shares = dict(zip(losses, trust / trust.sum(), strict=True))
    assert found.shares_ == pytest.approx(shares)
    for name, candidate in candidates.items():
        extra = known if name.startswith("anchored") else {}
        fitted = candidate.fit(scores, y, **extra)
        expected = expected + shares[name] * fitted.predict_proba(scores)
    assert_allclose(found.predict_proba(scores), expected, rtol=2e-3)
    assert found.chosen_ == max(shares, key=shares.get)


@pytest.mark.parametrize("n", [400, 40_000])
def test_folds_are_fitted_on_cells_however_many_rows_there_are(monkeypatch, n):
    fitted_on = []
    fit = _cross_loss.fit_on

    def spy(candidate, rows, **resumed):
        fitted_on.append((rows.codes.size, rows.weight.sum()))
        return fit(candidate, rows)

    monkeypatch.setattr(_cross_loss, "fit_on", spy)
    scores, y, _ = draw(n)
    found = AutoCalibrator().fit(scores, y, class_multiplier=[1, 9])
    assert len(fitted_on) == 5 * len(found.losses_)
    assert max(size for size, _ in fitted_on) <= min(n, 2 * _cross_loss.MANY_ROWS)
    total = sum(mass for _, mass in fitted_on)
    assert total == pytest.approx(4 * n * len(found.losses_))


def test_newton_takes_few_steps_for_all_folds(monkeypatch):
    """Two maps with a formula, five folds and the whole: about four steps each."""
    calls = {"slopes": 0, "value": 0}

    def count(name):
        method = getattr(LogisticObjective, name)

        def spy(self, theta):
            calls[name] += 1
            return method(self, theta)

        monkeypatch.setattr(LogisticObjective, name, spy)

    count("slopes")
    count("value")
    scores, y, _ = draw(2000)
    AutoCalibrator().fit(scores, y, class_multiplier=[1, 9])
    assert calls["slopes"] <= 12 * 5
    # Only the first fits are far enough from their minimum to search along a line.
    assert calls["value"] <= 20


@pytest.mark.parametrize("cls", [AnchoredCalibrator, QuadraticCalibrator])
@pytest.mark.parametrize("bend", [0.0, 9.0])
def test_a_fit_that_goes_on_ends_where_a_new_one_does(cls, bend):
    scores, y, _ = draw(1500, bend=bend)

    def first(n):
        ones = np.ones(n)
        return CalibrationRows.of_masses(scores[:n], y[:n], ones, ones, 2)

    new = _cross_loss.fit_on(cls(), first(1500)).predict_proba(scores)
    some = _cross_loss.fit_on(cls(), first(1200))
    before = some.predict_proba(scores)
    gone_on = _cross_loss.fit_on(some, replace(first(1500), resumed=True))
    gone_on = gone_on.predict_proba(scores)
    assert_allclose(gone_on, new, rtol=1e-9)
    assert np.abs(before - new).max() > 1e-3


def test_a_parabola_that_would_turn_is_fitted_at_the_end_where_it_does(monkeypatch):
    scores, y, _ = draw(1500, bend=9.0)
    edges = []
    fit = _quadratic.fit_best_edge

    def spy(objective, along, **options):
        edges.append(len(along))
        best = fit(objective, along, **options)
        both = []
        for end in (objective.basis.low, objective.basis.high):
            bend = -0.98 / (2 * end)
            both.append(np.array([[1.0, 0.0], [bend, 0.0], [0.0, 1.0]]))
        assert_allclose(best, fit(objective, both), rtol=1e-7)
        return best

    monkeypatch.setattr(_quadratic, "fit_best_edge", spy)
    QuadraticCalibrator().fit(scores, y)
    assert edges == [1]


def test_cells_stand_for_their_rows(monkeypatch):
    """Few rows are their own cells; many are told apart by cells as by rows."""
    scores, y, _ = draw(20_000, bend=1.0)
    weight = np.random.default_rng(1).exponential(size=scores.size)
    losses = {}
    for n_cells in (_cross_loss.MANY_ROWS, scores.size):
        monkeypatch.setattr(_cross_loss, "MANY_ROWS", n_cells)
        found = AutoCalibrator().fit(scores, y, weight, class_multiplier=[1, 9])
        losses[n_cells] = np.array(list(found.losses_.values()))
    on_cells, on_rows = (loss - loss.mean() for loss in losses.values())
    # A difference of 4 nats over all rows is an e-fold of shares.
    assert np.abs(on_cells - on_rows).max() * scores.size < 3


def test_a_part_of_many_rows_is_compared_where_there_are_more_classes(monkeypatch, rng):
    monkeypatch.setattr(_cross_loss, "MOST_ROWS", 500)
    sizes = []
    fit = _cross_loss.fit_on

    def spy(candidate, rows, **resumed):
        sizes.append(rows.codes.size)
        return fit(candidate, rows)

    monkeypatch.setattr(_cross_loss, "fit_on", spy)
    table = rng.normal(size=(1200, 3))
    three = (table + rng.gumbel(size=table.shape)).argmax(axis=1)
    found = AutoCalibrator().fit(table, three)
    assert len(sizes) == 3 * len(found.losses_)
    assert max(sizes) <= 2 / 3 * 500


@pytest.mark.parametrize("bend", [0.0, 2.0])
def test_the_table_is_the_mixture(bend):
    """Also for scores that the calibrator has not seen, and between its knots."""
    scores, y, _ = draw(2000, bend=bend)
    found = AutoCalibrator().fit(scores, y, class_multiplier=[1, 9])
    assert found._table is not None
    new = np.linspace(scores.min() - 5, scores.max() + 5, 20_011)
    table, exact = found.predict_proba(new), found._mean_binary(new)
    odds = [np.log(p[:, 1]) - np.log(p[:, 0]) for p in (table, exact)]
    assert np.abs(odds[0] - odds[1]).max() < 2e-3
    assert (np.diff(table[:, 1]) > -1e-15).all()
    # One row at a time is the same as all at once.
    each = np.concatenate([found.predict_proba(new[i : i + 1]) for i in (0, 9999)])
    assert_allclose(each, table[[0, 9999]], rtol=1e-14)


@pytest.mark.parametrize("n", [300, 10_000, 100_000])
def test_what_a_model_keeps_is_small(n):
    scores, y, _ = draw(n, bend=1.0)
    found = AutoCalibrator().fit(scores, y, class_multiplier=[1, 9])
    assert len(pickle.dumps(found)) < 10_000
    of_candidates = [inner.classes_ for inner in found.calibrators_.values()]
    assert all(positions is of_candidates[0] for positions in of_candidates)


def test_a_file_holds_the_knots_of_candidates_once():
    """Most knots of the table are knots of a candidate, too."""
    scores, y, _ = draw(10_000, bend=1.0)
    found = AutoCalibrator().fit(scores, y, class_multiplier=[1, 9])
    table = found._table
    kept = pickle.dumps(found)
    assert len(kept) < len(pickle.dumps(vars(found))) - 6 * table.knots.size
    restored = pickle.loads(kept)._table
    np.testing.assert_array_equal(restored.knots, table.knots)
    np.testing.assert_array_equal(restored.logit, table.logit)
    assert found._table is table


def test_candidates_share_one_sort_of_the_rows(monkeypatch):
    scores, y, _ = draw(1000, bend=1.0)
    n_sorts = []

    def counted(*rows):
        n_sorts.append(rows[0].size)
        return merge_scores(*rows)

    monkeypatch.setattr(_rows, "merge_scores", counted)
    AutoCalibrator().fit(scores, y)
    assert len(n_sorts) <= _cross_loss.N_FOLDS + 1


def test_venn_abers_wins_where_rows_repeat_and_no_rows_tie():
    """Each of some groups of rows has one frequency, whatever the score says."""
    rng = np.random.default_rng(0)
    group = rng.integers(8, size=6000)
    scores = group + rng.uniform(0, 0.9, size=group.size)
    y = rng.random(group.size) < np.array([0, 0, 0, 2, 2, 2, 60, 60])[group] / 100
    found = AutoCalibrator().fit(scores, y)
    assert found.chosen_ == "Venn-Abers"
    proba = found.predict_proba(np.sort(scores))[:, 1]
    assert (np.diff(proba) > 0).mean() > 0.999


def test_scores_that_no_table_can_stand_for():
    scores, y, _ = draw(300)
    found = AutoCalibrator().fit(1e150 * scores, y)
    assert found._table is None
    assert np.isfinite(found.predict_proba(1e150 * scores)).all()


def test_many_rows_leave_one_family():
    """A kink is no line and no parabola."""
    scores, y, p = draw(60_000, bend=3.0)
    found = AutoCalibrator().fit(scores, y, class_multiplier=[1, 9])
    assert found.chosen_ == "isotonic"
    assert found.shares_["anchored"] == 0
    assert "anchored" not in found.calibrators_
    line = SigmoidCalibrator().fit(scores, y)
    entropy = loss(p, p)
    added = loss(p, found.predict_proba(scores)[:, 1]) - entropy
    assert added < 0.2 * (loss(p, line.predict_proba(scores)[:, 1]) - entropy)


@pytest.mark.parametrize("bend", [0.0, 2.0])
@pytest.mark.parametrize("n", [100, 1000])
def test_it_is_about_as_good_as_the_best_of_its_candidates(n, bend):
    new, _, p = draw(5_000, seed=99, bend=bend)
    single = {
        "sigmoid": SigmoidCalibrator(),
        "quadratic": QuadraticCalibrator(),
        "isotonic": IsotonicCalibrator(),
    }
    regret = dict.fromkeys([*single, "auto"], 0.0)
    for seed in range(15):
        scores, y, _ = draw(n, seed=seed, bend=bend)
        single["auto"] = AutoCalibrator()
        for name, one in single.items():
            known = {"class_multiplier": [1, 9]} if name == "auto" else {}
            q = one.fit(scores, y, **known).predict_proba(new)[:, 1]
            regret[name] += loss(p, q) - loss(p, p)
    auto = regret.pop("auto")
    assert auto < 1.3 * min(regret.values())
    assert auto < 0.8 * max(regret.values())


def test_order_of_rows_is_no_matter():
    scores, y, _ = draw(300)
    order = np.random.RandomState(0).permutation(300)
    found = AutoCalibrator().fit(scores, y, class_multiplier=[1, 9])
    again = AutoCalibrator().fit(scores[order], y[order], class_multiplier=[1, 9])
    assert_allclose(found.predict_proba(scores), again.predict_proba(scores))


def test_rows_that_tie_in_one_class_are_told_apart_by_the_others(rng):
    votes = rng.multinomial(5, [0.5, 0.3, 0.2], size=90) / 5
    y = np.array([rng.choice(3, p=(row + 0.2) / 1.6) for row in votes])
    order = rng.permutation(90)
    first = AutoCalibrator().fit(votes, y)
    moved = AutoCalibrator().fit(votes[order], y[order])
    with_weights = AutoCalibrator().fit(votes, y, sample_weight=np.full(90, 7.0))
    for other in (moved, with_weights):
        for name, loss_of_name in first.losses_.items():
            assert other.losses_[name] == pytest.approx(loss_of_name, abs=1e-9)


def test_one_warning_where_the_ranking_is_reversed():
    scores, y, _ = draw(400)
    with pytest.warns(CalibrationWarning, match="is not more frequent") as caught:
        AutoCalibrator().fit(-scores, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__


# -- in the classifier -----------------------------------------------------------------


def test_the_report_says_what_was_chosen():
    data = make_imbalanced(1500, prevalence=0.1, random_state=0)
    classifier = WeightedClassifier(calibration="auto", random_state=0)
    report = classifier.fit(data.X, data.y).report_
    shares = {name: one["share"] for name, one in report.candidates.items()}
    assert shares == classifier.calibrator_.shares_
    assert sum(shares.values()) == pytest.approx(1)
    assert report.to_dict()["candidates"] == report.candidates
    first = max(shares, key=shares.get)
    assert f"AutoCalibrator(): {first} {shares[first]:.0%}, " in report.calibration
    one = WeightedClassifier(calibration="sigmoid", random_state=0)
    assert one.fit(data.X, data.y).report_.candidates == {}


def test_it_is_told_of_the_weights_and_of_votes():
    data = make_imbalanced(1500, prevalence=0.1, random_state=0)
    for estimator, scale in (
        (LogisticRegression(), 0.5),
        (RandomForestClassifier(20, min_samples_leaf=5, random_state=0), 1.0),
    ):
        classifier = WeightedClassifier(estimator, calibration="auto", cv=3)
        anchored = classifier.fit(data.X, data.y).calibrator_.calibrators_["anchored"]
        assert anchored.slope_scale == scale
        ratio = anchored.class_multiplier_[1] / anchored.class_multiplier_[0]
        assert ratio == pytest.approx((data.y == 0).sum() / (data.y == 1).sum())


@pytest.mark.filterwarnings("ignore::skweight.exceptions.FewerThanAskedWarning")
@pytest.mark.parametrize("n_rare", [1, 2, 3, 7])
def test_rare_classes_never_crash(n_rare):
    rng = np.random.RandomState(0)
    y = np.r_[np.zeros(80, int), np.ones(n_rare, int)]
    X = rng.normal(size=(y.size, 2)) + y[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        classifier = WeightedClassifier(calibration="auto").fit(X, y)
    assert isinstance(classifier.calibrator_, PriorCalibrator) == (n_rare == 1)
    assert classifier.predict_proba(X).min() > 0


def test_temperature_without_bias_is_never_a_candidate():
    data = make_imbalanced(900, prevalence=[0.6, 0.3, 0.1], n_classes=3, random_state=0)
    found = AutoCalibrator().fit(np.log(data.proba), data.y)
    for one in found.calibrators_.values():
        assert not isinstance(one, TemperatureCalibrator) or one.bias
    assert_array_equal(found.classes_, [0, 1, 2])
