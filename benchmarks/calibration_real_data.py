"""Are probabilities honest again after balanced weights, on real data?

Every method starts from the same balanced model. Rows are split into 70 % to train
and 30 % to test, stratified, with several seeds; differences are paired by seed.
"""

import numpy as np
from _common import (
    BASES,
    MODELS,
    Figure,
    counted_fits,
    cpu_seconds,
    datasets,
    run,
    table,
)
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedShuffleSplit

from skweight import WeightedClassifier
from skweight.calibration import IsotonicCalibrator

# Seeds per data set: fewer where one takes minutes, and the figures vary less.
SEEDS = {"phoneme": 5, "adult": 3}
SEEDS_ELSEWHERE = 8
SLOW = {("adult", "RF")}
SKLEARN = {"sigmoid": "sklearn sigmoid", "isotonic": "sklearn isotonic"}
# What each calibration is held against; scikit-learn has no mixture and no closed form.
RIVALS = SKLEARN | {"auto": SKLEARN["sigmoid"], "prior": SKLEARN["sigmoid"]}


def methods(make):
    """Return the methods to compare, as functions that make an unfitted estimator."""
    by_name = {
        "plain": make,
        "balanced": lambda: make(class_weight="balanced"),
    }
    for calibration in RIVALS:
        by_name[f"ours {calibration}"] = lambda calibration=calibration: (
            WeightedClassifier(
                make(),
                weighting="balanced",
                calibration=calibration,
                random_state=0,
                ensemble="auto",
            )
        )
    by_name["ours auto, one model"] = lambda: WeightedClassifier(
        make(), calibration="auto", ensemble=False, random_state=0
    )
    by_name["ours isotonic, blocks"] = lambda: WeightedClassifier(
        make(),
        calibration=IsotonicCalibrator(centered=False),
        random_state=0,
        ensemble="auto",
    )
    for method, name in SKLEARN.items():
        by_name[name] = lambda method=method: CalibratedClassifierCV(
            make(class_weight="balanced"), method=method
        )
        # The same protocol as ours (one model, refitted on all rows): what is left
        # of a difference to this one is not the averaging of k models.
        by_name[f"{name}, one model"] = lambda method=method: CalibratedClassifierCV(
            make(class_weight="balanced"), method=method, ensemble=False
        )
    return by_name


def measure_split(make, X, y, train, test):
    """Return the figures of every method on one split."""
    figures = {}
    for name, new in methods(make).items():
        with counted_fits(*BASES) as fits:
            fit, model = cpu_seconds(new().fit, X.iloc[train], y[train])
        # The fastest of three: the first may be slowed by what the fit left in caches.
        calls = [cpu_seconds(model.predict_proba, X.iloc[test]) for _ in range(3)]
        p = calls[0][1][:, 1]
        figures[name] = {
            "log loss": log_loss(y[test], p),
            "Brier": brier_score_loss(y[test], p),
            "AUC": roc_auc_score(y[test], p),
            "mean p / prevalence": p.mean() / y[test].mean(),
            "fits": len(fits),
            "fit": fit,
            "predict": min(seconds for seconds, _ in calls),
        }
    return figures


def mean_and_error(values):
    """Return the mean over the seeds and its standard error."""
    values = np.asarray(values)
    error = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else np.nan
    return values.mean(), error


def describe(name, rival, splits):
    """Return the row of one method; differences are to `rival`, paired by seed."""

    def all_of(figure, method=name):
        return np.array([split[method][figure] for split in splits])

    difference = all_of("log loss") - all_of("log loss", rival)
    return {
        "method": name,
        "log loss": Figure(all_of("log loss").mean(), ".4f"),
        f"x {SKLEARN['sigmoid']}": Figure(
            all_of("log loss").mean() / all_of("log loss", rival).mean(), ".3f"
        ),
        "difference x 1000": Figure(*_scaled(mean_and_error(difference), 1000, "+.2f")),
        "Brier": Figure(all_of("Brier").mean(), ".4f"),
        "AUC": Figure(all_of("AUC").mean(), ".4f"),
        "mean p / prevalence": Figure(
            *_scaled(mean_and_error(all_of("mean p / prevalence")), 1, ".3f")
        ),
        "base fits": int(all_of("fits")[0]),
        "fit CPU s": Figure(np.median(all_of("fit")), ".3g"),
        "predict CPU ms": Figure(1000 * np.median(all_of("predict")), ".3g"),
    }


def _scaled(mean_error, factor, form):
    mean, error = mean_error
    return factor * mean, form, factor * error


def judge(data, model, splits):
    """Return one row per claim and cell: what was measured and whether it holds."""
    rows = []
    for calibration, rival in RIVALS.items():
        ours = f"ours {calibration}"
        per_split = {
            figure: np.array([[s[ours][figure], s[rival][figure]] for s in splits])
            for figure in splits[0][ours]
        }
        loss = per_split["log loss"]
        share, error = mean_and_error(loss[:, 0] / loss[:, 1])
        mean_ratio, mean_error = mean_and_error(per_split["mean p / prevalence"][:, 0])
        rival_ratio = per_split["mean p / prevalence"][:, 1].mean()
        predict = np.median(per_split["predict"][:, 1] / per_split["predict"][:, 0])
        rows.append(
            {
                "data": data,
                "model": model,
                "calibration": calibration,
                "against": rival,
                "mean p / prevalence": Figure(mean_ratio, ".3f", mean_error),
                "sklearn's": Figure(rival_ratio, ".3f"),
                "within 5 %": bool(abs(mean_ratio - 1) <= 0.05),
                "log loss / sklearn's": Figure(share, ".3f", error),
                "<= 1.02": bool(share <= 1.02),
                "base fits": int(per_split["fits"][0, 0]),
                "sklearn's fits": int(per_split["fits"][0, 1]),
                "predict x faster": Figure(predict, ".1f"),
                ">= 4": bool(predict >= 4),
            }
        )
    return rows


def measure(options):
    verdicts = []
    for data, X, y in datasets(options):
        n_seeds = 2 if options.quick else SEEDS.get(data, SEEDS_ELSEWHERE)
        splitter = StratifiedShuffleSplit(n_seeds, test_size=0.3, random_state=0)
        for model, make in MODELS.items():
            if (options.quick and model != "LR") or (data, model) in SLOW:
                continue
            splits = [measure_split(make, X, y, *s) for s in splitter.split(X, y)]
            verdicts += judge(data, model, splits)
            yield f"## {data} ({len(y):,} rows, {y.mean():.1%} positive), {model}"
            yield table(
                [describe(name, SKLEARN["sigmoid"], splits) for name in splits[0]]
            )
    yield "## Claims"
    yield table(verdicts)


if __name__ == "__main__":
    run(measure, __doc__, "calibration_real_data")
