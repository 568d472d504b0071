"""What every benchmark shares: options, data, CPU time, tables, versions."""

import argparse
import datetime
import os
import platform
import shlex
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from threadpoolctl import threadpool_limits

import skweight

REPOSITORY = Path(__file__).resolve().parents[1]

# File, target column, label of the rarer class, columns that are not features.
REAL = {
    "german": ("german.csv.gz", "risk", "bad", []),
    "phoneme": ("phoneme.csv.gz", "Class", "2", []),
    "mammography": ("mammography.csv.gz", "Class", "1", []),
    "adult": ("adult.csv.gz", "income", ">50K", ["split"]),
}


# -- options and output ------------------------------------------------------------


def run(measure, description, name, arguments=None):
    """Measure on one thread, print the tables, and write them to a results file.

    ``measure(options)`` yields pieces of Markdown; each is printed when it is there,
    so that a long run can be watched. ``arguments(parser)`` may add options.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument(
        "--data",
        type=Path,
        default=REPOSITORY.parent / "shared" / "data",
        help="folder of the real data sets (default: ../shared/data of the checkout)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="tiny sizes: shows that the script runs, measures nothing, writes nothing",
    )
    parser.add_argument(
        "--results",
        type=Path,
        help="folder to write the tables to (default: results/ beside the script)",
    )
    if arguments is not None:
        arguments(parser)
    options = parser.parse_args()
    pieces = [header(name)]
    print(pieces[0], flush=True)
    # More threads than free cores would measure the neighbours, not the code.
    with threadpool_limits(1):
        for piece in measure(options):
            pieces.append(piece)
            print(f"\n{piece}", flush=True)
    if options.quick and options.results is None:
        return
    folder = options.results or Path(__file__).parent / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text("\n\n".join(pieces) + "\n", encoding="utf-8")


def header(name):
    """Return when, how and with which versions the tables were made."""
    command = shlex.join(["python", f"benchmarks/{name}.py", *sys.argv[1:]])
    packages = ["scikit-learn", "numpy", "scipy", "pandas"]
    collected = [f"skweight {skweight.__version__}{commit()}"]
    collected += [f"{package} {version(package)}" for package in packages]
    return "\n".join(
        [
            f"Command: `{command}`  ",
            f"Date: {datetime.date.today().isoformat()}  ",
            f"Versions: Python {platform.python_version()}, {', '.join(collected)}  ",
            f"Machine: {platform.system()} {platform.machine()}, {os.cpu_count()} "
            "cores, one thread",
        ]
    )


def commit():
    """Return the commit of the checkout in brackets, or nothing outside of one."""
    command = ["git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" (commit {done.stdout.strip()})"


def table(rows):
    """Return a Markdown table of dicts; numbers to the right."""
    names = list(rows[0])
    right = [not isinstance(rows[0][name], str) for name in names]
    cells = [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)]

    def line(values):
        padded = [
            value.rjust(width) if is_right else value.ljust(width)
            for value, width, is_right in zip(values, widths, right, strict=True)
        ]
        return f"| {' | '.join(padded)} |"

    rule = [
        "-" * (width - 1) + (":" if is_right else "-")
        for width, is_right in zip(widths, right, strict=True)
    ]
    return "\n".join([line(names), line(rule), *map(line, cells)])


def _cell(value):
    if isinstance(value, Figure):
        return str(value)
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "**no**"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:#.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return str(value)


class Figure(float):
    """A number that a table shows with a format of its own."""

    def __new__(cls, value, form, error=None):
        self = super().__new__(cls, value)
        self.text = f"{value:{form}}"
        if error is not None:
            self.text += f" ± {error:{form.lstrip('+')}}"
        return self

    def __str__(self):
        return self.text


# -- time and counts ---------------------------------------------------------------


def cpu_seconds(function, *args):
    """Return the CPU seconds of a call, and what it returned."""
    start = time.process_time()
    result = function(*args)
    return time.process_time() - start, result


def alternate(functions, repeats):
    """Return CPU seconds, one row per repeat and one column per function.

    The functions take turns, in a new order each time, so that what else the machine
    does falls upon all of them alike. One call of each goes before, unmeasured.
    """
    rng = np.random.default_rng(0)
    for function in functions:
        function()
    seconds = np.empty((repeats, len(functions)))
    for row in seconds:
        for i in rng.permutation(len(functions)):
            row[i] = cpu_seconds(functions[i])[0]
    return seconds


def ratio(seconds, numerator=0, denominator=1):
    """Return the median of paired ratios, and its 95 % bootstrap interval as text."""
    ratios = seconds[:, numerator] / seconds[:, denominator]
    rng = np.random.default_rng(0)
    drawn = rng.choice(ratios, (2000, ratios.size))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return float(np.median(ratios)), f"{low:.3f} to {high:.3f}"


@contextmanager
def counted_fits(*classes):
    """Yield a list that grows by one with every fit of these classes, at any depth."""
    calls = []

    def counting(fit):
        @wraps(fit)
        def wrapper(self, *args, **kwargs):
            calls.append(type(self).__name__)
            return fit(self, *args, **kwargs)

        return wrapper

    with ExitStack() as stack:
        for cls in classes:
            stack.enter_context(mock.patch.object(cls, "fit", counting(cls.fit)))
        yield calls


# -- data and models ---------------------------------------------------------------


def datasets(options):
    """Yield name, X and y (1 is the rarer class) of the data sets that are there."""
    missing = []
    for name, (file, target, positive, unused) in REAL.items():
        path = options.data / file
        if options.quick or not path.is_file():
            missing.append(name)
            continue
        X = pd.read_csv(path, na_values="?")
        y = (X[target].astype(str) == positive).to_numpy(dtype=int)
        X = X.drop(columns=[target, *unused])
        texts = X.select_dtypes(exclude="number").columns
        yield name, X.astype(dict.fromkeys(texts, "category")), y
    if missing and not options.quick:
        print(
            f"SKIPPED, not in {options.data}: {', '.join(missing)}. Name the folder "
            "with --data.",
            file=sys.stderr,
        )
    if len(missing) == len(REAL):
        print("Using data that comes with scikit-learn instead.", file=sys.stderr)
        X, y = load_breast_cancer(return_X_y=True, as_frame=True)
        yield "breast cancer (bundled)", X, 1 - y.to_numpy()
        if not options.quick:
            X, y = load_digits(return_X_y=True, as_frame=True)
            yield "digit 8 (bundled)", X, (y == 8).to_numpy(dtype=int)


def _logistic_regression(**balance):
    texts = make_column_selector(dtype_include="category")
    numbers = make_column_selector(dtype_exclude="category")
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
        ),
        LogisticRegression(max_iter=1000, **balance),
    )


def _random_forest(**balance):
    texts = make_column_selector(dtype_include="category")
    return make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
            remainder="passthrough",
        ),
        RandomForestClassifier(random_state=0, **balance),
    )


# Each takes class_weight= or nothing.
MODELS = {
    "LR": _logistic_regression,
    "HGB": partial(HistGradientBoostingClassifier, random_state=0),
    "RF": _random_forest,
}
BASES = (LogisticRegression, HistGradientBoostingClassifier, RandomForestClassifier)
