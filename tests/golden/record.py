"""Run golden configurations and write down all that can be seen of them from outside.

``python tests/golden/record.py --check`` says what differs from ``expected.jsonl``.
``--because "a sentence"`` takes the differences over, and the sentence into
``DIFFERENCES``; ``--new`` draws the configurations anew and forgets what was expected.
"""

import argparse
import hashlib
import json
import platform
import random
import re
import sys
import warnings
from functools import cache
from pathlib import Path

import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_info

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from golden import parts  # noqa: E402

import skweight as sw  # noqa: E402
from skweight import pipeline  # noqa: E402

EXPECTED = HERE / "expected.jsonl"
DIFFERENCES = HERE / "differences.jsonl"
# What holds on every platform; the rest holds bit for bit where the header says.
EVERYWHERE = ("error", "labels", "n_fits", "weights")
N_SHOWN = 5


def header():
    """Return versions and platform, on which floating point results depend."""
    import imblearn
    import pandas
    import scipy
    import sklearn

    blas = {
        (one["internal_api"], one.get("architecture", ""), one.get("version") or "")
        for one in threadpool_info()
        if one["user_api"] == "blas"
    }
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "imbalanced-learn": imblearn.__version__,
        "pandas": pandas.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "blas": [" ".join(one) for one in sorted(blas)],
    }


# -- the configurations ----------------------------------------------------------------


def _draw_classifier(rng):
    n_classes = rng.choice([2, 2, 3])
    spec = {
        "labels": rng.choice(
            [k for k, v in parts.LABELS.items() if len(v) == n_classes]
        ),
        "learner": rng.choice([*parts.LEARNERS, "logistic", "logistic", *parts.FITTED]),
        "weighting": rng.choice([*parts.WEIGHTINGS, *["balanced"] * 5, "none"]),
        "calibration": rng.choice([*parts.CALIBRATIONS, "auto", "sigmoid", "prior"]),
        "decision": rng.choice(["auto", "auto", *parts.DECISIONS]),
        "sample_weight": rng.choice(["none", "none", "random", "zeros", "ones"]),
        "random_state": rng.choice(["seed", "seed", "generator"]),
    }
    rare = {
        "stabilizer": [*parts.STABILIZERS],
        "resampler": [*parts.RESAMPLERS],
        "cv": [*parts.CVS],
        "ensemble": ["auto", True, False],
        "container": ["array", "frame", "polars", "list", "csr", "csc", "coo"],
        "normalize": [False],
        "prevalence": [True],
        "groups": [True],
        "twice": [True],
    }
    for name in rng.sample([*rare], 3):
        spec[name] = rng.choice(rare[name])
    return {"kind": "classifier", **spec}


def _draw_stream(rng):
    n_classes = rng.choice([2, 2, 3])
    return {
        "kind": "stream",
        "labels": rng.choice(
            [k for k, v in parts.LABELS.items() if len(v) == n_classes]
        ),
        "learner": rng.choice(["bayes", "stochastic", "hinge"]),
        "weighting": rng.choice(
            ["none", "balanced", "half", "dict", "callable", "column"]
        )
        if rng.random() < 0.7
        else rng.choice([*parts.WEIGHTINGS]),
        "calibration": rng.choice(["none", "prior"]),
        "decision": rng.choice(["auto", "argmax", "0.3"]),
        "sample_weight": rng.choice(["none", "random", "zeros"]),
        "random_state": "seed",
        "streaming": rng.choice(["weight", "sample", "hybrid"]),
        "half_life": rng.choice([None, 50.0]),
        "stabilizer": rng.choice(["none", "none", "3"]),
        "container": rng.choice(["array", "frame", "csr"]),
        "after_fit": rng.choice([True, False, False]),
    }


def _draw_regressor(rng):
    return {
        "kind": "regressor",
        "learner": rng.choice([*parts.REGRESSORS]),
        "weighting": rng.choice(
            ["none", "callable", "column", "column emphasis", "shift", "ulsif"]
        ),
        "sample_weight": rng.choice(["none", "random", "zeros"]),
        "stabilizer": rng.choice([*parts.STABILIZERS]),
        "container": rng.choice(["array", "frame", "csr"]),
        "normalize": rng.choice([True, False]),
        "random_state": rng.choice(["seed", "generator"]),
    }


def _draw_costs(rng):
    spec = _draw_classifier(rng)
    return {
        **spec,
        "kind": "costs",
        "weighting": rng.choice(["none", "none", "balanced", "cost", "column"]),
        "decision": rng.choice(["expected_cost", "expected_cost", "tuned", "argmax"]),
        "by_row": rng.choice([True, False]),
        "drop": rng.choice([True, False]),
    }


def _draw_pipeline(rng):
    n_classes = rng.choice([2, 2, 3])
    return {
        "kind": "pipeline",
        "labels": rng.choice(
            [k for k, v in parts.LABELS.items() if len(v) == n_classes]
        ),
        "learner": rng.choice([*parts.PIPELINES]),
        "sample_weight": rng.choice(["none", "random", "zeros"]),
        "container": rng.choice(["array", "frame"]),
        "wrapped": rng.choice([False, False, True]),
    }


def draw_configurations():
    """Return configurations by name; one in six of those that raise is kept."""
    rng = random.Random(0)
    drawn = {}
    for n, draw in (
        (220, _draw_classifier),
        (30, _draw_stream),
        (14, _draw_regressor),
        (18, _draw_costs),
        (22, _draw_pipeline),
    ):
        for _ in range(n):
            spec = draw(rng)
            while "error" in run(spec) and rng.random() > 1 / 6:
                spec = draw(rng)
            words = [spec["kind"], spec["learner"], spec.get("weighting")]
            words += [spec.get("calibration")]
            name = "-".join(str(word).replace(" ", "_") for word in words if word)
            drawn[f"{len(drawn):03d}-{name}"] = spec
    return drawn


# -- how they are run ------------------------------------------------------------------


def _learner(spec, labels):
    if spec["learner"] in parts.FITTED:
        return parts.frozen(spec["learner"], labels)
    return parts.LEARNERS[spec["learner"]]()


def _parameters(spec, labels):
    """Return the parameters of a wrapper."""
    parameters = {
        "weighting": parts.WEIGHTINGS[spec["weighting"]](labels),
        "stabilizer": parts.STABILIZERS[spec.get("stabilizer", "none")],
        "normalize": spec.get("normalize", True),
        "unsupported": "resample",
        "random_state": 0,
    }
    if spec["random_state"] == "generator":
        parameters["random_state"] = np.random.RandomState(5)
    if spec["kind"] == "regressor":
        return parameters
    calibration = spec["calibration"]
    parameters |= {
        "resampler": parts.RESAMPLERS[spec.get("resampler", "none")],
        "calibration": None if calibration == "none" else calibration,
        "cv": parts.CVS[spec.get("cv", "3")],
        "ensemble": spec.get("ensemble", "auto"),
    }
    if spec["kind"] == "costs":
        return parameters | {
            "cost": parts.costs(labels, by_row=spec["by_row"]),
            "decision": spec["decision"],
            "drop": spec["drop"],
        }
    return parameters | {"decision": parts.DECISIONS[spec["decision"]](labels)}


def _rows(spec):
    """Return containers of training and new rows, labels and weights."""
    X, X_new = parts.columns(0), parts.columns(1, parts.N_NEW)
    container = spec.get("container", "array")
    weights = parts.sample_weight_of(spec["sample_weight"])
    if spec["kind"] == "regressor":
        labels, y = None, np.round(X[:, 0] ** 2 + X[:, 1], 6)
    else:
        labels = np.array(parts.LABELS[spec["labels"]])
        y = labels[parts.codes_of(X, labels.size)]
    return parts.contain(X, container), parts.contain(X_new, container), y, weights


def _fit_classifier(spec):
    X, X_new, y, weights = _rows(spec)
    labels = parts.LABELS[spec["labels"]]
    parameters = _parameters(spec, labels)
    wrapper = sw.WeightedClassifier
    if spec["kind"] == "costs":
        wrapper = sw.CostSensitiveClassifier
    clf = wrapper(_learner(spec, labels), **parameters)
    metadata = {}
    if spec.get("groups") or spec.get("cv") == "groups":
        metadata["groups"] = np.arange(parts.N_ROWS) // 3
    yield clf
    if spec.get("twice"):
        clf.fit(X, y, **metadata)
    clf.fit(X, y, sample_weight=weights, **metadata)
    if spec.get("prevalence"):
        clf.set_prevalence({labels[-1]: 0.4})
    yield X_new


def _fit_stream(spec):
    X, X_new, y, weights = _rows(spec)
    labels = parts.LABELS[spec["labels"]]
    parameters = _parameters(spec, labels)
    streaming = sw.Streaming(spec["streaming"], half_life=spec["half_life"])
    clf = sw.WeightedClassifier(
        _learner(spec, labels), streaming=streaming, **parameters
    )
    yield clf
    first = 0
    if spec["after_fit"]:
        first = 70
        given = None if weights is None else weights[:first]
        clf.fit(X[:first], y[:first], sample_weight=given)
    for start in range(first, parts.N_ROWS, 35):
        chunk = slice(start, start + 35)
        given = None if weights is None else weights[chunk]
        clf.partial_fit(X[chunk], y[chunk], classes=labels, sample_weight=given)
    yield X_new


def _fit_regressor(spec):
    X, X_new, y, weights = _rows(spec)
    parameters = _parameters(spec, None)
    model = sw.WeightedRegressor(parts.REGRESSORS[spec["learner"]](), **parameters)
    yield model
    model.fit(X, y, sample_weight=weights)
    yield X_new


def _fit_pipeline(spec):
    X, X_new, y, weights = _rows(spec)
    labels = parts.LABELS[spec["labels"]]
    model = pipeline.make_pipeline(*parts.PIPELINES[spec["learner"]](labels))
    if spec["wrapped"]:
        model = sw.WeightedClassifier(
            model,
            weighting=None,
            calibration="sigmoid",
            cv=3,
            ensemble="auto",
            random_state=0,
        )
    yield model
    model.fit(X, y, sample_weight=weights)
    yield X_new


_FITS = {
    "classifier": _fit_classifier,
    "costs": _fit_classifier,
    "stream": _fit_stream,
    "regressor": _fit_regressor,
    "pipeline": _fit_pipeline,
}


def _digest(*arrays):
    state = hashlib.sha256()
    for array in arrays:
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()[:16]


def _state_of(generator):
    return _digest(generator.get_state()[1], generator.get_state()[2])


def _seen(who, n_rows, weights):
    """Return what one fit was given, in a few numbers that any change moves."""
    if weights is None:
        return [who, n_rows]
    wave = weights @ np.cos(np.arange(weights.size))
    return [who, n_rows, weights.sum(), wave, *weights[:N_SHOWN].tolist()]


# What a report says besides is made of what is here already, or of the versions.
OF_THE_CARD = ("probabilities", "reliability", "costs", "warnings", "versions")


def _look(model, X_new, seen):
    """Write down what a fitted model predicts and says."""
    classes = getattr(model, "classes_", None)
    said = model.predict(X_new)
    if classes is None:
        seen["values"] = np.asarray(said)[:N_SHOWN].tolist()
        seen["digest"] = _digest(said)
    else:
        seen["labels"] = "".join(map(str, np.searchsorted(classes, said)))
    if hasattr(model, "predict_proba"):
        proba = np.asarray(model.predict_proba(X_new), dtype=np.float64)
        seen["values"] = proba[:N_SHOWN].tolist()
        seen["digest"] = _digest(proba)
    seen["others"] = {
        method: _digest(getattr(model, method)(X_new))
        for method in ("decision_function", "predict_log_proba")
        if hasattr(model, method)
    }
    report = getattr(model, "report_", None)
    if report is None:
        return
    figures = report.to_dict()
    for name in OF_THE_CARD:
        figures.pop(name, None)
    if not figures["conformal"]:
        del figures["conformal"]
    seen["n_fits"] = figures.get("n_fits")
    seen["said"] = {k: v for k, v in figures.items() if isinstance(v, str)}
    seen["said"]["deliveries"] = figures.pop("deliveries", None)
    seen["figures"] = {k: v for k, v in figures.items() if k not in seen["said"]}


@cache
def _thread_pools():
    """Return the pools of all libraries, which take a while to find."""
    return ThreadpoolController()


def run(spec):
    """Return what can be seen of a configuration, ready for JSON."""
    parts.LOG.clear()
    seen = {}
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    steps = _FITS[spec["kind"]](spec)
    with (
        _thread_pools().limit(limits=1),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        model = next(steps)
        parts.LOG.clear()
        try:
            _look(model, next(steps), seen)
        except Exception as error:
            seen = {"error": [type(error).__name__, str(error)]}
    seen["weights"] = [_seen(*entry) for entry in parts.LOG]
    # A package beside ours may warn of its own future: no matter of ours.
    seen["warnings"] = [
        [one.category.__name__, str(one.message)]
        for one in caught
        if not issubclass(one.category, DeprecationWarning | FutureWarning)
    ]
    generators = [np.random.mtrand._rand]
    generator = getattr(model, "random_state", None)
    if isinstance(generator, np.random.RandomState):
        generators.append(generator)
    seen["draws"] = [_state_of(one) for one in generators]
    np.random.set_state(before)  # noqa: NPY002
    text = json.dumps(seen, default=_plain)
    return json.loads(re.sub("0x[0-9a-f]+", "0x", text))


def _plain(value):
    return value.item() if hasattr(value, "item") else str(value)


# -- what is expected ------------------------------------------------------------------


def read():
    """Return the header, the configurations and what is expected of each."""
    with EXPECTED.open(encoding="utf-8") as lines:
        made_with = json.loads(next(lines))
        rows = {row.pop("name"): row for row in map(json.loads, lines)}
    return made_with, rows


def write(rows):
    lines = [header(), *({"name": name, **row} for name, row in rows.items())]
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    EXPECTED.write_text(text + "\n", encoding="utf-8")


def fields_that_differ(expected, seen):
    """Return the fields of two records that are not the same, bit for bit."""
    names = dict.fromkeys([*expected, *seen])
    return [
        name
        for name in names
        if json.dumps(expected.get(name)) != json.dumps(seen.get(name))
    ]


def differences(rows):
    """Run all configurations: yield name, record and the fields that differ."""
    for name, row in rows.items():
        seen = run(row["spec"])
        yield name, seen, fields_that_differ(row.get("seen", {}), seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--new", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--because", metavar="SENTENCE")
    parser.add_argument("--show", metavar="NAME")
    arguments = parser.parse_args()
    if arguments.new:
        rows = {k: {"spec": v} for k, v in draw_configurations().items()}
    else:
        made_with, rows = read()
        if made_with != header():
            print(f"expected.jsonl was made with {made_with}, this is {header()}")
    changed = {}
    for name, seen, fields in differences(rows):
        if arguments.show == name:
            for field in fields:
                print(f"{field}\n  was {rows[name]['seen'].get(field)}")
                print(f"  is  {seen.get(field)}")
        if fields:
            changed[name] = fields
            rows[name] = {"spec": rows[name]["spec"], "seen": seen}
            print(f"{name}: {', '.join(fields)}")
    print(f"{len(changed)} of {len(rows)} configurations differ")
    if arguments.new:
        write(rows)
        DIFFERENCES.write_text("", encoding="utf-8")
    elif changed and arguments.because:
        write(rows)
        entry = {"why": arguments.because, "changed": changed}
        with DIFFERENCES.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(entry, ensure_ascii=False) + "\n")
    elif changed:
        sys.exit(1)


if __name__ == "__main__":
    main()
