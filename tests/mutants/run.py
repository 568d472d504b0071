"""Make small mistakes in a copy of the package, one at a time, and see if tests fail.

``python tests/mutants/run.py`` draws mutations with seed 0 until 60 of them are not
equivalent, and writes `results.md`. A mutation dies if a test fails, or if the tests do
not end. First the whole suite runs once and records which tests reach which mutation.
For a mutation, the quickest of these tests run first, then all tests of their files.
The whole suite runs for a mutation outside functions, which every import reaches.
`equivalent.json` names the mutations that no test can see, each with the reason.
Every verdict is written to ``--verdicts`` as it falls; a run that was interrupted
goes on from there.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from mutants.mutate import PACKAGE, drawn, edited, is_another_program  # noqa: E402
from mutants.probe import RECORD, tests_by_mutation, with_probes  # noqa: E402

ROOT = PACKAGE.parent
SECONDS = 3600
# So many tests decide most mutations.
N_QUICKEST = 60
# With these, a processor with AVX-512 compares the golden set bit for bit.
BIT_FOR_BIT = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F_Usable,-AVX512F",
}


def key(edit, line):
    """Return the name of a mutation, which an edit elsewhere does not change."""
    new = line[: edit.start] + edit.new.encode() + line[edit.end :]
    return f"{edit.file}: {line.decode().strip()} -> {new.decode().strip()}"


def reached(edits, copy, record):
    """Run the suite once; return {number of a mutation: tests that reach it}."""
    numbers = {}
    for number, edit in enumerate(edits):
        numbers.setdefault(edit.file, {})[number] = edit.line
    for file, lines in numbers.items():
        target = copy / "skweight" / file
        target.write_bytes(with_probes(target.read_bytes(), lines))
    run_tests(copy, ["-p", "mutants.probe"], {RECORD: str(record)})
    for file in numbers:
        (copy / "skweight" / file).write_bytes((PACKAGE / file).read_bytes())
    return tests_by_mutation(record)


def rounds(tests):
    """Return the tests to run for a mutation, those that fail soonest first."""
    files = sorted({test.partition("::")[0] for test in tests})
    return [tests[:N_QUICKEST], files] if tests else [[]]


def run_tests(copy, options, environment=None):
    """Run pytest in a copy of the repository, and return what it did."""
    always = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=no"]
    path = os.pathsep.join([str(copy), str(copy / "tests")])
    return subprocess.run(
        [sys.executable, "-m", "pytest", *always, *options],
        cwd=copy,
        env=os.environ
        | BIT_FOR_BIT
        | {"PYTHONPATH": path, "MPLBACKEND": "Agg"}
        | (environment or {}),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def killer(copy, tests):
    """Return the first test that fails, or None if all pass."""
    for paths in rounds(tests):
        listed = copy / "tests-of-a-mutation.txt"
        listed.write_text("\n".join(paths), encoding="utf-8")
        try:
            done = run_tests(copy, ["-x", *([f"@{listed}"] if paths else [])])
        except subprocess.TimeoutExpired:
            return "the tests do not end"
        if done.returncode not in (0, 5):  # 5: this file has no test
            lines = done.stdout.splitlines()
            failed = [x for x in lines if x.startswith(("FAILED", "ERROR"))]
            said = failed or (done.stdout + done.stderr).splitlines()[-1:]
            return said[0].split(" - ")[0].removeprefix("FAILED ") if said else "crash"
    return None


def table(results, commit):
    """Return the result as Markdown."""
    counted = [row for row in results if row["verdict"] != "equivalent"]
    died = sum(row["verdict"] == "died" for row in counted)
    lines = [
        f"Command: `python tests/mutants/run.py`, at commit {commit}.",
        "",
        f"{died} of {len(counted)} mutations died. Mutations that were drawn with them "
        f"and that no test can see: {len(results) - len(counted)}.",
        "",
        "| kind | mutation | verdict | first test that fails, or reason |",
        "|---|---|---|---|",
    ]
    for row in results:
        what = row["what"].replace("|", "\\|")
        why = (row["why"] or "").replace("|", "\\|")
        lines.append(f"| {row['kind']} | `{what}` | {row['verdict']} | {why} |")
    return "\n".join(lines) + "\n"


def examine(edit, tests, copy, equivalents, known):
    """Return a mutation with its verdict."""
    source = PACKAGE / edit.file
    text = source.read_bytes()
    what = key(edit, text.splitlines()[edit.line - 1])
    row = {"kind": edit.kind, "what": what}
    if what in equivalents:
        return row | {"verdict": "equivalent", "why": equivalents[what]}
    if what in known:
        return known[what]
    target = copy / "skweight" / edit.file
    try:
        # Bytecode is judged by the second of the change; without it a mistake could
        # outlive its text.
        shutil.rmtree(target.parent / "__pycache__", ignore_errors=True)
        target.write_bytes(edited(text, edit))
        test = killer(copy, tests)
    finally:
        shutil.rmtree(target.parent / "__pycache__", ignore_errors=True)
        target.write_bytes(text)
    return row | {"verdict": "lives" if test is None else "died", "why": test}


def main():
    """Draw, run, and write the table; print each verdict as it falls."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=60)
    parser.add_argument("--verdicts", type=Path, default=Path("verdicts.jsonl"))
    options = parser.parse_args()
    lines = (
        options.verdicts.read_text().splitlines() if options.verdicts.exists() else []
    )
    known = {row["what"]: row for row in map(json.loads, lines)}
    equivalents = json.loads((HERE / "equivalent.json").read_text("utf-8"))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    programs = (edit for edit in drawn(0) if is_another_program(edit))
    edits = list(islice(programs, options.number + len(equivalents)))
    results, n_counted = [], 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        ignored = shutil.ignore_patterns(".git", "__pycache__", "_build", ".venv*")
        shutil.copytree(ROOT, copy, ignore=ignored)
        record = options.verdicts.with_suffix(".reached")
        if record.exists():
            tests = tests_by_mutation(record)
        else:
            tests = reached(edits, copy, record)
        for number, edit in enumerate(edits):
            if n_counted == options.number:
                break
            began = time.monotonic()
            row = examine(edit, tests.get(number, []), copy, equivalents, known)
            results.append(row)
            with options.verdicts.open("a") as file:
                file.write(json.dumps(row) + "\n")
            n_counted += row["verdict"] != "equivalent"
            seconds = time.monotonic() - began
            print(n_counted, f"{seconds:.0f} s", *row.values(), flush=True)
    (HERE / "results.md").write_text(table(results, commit), encoding="utf-8")


if __name__ == "__main__":
    main()
