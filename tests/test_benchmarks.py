"""Every benchmark imports, and its tiny mode makes a table."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
# The scripts on the page docs/benchmarks.md.
NAMES = [
    "auto_weighting",
    "balanced_linear",
    "cost_calibration",
    "cost_columns",
    "cost_comparison",
    "cost_savings",
    "cost_weight_rules",
    "calibration_choice",
    "calibration_main",
    "calibration_real_data",
    "calibration_regret",
    "calibration_regret_multiclass",
    "calibrator_agreement",
    "calibrator_bounds",
    "calibrator_speed",
    "compare_weightings",
    "conformal_coverage",
    "default_against_peers",
    "density_ratio_accuracy",
    "density_ratio_scaling",
    "density_ratio_speed",
    "does_weighting_help",
    "early_stopping_watches",
    "fit_counts",
    "focal_loss",
    "framework_overhead",
    "groups_and_noise",
    "honest_default",
    "import_time",
    "label_shift",
    "memory_ways",
    "metrics_speed",
    "known_populations",
    "mini_batches",
    "monitor_alarms",
    "network_patience",
    "no_weights_at_all",
    "noise_features",
    "overhead",
    "own_watched_rows",
    "shift_target_error",
    "small_fits",
    "scale_engines",
    "scale_scores",
    "degenerate_weights",
    "pareto_smoothing",
    "prior_trust",
    "resampling_hybrid",
    "resampling_speed",
    "threads",
    "vote_floor",
    "weight_scale",
    "weight_semantics",
    "weighted_boosting",
    "where_weights_decide",
]
# What a script needs even in its tiny mode, beside what the tests need.
NEEDS = {
    "early_stopping_watches": "xgboost",
    "focal_loss": "xgboost",
    "framework_overhead": "xgboost",
    "network_patience": "torch",
    "scale_scores": "pyarrow",
}
SCRIPTS = [BENCHMARKS / f"{name}.py" for name in NAMES]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_quick_mode_prints_and_writes_a_table(script, tmp_path):
    if script.stem in NEEDS:
        pytest.importorskip(NEEDS[script.stem])
    # As a user runs it: from elsewhere, with no data, and with warnings as errors.
    command = [sys.executable, "-W", "error", str(script), "--quick"]
    done = subprocess.run(
        [*command, "--results", str(tmp_path / "results"), "--data", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS.parent)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "results" / f"{script.stem}.md").read_text("utf-8")
    for text in (done.stdout, written):
        assert "| --" in text
        assert f"Command: `python benchmarks/{script.name} --quick" in text


def test_every_script_has_committed_results_that_the_documentation_shows():
    docs = BENCHMARKS.parent / "docs"
    pages = [docs / "benchmarks.md", docs / "user_guide" / "what_a_weight_means.md"]
    shown = "".join(page.read_text("utf-8") for page in pages)
    for script in SCRIPTS:
        assert (BENCHMARKS / "results" / f"{script.stem}.md").is_file()
        assert f"../benchmarks/results/{script.stem}.md" in shown
