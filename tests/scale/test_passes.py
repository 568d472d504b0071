"""Entropy balancing by passes over chunks is that of the rows in memory."""

import pandas as pd
import pytest
from numpy.testing import assert_allclose

from skweight.scale import summarize
from skweight.weighting import EntropyBalancingWeighting


@pytest.fixture
def rows(rng):
    return pd.DataFrame(
        {
            "age": rng.normal(40, 12, 3000),
            "income": rng.lognormal(size=3000),
            "sex": rng.choice(["f", "m"], 3000, p=[0.4, 0.6]),
            "other": "text",
            "w": rng.gamma(1.0, size=3000) * (rng.random(3000) < 0.9),
        }
    )


def fill_from(rows, **names):
    """Return a function that fills sums from seven chunks, and counts its calls."""

    def fill(sums):
        fill.n_passes += 1
        parts = [rows[i::7] for i in range(7)]
        return summarize(parts, sums, X=["age", "income", "sex"], **names)

    fill.n_passes = 0
    return fill


TARGETS = {
    "means and shares": {
        "moments": {"age": 45.0, "income": [1.9, 7.5], "sex": {"f": 0.5, "m": 0.5}}
    },
    "with a ridge": {"moments": {"age": 45.0}, "ridge": 0.1},
    "rows of the target": {"degree": 2, "interactions": True},
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("parameters", TARGETS.values(), ids=list(TARGETS))
def test_weights_are_those_of_the_rows(parameters, weighted, rows, rng):
    if "moments" not in parameters:
        target = rows[["age", "income", "sex"]].sample(800, random_state=0)
        parameters = {"X_target": target.assign(age=target["age"] * 1.1), **parameters}
    weighting = EntropyBalancingWeighting(**parameters)
    X = rows[["age", "income", "sex"]]
    of_rows = weighting.fit(X, None, rows["w"] if weighted else None).weigh(X)
    expected = weighting.coef_, weighting.effective_sample_size_
    fill = fill_from(rows, **({"sample_weight": "w"} if weighted else {}))
    weighting.fit_statistics(fill)
    assert_allclose(weighting.weigh(X), of_rows, rtol=1e-10)
    assert_allclose(weighting.coef_, expected[0], rtol=1e-6, atol=1e-9)
    assert weighting.effective_sample_size_ == pytest.approx(expected[1])
    assert fill.n_passes <= 20
    if not weighting.ridge:
        assert weighting.gap_ < 1e-8
        for moment in weighting.moments_:
            assert moment.weighted == pytest.approx(moment.target, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("keyed", [False, True])
def test_a_partition_without_rows_adds_nothing(rows, keyed):
    def fill(sums):
        for i, part in enumerate([rows[::2], rows[:0], rows[1::2]]):
            sums.update(part[["age"]], key=i if keyed else None)
        return sums

    weighting = EntropyBalancingWeighting(moments={"age": 45.0})
    passes = weighting.fit_statistics(fill).weigh(rows[["age"]])
    assert_allclose(passes, weighting.fit_weigh(rows[["age"]], None), rtol=1e-10)


def test_targets_out_of_reach_are_refused(rows):
    fill = fill_from(rows)
    beyond = EntropyBalancingWeighting(moments={"age": 400.0})
    with pytest.raises(ValueError, match="age in the target is not strictly between"):
        beyond.fit_statistics(fill)
    squeezed = EntropyBalancingWeighting(moments={"age": [45.0, 45.0**2 + 1e-9]})
    with pytest.raises(ValueError, match=r"No weights give|not strictly between"):
        squeezed.fit_statistics(fill)
    unknown = EntropyBalancingWeighting(moments={"sex": {"f": 0.5, "x": 0.5}})
    share = f"{(rows['sex'] == 'm').mean():.2%}"
    with pytest.raises(ValueError, match=f"^{share} .*have no share in the target"):
        unknown.fit_statistics(fill)
    nobody = EntropyBalancingWeighting(moments={"sex": {"x": 1.0}})
    with pytest.raises(ValueError, match="No row with a positive weight"):
        nobody.fit_statistics(fill)


def test_what_is_no_pass_is_refused():
    weighting = EntropyBalancingWeighting(moments={"age": 45.0})
    with pytest.raises(TypeError, match="takes a function that adds all rows"):
        weighting.fit_statistics(3)
    with pytest.raises(TypeError, match="must return the sums, as summarize does"):
        weighting.fit_statistics(lambda sums: None)
    weighting.set_params(stabilizer="clip")
    with pytest.raises(ValueError, match="A stabilizer needs the weights of all"):
        weighting.fit_statistics(lambda sums: sums)
