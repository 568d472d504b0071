"""Golden outputs: what some 300 seeded configurations gave before, they give again.

Bit for bit, the order of random draws included, under the versions and on the platform
in the first line of ``expected.jsonl``; elsewhere labels (one in twenty may turn over,
one in ten where rows are drawn by weights), numbers of fits and the weights that
learners received. ``record.py`` makes the set and takes differences over.

A processor with AVX-512 rounds otherwise. It compares bit for bit as well with::

    export OPENBLAS_CORETYPE=Haswell
    export NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR"
    export GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F_Usable,-AVX512F
"""

import json

import pytest
from golden.record import (
    DIFFERENCES,
    EVERYWHERE,
    fields_that_differ,
    header,
    read,
    run,
)
from numpy.testing import assert_allclose

MADE_WITH, ROWS = read()
HERE = header()
HOW = 'See `python tests/golden/record.py --show NAME`, and --because "a sentence".'


def series(versions):
    """Return the minor version of scikit-learn: 1.9 of 1.9.1."""
    return versions["scikit-learn"].split(".")[:2]


def assert_same_everywhere(expected, seen):
    """Compare what does not depend on the last bits of a platform."""
    for name in EVERYWHERE:
        if name == "error":  # the words may be those of another package
            assert ("error" in expected) == ("error" in seen), HOW
        elif name == "labels" and expected.get(name):
            # The last bit decides between two equal splits, and moves a row with it.
            # Where rows are drawn by their weights, it decides which row is fitted.
            pairs = zip(expected[name], seen[name], strict=True)
            turned = sum(before != now for before, now in pairs)
            drawn = "resample" in json.dumps(seen.get("said", {}))
            assert turned <= len(expected[name]) // (10 if drawn else 20), HOW
        elif name != "weights":
            assert expected.get(name) == seen.get(name), HOW
    assert len(expected["weights"]) == len(seen["weights"]), HOW
    for before, now in zip(expected["weights"], seen["weights"], strict=True):
        assert before[:2] == now[:2], HOW
        assert_allclose(now[2:], before[2:], rtol=1e-9, atol=1e-9, err_msg=HOW)


@pytest.mark.parametrize("name", ROWS)
def test_a_configuration_gives_what_it_gave_before(name):
    spec = ROWS[name]["spec"]
    if spec.get("container") == "polars":
        pytest.importorskip("polars")
    expected, seen = ROWS[name]["seen"], run(spec)
    if series(MADE_WITH) != series(HERE):
        # Folds and learners of another scikit-learn draw and learn otherwise, and what
        # one version refuses another may fit.
        if "error" not in expected and "error" not in seen:
            assert expected.get("n_fits") == seen.get("n_fits"), HOW
        pytest.skip(
            "NOT COMPARED but for the number of fits: the golden set is that of "
            f"scikit-learn {MADE_WITH['scikit-learn']}; this is {HERE['scikit-learn']}."
        )
    assert_same_everywhere(expected, seen)
    if MADE_WITH != HERE:
        other = {k: (v, HERE[k]) for k, v in MADE_WITH.items() if v != HERE[k]}
        pytest.skip(
            "NOT COMPARED: probabilities, reports, warnings and random draws, because "
            f"versions or platform differ from those of the golden set: {other}"
        )
    differing = fields_that_differ(expected, seen)
    assert not differing, (
        f"{differing} of {name} differ, such as {seen.get(differing[0])} instead of "
        f"{expected.get(differing[0])}. {HOW}"
    )


def test_the_set_covers_every_part_with_both_numbers_of_classes():
    kinds = [row["spec"]["kind"] for row in ROWS.values()]
    assert len(kinds) >= 300
    assert {k: kinds.count(k) >= 14 for k in set(kinds)} == dict.fromkeys(
        ["classifier", "stream", "regressor", "costs", "pipeline"], True
    )
    failed = [name for name, row in ROWS.items() if "error" in row["seen"]]
    assert len(failed) < len(ROWS) / 8  # an error that is expected guards little else


def test_every_difference_that_was_taken_over_has_its_sentence():
    lines = DIFFERENCES.read_text("utf-8").splitlines()
    for difference in map(json.loads, lines):
        assert len(difference["why"].split()) >= 5
        assert set(difference["changed"]) <= set(ROWS)
