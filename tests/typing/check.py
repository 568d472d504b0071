"""Run mypy and pyright over a script of a user and over mistakes that they must catch.

A mistake in a parameter that has no annotation cannot be caught; it is named, and
counts once the parameter has one.
"""

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

from skweight import WeightedClassifier

HERE = Path(__file__).parent
SCRIPT, MISTAKES = HERE / "user_script.py", HERE / "mistakes.py"


def lines_of_mypy():
    """Return the lines with an error, as (file name, line), and the whole output."""
    command = ["mypy", "--output", "json", SCRIPT, MISTAKES]
    done = subprocess.run([sys.executable, "-m", *command], **OPTIONS)
    errors = [json.loads(line) for line in done.stdout.splitlines()]
    errors = [each for each in errors if each["severity"] == "error"]
    return {(Path(each["file"]).name, each["line"]) for each in errors}, done


def lines_of_pyright():
    """Return the same of pyright."""
    command = ["basedpyright", "--outputjson", SCRIPT, MISTAKES]
    program = Path(sys.executable).with_name(command[0])
    done = subprocess.run([program, *command[1:]], **OPTIONS)
    errors = json.loads(done.stdout)["generalDiagnostics"]
    return {
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1)
        for each in errors
        if each["severity"] == "error"
    }, done


OPTIONS = {"capture_output": True, "text": True, "check": False}


def mistakes():
    """Return the lines that must be errors, and those that cannot be yet."""
    parameters = inspect.signature(WeightedClassifier).parameters
    text = MISTAKES.read_text("utf-8")
    lines = text.splitlines()
    expected, without = set(), []
    for node in ast.parse(text).body:
        if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
            continue
        name = lines[node.lineno - 1].partition("  # ")[2]
        if name and parameters[name].annotation is inspect.Parameter.empty:
            without.append(name)
        else:
            expected.add((MISTAKES.name, node.lineno))
    return expected, without


def main():
    """Compare what the checkers find with what they must find."""
    expected, without = mistakes()
    if without:
        print(f"No annotation, so no checker can catch a mistake: {', '.join(without)}")
    failed = False
    for name, run in (("mypy", lines_of_mypy), ("pyright", lines_of_pyright)):
        actual, done = run()
        missed, wrong = expected - actual, actual - expected
        print(f"{name}: {len(expected & actual)} of {len(expected)} mistakes caught")
        if missed or wrong or not actual:
            print(f"  not caught: {sorted(missed)}; wrongly: {sorted(wrong)}")
            # Where there is no annotation, pyright takes the type of the default.
            failed |= not (name == "pyright" and without)
            if failed:
                print(done.stdout, done.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
