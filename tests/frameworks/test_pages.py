"""Every line of the pages on other libraries runs, with the real library."""

from pathlib import Path

import pytest
from test_documentation import named

PAGES = Path(__file__).resolve().parents[2] / "docs/user_guide/frameworks"


# Keras on PyTorch has yet to follow NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("block", named(sorted(PAGES.glob("*.md"))))
def test_block_of_a_page_runs_alone(block, tmp_path, monkeypatch):
    # Keras learns of its backend when it is imported.
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    if package := block.missing_package():
        pytest.skip(f"{package}: NOT TESTED")
    monkeypatch.chdir(tmp_path)
    block.run()
