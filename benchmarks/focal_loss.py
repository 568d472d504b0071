"""Whether the focal loss helps XGBoost on tables: regret of log loss beside log loss.

Each problem is split in halves, five times; all models have the same trees. "raw" are
the probabilities as XGBoost says them, "inverted" those after the closed form. Labels
of the noisy problem are turned round at random in 5 % of the training rows. The last
table is the CPU time of the objective itself.
"""

import numpy as np
from _common import alternate, datasets, ratio, run, table
from scipy.special import expit
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from xgboost import XGBClassifier

from skweight.calibration import FocalCalibrator
from skweight.datasets import make_imbalanced
from skweight.objectives import FocalObjective

GAMMAS = (0.5, 1.0, 2.0)
TREES = {"n_estimators": 150, "max_depth": 4, "learning_rate": 0.1, "n_jobs": 1}


def problems(options):
    """Yield name, X and y."""
    size = 600 if options.quick else 10_000
    for prevalence in (0.2,) if options.quick else (0.01, 0.05, 0.2):
        data = make_imbalanced(
            size, prevalence=prevalence, nonlinearity=0.5, random_state=0
        )
        yield f"made, {prevalence:.0%} positive", data.X, data.y
    if options.quick:
        return
    for name, X, y in datasets(options):
        yield name, X.apply(lambda c: c.cat.codes if c.dtype == "category" else c), y


def scores_of(X, y, seed, noise):
    """Yield model, log loss and AUC on the other half, for every model of a split."""
    split = train_test_split(X, y, test_size=0.5, stratify=y, random_state=seed)
    X_train, X_test, y_train, y_test = split
    if noise:
        turned = np.random.default_rng(seed).random(len(y_train)) < noise
        y_train = np.where(turned, 1 - y_train, y_train)
    proba = XGBClassifier(**TREES).fit(X_train, y_train).predict_proba(X_test)[:, 1]
    yield "log loss", log_loss(y_test, proba), roc_auc_score(y_test, proba)
    for gamma in GAMMAS:
        focal = FocalObjective(gamma)
        start = focal.base_score(y_train)
        model = XGBClassifier(objective=focal, base_score=start, **TREES)
        raw = model.fit(X_train, y_train).predict(X_test, output_margin=True)
        inverted = FocalCalibrator(gamma).fit(classes=[0, 1]).predict_proba(raw)[:, 1]
        auc = roc_auc_score(y_test, raw)
        yield f"focal, gamma={gamma:g}, raw", log_loss(y_test, expit(raw)), auc
        yield f"focal, gamma={gamma:g}, inverted", log_loss(y_test, inverted), auc


def compare(options):
    """Return log loss of every model relative to that of the log loss, in per cent."""
    rows = []
    for name, X, y in problems(options):
        for noise in (0.0, 0.05) if name.startswith("made, 5%") else (0.0,):
            by_name = {}
            for seed in range(1 if options.quick else 5):
                for model, loss, auc in scores_of(X, y, seed, noise):
                    by_name.setdefault(model, []).append((loss, auc))
            mean = {model: np.mean(pairs, axis=0) for model, pairs in by_name.items()}
            base, base_auc = mean["log loss"]
            rows += [
                {
                    "problem": name + (", 5 % of labels wrong" if noise else ""),
                    "model": model,
                    "log loss": loss,
                    "against log loss, %": 100 * (loss / base - 1),
                    "AUC, points": 100 * (auc - base_auc),
                }
                for model, (loss, auc) in mean.items()
            ]
    return rows


def measure(options):
    """Yield the tables."""
    rows = compare(options)
    names = list(dict.fromkeys(row["model"] for row in rows))
    yield "Mean over the problems, log loss = 0:\n\n" + table(
        [
            {
                "model": name,
                "log loss, %": float(
                    np.mean(
                        [r["against log loss, %"] for r in rows if r["model"] == name]
                    )
                ),
                "AUC, points": float(
                    np.mean([r["AUC, points"] for r in rows if r["model"] == name])
                ),
                "problems with a lower log loss": sum(
                    r["against log loss, %"] < 0 for r in rows if r["model"] == name
                ),
            }
            for name in names
        ]
    )
    yield table(rows)
    n = 10_000 if options.quick else 1_000_000
    rng = np.random.default_rng(0)
    scores, weight = 3 * rng.normal(size=n), rng.exponential(size=n)
    y = rng.integers(2, size=n).astype(float)

    def logistic():
        p = expit(scores)
        return weight * (p - y), weight * p * (1 - p)

    timed = []
    for gamma in GAMMAS:
        seconds = alternate(
            [lambda g=gamma: FocalObjective(g)(y, scores, weight), logistic], 9
        )
        median, interval = ratio(seconds)
        timed.append(
            {
                "gamma": f"{gamma:g}",
                "CPU of the focal objective / of the logistic one": median,
                "95 % interval": interval,
            }
        )
    yield f"Gradient and Hessian of {n:,} rows, both in NumPy:\n\n" + table(timed)


if __name__ == "__main__":
    run(measure, __doc__, "focal_loss")
