"""Held-out scores that the calibrator, the decision and the report share.

The calibrator, the decision and the report use the same held-out scores. With k folds,
the wrapper makes k + 1 fits. With a second cross-validation for the calibrator, there
would be k x (k + 1) fits.
"""

from typing import NamedTuple

import numpy as np
from sklearn.utils import indexable

from skweight._held_out.outputs import outputs_of
from skweight._utils.columns import take_rows
from skweight._utils.progress import Progress
from skweight._utils.roles import multiply
from skweight._utils.validation import n_rows
from skweight.delivery._arguments import offsets_of


class HeldOut(NamedTuple):
    """Outputs of one model per fold, on the rows that this model was not fitted on.

    ``rows`` are the positions of the held-out rows, in the order of ``outputs``. A row
    appears more than once if several splits test it. ``source`` is a text that says
    where the outputs come from. If rows were held out with different probabilities, the
    population weights are multiplied by ``factor`` to correct this. ``factor`` None
    means factors of one.
    """

    outputs: np.ndarray
    rows: np.ndarray
    method: str
    source: str = ""
    factor: np.ndarray | None = None

    def weigh(self, population):
        """Return weights of the held-out rows; `population` has weights of all rows."""
        return multiply(
            None if population is None else population[self.rows], self.factor
        )


def cross_fit(
    training, X, y, splits, method, classes, *, n_jobs, n_kept=0, progress=None
):
    """Fit one model for every split; return the models, and outputs on held-out rows.

    For a split without held-out rows, the model is fitted but gives no outputs.
    ``method`` is the name of the output method, or a function that returns this name
    for a fitted model. Models are returned for the first ``n_kept`` splits, as pairs of
    a fitted estimator and the records of how the weights were passed. If ``progress``
    is not None, ``progress`` reports each fit.
    """
    (X,) = indexable(X)  # some sparse formats cannot be indexed by rows
    n_samples = n_rows(X)
    # The training objects of all splits (`training.of`) are created before the first
    # model is fitted, because their creation can fit models of a weighting, too.
    parts = [training.of(train, n_samples) for train, _ in splits]
    k = len(splits)
    calls = (
        (
            part,
            X,
            y,
            train,
            test,
            method,
            classes,
            fold < n_kept,
            offsets_of(getattr(training, "fit_params", {}), test, n_samples),
        )
        for fold, (part, (train, test)) in enumerate(zip(parts, splits, strict=True))
    )
    names = [f"fold {fold + 1} of {k}" if k > 1 else "held out" for fold in range(k)]
    progress = Progress(None, 0) if progress is None else progress
    results = progress.run(_one_fold, calls, names, n_jobs=n_jobs)
    held_out = HeldOut(
        np.concatenate([outputs for outputs, _, _ in results if outputs is not None]),
        np.concatenate([np.arange(len(y))[test] for _, test in splits]),
        results[0][1],
        f"{k} fits on {k} training folds" if k > 1 else "one fit on the other rows",
    )
    return held_out, [model for _, _, model in results if model is not None]


def _one_fold(training, X, y, train, test, method, classes, keep, offsets):
    fitted, deliveries = training.fit(take_rows(X, train), take_rows(y, train))
    if callable(method):
        method = method(fitted)
    outputs = None
    if len(test):
        rows = take_rows(X, test)
        outputs = outputs_of(fitted, rows, method, classes, offsets)
    return outputs, method, (fitted, deliveries) if keep else None
