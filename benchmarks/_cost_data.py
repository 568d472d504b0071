"""Data sets with known costs, read from the folder SKWEIGHT_DATA, beside the checkout
unless it says otherwise. They are not part of the project.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from skweight import CostMatrix

FOLDER = Path(
    os.environ.get("SKWEIGHT_DATA", Path(__file__).parents[2] / "shared" / "data")
)


def read(name, **options):
    """Return a table, or end the script where it is absent."""
    file = FOLDER / name
    if not file.is_file():
        sys.exit(f"{name} is not in {FOLDER}; set SKWEIGHT_DATA. Nothing was measured.")
    return pd.read_csv(file, **options)


def one_hot(table):
    """Return a table of numbers; scikit-learn's and other models take it alike."""
    return pd.get_dummies(table, dtype=float)


def marketing():
    """Bank marketing: a call costs 1, a customer not called the interest he brings."""
    table = read("marketing.csv.gz", sep=";")
    table = table[table["balance"] > 0].reset_index(drop=True)
    y = (table["y"] == "yes").to_numpy().astype(int)
    features = (
        "age balance previous job marital education default housing loan poutcome"
    )
    X = one_hot(table[features.split()])
    X["cost_fn"] = np.maximum(table["balance"] * 0.02463333 * 0.25, 1)
    return X, y, CostMatrix.binary(fp=1, tp=1, fn="cost_fn")


def churn():
    """Customers who leave: four costs for every one of them."""
    table = read("churn.csv.gz").drop(columns="id")
    y = table.pop("target").to_numpy().astype(int)
    table = table.rename(columns={f"C_{n}": f"cost_{n.lower()}" for n in COSTS})
    return (
        table,
        y,
        CostMatrix.binary(**{n.lower(): f"cost_{n.lower()}" for n in COSTS}),
    )


def german():
    """Credit: accepting a bad risk costs 5, refusing a good one 1."""
    table = read("german.csv.gz")
    y = (table.pop("risk") == "bad").to_numpy().astype(int)
    return one_hot(table), y, CostMatrix.binary(fp=1, fn=5)


COSTS = ("FP", "FN", "TP", "TN")
DATA = {"marketing": marketing, "churn": churn, "german": german}


def split(y, seed, *, train=0.5, test=0.25):
    """Return training and test rows: half and a quarter, as in the published study."""
    rows = np.random.default_rng(seed).permutation(y.size)
    n_train, n_test = int(train * y.size), int(test * y.size)
    return rows[:n_train], rows[-n_test:]
