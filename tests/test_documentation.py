"""Every block of code in the README and the guide runs, and the commands are CI's."""

import ast
import doctest
import re
from pathlib import Path

import pytest

import skweight

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    *sorted((REPOSITORY / "docs/user_guide").glob("*.md")),
]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page, language):
    """Yield (line number, text) of every fenced block of that language."""
    fences = rf"^```{language}\n(.*?)^```$"
    text = page.read_text("utf-8")
    for match in re.finditer(fences, text, flags=re.MULTILINE | re.DOTALL):
        yield text.count("\n", 0, match.start(1)), match[1]


def run_page(page):
    """Run the Python blocks of a page in their order, in one namespace."""
    names = {"__name__": "__main__"}
    for line, code in blocks(page, "python"):
        if code.startswith(">>> "):
            test = doctest.DocTestParser().get_doctest(
                code, names, page.name, str(page), line
            )
            runner = doctest.DebugRunner(optionflags=OPTIONS)
            runner.run(test, clear_globs=False)
            names.update(test.globs)
        else:
            # Empty lines in front, so that a traceback shows the line of the page.
            exec(compile("\n" * line + code, str(page), "exec"), names)


WITH_CODE = {page.stem: page for page in PAGES if any(blocks(page, "python"))}


@pytest.mark.parametrize("page", WITH_CODE.values(), ids=list(WITH_CODE))
def test_code_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_page(page)


def test_blocks_of_a_page_are_found_run_and_verified(tmp_path):
    """The test above would notice a block that is wrong, in either style."""
    page = tmp_path / "page.md"
    page.write_text("```python\na = 1\n```\n\ntext\n\n```python\n>>> a + 1\n2\n```\n")
    assert [line for line, _ in blocks(page, "python")] == [1, 7]
    run_page(page)
    page.write_text("```python\na = 1\n```\n```python\n>>> a + 1\n3\n```\n")
    with pytest.raises(doctest.DocTestFailure):
        run_page(page)
    page.write_text("```python\nassert False\n```\n")
    with pytest.raises(AssertionError):
        run_page(page)


def test_readme_holds_two_commands_that_start_from_nothing():
    """.ci/run takes them from there and runs them."""
    commands = [text for _, text in blocks(REPOSITORY / "README.md", "bash")]
    assert len(commands) == 2
    for command in commands:
        assert command.startswith("python3 -m venv .venv && ")
        assert command.count("\n") == 1, "one command line"


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


def test_the_version_to_cite_is_the_version():
    cited = (REPOSITORY / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {skweight.__version__.split('.dev')[0]}\n" in cited


def test_every_test_file_holds_a_test():
    """A file of helpers that nothing calls would look like tests that pass."""
    for file in sorted((REPOSITORY / "tests").rglob("test_*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        tests = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test")
        ]
        assert tests, f"{file} collects no test"
