"""Make small mistakes in a copy of the package, one at a time, and see if tests fail.

``python tests/mutants/run.py`` draws mutations with seed 0 until 60 of them are not
equivalent, and writes `results.md`. A mutation dies if a test fails, or if the tests do
not end. The tests of its room run first, then the golden set, then the whole suite.
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
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from mutants.mutate import PACKAGE, drawn, edited, is_another_program  # noqa: E402

ROOT = PACKAGE.parent
SECONDS = 3600
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


def rounds(edit, copy):
    """Return the tests to run for a mutation, those most likely to fail first."""
    room = edit.file.split("/")[0].removesuffix(".py").removeprefix("_")
    tests = copy / "tests"
    source = copy / "skweight" / edit.file
    nearest = [tests / room, *tests.glob(f"test_{room}*.py"), source]
    if edit.file.startswith("_"):  # what every fit passes has no folder of its own
        nearest = [*tests.glob("test_*.py"), tests / "faults", source]
    return [
        [str(path) for path in nearest if path.exists()],
        [str(tests / "golden")],
        [],
    ]


def killer(copy, edit):
    """Return the first test that fails, or None if all pass."""
    environment = (
        os.environ | BIT_FOR_BIT | {"PYTHONPATH": str(copy), "MPLBACKEND": "Agg"}
    )
    options = ["-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=no"]
    for paths in rounds(edit, copy):
        command = [sys.executable, "-m", "pytest", *options, *paths]
        try:
            done = subprocess.run(
                command,
                cwd=copy,
                env=environment,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
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
        f"{died} of {len(counted)} mutations died; "
        f"{len(results) - len(counted)} drawn with them are equivalent.",
        "",
        "| kind | mutation | verdict | first test that fails, or reason |",
        "|---|---|---|---|",
    ]
    for row in results:
        what = row["what"].replace("|", "\\|")
        why = (row["why"] or "").replace("|", "\\|")
        lines.append(f"| {row['kind']} | `{what}` | {row['verdict']} | {why} |")
    return "\n".join(lines) + "\n"


def examine(edit, copy, equivalents, known):
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
        test = killer(copy, edit)
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
    results, n_counted = [], 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        ignored = shutil.ignore_patterns(".git", "__pycache__", "_build", ".venv*")
        shutil.copytree(ROOT, copy, ignore=ignored)
        for edit in drawn(0):
            if n_counted == options.number:
                break
            if not is_another_program(edit):
                continue
            began = time.monotonic()
            row = examine(edit, copy, equivalents, known)
            results.append(row)
            with options.verdicts.open("a") as file:
                file.write(json.dumps(row) + "\n")
            n_counted += row["verdict"] != "equivalent"
            seconds = time.monotonic() - began
            print(n_counted, f"{seconds:.0f} s", *row.values(), flush=True)
    (HERE / "results.md").write_text(table(results, commit), encoding="utf-8")


if __name__ == "__main__":
    main()
