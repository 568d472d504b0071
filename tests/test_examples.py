"""Every example runs without a warning, and ends in a figure that is right."""

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PATHS = sorted(EXAMPLES.glob("*/plot_*.py"))
# The last number that an example prints, and between which it must be.
LAST_FIGURE = {
    "plot_ask_a_human": (45, 65),
    "plot_balance": (35, 60),
    "plot_compare_weightings": (-0.02, 0.005),
    "plot_does_weighting_help": (0.045, 0.055),
    "plot_exact_moments": (-2, 2),
    "plot_fraud_amounts": (55, 75),
    "plot_how_much_emphasis": (0, 0.03),
    "plot_in_chunks": (0.9, 1.1),
    "plot_kliep_toy": (60, 90),
    "plot_leak": (0.4, 0.6),
    "plot_mini_batches": (5, 100),
    "plot_old_rows": (-30, -15),
    "plot_rare_class_in_a_stream": (9, 11),
    "plot_rare_topic_in_text": (0.85, 1.15),
    "plot_sets_that_cover": (87.5, 92.5),
    "plot_several_classes": (0, 0.01),
    "plot_smote_or_weights": (-0.02, 0.04),
    "plot_stop_early": (0, 0.001),
    "plot_survey_weights": (0.95, 1.05),
    "plot_three_repairs": (0.9, 1.1),
    "plot_ulsif_toy": (0.1, 0.5),
    "plot_watch_batches": (11, 20),
    "plot_weight_distribution": (25, 40),
    "plot_weight_sensitivity": (5, 20),
    "plot_weights_then_honest_probabilities": (0.95, 1.08),
    "plot_worst_group": (0.7, 0.85),
}


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
