"""Every line of the pages on other libraries runs, with the real library."""

from pathlib import Path

import pytest
from test_documentation import run_page

PAGES = Path(__file__).resolve().parents[2] / "docs/user_guide/frameworks"
NEEDS = {
    "xgboost": ["xgboost"],
    "lightgbm": ["lightgbm"],
    "catboost": ["catboost"],
    "pytorch": ["torch", "skorch"],
    "keras": ["torch", "keras", "scikeras"],
}


def test_every_page_is_run():
    pages = {page.stem for page in PAGES.glob("*.md")}
    assert pages == {*NEEDS, "index"}


# Keras on PyTorch has yet to follow NumPy 2.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("name", NEEDS)
def test_code_of_the_page_runs(name, tmp_path, monkeypatch):
    # Keras learns of its backend when it is imported.
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    for package in NEEDS[name]:
        pytest.importorskip(package, reason=f"{package}: NOT TESTED")
    monkeypatch.chdir(tmp_path)
    run_page(PAGES / f"{name}.md")
