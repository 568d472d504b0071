"""Every block of code in the README and the guide runs alone, and says what it prints.

A block runs by itself, or its first line names what runs before it: ``# after the first
block``, or ``# after all blocks above`` where a page is one script. A block of ``text``
behind a block of Python is what that one prints.
"""

import ast
import contextlib
import doctest
import importlib.util
import io
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import sklearn

import skweight

REPOSITORY = Path(__file__).resolve().parents[1]
DOCS = REPOSITORY / "docs"
PAGES = [
    REPOSITORY / "README.md",
    *sorted(DOCS.glob("*.md")),
    *sorted((DOCS / "user_guide").glob("*.md")),
    *sorted((DOCS / "user_guide" / "coming_from").glob("*.md")),
]
# Blocks that import one of these are skipped where it is not installed.
OPTIONAL = {"empulse", "lightgbm", "matplotlib", "onnxruntime", "shap", "skl2onnx"}
OPTIONAL |= {"adapt", "catboost", "keras", "polars", "scikeras", "skops", "skorch"}
OPTIONAL |= {"torch", "xgboost"}
AFTER_FIRST = "# after the first block"
AFTER_ALL = "# after all blocks above"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:e[-+]\d+)? ?%?")


def same_words_and_close_numbers(expected, printed):
    """Whether two outputs agree up to the digits in which versions of others differ.

    Words, and whole numbers below 100, must be the same; other numbers, and per cent,
    may differ by 5 per cent or by two units of the last digit that is printed.
    """
    if _NUMBER.sub("#", expected).split() != _NUMBER.sub("#", printed).split():
        return False
    pairs = zip(_NUMBER.findall(expected), _NUMBER.findall(printed), strict=True)
    return all(_close(left, right) for left, right in pairs)


def _numbers(version):
    return [int(number) for number in version.split(".")[:2]]


def _close(expected, printed):
    a, b = (float(text.replace(",", "").rstrip(" %")) for text in (expected, printed))
    if expected.strip().lstrip("-+").isdigit() and abs(a) < 100:
        return a == b
    unit = 10.0 ** -len(expected.rstrip(" %").partition(".")[2])
    return abs(a - b) <= max(2.001 * unit, 0.05 * abs(a))


class CloseChecker(doctest.OutputChecker):
    """Doctest's comparison, or the one above."""

    def check_output(self, want, got, optionflags):
        return super().check_output(
            want, got, optionflags
        ) or same_words_and_close_numbers(want, got)


@dataclass(frozen=True)
class Block:
    """A block of Python of a page, what it prints, and the block that it needs."""

    page: Path
    line: int
    code: str
    output: str | None = None
    before: "tuple[Block, ...]" = ()

    @property
    def source(self):
        """What runs: for conftest.py, which skips what cannot be drawn."""
        return "".join(block.code for block in (*self.before, self))

    def run(self):
        """Run the block, after those that it names, in a namespace of its own."""
        names = {"__name__": "__main__"}
        for block in (*self.before, self):
            printed, output = block._run(names), block.output
            where = f"{block.page}, line {block.line}: expected\n{output}\nprinted"
            if output is not None:
                assert same_words_and_close_numbers(output, printed), where + printed

    def _run(self, names):
        if self.code.startswith(">>> "):
            test = doctest.DocTestParser().get_doctest(
                self.code, names, self.page.name, str(self.page), self.line
            )
            runner = doctest.DebugRunner(CloseChecker(), optionflags=OPTIONS)
            runner.run(test, clear_globs=False)
            names.update(test.globs)
            return ""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            # Empty lines in front, so that a traceback shows the line of the page.
            code = compile("\n" * self.line + self.code, str(self.page), "exec")
            exec(code, names)
        return printed.getvalue()

    def missing_package(self):
        """Name an optional package, or a version, that is needed and not installed."""
        code = self.source
        for needed in re.findall(r"# Needs scikit-learn (\d+\.\d+) or later", code):
            if _numbers(sklearn.__version__) < _numbers(needed):
                return f"scikit-learn {needed}"
        if ">>> " in code:
            examples = doctest.DocTestParser().get_examples(code)
            code = "".join(example.source for example in examples)
        for node in ast.walk(ast.parse(code)):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]
            for name in {module.partition(".")[0] for module in modules} & OPTIONAL:
                if importlib.util.find_spec(name) is None:
                    return name
        return None


def fenced(page, language):
    """Yield (line number, text, what follows) of every block of that language."""
    fences = rf"^```{language}\n(.*?)^```$"
    text = page.read_text("utf-8")
    for match in re.finditer(fences, text, flags=re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, match.start(1)), match[1], text[match.end() :]


def blocks_of(page):
    """Return the blocks of Python of a page."""
    blocks = []
    for line, code, rest in fenced(page, "python"):
        output = re.match(r"\s*^```text\n(.*?)^```$", rest, re.MULTILINE | re.DOTALL)
        start = code.partition("\n")[0].removeprefix(">>> ")
        before = {AFTER_FIRST: blocks[:1], AFTER_ALL: blocks}.get(start, ())
        blocks.append(Block(page, line, code, output and output[1], tuple(before)))
    return blocks


def named(pages):
    """Return the blocks of pages, each as a case of a test with its place as the name.

    Of a page that is one script, the last block: it runs all before it.
    """
    blocks = []
    for page in pages:
        new = blocks_of(page)
        scripts = [i for i, block in enumerate(new) if i and len(block.before) == i > 1]
        blocks += new[scripts[-1] if scripts else 0 :]
    return [pytest.param(b, id=f"{b.page.stem}-line{b.line}") for b in blocks]


@pytest.mark.documentation
# shap speaks to matplotlib in an old way.
@pytest.mark.filterwarnings("ignore:The set_:PendingDeprecationWarning")
@pytest.mark.parametrize("block", named(PAGES))
def test_block_runs_alone(block, tmp_path, monkeypatch):
    if package := block.missing_package():
        pytest.skip(f"{package}: NOT TESTED")
    monkeypatch.chdir(tmp_path)
    block.run()


def test_pages_print_what_they_say():
    """A reader sees a figure, not that a condition held."""
    pages = sorted(DOCS.rglob("user_guide/**/*.md"))
    asserting = [
        f"{page.name}, line {block.line}"
        for page in pages
        for block in blocks_of(page)
        if re.search(r"^(>>> )? *assert ", block.code, re.MULTILINE)
    ]
    assert asserting == []


def test_no_line_of_code_is_wider_than_a_page():
    """88 characters fit between the menus; what is wider must be scrolled."""
    pages = [REPOSITORY / "README.md", *DOCS.rglob("user_guide/**/*.md")]
    wide = [
        f"{page.name}, line {start + number}"
        for page in pages
        for start, code, _ in fenced(page, "python")
        for number, line in enumerate(code.splitlines(), 1)
        if len(line) > 88
    ]
    assert wide == []


def test_blocks_of_a_page_are_found_run_and_verified(tmp_path):
    """The test above would notice a block that is wrong, in either style."""
    page = tmp_path / "page.md"
    first, two = "```python\na = 1\n```\n", f"```python\n>>> {AFTER_FIRST}\n>>> a + 1\n"
    page.write_text(first + "\ntext\n\n" + two + "2\n```\n")
    assert [block.line for block in blocks_of(page)] == [1, 7]
    for block in blocks_of(page):
        block.run()
    for wrong, error in [
        (first + two + "3\n```\n", doctest.DocTestFailure),
        (first + "```python\nprint(a)\n```\n", NameError),
        ("```python\nassert False\n```\n", AssertionError),
        (
            "```python\nprint('loss', 1.0)\n```\n```text\nloss 2.0\n```\n",
            AssertionError,
        ),
    ]:
        page.write_text(wrong)
        with pytest.raises(error):
            blocks_of(page)[-1].run()


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("recall 0.75", "recall 0.76", True),
        ("recall 0.75", "recall 0.82", False),
        ("recall 0.75", "precision 0.75", False),
        ("5 fits", "6 fits", False),
        ("1,234 rows", "1,250 rows", True),
        ("1,234 rows", "1,434 rows", False),
        ("90%", "93%", True),
        ("2.0 %", "-2.0 %", False),
    ],
)
def test_outputs_agree_in_words_and_in_all_but_the_last_digit(expected, printed, same):
    assert same_words_and_close_numbers(expected, printed) is same


def test_readme_holds_two_commands_that_start_from_nothing():
    """.ci/run takes them from there and runs them."""
    commands = [text for _, text, _ in fenced(REPOSITORY / "README.md", "bash")]
    assert len(commands) == 2
    for command in commands:
        assert command.startswith("python3 -m venv .venv && ")
        assert command.count("\n") == 1, "one command line"


def test_readme_reads_well_on_any_host():
    """No directive of Sphinx, and every link inside the repository leads somewhere."""
    text = (REPOSITORY / "README.md").read_text("utf-8")
    assert not re.search(r"\{\w+\}`|^:::|^```\{", text, re.MULTILINE)
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://") or (REPOSITORY / target).exists(), target


def test_contributing_names_the_commands_of_ci():
    text = (REPOSITORY / "docs/contributing.md").read_text("utf-8")
    text = text.partition("literally what CI runs")[2]
    block = re.search(r"```console\n(.*?)```", text, flags=re.DOTALL)[1]
    commands = [line.removeprefix("$ ") for line in block.splitlines()]
    assert len(commands) == 3
    script = (REPOSITORY / ".ci/run").read_text("utf-8")
    for command in commands:
        assert command in script


def test_every_stage_of_ci_is_told_and_exists():
    """A lane that is not in the list would never run."""
    script = (REPOSITORY / ".ci/run").read_text("utf-8")
    stages = re.search(r'^STAGES="(.*)"$', script, re.MULTILINE)[1].split()
    assert sorted(stages) == sorted(re.findall(r"^stage_(\w+)\(\)", script, re.M))
    text = (REPOSITORY / "docs/contributing.md").read_text("utf-8")
    table = text.partition("| stage |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", table)) >= set(stages)
    workflow = (REPOSITORY / ".github/workflows/ci.yml").read_text("utf-8")
    matrix = re.findall(r'^ +- "(.*)"$', workflow, re.MULTILINE)
    assert sorted(" ".join(matrix).split()) == sorted(stages)


def test_every_lane_that_pytest_leaves_out_is_run_by_ci():
    """All but the slow one, which is for once a week."""
    options = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    options = options["tool"]["pytest"]["ini_options"]["addopts"]
    lanes = re.findall(r"not (\w+)", next(o for o in options if o.startswith("-m=")))
    script = (REPOSITORY / ".ci/run").read_text("utf-8")
    text = (REPOSITORY / "docs/contributing.md").read_text("utf-8")
    assert "slow" in lanes
    for lane in lanes:
        assert f"-m {lane}\n" in text
        assert lane == "slow" or f"-m {lane}\n" in script


@pytest.mark.in_turn(2)
@pytest.mark.parametrize("column", range(3))
@pytest.mark.parametrize("row", range(3))
def test_every_second_case_of_a_product_is_left_to_the_lane(request, row, column):
    left = request.node.get_closest_marker("checks") is not None
    assert left == ((row + column) % 2 == 1)


def test_the_version_to_cite_is_the_version():
    cited = (REPOSITORY / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {skweight.__version__.split('.dev')[0]}\n" in cited


def test_every_test_file_holds_a_test():
    """A file of helpers that nothing calls would look like tests that pass."""
    for file in sorted((REPOSITORY / "tests").rglob("test_*.py")):
        tests = re.search(r"^(    )?def test", file.read_text("utf-8"), re.MULTILINE)
        assert tests, f"{file} collects no test"
