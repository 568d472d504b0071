"""The meaning of weights for a learner, tested by fits."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing

from skweight._utils.validation import check_number
from skweight.delivery import deliver
from skweight.exceptions import UnsupportedWeightsError

# For every row, the outputs of each of two kinds of fits are averaged over the seeds.
# The difference of the two means is divided by its standard error, and squared. The two
# kinds of fits count as different if the mean of these squares over the rows is above
# _TELLING. If the expected outputs are equal, the expected mean of the squares is 1.
_TELLING = 2.5
_TIMES = 10.0
_CLASS_WEIGHT = 5.0


@dataclass(frozen=True)
class WeightSemantics:
    """Results of :func:`check_weight_semantics`; printed as sentences.

    Attributes
    ----------
    estimator : str
        The estimator.
    reaches_fit : bool
        Whether row weights change the fitted model at all.
    is_scale_free : bool or None
        Whether the fitted model stays the same if all weights are multiplied by ten.
    is_repetition : bool or None
        Whether a weight of k is the same as k copies of the row.
    is_absence : bool or None
        Whether a weight of zero is the same as removing the row.
    is_class_weight : bool or None
        Whether ``class_weight`` is the same as row weights; None if the estimator has
        no parameter ``class_weight``.
    differences : dict {str: float}
        For each test, the largest difference between the outputs of the two fits.
    n_seeds : int
        Number of seeds in the mean of the outputs; 1 if the seed does not change them.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skweight.testing import check_weight_semantics
    >>> check_weight_semantics(GaussianNB()).is_repetition
    True
    """

    estimator: str
    reaches_fit: bool
    is_scale_free: bool | None = None
    is_repetition: bool | None = None
    is_absence: bool | None = None
    is_class_weight: bool | None = None
    differences: dict = field(default_factory=dict)
    n_seeds: int = 1

    def __str__(self):
        lines = [self.estimator, *self._sentences()]
        if self.n_seeds > 1:
            lines.append(
                f"Fits depend on the seed: means over {self.n_seeds} seeds were "
                "compared."
            )
        return "\n".join(lines)

    def _sentences(self):
        if not self.reaches_fit:
            yield "Weights do not reach the fit."
            return
        yield f"Weights reach the fit (outputs move by up to {self._size('reaches')})."
        yield self._sentence(
            "scale",
            self.is_scale_free,
            "Only ratios of weights matter",
            "The scale of the weights matters: keep their mean at one",
        )
        yield self._sentence(
            "repetition",
            self.is_repetition,
            "A weight of 2 is the row twice",
            "A weight of 2 is not the same as the row twice: the number of rows "
            "matters somewhere",
        )
        yield self._sentence(
            "absence",
            self.is_absence,
            "A weight of 0 is no row",
            "A weight of 0 is not the same as no row: drop rows of weight 0",
        )
        if self.is_class_weight is not None:
            yield self._sentence(
                "class_weight",
                self.is_class_weight,
                "class_weight is the same as weights of the rows",
                "class_weight is not the same as weights of the rows",
            )

    def _sentence(self, question, holds, yes, no):
        return f"{yes if holds else no} ({self._size(question)})."

    def _size(self, question):
        return f"{self.differences[question]:.2g}"


def check_weight_semantics(
    estimator, *, X=None, y=None, n_seeds=20, tol=1e-4, random_state=0
):
    """Test the meaning of weights for a classifier, by fits.

    The function answers these questions:

    - Do weights change the fit?
    - Does the scale of the weights matter?
    - Is a weight of 2 the same as duplicating the row?
    - Is a weight of 0 the same as removing the row?
    - Is ``class_weight`` the same as row weights?

    The answers differ between libraries, and are seldom documented. The function passes
    weights in the same way as :class:`~skweight.WeightedClassifier`, also through
    Pipelines and searches. Transformers get the weights as population weights (weights
    that describe the population).

    Parameters
    ----------
    estimator : estimator
        A classifier, or a Pipeline or search with a classifier; never changed.
    X : array-like of shape (n_samples, n_features), default=None
        Features. The model is fitted on a random half of the rows, because some models
        reproduce the labels of their training rows. Predictions are made for all rows.
        None draws 800 random rows.
    y : array-like of shape (n_samples,), default=None
        Labels of two classes; None draws random labels.
    n_seeds : int, default=20
        Number of fits per test, if the ``random_state`` of the estimator changes its
        outputs. In this case, each test compares means over several fits. With a larger
        number of fits, the tests detect smaller differences.
    tol : float, default=1e-4
        Two outputs count as equal if their difference is at most this value, in (0,
        inf). Used only if the seed does not change the outputs.
    random_state : int, default=0
        Seed of the random rows and weights; also the first seed of the estimator.

    Returns
    -------
    semantics : WeightSemantics
        The results of all tests, with the largest difference of outputs in each test.
        ``print`` shows the results as sentences.

    Raises
    ------
    TypeError
        If only one of `X` and `y` is given.

    See Also
    --------
    skweight.delivery.deliver : Fits an estimator with weights.

    Notes
    -----
    The function fits the estimator 8 to 10 times. If the seed changes the outputs, the
    function makes `n_seeds` times as many fits.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skweight.testing import check_weight_semantics
    >>> print(check_weight_semantics(DecisionTreeClassifier(max_depth=3)))
    DecisionTreeClassifier(max_depth=3)
    Weights reach the fit (outputs move by up to 0.46).
    Only ratios of weights matter (0).
    A weight of 2 is the row twice (0).
    A weight of 0 is no row (0).
    class_weight is the same as weights of the rows (0).
    """
    check_number(n_seeds, name="n_seeds", low=2)
    check_number(tol, name="tol", low=0, include="neither")
    rng = np.random.RandomState(random_state)
    if (X is None) != (y is None):
        raise TypeError("X and y must be passed together; pass both, or neither.")
    if X is None:
        X = rng.normal(size=(800, 4))
        y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=800) > 1).astype(int)
    half = np.sort(rng.permutation(len(y))[: len(y) // 2])
    rows = _safe_indexing(X, half), np.asarray(y)[half]
    fits = _Fits(estimator, *rows, X, random_state, n_seeds, tol)
    name = repr(estimator) if len(repr(estimator)) < 80 else type(estimator).__name__
    n = len(fits.y)
    weight = rng.choice([0.5, 1.0, 2.0, 4.0], size=n)
    try:
        plain, weighted = fits(None), fits(weight)
    except UnsupportedWeightsError:
        return WeightSemantics(name, reaches_fit=False)
    differences = {}

    def same(question, first, second, **how):
        differences[question], equal = fits.compare(first, second, **how)
        return equal

    if same("reaches", plain, weighted):
        return WeightSemantics(name, False, differences=differences)
    times = rng.randint(1, 4, size=n)
    present = rng.uniform(size=n) > 0.3
    return WeightSemantics(
        name,
        reaches_fit=True,
        is_scale_free=same("scale", weighted, fits(_TIMES * weight)),
        is_repetition=same(
            "repetition",
            fits(times.astype(float)),
            fits(np.ones(times.sum()), np.repeat(np.arange(n), times)),
            other_rows=True,
        ),
        is_absence=same(
            "absence",
            fits(present.astype(float)),
            fits(np.ones(present.sum()), np.flatnonzero(present)),
            other_rows=True,
        ),
        is_class_weight=_by_class(fits, same),
        differences=differences,
        n_seeds=fits.n_seeds,
    )


def _by_class(fits, same):
    """Return whether class_weight acts like row weights; None without class_weight."""
    names = [
        name
        for name in fits.estimator.get_params()
        if name.rpartition("__")[2] == "class_weight"
    ]
    if not names:
        return None
    labels = np.unique(fits.y)
    by_class = dict(zip(labels.tolist(), [1.0, _CLASS_WEIGHT], strict=True))
    parameter = names[-1]
    emphasis = np.where(fits.y == labels[1], _CLASS_WEIGHT, 1.0)
    by_rows = fits(emphasis, population=False)
    return same("class_weight", by_rows, fits(None, **{parameter: by_class}))


class _Fits:
    """Outputs of an estimator after a fit, for one seed or for several seeds."""

    def __init__(self, estimator, X, y, new, first_seed, n_seeds, tol):
        self.estimator, self.tol = estimator, tol
        self.X, self.y, self.new = X, y, new
        self.seeds = [None]
        self.seed_names = [
            name
            for name in estimator.get_params()
            if name.rpartition("__")[2] == "random_state"
        ]
        if self.seed_names:
            self.seeds = [first_seed]
            first_outputs = self(None)
            self.seeds = [first_seed + 1]
            if np.abs(first_outputs - self(None)).max() > tol:
                self.seeds = list(range(first_seed, first_seed + n_seeds))

    @property
    def n_seeds(self):
        return len(self.seeds)

    def __call__(self, weight, rows=None, *, population=True, **params):
        """Return outputs for all rows, of shape (n_seeds, n)."""
        X, y = self.X, self.y
        if rows is not None:
            X, y = _safe_indexing(X, rows), y[rows]
        outputs = []
        for seed in self.seeds:
            model = clone(self.estimator).set_params(**params)
            if seed is not None:
                model.set_params(**dict.fromkeys(self.seed_names, seed))
            fitted, _ = deliver(
                model, X, y, weight, population=weight if population else None
            )
            outputs.append(_outputs(fitted, self.new))
        return np.array(outputs)

    def compare(self, first, second, *, other_rows=False):
        """Return the largest difference of mean outputs, and whether fits agree."""
        difference = first.mean(axis=0) - second.mean(axis=0)
        largest = float(np.abs(difference).max())
        if np.abs(first - second).max() <= self.tol:
            return largest, True
        # The two fits have the same rows and the same seeds. If the weights had the
        # same effect in both fits, the outputs would be equal. Therefore any difference
        # of the outputs means that the effects of the weights differ.
        if len(first) == 1 or not other_rows:
            return largest, False
        # Compare means and variances of the outputs.
        centre = first.mean(axis=0)
        mean_squares = [
            _mean_square(first - centre, second - centre),
            _mean_square((first - centre) ** 2, (second - centre) ** 2),
        ]
        return largest, max(mean_squares) < _TELLING


def _mean_square(first, second):
    """Return the row mean of the squared ratio of mean difference to standard error."""
    variance = (first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / len(first)
    difference = first.mean(axis=0) - second.mean(axis=0)
    return float(np.mean(difference**2 / np.maximum(variance, 1e-20)))


def _outputs(model, X):
    for method in ("predict_proba", "decision_function", "predict"):
        if hasattr(model, method):
            values = np.asarray(getattr(model, method)(X), dtype=float)
            return values[:, -1] if values.ndim == 2 else values
    raise TypeError(f"{type(model).__name__} has no predict.")
