"""What holds for every configuration, and the table of the cells where it cannot."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
import sklearn
from fuzz.configurations import fit, in_container, labels_of, model_of, rows_of
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal

_BY_POSITION = "a seed draws rows by their position"
_RESAMPLED = "it takes no weights, so that rows are drawn, by their position"
_IN_TURN = "it passes over the rows in an order drawn by position"
_BINS = "bins are quantiles of rows, whatever they weigh"
_TIES = "of equally good splits the rounding of a sum takes one"
_SINGLE = "single precision: sums in another order differ in digits that can be seen"
EFFECTIVE = (
    "calibrators count effective rows: a row of weight two is one observation of it"
)

# (invariant, learner): why it cannot hold. Every other cell is tested.
EXCUSED = {
    ("row order", "forest"): _BY_POSITION,
    ("row order", "sgd"): _IN_TURN,
    ("row order", "neighbors"): _RESAMPLED,
    ("row order", "tree"): _TIES,
    ("repetition", "tree"): _TIES,
    ("absence", "tree"): _TIES,
    ("repetition", "forest"): _BY_POSITION,
    ("repetition", "sgd"): _IN_TURN,
    ("repetition", "neighbors"): _RESAMPLED,
    ("repetition", "boosting"): _BINS,
    ("absence", "forest"): _BY_POSITION,
    ("absence", "sgd"): _IN_TURN,
    ("absence", "neighbors"): _RESAMPLED,
    ("absence", "boosting"): _BINS,
}


def excuse(name, configuration):
    """Return why an invariant cannot hold for a configuration, or None."""
    learner = EXCUSED.get((name, configuration.learner))
    if learner is not None:
        return learner
    if name in ("row order", "repetition", "absence"):
        if configuration.resampler:
            return _BY_POSITION
        if configuration.container == "float32":
            return _SINGLE
    learned = configuration.calibration not in (None, "prior")
    if name == "repetition" and (learned or configuration.decision == "tuned"):
        return EFFECTIVE
    if name == "weight scale" and configuration.weights == "none":
        # None is compared with ones, whose weights may differ in the last digit.
        if configuration.learner == "tree":
            return _TIES
        if configuration.learner == "forest":
            return "a forest with weights draws its rows otherwise than one without"
    if name == "weight scale" and not configuration.normalize:
        return "normalize=False says that the scale of weights counts"
    if name == "repetition" and configuration.normalize:
        return "normalize=True says that the scale of weights does not count"
    if name == "repetition" and configuration.stabilizer:
        return "a stabilizer looks at the weights of rows, and not at their number"
    return None


def outputs(configuration, model, rows):
    """Return what a model says of rows, as arrays."""
    X = in_container(configuration, rows.fresh)
    said = [model.predict(X)]
    if hasattr(model, "predict_proba"):
        said.append(model.predict_proba(X))
    return said


def assert_same(first, second, atol=0.0):
    """Raise unless two models say the same, labels apart that are all but ties."""
    assert len(first) == len(second)
    if atol == 0:
        for value, other in zip(first, second, strict=True):
            assert_array_equal(value, other)
        return
    if len(first) > 1:
        assert_allclose(first[1], second[1], atol=atol)
    assert np.mean(first[0] != second[0]) <= 0.03


def global_state():
    """Return where NumPy's global generator stands."""
    return pickle.dumps(np.random.get_state())  # noqa: NPY002, the one to leave alone


class Case:
    """One configuration, its rows and its fitted model."""

    def __init__(self, configuration):
        self.configuration = configuration
        self.rows = rows_of(configuration)
        self.model = fit(configuration, self.rows)
        self.said = outputs(configuration, self.model, self.rows)

    def again(self, rows=None, names=None, **params):
        """Return what a fit on other rows says of these."""
        model = fit(self.configuration, rows or self.rows, names, **params)
        return outputs(self.configuration, model, self.rows)


def valid(case):
    """Probabilities are some, and labels follow from them by the decision."""
    model, config = case.model, case.configuration
    labels, proba = (*case.said, None)[:2]
    assert labels.shape == (len(case.rows.fresh),)
    assert set(labels.tolist()) <= set(model.classes_.tolist())
    if proba is None:
        return
    assert proba.shape == (labels.size, config.n_classes)
    assert np.isfinite(proba).all()
    assert proba.min() >= 0
    assert proba.max() <= 1
    # The probabilities of a learner come in its own precision.
    last_bits = 1e-6 if proba.dtype == np.float32 else 1e-8
    assert_allclose(proba.sum(axis=1), 1, rtol=0, atol=last_bits)
    if config.calibration is None:
        return
    classes, code = model.classes_, np.searchsorted(model.classes_, labels)
    best = proba.argmax(axis=1)
    if config.decision == "argmax":
        assert_array_equal(labels, classes[best])
    elif config.decision == "threshold":
        assert_array_equal(code == 1, proba[:, 1] >= 0.3)
    elif config.decision == "named":
        at = proba[:, 0] >= 0.4
        rest = 1 + proba[:, 1:].argmax(axis=1)
        assert_array_equal(code, np.where(at, 0, rest))
    elif config.decision == "balanced":
        ratio = proba / np.array(model.report_.population_share)
        chosen = ratio[np.arange(code.size), code]
        assert_allclose(chosen, ratio.max(axis=1), rtol=1e-9)


def inputs(case):
    """A fit changes neither its arguments nor anything global."""
    config, rows = case.configuration, deepcopy(case.rows)
    X, y = in_container(config, rows.X), labels_of(config, rows.codes)
    before = pickle.dumps((X, y, rows.weights))
    state, settings = global_state(), sklearn.get_config()
    model = model_of(config, rows)
    params = repr(model.get_params())
    model.fit(X, y, sample_weight=rows.weights)
    model.predict(X)
    assert pickle.dumps((X, y, rows.weights)) == before
    assert global_state() == state
    assert sklearn.get_config() == settings
    assert repr(model.get_params()) == params


def fit_twice(case):
    """The same fit gives the same model, bit for bit."""
    assert_same(case.said, case.again())


def pickled(case):
    """A model that was stored says the same."""
    again = pickle.loads(pickle.dumps(case.model))
    assert_same(case.said, outputs(case.configuration, again, case.rows))


def n_jobs(case):
    """Two jobs give the model of one."""
    with parallel_config(backend="threading"):
        assert_same(case.said, case.again(n_jobs=2))


def row_order(case):
    """Rows in another order, with the folds that they were in, are the same rows."""
    order = np.random.default_rng(case.configuration.number).permutation(
        len(case.rows.X)
    )
    assert_same(case.said, case.again(case.rows.take(order)), atol=1e-4)


def label_renaming(case):
    """Other names of the classes, in the same order, change names alone."""
    names = ["k1", "k2", "k3"]
    old, new = case.said, case.again(names=names)
    classes = case.model.classes_
    renamed = np.array(names)[np.searchsorted(classes, old[0])]
    assert_same([renamed, *old[1:]], new, atol=1e-12)


def weight_scale(case):
    """Weights times 1024 are the same weights, where they are normalised.

    A power of two changes no digit, so that no tie between two splits is decided anew.
    """
    rows = deepcopy(case.rows)
    if rows.weights is None:
        rows.weights = np.ones(len(rows.X))
    rows.weights = rows.weights * 1024
    assert_same(case.said, case.again(rows), atol=1e-6)


def repetition(case):
    """A row of weight two is the row twice, in the same fold."""
    rng = np.random.default_rng(case.configuration.number)
    times = rng.integers(1, 3, len(case.rows.X))
    repeated = case.rows.take(np.repeat(np.arange(times.size), times))
    repeated.weights = np.ones(len(repeated.X))
    weighed = deepcopy(case.rows)
    weighed.weights = times.astype(float)
    assert_same(case.again(weighed), case.again(repeated), atol=1e-4)


def absence(case):
    """A row of weight zero is no row."""
    rng = np.random.default_rng(case.configuration.number)
    there = rng.random(len(case.rows.X)) < 0.85
    zeros = deepcopy(case.rows)
    weights = np.ones(there.size) if zeros.weights is None else zeros.weights
    zeros.weights = np.where(there, weights, 0.0)
    fewer = zeros.take(np.flatnonzero(there))
    assert_same(case.again(zeros), case.again(fewer), atol=1e-4)


def failed_fit(case):
    """A fit that fails leaves the model as it was."""
    rows, config = case.rows, case.configuration
    X, y = in_container(config, rows.X), labels_of(config, rows.codes)
    with pytest.raises(ValueError, match="negative"):
        case.model.fit(X, y, sample_weight=-np.ones(len(y)))
    with pytest.raises(ValueError, match="rows"):
        case.model.fit(X, y[:-1])
    assert_same(case.said, outputs(config, case.model, rows))


INVARIANTS = {
    "valid": valid,
    "inputs": inputs,
    "fit twice": fit_twice,
    "pickle": pickled,
    "n_jobs": n_jobs,
    "row order": row_order,
    "label renaming": label_renaming,
    "weight scale": weight_scale,
    "repetition": repetition,
    "absence": absence,
    "failed fit": failed_fit,
}
