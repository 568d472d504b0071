"""`WeightMonitor` asks whether a new batch is still what a model was trained on."""

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing, indexable
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skweight._held_out import cross_fit
from skweight._held_out.splits import make_splits
from skweight._utils.validation import (
    check_labels,
    check_number,
    check_rows,
    check_weights,
    encode_labels,
    n_rows,
    plain,
    positions_of,
    say,
)
from skweight.calibration import (
    SigmoidCalibrator,
    TemperatureCalibrator,
    scores_from_proba,
)
from skweight.classifier import WeightedClassifier
from skweight.delivery._one import take_rows
from skweight.density_ratio._mixture import fit_mixture
from skweight.monitoring._drift import moved, sums_of
from skweight.monitoring._report import DriftFigure, MonitorReport
from skweight.weights import weighted_quantile

# Probabilities are kept off 0 and 1 before their log odds are taken: a forest's
# "no vote" is no infinite evidence.
CLIP = 1e-4


class WeightMonitor(BaseEstimator):
    r"""Watch whether new batches are still what a weighted classifier was trained on.

    `fit` learns the figures of rows that a model was not fitted on: how frequent the
    classes are, how large the weights, how well probabilities agree with what
    happened, how many rows of each class are found. `check` compares a batch with
    them, with labels or without.

    Each figure is a mean over rows. If nothing has changed, the rows of the batch could
    as well have been among those of the reference, and every way to deal them out is
    equally likely. That gives the band of the figure, without any assumption on how
    rows are distributed; its moments are

    .. math::
        \operatorname{E} S = 0, \qquad
        \operatorname{Var} S = \frac{m (N - m)}{N - 1} \, \sigma_u^2, \qquad
        \gamma_S = \gamma_u
        \frac{(N - 2m) \sqrt{N - 1}}{(N - 2) \sqrt{m (N - m)}}

    with :math:`S` the sum over the :math:`m` rows of the batch of
    :math:`u_i = w_i (v_i - \bar v)`, the weighted value minus the mean over all
    :math:`N` rows of batch and reference.

    Parameters
    ----------
    estimator : classifier, default=None
        A `WeightedClassifier`, or any other classifier; None is
        ``WeightedClassifier()``. It is fitted once for every fold and once on all
        rows. A ``FrozenEstimator`` is not fitted, and the rows given to `fit` must
        be rows that it has not seen.
    alpha : float, default=0.01
        Chance that a check of a batch in which nothing has changed rings at all, in
        (0, 1). It is shared out over the figures of a check (Bonferroni), not over
        checks: with a batch a day 0.01 rings for nothing once in a hundred days.
        Raising it finds smaller changes and rings more often for nothing.
    tolerance : float, default=0.0
        Change that does not matter, as a share: of the frequency of a class for its
        frequency and its probabilities, in absolute terms for recall, for the slope and
        for shares of weights. A large batch shows changes too small to care for;
        raising it keeps those quiet.
    quantiles : tuple of float, default=(0.5, 0.9, 0.99)
        Quantiles of the training weights that are watched, where the weight of a row
        depends on more than its class.
    cv : int, "holdout", splitter, iterable or None, default=None
        Splits for the reference; None is 5 stratified folds, or one hold-out where
        rows are many. `groups` passed to `fit` are kept together.
    n_jobs : int or None, default=None
        Number of fold fits to run at a time.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds.

    Attributes
    ----------
    estimator_ : WeightedClassifier
        Fitted on all rows: the model that is watched.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    class_frequencies_ : dict {label: float}
        Population shares of the classes in the reference.
    weight_quantiles_ : dict {float: float}
        Quantiles of the weights of the reference; empty where weights follow from
        the class alone.

    Raises
    ------
    ValueError
        In `fit`, if parameters or rows cannot be used, or a class has one row only.

    See Also
    --------
    LabelShiftWeighting : Weights for class frequencies that have moved.
    skweight.inspection.weight_report : A closer look at weights for covariate shift.

    Notes
    -----
    The monitor keeps sums, not rows: it can be stored where the data must not be.
    The calibration slope is the first step of Newton's method from the slope 1, which
    overshoots where the slope is far from there: below zero it says no more than that
    the features tell next to nothing. A check costs one prediction and O(n) more. Fold
    models are fitted on fewer rows than the one that is watched, which makes the
    reference a little too pessimistic; a ``FrozenEstimator`` with rows set aside has no
    such difference.

    References
    ----------
    .. [1] P. W. Mielke, K. J. Berry, Permutation Methods: A Distance Function
       Approach, Springer 2007, section 2.3 (three moments, Pearson type III).
    .. [2] D. R. Cox, Two further applications of a model for binary regression,
       Biometrika 45, 1958: intercept and slope of calibration.
    .. [3] M. Saerens, P. Latinne, C. Decaestecker, Adjusting the outputs of a
       classifier to new a priori probabilities, Neural Computation 14, 2002, section
       2.3.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skweight import WeightedClassifier, WeightMonitor
    >>> def rows(n, prevalence, rng):
    ...     y = (rng.random(n) < prevalence).astype(int)
    ...     return rng.normal(size=(n, 2)) + 1.5 * y[:, None], y
    >>> rng = np.random.default_rng(0)
    >>> clf = WeightedClassifier(LogisticRegression(), calibration="sigmoid")
    >>> monitor = WeightMonitor(clf, random_state=0).fit(*rows(4000, 0.1, rng))
    >>> monitor.check(*rows(1000, 0.1, rng)).alarm
    False
    >>> X_new, _ = rows(1000, 0.25, rng)
    >>> report = monitor.check(X_new)  # no labels
    >>> report.alarm, round(report.estimated_frequencies[1]["estimate"], 1)
    (True, 0.2)
    """

    def __init__(
        self,
        estimator=None,
        *,
        alpha=0.01,
        tolerance=0.0,
        quantiles=(0.5, 0.9, 0.99),
        cv=None,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.alpha = alpha
        self.tolerance = tolerance
        self.quantiles = quantiles
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state

    # -- learning ----------------------------------------------------------------------

    def fit(self, X, y, sample_weight=None, **fit_params):
        """Learn the figures of rows that the model has not seen, and fit it.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows; for a ``FrozenEstimator`` rows that it was not fitted on.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
        **fit_params : dict
            Further arguments of the classifier's `fit`; row-wise ones are cut.

        Returns
        -------
        self : object
            The fitted monitor.
        """
        check_number(self.alpha, name="alpha", low=0, high=1, include="neither")
        check_number(self.tolerance, name="tolerance", low=0)
        for one in self.quantiles:
            check_number(one, name="quantiles", low=0, high=1, include="neither")
        y = check_labels(y, owner="WeightMonitor")
        check_rows(X, y)
        (X,) = indexable(X)
        if sample_weight is not None:
            sample_weight = check_weights(sample_weight, n_rows(X))
        self.classes_, codes = encode_labels(y)
        if self.classes_.size < 2:
            raise ValueError(
                "WeightMonitor needs rows of at least 2 classes; y has the one class "
                f"{say(self.classes_[0])}."
            )
        seen = self._look(X, y, sample_weight, fit_params)
        weight = _ones_or(sample_weight, len(y))[seen.rows]
        codes = codes[seen.rows]
        shares = np.bincount(codes, weight, self.classes_.size) / weight.sum()
        self.class_frequencies_ = dict(
            zip(map(plain, self.classes_), shares.tolist(), strict=True)
        )
        # Of two classes the rarer one tells all; of more, each has its figures.
        rarer = [int(shares[1] <= shares[0])]
        self._shown = rarer if shares.size == 2 else list(range(shares.size))
        self._learn_scales(seen, codes, weight)
        self._reference = self._sums(seen, codes, weight)
        return self

    def _look(self, X, y, sample_weight, fit_params):
        """Fit the model, and return what it says of rows that it has not seen."""
        given = WeightedClassifier() if self.estimator is None else self.estimator
        if isinstance(given, FrozenEstimator):
            self.estimator_ = given.estimator
            self._check_classes()
            return _seen_by(self.estimator_, X, self.classes_, np.arange(len(y)))
        if not isinstance(given, WeightedClassifier):
            given = WeightedClassifier(given, weighting=None)
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        arguments = {**fit_params, **weights}
        splits = make_splits(
            self.cv,
            X,
            y,
            sample_weight,
            self.random_state,
            {name: fit_params[name] for name in ("groups",) if name in fit_params},
        )
        if splits is None:
            raise ValueError(
                "WeightMonitor needs rows of every class that a model has not seen, "
                "and the rarest class has a single row. Collect more rows of it, or "
                "leave the class out."
            )
        self.estimator_ = clone(given).fit(X, y, **arguments)
        parts = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_and_see)(given, X, y, train, test, arguments, self.classes_)
            for train, test in splits.pairs
        )
        return _Seen.joined(parts)

    def _check_classes(self):
        known = np.asarray(self.estimator_.classes_)
        positions_of(self.classes_, known, owner="The frozen estimator")
        self.classes_ = known

    def _learn_scales(self, seen, codes, weight):
        """Learn what figures of later batches are measured in."""
        self.weight_quantiles_ = {}
        if seen.row_weight is not None:
            at = weighted_quantile(seen.row_weight, weight, self.quantiles).tolist()
            self.weight_quantiles_ = dict(zip(self.quantiles, at, strict=True))
        self._logit, self._calibrator = {}, None
        if seen.proba is None:
            return
        for k in self._shown:
            logit = _log_odds(seen.proba[:, k])
            # Centred so that a mere shift of all log odds leaves the slope alone.
            told = weight * seen.proba[:, k] * (1 - seen.proba[:, k])
            centre = float(told @ logit / told.sum()) if told.any() else 0.0
            spread = float(told @ (logit - centre) ** 2 / weight.sum())
            self._logit[k] = centre, spread
        two = self.classes_.size == 2
        calibrator = SigmoidCalibrator() if two else TemperatureCalibrator()
        self._calibrator = calibrator.fit(
            scores_from_proba(seen.proba, clip=CLIP),
            self.classes_[codes],
            sample_weight=weight,
            classes=self.classes_,
        )

    # -- checking ----------------------------------------------------------------------

    def check(self, X, y=None, sample_weight=None):
        """Compare a batch with the reference.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of the batch.
        y : array-like of shape (n_samples,), default=None
            Their labels. None checks what can be seen without them: predictions and
            weights.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights of the batch.

        Returns
        -------
        report : MonitorReport
            Which figures left their bands, how sure that is, and what to do. Print
            it, or see its ``alarm``, `to_frame` and `to_dict`.

        Raises
        ------
        ValueError
            If the batch cannot be read, or has labels that training did not have.
        """
        check_is_fitted(self, "class_frequencies_")
        n = n_rows(X)
        if n == 0:
            raise ValueError("WeightMonitor.check needs at least one row; X has none.")
        weight = np.ones(n)
        if sample_weight is not None:
            weight = check_weights(sample_weight, n)
        codes = None
        if y is not None:
            y = check_labels(y, owner="WeightMonitor.check")
            check_rows(X, y)
            codes = positions_of(y, self.classes_, owner="WeightMonitor.check")
        (X,) = indexable(X)
        seen = _seen_by(self.estimator_, X, self.classes_, np.arange(n))
        batch = self._sums(seen, codes, weight)
        shared = [key for key in self._reference if key in batch]
        level = self.alpha / len(shared)
        figures = [self._compare(key, batch[key], level, len(shared)) for key in shared]
        return MonitorReport(
            figures=figures,
            alpha=self.alpha,
            n_rows=n,
            labelled=y is not None,
            class_frequencies=self.class_frequencies_,
            estimated_frequencies=self._estimate(seen, weight),
        )

    def _compare(self, key, batch, level, n_figures):
        name, of = key
        reference = self._reference[key]
        scale = 1.0
        if name in ("class frequency", "mean probability", "calibration gap"):
            scale = self.class_frequencies_[of]
        found = moved(reference, batch, level=level, tolerance=self.tolerance * scale)
        # A slope of one is what is right; kept are sums of its distance.
        shift = 1.0 if name == "calibration slope" else 0.0
        return DriftFigure(
            figure=name,
            of=of,
            reference=reference.mean + shift,
            observed=batch.mean + shift,
            low=found.low + shift,
            high=found.high + shift,
            p_value=found.p_value,
            p_adjusted=min(1.0, n_figures * found.p_value),
            n_rows=batch.n_rows,
            alarm=bool(found.p_value < level),
        )

    def _sums(self, seen, codes, weight):
        """Return {(figure, what of): sums} of all figures that can be computed."""
        found = {}
        for k in self._shown:
            label = plain(self.classes_[k])
            if codes is not None:
                is_class = codes == k
                found["class frequency", label] = sums_of(is_class, weight, step=1)
            if seen.proba is None:
                called = seen.predicted == k
                found["predicted share", label] = sums_of(called, weight, step=1)
                continue
            p = seen.proba[:, k]
            found["mean probability", label] = sums_of(p, weight, step=0)
            if codes is None:
                continue
            gap = p - is_class
            found["calibration gap", label] = sums_of(gap, weight, step=0)
            centre, spread = self._logit[k]
            if spread > 0:
                # One step of Newton from the slope one, row by row.
                tilt = -gap * (_log_odds(p) - centre) / spread
                found["calibration slope", label] = sums_of(tilt, weight, step=0)
        if codes is not None:
            for k, label in enumerate(map(plain, self.classes_)):
                own = weight * (codes == k)
                if own.any():
                    hit = seen.predicted == k
                    found["recall", label] = sums_of(hit, own, step=1)
        if seen.row_weight is not None:
            for q, at in self.weight_quantiles_.items():
                above = seen.row_weight > at
                found["weights above quantile", q] = sums_of(above, weight, step=1)
        return found

    def _estimate(self, seen, weight):
        """Return class frequencies under which the batch looks most likely."""
        if self._calibrator is None:
            return None
        prior = np.array(list(self.class_frequencies_.values()))
        proba = self._calibrator.predict_proba(scores_from_proba(seen.proba, clip=CLIP))
        ratio = proba / np.maximum(prior, 1e-300)
        share = weight / weight.sum()
        estimate = fit_mixture(ratio[:, prior > 0], share, tol=1e-10).proportions
        full = np.zeros(prior.size)
        full[prior > 0] = estimate
        error = _error_of_mixture(ratio, full, weight)
        return {
            label: {
                "reference": self.class_frequencies_[label],
                "estimate": float(full[k]),
                "low": float(max(full[k] - 1.96 * error[k], 0)),
                "high": float(min(full[k] + 1.96 * error[k], 1)),
            }
            for k, label in enumerate(map(plain, self.classes_))
        }

    @classmethod
    def _instances(cls, labels):
        """Return examples for the common tests, given the labels they will meet."""
        return [cls(WeightedClassifier(), random_state=0)]


class _Seen:
    """What a model says of rows: probabilities, labels, and weights of the strategy."""

    def __init__(self, rows, proba, predicted, row_weight):
        self.rows = rows
        self.proba = proba
        self.predicted = predicted
        self.row_weight = row_weight

    @classmethod
    def joined(cls, parts):
        """Return one of the parts of all folds."""

        def join(name):
            values = [getattr(part, name) for part in parts]
            if any(one is None for one in values):
                return None
            return np.concatenate(values)

        return cls(*map(join, ("rows", "proba", "predicted", "row_weight")))


def _fit_and_see(given, X, y, train, test, arguments, classes):
    n = len(y)
    own = {name: take_rows(value, train, n) for name, value in arguments.items()}
    fitted = clone(given).fit(_safe_indexing(X, train), _safe_indexing(y, train), **own)
    return _seen_by(fitted, _safe_indexing(X, test), classes, np.arange(n)[test])


def _seen_by(fitted, X, classes, rows):
    proba = None
    if hasattr(fitted, "predict_proba"):
        proba = cross_fit.outputs_of(fitted, X, "predict_proba", classes)
    predicted = positions_of(
        np.asarray(fitted.predict(X)), classes, owner="WeightMonitor"
    )
    row_weight = _row_weights(getattr(fitted, "weighting_", None), X)
    return _Seen(rows, proba, predicted, row_weight)


def _row_weights(weighting, X):
    """Return the weights that depend on X, or None where there are none.

    What depends on the class moves with the class frequencies, which are watched by
    themselves.
    """
    total = None
    for factor in getattr(weighting, "factors_", [weighting]):
        try:
            own = factor.weigh(X)
        except (AttributeError, TypeError, ValueError):
            continue  # nothing, or a strategy that asks for y
        total = own if total is None else total * own
    return total


def _ones_or(weight, n):
    return np.ones(n) if weight is None else weight


def _log_odds(p):
    p = np.clip(p, CLIP, 1 - CLIP)
    return np.log(p / (1 - p))


def _error_of_mixture(ratio, proportions, weight):
    """Return the standard error of each proportion, that of the rest in keeping.

    The likelihood of one proportion has the information sum of squared scores.
    """
    mixed = np.maximum(ratio @ proportions, 1e-300)
    errors = np.empty(proportions.size)
    for k, share in enumerate(proportions):
        rest = (mixed - share * ratio[:, k]) / max(1 - share, 1e-12)
        score = (ratio[:, k] - rest) / mixed
        # Rows of unequal weight tell less than as many equal ones.
        information = (weight @ score**2) ** 2 / max(weight**2 @ score**2, 1e-300)
        errors[k] = 1 / np.sqrt(max(information, 1e-300))
    return errors
