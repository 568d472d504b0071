"""Every link of the pages leads somewhere, without a build and without a network.

The build says the same, but takes minutes and runs in a lane of its own.
"""

import pydoc
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
MADE_BY_THE_BUILD = "auto_examples"
WRITTEN = [
    path
    for path in (REPOSITORY / "README.md", *DOCS.rglob("*.md"), *DOCS.rglob("*.rst"))
    if path.relative_to(REPOSITORY).parts[1:2]
    not in [("_build",), ("api",), (MADE_BY_THE_BUILD,), ("_templates",)]
]

FENCED = re.compile(r"^```(\S*)[^\n]*\n.*?^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")
DOC = re.compile(r"(?:\{doc\}|:doc:)`(?:[^`<]*<)?([^`>]+)>?`")
FIGURE = re.compile(r"^(?:```\{(?:figure|include|image)\}|:image:) (\S+)", re.M)
CARD = re.compile(r"^:link: (\S+)", re.M)
TOCTREE = re.compile(r"^```\{toctree\}\n(.*?)^```", re.M | re.S)
REF = re.compile(r"\{ref\}`(?:[^`<]*<)?([^`>]+)>?`")
NAME = re.compile(r"\{(?:class|func|meth|mod|attr|data|obj)\}`([^`]+)`")


def text_of(path):
    """Return a page without its blocks of code, in which nothing is a link."""
    return FENCED.sub(
        lambda block: block[0] if block[1].startswith("{") else "",
        path.read_text("utf-8"),
    )


def anchors_of(path):
    """Return the names that a link to a page may have behind #."""
    text = text_of(path)
    for included in re.findall(r"^```\{include\} (\S+)", text, re.M):
        text += text_of((path.parent / included).resolve())
    headings = re.findall(r"^#{1,4} (.+)$", text, re.M)
    slugs = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
    return slugs | labels_in(text)


def labels_in(text):
    return set(re.findall(r"^\(([\w-]+)\)=$", text, re.M))


def source_of(target):
    """Return the example that a page or a picture of the gallery is made from."""
    section, _, file = target.rpartition(f"{MADE_BY_THE_BUILD}/")[2].partition("/")
    if section == "index":
        return REPOSITORY / "examples"
    picture = re.search(r"sphx_glr_(\w+?)(?:_\d{3}|_thumb)\.png$", file)
    stem = picture[1] if picture else Path(file).stem
    return REPOSITORY / "examples" / section / f"{stem}.py"


def page(folder, target):
    """Return the file of a link without suffix, as Sphinx writes it."""
    if MADE_BY_THE_BUILD in target:
        return source_of(target)
    base = DOCS if target.startswith("/") else folder
    stem = (base / target.lstrip("/")).resolve()
    return next(
        (f for f in map(Path, (f"{stem}.md", f"{stem}.rst")) if f.exists()), stem
    )


def broken_files(path, text):
    """Yield the links of a page to files, or places in them, that do not exist."""
    for link in LINK.findall(text):
        if link.startswith(("https://", "mailto:")):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            yield link
    for target in FIGURE.findall(text):
        gallery = MADE_BY_THE_BUILD in target
        file = source_of(target) if gallery else path.parent / target
        if not file.exists():
            yield target
    entries = [
        entry
        for body in TOCTREE.findall(text)
        for entry in body.splitlines()
        if entry and not entry.startswith(":")
    ]
    for target in [*DOC.findall(text), *CARD.findall(text), *entries]:
        if not page(path.parent, target).exists():
            yield target


def broken_labels(text, known):
    """Yield labels that no page has, and examples that are gone."""
    for label in REF.findall(text):
        example = re.fullmatch(r"sphx_glr_auto_examples_(.+)\.py", label)
        if label not in known and not (example and example[1] in known):
            yield label


def broken_names(text):
    """Yield names of skweight that cannot be imported."""
    for name in NAME.findall(text):
        name = name.rpartition("<")[2].rstrip(">").lstrip("~")
        if name.startswith("skweight") and not exists(name):
            yield name


def exists(name):
    """Whether a dotted name is a module, or an attribute of one or of a class."""
    try:
        return pydoc.locate(name) is not None
    except ImportError as error:
        # A name of an extra that is not installed.
        return "pip install" in str(error)


EXAMPLES = {
    f"{path.parent.name}_{path.stem}" for path in REPOSITORY.glob("examples/*/*.py")
}


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_links_of_a_page_lead_somewhere(path):
    known = EXAMPLES.union(*(labels_in(text_of(other)) for other in WRITTEN))
    text = text_of(path)
    broken = [*broken_files(path, text), *broken_labels(text, known)]
    assert broken + list(broken_names(text)) == []


def test_links_that_lead_nowhere_are_found(tmp_path):
    (tmp_path / "other.md").write_text("# A title, with a comma\n")
    text = (
        "[a](other.md#a-title-with-a-comma) [b](other.md#elsewhere) [c](gone.md) "
        "{doc}`other` {doc}`gone` {ref}`The example <sphx_glr_auto_examples_a_b.py>` "
        "{class}`~skweight.CostMatrix` {class}`~skweight.CostsMatrix`\n"
        "```{figure} ../auto_examples/2_costs/images/sphx_glr_plot_gone_001.png\n```\n"
        "```{toctree}\n:hidden:\n\nother\nneither\n```\n"
        ":link: missing\n"
    )
    gone = set(broken_files(tmp_path / "page.md", text))
    picture = "../auto_examples/2_costs/images/sphx_glr_plot_gone_001.png"
    assert gone == {"other.md#elsewhere", "gone.md", "gone", picture} | {
        "neither",
        "missing",
    }
    assert list(broken_labels(text, EXAMPLES)) == ["sphx_glr_auto_examples_a_b.py"]
    assert list(broken_names(text)) == ["skweight.CostsMatrix"]
