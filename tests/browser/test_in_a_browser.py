"""Reports in a real browser: no error in its console, nothing cut off at 500 pixels."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier, compare_weightings

BROWSER = next(
    filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])),
    None,
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")

# What is wider than its place: of tables, pictures, and of the page as a whole.
MEASURE = """<script>
const cut = [...document.querySelectorAll("table, svg, h1, h2, p, li")].filter(
  (e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1
).map((e) => e.tagName + " " + e.textContent.slice(0, 40));
const style = getComputedStyle(document.body);
document.title = JSON.stringify(
  [innerWidth, document.documentElement.scrollWidth, style.backgroundColor, cut]
).replaceAll("<", " ");
</script>"""


@pytest.fixture(scope="module")
def pages():
    X, y = make_classification(
        600, n_features=4, weights=[0.85], flip_y=0.1, random_state=0
    )
    y = np.array(["genuine", "<b>fraud</b> & co"])[y]
    classifier = WeightedClassifier(
        LogisticRegression(), calibration="auto", cv=3, random_state=0
    )
    comparison = compare_weightings(
        LogisticRegression(), X, y, calibrations=None, cv=3, random_state=0
    )
    return {
        "card": classifier.fit(X, y).report_.to_html(),
        "comparison": comparison.to_html(),
    }


def look(page, folder, width, *options):
    """Return what a browser says of a page: its measures, and its console."""
    path = folder / "page.html"
    path.write_text(page.replace("</body>", f"{MEASURE}</body>"), "utf-8")
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width},3000",
            *options,
            "--dump-dom",
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    title = re.search("<title>(.*?)</title>", done.stdout, re.S)[1]
    return title, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.parametrize("name", ["card", "comparison"])
@pytest.mark.parametrize("width", [500, 1400])
def test_nothing_is_cut_off_and_the_console_is_silent(pages, name, width, tmp_path):
    title, console = look(pages[name], tmp_path, width)
    window, whole, ground, cut = json.loads(title)
    assert window == width
    assert whole <= width
    assert ground == "rgb(255, 255, 255)"
    assert cut == []
    assert console == []


@pytest.mark.parametrize("name", ["card", "comparison"])
def test_the_page_is_dark_where_the_reader_is(pages, name, tmp_path):
    dark = "--blink-settings=preferredColorScheme=0"
    title, _ = look(pages[name], tmp_path, 900, dark)
    assert '"rgb(22, 24, 29)"' in title


def test_an_error_and_a_wide_table_would_be_seen(tmp_path):
    wide = "<table><tr><td style='min-width: 900px'>wide</td></tr></table>"
    broken = "<script>console.error('broken')</script>"
    page = f"<html><head><title></title></head><body>{wide}{broken}</body></html>"
    title, console = look(page, tmp_path, 500)
    assert "TABLE wide" in title
    assert any("broken" in line for line in console)
