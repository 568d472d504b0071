"""`WeightMonitor` asks, batch after batch, whether rows are still what they were."""

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing, column_or_1d, get_tags, indexable
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skweight._held_out.splits import make_splits
from skweight._utils.validation import (
    check_bool,
    check_labels,
    check_number,
    check_rows,
    check_weights,
    encode_labels,
    find_missing,
    n_rows,
    plain,
    positions_of,
    say,
)
from skweight.classifier import WeightedClassifier
from skweight.delivery._one import take_params
from skweight.monitoring._class_mix import ClassMix
from skweight.monitoring._figures import COUNTS, RELATIVE, Figures, Predictions
from skweight.monitoring._report import MonitorReport
from skweight.monitoring._stream import Stream, budget_of_look

# The reference of fold models says a little less of the model that is watched than its
# rows would: their figures differ by the noise of fits, too. Measured by
# benchmarks/monitor_alarms.py.
FOLD_INFLATION = 1.5


class WeightMonitor(BaseEstimator):
    r"""Watch a stream of batches for changes since a weighted classifier was trained.

    `fit` learns the figures of rows that a model was not fitted on: how frequent the
    classes are, how large the weights, how well probabilities agree with what
    happened, how many rows of each class are found. `update` adds a batch to the
    stream, with labels or without, and returns a report, which may be looked at after
    every batch: the chance that an unchanged stream ever rings is at most `alpha`,
    however many batches come.

    Each figure is a weighted mean over rows. After each batch the rows since the newest
    block, since the block before, and so on back in growing steps (windows) are
    compared with the reference. The comparison of figure f over window w at look t
    rings if its p-value is at most

    .. math::
        \frac{\alpha}{F_t} \cdot q_t \cdot r_{w,t}, \qquad
        q_t = \frac{50}{(t + 49)(t + 50)}, \qquad
        \sum_{t \ge 1} q_t = 1, \quad \sum_w r_{w,t} = 1

    with :math:`F_t` the figures of the look. The shares add up to :math:`\alpha`, so
    that the bound is the union bound and needs no independence: batches, windows and
    figures all share the one reference. Half of a look goes to the newest block.

    A p-value is that of a mean difference of two samples: the noise of the reference is
    part of the null hypothesis, and so is how far the probabilities were from being
    calibrated when the stream began.

    Parameters
    ----------
    estimator : classifier, default=None
        A `WeightedClassifier`, or any other classifier; None is
        ``WeightedClassifier()``. It is fitted once for every fold and once on all
        rows. A ``FrozenEstimator`` is not fitted, and the rows given to `fit` must
        be rows that it has not seen.
    alpha : float, default=0.01
        Chance that a stream in which nothing has changed ever rings, in (0, 1), over
        all figures and all batches together. Raising it finds changes sooner and rings
        more often for nothing.
    tolerance : float, default=0.0
        Change that does not matter, as a share: of the frequency of a class for its
        frequency and its probabilities, in absolute terms for recall, for the slope and
        for shares of weights. A long stream shows changes too small to care for;
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
    n_batches_ : int
        Batches since `fit` or `restart`.
    n_features_in_ : int
        Number of columns of X in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X has names that are strings.

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
    The tests of one look are in closed form, from four moments [1]_: a gamma curve for
    the skewness, tails of Student's t for the kurtosis that is left, and inequalities
    that hold for every distribution where rows are too few for a curve. Spending
    alpha over looks is [2]_, section 2; windows in geometric steps are those of
    change detectors that keep O(log t) candidates, and the likely first batch of a
    change is that of the largest likelihood ratio, as in Page's CUSUM [3]_.
    E-processes [4]_ [5]_ are the other way to be valid at any time; they bet on values
    whose mean is known, where ours is estimated from the reference, and they pay about
    :math:`\log z` more than a p-value at the one batch that shows a large change.

    The monitor keeps sums, not rows: it can be stored where the data must not be, and
    its size is bounded whatever the length of the stream. `update` costs one prediction
    of the batch and O(rows) more. Batches of fewer than 50 rows wait for one another:
    they are tested together. Rows should be independent; rows that come in groups (one
    customer's many orders) carry less evidence than is counted.

    Fold models are fitted on fewer rows than the one that is watched, which makes the
    reference a little too pessimistic for learners that gain much from more rows; a
    ``FrozenEstimator`` with rows set aside has no such difference. The calibration
    slope is the first step of Newton's method from the slope 1, which overshoots where
    the slope is far from there: below zero it says no more than that the features tell
    next to nothing.

    References
    ----------
    .. [1] P. W. Mielke, K. J. Berry, Permutation Methods: A Distance Function
       Approach, Springer 2007, section 2.3 (three moments, Pearson type III).
    .. [2] K. K. G. Lan, D. L. DeMets, Discrete sequential boundaries for clinical
       trials, Biometrika 70, 1983: section 2, the alpha spending function.
    .. [3] E. S. Page, Continuous inspection schemes, Biometrika 41, 1954, section 2.
    .. [4] I. Waudby-Smith, A. Ramdas, Estimating means of bounded random variables by
       betting, Journal of the Royal Statistical Society B 86, 2024, theorem 1.
    .. [5] J. Shin, A. Ramdas, A. Rinaldo, E-detectors: a nonparametric framework for
       sequential change detection, New England Journal of Statistics in Data Science
       2, 2023, definition 2.2.
    .. [6] D. R. Cox, Two further applications of a model for binary regression,
       Biometrika 45, 1958: intercept and slope of calibration.
    .. [7] M. Saerens, P. Latinne, C. Decaestecker, Adjusting the outputs of a
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
    >>> for week in range(1, 11):
    ...     report = monitor.update(*rows(500, 0.1, rng), batch=f"week {week}")
    >>> report.alarm
    False
    >>> for week in range(11, 19):
    ...     report = monitor.update(*rows(500, 0.15, rng), batch=f"week {week}")
    >>> report.alarm, report.onset
    (True, 'week 11')

    Without labels:

    >>> X_new, _ = rows(1000, 0.25, rng)
    >>> report = monitor.restart().update(X_new)
    >>> report.alarm, round(report.estimated_frequencies[1]["estimate"], 1)
    (True, 0.3)
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        inner = get_tags(self._given_estimator())
        tags.classifier_tags = inner.classifier_tags
        # What the estimator takes, the monitor takes.
        tags.input_tags = inner.input_tags
        tags.non_deterministic = inner.non_deterministic
        return tags

    @property
    def n_features_in_(self):
        """Number of columns of X in `fit`."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the columns of X in `fit`."""
        return self.estimator_.feature_names_in_

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
            The fitted monitor, at the beginning of a stream.
        """
        self._check_parameters()
        y = check_labels(y, owner="WeightMonitor")
        check_rows(X, y)
        (X,) = indexable(X)
        if sample_weight is not None:
            sample_weight = check_weights(sample_weight, n_rows(X))
        classes, codes = encode_labels(y)
        if classes.size < 2:
            raise ValueError(
                "WeightMonitor needs rows of at least 2 classes; y has the one class "
                f"{say(classes[0])}."
            )
        given = self._given_estimator()
        if isinstance(given, FrozenEstimator):
            model = given.estimator
            known = np.asarray(model.classes_)
            codes = positions_of(y, known, owner="The frozen estimator")
            classes, rows, self._inflation = known, np.arange(len(y)), 1.0
            predictions = Predictions.of(model, X, classes)
        else:
            model, rows, predictions = self._cross_fit(
                given, X, y, sample_weight, fit_params, classes
            )
            codes, self._inflation = codes[rows], FOLD_INFLATION
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        self.estimator_, self.classes_ = model, classes
        self._learn(predictions, codes, weight[rows])
        return self.restart()

    def _check_parameters(self):
        check_number(self.alpha, name="alpha", low=0, high=1, include="neither")
        check_number(self.tolerance, name="tolerance", low=0)
        for quantile in self.quantiles:
            check_number(quantile, name="quantiles", low=0, high=1, include="neither")

    def _given_estimator(self):
        given = WeightedClassifier() if self.estimator is None else self.estimator
        if isinstance(given, WeightedClassifier | FrozenEstimator):
            return given
        return WeightedClassifier(given, weighting=None)

    def _cross_fit(self, given, X, y, sample_weight, fit_params, classes):
        """Return the fitted model, and predictions of fold models with their rows."""
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
        model = clone(given).fit(X, y, **arguments)
        parts = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_and_predict)(given, X, y, train, test, arguments, classes)
            for train, test in splits.pairs
        )
        rows = np.concatenate([test for _, test in splits.pairs])
        return model, rows, Predictions.joined(parts)

    def _learn(self, predictions, codes, weight):
        shares = np.bincount(codes, weight, self.classes_.size) / weight.sum()
        self.class_frequencies_ = dict(
            zip(map(plain, self.classes_), shares.tolist(), strict=True)
        )
        self._figures = Figures.learn(
            predictions, codes, weight, self.classes_, self.quantiles
        )
        self.weight_quantiles_ = self._figures.weight_quantiles
        self._mix = None
        if predictions.proba is not None:
            self._mix = ClassMix(self.classes_, shares)
            self._mix.fit(predictions.proba, codes, weight)
        self._reference = [
            self._figures.sums_without_labels(predictions, weight),
            self._figures.sums_with_labels(predictions, codes, weight),
        ]

    # -- watching ----------------------------------------------------------------------

    def restart(self):
        """Begin a new stream with the same reference, as after an alarm is dealt with.

        The next batch is the first one again, and `alpha` holds for the new stream.

        Returns
        -------
        self : object
            The monitor.
        """
        check_is_fitted(self, "class_frequencies_")
        self.n_batches_, self._n_looks = 0, 0
        self._streams = [Stream(names) for names in self._figures.names()]
        return self

    def update(self, X, y=None, sample_weight=None, *, batch=None, labels_only=False):
        """Add a batch to the stream, and say whether anything changed so far.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of the batch, one or more.
        y : array-like of shape (n_samples,), default=None
            Their labels. None, or a missing value (None, NaN, NaT, NA) in a row, is no
            label yet: such rows count for predictions and weights only.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights of the batch, in the unit of the other batches of the
            stream. The unit of the reference may be another one.
        batch : object, default=None
            What to call the batch in reports, such as its date; None is its number in
            the stream, from 1.
        labels_only : bool, default=False
            True for rows that came before without labels, so that they do not count
            twice for predictions and weights. Batches with late labels form a sequence
            of their own.

        Returns
        -------
        report : MonitorReport
            Which figures rang so far, since when, how sure that is, and what to do.
            Print it, or see its ``alarm``, ``onset``, `to_frame` and `to_dict`.

        Raises
        ------
        ValueError
            If the batch cannot be read, or has labels that training did not have. The
            stream is then as before.
        """
        check_is_fitted(self, "class_frequencies_")
        self._check_parameters()
        check_bool(labels_only, name="labels_only")
        n = n_rows(X)
        if n == 0:
            raise ValueError("WeightMonitor.update needs at least one row; X has none.")
        weight = np.ones(n)
        if sample_weight is not None:
            weight = check_weights(sample_weight, n)
        codes = self._read_labels(X, y)
        if labels_only and codes is None:
            raise ValueError(
                "labels_only=True is for labels that come later than their rows; y has "
                "no label. Pass y, or leave out labels_only."
            )
        (X,) = indexable(X)
        predictions = Predictions.of(self.estimator_, X, self.classes_)
        sums = [None, None]
        if not labels_only:
            sums[0] = self._figures.sums_without_labels(predictions, weight)
        if codes is not None:
            sums[1] = self._figures.sums_with_labels(predictions, codes, weight)
        mix = (
            None if self._mix is None else self._mix.estimate(predictions.proba, weight)
        )
        # Whatever could be refused was refused: from here the stream changes.
        self.n_batches_ += 1
        name = self.n_batches_ if batch is None else batch
        n_counted = [
            0 if labels_only else np.count_nonzero(weight),
            0 if codes is None else np.count_nonzero(weight[codes >= 0]),
        ]
        self._look(sums, n_counted, name)
        return MonitorReport(
            figures=list(self._report_figures(n_counted)),
            alpha=self.alpha,
            batch=name,
            n_batches=self.n_batches_,
            n_rows=n,
            labelled=codes is not None,
            class_frequencies=self.class_frequencies_,
            estimated_frequencies=mix,
        )

    def _read_labels(self, X, y):
        """Return the positions of labels, -1 where there is none; None without any."""
        if y is None:
            return None
        check_rows(X, y)
        y = column_or_1d(np.asarray(y) if not hasattr(y, "to_numpy") else y.to_numpy())
        missing = find_missing(y)
        codes = np.full(y.size, -1)
        if missing.all():
            return None
        known = y[~missing]
        if missing.any() and known.dtype.kind == "O":
            known = np.array(known.tolist())  # of their own type again
        owner = "WeightMonitor.update"
        codes[~missing] = positions_of(
            check_labels(known, owner=owner), self.classes_, owner=owner
        )
        return codes

    def _look(self, sums, n_rows, batch):
        """Add the sums to their streams, and test those with rows enough for a look."""
        ready = [
            position
            for position, stream in enumerate(self._streams)
            if n_rows[position] and stream.add(sums[position], n_rows[position], batch)
        ]
        if not ready:
            return
        self._n_looks += 1
        n_tested = sum(len(self._streams[position].names) for position in ready)
        budget = budget_of_look(self._n_looks) / n_tested
        for position in ready:
            stream, reference = self._streams[position], self._reference[position]
            scales = self._scales(stream.names)
            stream.look(reference, budget, self.alpha, batch, **scales)

    def _report_figures(self, n_rows):
        """Yield the figures of which the stream had rows so far."""
        for stream, reference, n in zip(
            self._streams, self._reference, n_rows, strict=True
        ):
            if stream.n_rows:
                scales = self._scales(stream.names)
                yield from stream.figures(reference, self.alpha, n > 0, **scales)

    def _scales(self, names):
        """Return step and tolerance of figures, as `Comparison` takes them."""
        shares = [
            self.class_frequencies_[name.of] if name.figure in RELATIVE else 1.0
            for name in names
        ]
        return {
            "step": np.array([float(name.figure in COUNTS) for name in names]),
            "tolerance": self.tolerance * np.array(shares),
            "inflation": self._inflation,
        }

    @classmethod
    def _instances(cls, labels):
        """Return examples for the common tests, given the labels they will meet."""
        return [cls(WeightedClassifier(), random_state=0)]


def _fit_and_predict(given, X, y, train, test, arguments, classes):
    n = len(y)
    cut = take_params(arguments, train, n)
    fitted = clone(given).fit(_safe_indexing(X, train), _safe_indexing(y, train), **cut)
    return Predictions.of(fitted, _safe_indexing(X, test), classes)
