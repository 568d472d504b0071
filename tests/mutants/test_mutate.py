"""What draws mistakes for the mutation run makes mistakes, each in one line."""

from collections import Counter
from itertools import islice

from mutants import mutate
from mutants.mutate import PACKAGE, drawn, edited, is_another_program, mutations


def test_every_kind_is_drawn_and_is_an_edit_of_one_line(monkeypatch):
    # One room has them all, and is read in a fraction of the time.
    room = PACKAGE / "calibration"
    monkeypatch.setattr(mutate, "PACKAGE", room)
    first = list(islice(drawn(0), 200))
    assert first == list(islice(drawn(0), 200))
    kinds = Counter(edit.kind for edit in first)
    assert kinds.keys() == {
        "comparison",
        "arithmetic",
        "constant",
        "arguments",
        "return",
    }
    for edit in first[:20]:
        before = (room / edit.file).read_bytes()
        pairs = zip(before.splitlines(), edited(before, edit).splitlines(), strict=True)
        lines = [n for n, (old, new) in enumerate(pairs, 1) if old != new]
        assert lines == [edit.line]
    assert sum(map(is_another_program, first[:20])) >= 18


def test_annotations_are_left_alone():
    lines = (PACKAGE / "classifier.py").read_text("utf-8").splitlines()
    edits = mutations(PACKAGE / "classifier.py")
    assert edits
    assert not any(
        " | " in lines[edit.line - 1][edit.start - 2 : edit.end + 2] for edit in edits
    )
