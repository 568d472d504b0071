"""Every example runs without a warning, and ends in a figure that is right."""

import re
import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
# The last number that an example prints, and between which it must be.
LAST_FIGURE = {
    "plot_rare_topic_in_text": (85, 95),
    "plot_several_classes": (0, 0.01),
    "plot_survey_weights": (0.95, 1.05),
    "plot_weight_sensitivity": (10, 30),
}


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.glob("*/plot_*.py")), ids=lambda path: path.stem
)
def test_an_example_prints_its_figure(path, tmp_path, monkeypatch, capsys):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(path)])
    runpy.run_path(str(path), run_name="__main__")
    pyplot.close("all")
    figures = re.findall(r"-?\d+\.?\d*", capsys.readouterr().out)
    assert figures, "an example that prints no figure cannot be checked"
    if path.stem in LAST_FIGURE:
        low, high = LAST_FIGURE[path.stem]
        assert low <= float(figures[-1]) <= high
