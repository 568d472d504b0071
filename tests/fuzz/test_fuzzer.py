"""Seeded configurations of everything at once, and what must hold for each of them.

``pytest -m fuzz`` runs 200 configurations, or as many as ``SKWEIGHT_FUZZ`` says; the
long run of 20,000 is ``run.py``, whose last result is in ``results.md``.
"""

import os

import pytest
from fuzz.configurations import LEARNERS, draw
from fuzz.invariants import EXCUSED, INVARIANTS, excuse
from fuzz.run import chosen, examine

N_CONFIGURATIONS = int(os.environ.get("SKWEIGHT_FUZZ", "200"))
IN_A_TEST = 10


@pytest.mark.fuzz
@pytest.mark.parametrize("first", range(0, N_CONFIGURATIONS, IN_A_TEST))
def test_every_invariant_holds(first):
    failed = []
    for number in range(first, min(first + IN_A_TEST, N_CONFIGURATIONS)):
        configuration, actual = examine(number)
        failed += [
            f"{name}: {configuration}\n{outcome}"
            for name, outcome in actual
            if outcome != "held" and not outcome.startswith("excused")
        ]
    assert not failed, "\n".join(failed)


def test_every_cell_that_is_not_excused_is_looked_at():
    looked_at = {
        (name, draw(number).learner)
        for number in range(200)
        for name in chosen(number)
        if excuse(name, draw(number)) is None
    }
    cells = {(name, learner) for name in INVARIANTS for learner in LEARNERS}
    assert not looked_at & set(EXCUSED)
    # Repetition holds for few settings, so that its cells need more configurations.
    missing = cells - set(EXCUSED) - looked_at
    assert {name for name, _ in missing} <= {"repetition", "absence", "weight scale"}


def test_the_number_of_excused_cells_does_not_grow():
    assert len(EXCUSED) == 14
    assert all(len(reason) > 20 for reason in EXCUSED.values())
    assert {learner for _, learner in EXCUSED} <= set(LEARNERS)
