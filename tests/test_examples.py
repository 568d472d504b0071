"""Every example runs without a warning, and ends in a figure that is right."""

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PATHS = sorted(EXAMPLES.glob("*/plot_*.py"))
# The last number that an example prints, and between which it must be.
LAST_FIGURE = {}


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_an_example_prints_its_figure(path, tmp_path, monkeypatch, capsys):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(path)])
    runpy.run_path(str(path), run_name="__main__")
    pyplot.close("all")
    low, high = LAST_FIGURE[path.stem]
    printed = re.findall(r"-?\d+\.?\d*", capsys.readouterr().out)
    assert low <= float(printed[-1]) <= high


def test_every_example_has_a_figure_to_hold_it_to():
    assert sorted(LAST_FIGURE) == sorted(path.stem for path in PATHS)


def test_titles_are_questions_and_sections_have_more_than_one_card():
    titles = {path.stem: path.read_text("utf-8").splitlines()[1] for path in PATHS}
    assert [name for name, title in titles.items() if not title.endswith("?")] == []
    for section in EXAMPLES.glob("*/"):
        assert len(list(section.glob("*.py"))) > 1, section.name
    assert len(PATHS) >= 15
