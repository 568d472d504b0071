"""Data sets with known costs. They are not part of the project."""

import sys

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer

from skweight import CostMatrix


def marketing(read):
    """Bank marketing: a call costs 1, a customer not called the interest he brings."""
    table = read("marketing.csv.gz", sep=";")
    table = table[table["balance"] > 0].reset_index(drop=True)
    y = (table["y"] == "yes").to_numpy().astype(int)
    features = (
        "age balance previous job marital education default housing loan poutcome"
    )
    X = pd.get_dummies(table[features.split()], dtype=float)
    X["cost_fn"] = np.maximum(table["balance"] * 0.02463333 * 0.25, 1)
    return X, y, CostMatrix.binary(fp=1, tp=1, fn="cost_fn")


def churn(read):
    """Customers who leave: four costs for every one of them."""
    table = read("churn.csv.gz").drop(columns="id")
    y = table.pop("target").to_numpy().astype(int)
    columns = {name: f"cost_{name}" for name in ("fp", "fn", "tp", "tn")}
    table = table.rename(
        columns={f"C_{name.upper()}": column for name, column in columns.items()}
    )
    return table, y, CostMatrix.binary(**columns)


def german(read):
    """Credit: accepting a bad risk costs 5, refusing a good one 1."""
    table = read("german.csv.gz")
    y = (table.pop("risk") == "bad").to_numpy().astype(int)
    return pd.get_dummies(table, dtype=float), y, CostMatrix.binary(fp=1, fn=5)


def bundled():
    """What comes with scikit-learn: a missed tumour costs its size."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return X, 1 - y.to_numpy(), CostMatrix.binary(fp=1, fn="mean radius")


DATA = {"marketing": marketing, "churn": churn, "german": german}


def problems(options, *names):
    """Yield name, X, y and cost of the data sets that are there, of those named.

    With none of them, or to show that a script runs, it is data that comes with
    scikit-learn.
    """
    missing = []
    for name in names:

        def read(file, **how):
            return pd.read_csv(options.data / file, **how)

        if options.quick or not (options.data / f"{name}.csv.gz").is_file():
            missing.append(name)
            continue
        yield name, *DATA[name](read)
    if missing and not options.quick:
        print(
            f"SKIPPED, not in {options.data}: {', '.join(missing)}. Name the folder "
            "with --data.",
            file=sys.stderr,
        )
    if len(missing) == len(names):
        yield "breast cancer (bundled)", *bundled()


def split(y, seed, *, train=0.5, test=0.25):
    """Return training and test rows: half and a quarter, as in the published study."""
    rows = np.random.default_rng(seed).permutation(y.size)
    n_train, n_test = int(train * y.size), int(test * y.size)
    return rows[:n_train], rows[-n_test:]
