"""`WeightMonitor` tests a stream of batches for changes."""

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing, column_or_1d, get_tags, indexable
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skweight._held_out.splits import make_splits
from skweight._utils.columns import warn_of_order
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
from skweight.delivery._arguments import take_params
from skweight.monitoring._class_mix import ClassMix
from skweight.monitoring._figures import COUNTS, RELATIVE, Figures, Predictions
from skweight.monitoring._report import MonitorReport
from skweight.monitoring._stream import Stream, budget_of_look

# If the reference comes from fold models, the variance of the reference means is
# multiplied by a factor, because the models of the folds differ by chance. The factor
# was measured by benchmarks/monitor_alarms.py.
FOLD_INFLATION = 1.5

_LARGEST_WEIGHT = 1e70


class WeightMonitor(BaseEstimator):
    r"""Test a stream of batches for changes since a classifier was trained.

    `fit` computes statistics of held-out rows as the reference: class frequencies, mean
    probabilities, calibration, recall and quantiles of the weights. In the report, each
    of these statistics is called a "figure". `update` adds a batch, with or without
    labels, to the stream and returns a report. You may read the report after every
    batch: the probability that an unchanged stream ever raises an alarm is at most
    `alpha`, for any number of batches.

    Each statistic is a weighted mean over rows. A block is a batch, or several small
    batches together. After each block, the rows of several windows are compared with
    the reference: the newest block, the two newest blocks, and so on in growing steps.
    After block t, statistic f over window w raises an alarm if the p-value is at most

    .. math::
        \frac{\alpha}{F_t} \cdot q_t \cdot r_{w,t}, \qquad
        q_t = \frac{50}{(t + 49)(t + 50)}, \qquad
        \sum_{t \ge 1} q_t = 1, \quad \sum_w r_{w,t} = 1

    with :math:`F_t` the number of statistics that are tested after block t. The levels
    of all tests add up to at most :math:`\alpha`, so by the union bound the probability
    of any false alarm is at most :math:`\alpha`. The union bound also holds for
    dependent tests; the tests are dependent, because they share the reference. Half of
    the level after block t goes to the newest block.

    Each test compares the means of new rows and of the reference (held-out rows of the
    fit), so that random errors of the reference are included. If the model was already
    miscalibrated on the reference, only a change of the miscalibration raises an alarm.

    Parameters
    ----------
    estimator : classifier, default=None
        A `WeightedClassifier`, or any other classifier; None means
        ``WeightedClassifier()``. The classifier is fitted once for every fold and once
        on all rows. A ``FrozenEstimator`` is not fitted again. Do not pass rows to
        `fit` on which the model in the ``FrozenEstimator`` was trained.
    alpha : float, default=0.01
        Probability, in (0, 1), that a stream without changes ever raises an alarm, in
        any statistic and any batch. A larger alpha detects changes sooner but gives
        more false alarms.
    tolerance : float, default=0.0
        Changes up to this size are ignored. For class frequencies and probabilities,
        the size is relative to the frequency of the class; for recall, slope and shares
        of weights, the size is absolute. In a long stream, even tiny changes become
        significant; with a larger `tolerance`, tiny changes are ignored.
    quantiles : tuple of float, default=(0.5, 0.9, 0.99)
        Quantiles of the training weights to monitor, if weights depend on X.
    cv : int, "holdout", splitter, iterable or None, default=None
        How rows are split, so that the reference comes from held-out rows. None means 5
        stratified folds, or a single hold-out set if there are many rows. If `groups`
        are passed to `fit`, all rows of a group are in the same fold.
    n_jobs : int or None, default=None
        Number of fold fits to run in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed for the random split of the rows into folds.

    Attributes
    ----------
    estimator_ : WeightedClassifier
        The monitored model, fitted on all rows.
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    class_frequencies_ : dict {label: float}
        Population shares of the classes in the reference (held-out rows of the fit).
    weight_quantiles_ : dict {float: float}
        Quantiles of the weights of the reference; empty if weights depend on the class
        only.
    n_batches_ : int
        Number of batches since the last `fit` or `restart`.
    n_features_in_ : int
        Number of columns of X that was passed to `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns of X, if all names are strings.

    Raises
    ------
    ValueError
        In `fit`, if a parameter or the rows are not valid, or a class has only one row.

    See Also
    --------
    LabelShiftWeighting : Computes weights for changed class frequencies.
    skweight.inspection.weight_report : Checks weights for covariate shift.

    Notes
    -----
    The p-values are computed from four moments [1]_. A gamma distribution has the right
    skewness, and tails of Student's t account for the remaining kurtosis. For very few
    rows, distribution-free inequalities are used instead. Alpha is divided over the
    blocks as in [2]_, section 2. Windows grow in geometric steps, so only O(log t)
    windows are kept after t blocks. The change is estimated to begin with the batch
    that has the largest likelihood ratio, as in Page's CUSUM [3]_. E-processes [4]_
    [5]_ are another method that is valid after any number of batches. E-processes
    assume a known mean, but here the mean is estimated from the reference. E-processes
    also have less power for a large change in a single batch.

    The monitor stores sums, not rows. Therefore the monitor can be saved in places
    where the data are not allowed, and the size of the monitor stays bounded. `update`
    calls the model once for the rows of the batch, and takes O(rows) time. Small
    batches are combined until they have 50 rows, and are then tested together. Rows
    should be independent. If rows are grouped, such as many orders of the same
    customer, there are too many false alarms.

    Fold models are fitted on fewer rows than the monitored model. For some learners,
    the reference is therefore slightly too pessimistic. To avoid this bias, use a
    ``FrozenEstimator`` with held-out rows. The calibration slope [6]_ is estimated by a
    single Newton step from the value 1. If the true slope is far from 1, this step is
    too long. A slope below zero means that the features have nearly no information.

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
        inner = get_tags(self._resolved_estimator())
        tags.classifier_tags = inner.classifier_tags
        # The monitor accepts the same input as the estimator.
        tags.input_tags = inner.input_tags
        tags.non_deterministic = inner.non_deterministic
        return tags

    @property
    def n_features_in_(self):
        """Number of columns of X that was passed to `fit`."""
        return self.estimator_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the columns of X in `fit`."""
        return self.estimator_.feature_names_in_

    # -- learning ----------------------------------------------------------------------

    def fit(self, X, y, sample_weight=None, **fit_params):
        """Fit the model, and compute the reference statistics from held-out rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows. For a ``FrozenEstimator``, pass rows on which the model was
            not trained.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights: how many rows of the population each row stands for.
        **fit_params : dict
            Further arguments of the classifier's `fit`. Arrays with one entry per row
            are split together with the rows.

        Returns
        -------
        self : object
            The fitted monitor, ready for a new stream.
        """
        self._check_parameters()
        y = check_labels(y, owner="WeightMonitor")
        check_rows(X, y)
        (X,) = indexable(X)
        if sample_weight is not None:
            warn_of_order(sample_weight, X)
            sample_weight = _check_summable(sample_weight, n_rows(X))
        classes, codes = encode_labels(y)
        if classes.size < 2:
            raise ValueError(
                "WeightMonitor needs rows of at least 2 classes; y has one class, "
                f"{say(classes[0])}."
            )
        estimator = self._resolved_estimator()
        if isinstance(estimator, FrozenEstimator):
            model = estimator.estimator
            model_classes = np.asarray(model.classes_)
            codes = positions_of(y, model_classes, owner="The frozen estimator")
            classes, rows, self._inflation = model_classes, np.arange(len(y)), 1.0
            predictions = Predictions.of(model, X, classes)
        else:
            model, rows, predictions = self._cross_fit(
                estimator, X, y, sample_weight, fit_params, classes
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

    def _resolved_estimator(self):
        estimator = WeightedClassifier() if self.estimator is None else self.estimator
        if isinstance(estimator, WeightedClassifier | FrozenEstimator):
            return estimator
        return WeightedClassifier(estimator, weighting=None, calibration=None)

    def _cross_fit(self, estimator, X, y, sample_weight, fit_params, classes):
        """Return the fitted model, and predictions of held-out rows by fold models."""
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
                "WeightMonitor needs at least two rows of every class, so that a "
                "row can be held out; the rarest class has a single row. Collect "
                "more rows of this class, or leave the class out."
            )
        model = clone(estimator).fit(X, y, **arguments)
        parts = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_and_predict)(estimator, X, y, train, test, arguments, classes)
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

    # -- monitoring --------------------------------------------------------------------

    def restart(self):
        """Begin a new stream with the same reference rows, for example after an alarm.

        The next batch has number 1, and `alpha` is the probability of a false alarm in
        the new stream.

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
        """Add a batch to the stream, and test for changes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows of the batch, one or more.
        y : array-like of shape (n_samples,), default=None
            Labels of the rows; None if they are not known yet. If the label of a row is
            missing (None, NaN, NaT, NA), only the predictions and weights of the row
            are used.
        sample_weight : array-like of shape (n_samples,), default=None
            Population weights of the batch. All batches of a stream must use the same
            scale of weights; the reference may use another scale.
        batch : object, default=None
            Name of the batch in reports, such as a date. None means the number of the
            batch in the stream, counted from 1.
        labels_only : bool, default=False
            Set to True if the same rows were passed before without labels. Predictions
            and weights of these rows are then not used a second time. Batches with late
            labels have their own sequence of tests.

        Returns
        -------
        report : MonitorReport
            All monitored statistics (figures), the alarms so far, the likely start of
            the change, and advice. Print the report, or use its ``alarm``, ``onset``,
            `to_frame` and `to_dict`.

        Raises
        ------
        ValueError
            If the batch is not valid, or has labels that did not occur in training. The
            stream of batches then does not change.
        """
        check_is_fitted(self, "class_frequencies_")
        self._check_parameters()
        check_bool(labels_only, name="labels_only")
        n = n_rows(X)
        if n == 0:
            raise ValueError("WeightMonitor.update needs at least one row; X has none.")
        weight = np.ones(n)
        if sample_weight is not None:
            warn_of_order(sample_weight, X)
            weight = _check_summable(sample_weight, n)
        codes = self._read_labels(X, y)
        if labels_only and codes is None:
            raise ValueError(
                "labels_only=True needs labels in y; got none. Pass y, or leave out "
                "labels_only."
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
        # All checks have passed: from here the stream changes.
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
        """Return label positions (-1 if missing); None if all labels are missing."""
        if y is None:
            return None
        check_rows(X, y)
        y = column_or_1d(np.asarray(y) if not hasattr(y, "to_numpy") else y.to_numpy())
        missing = find_missing(y)
        codes = np.full(y.size, -1)
        if missing.all():
            return None
        labels = y[~missing]
        if missing.any() and labels.dtype.kind == "O":
            labels = np.array(labels.tolist())  # to the type of the labels
        owner = "WeightMonitor.update"
        codes[~missing] = positions_of(
            check_labels(labels, owner=owner), self.classes_, owner=owner
        )
        return codes

    def _look(self, sums, n_rows, batch):
        """Add the sums of a batch to the streams; test each stream with enough rows."""
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
        """Yield the figures of the streams that have rows."""
        for stream, reference, n in zip(
            self._streams, self._reference, n_rows, strict=True
        ):
            if stream.n_rows:
                scales = self._scales(stream.names)
                yield from stream.figures(reference, self.alpha, n > 0, **scales)

    def _scales(self, names):
        """Return the arguments step, tolerance and inflation of `Comparison`."""
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
        """Return instances for the shared tests; `labels` are the row labels."""
        from sklearn.linear_model import LogisticRegression

        weighted = WeightedClassifier(calibration=None)
        return [
            cls(estimator, cv=2, random_state=0)
            for estimator in (weighted, LogisticRegression())
        ]


def _check_summable(sample_weight, n_rows):
    """Return the weights; raise if the fourth powers of the weights would overflow."""
    weight = check_weights(sample_weight, n_rows)
    if not 1 / _LARGEST_WEIGHT < weight.max() < _LARGEST_WEIGHT:
        raise ValueError(
            f"The largest sample_weight is {weight.max():g}, and its fourth power is "
            "too large for a float. Only ratios of weights matter, so divide all "
            "weights by a constant."
        )
    return weight


def _fit_and_predict(estimator, X, y, train, test, arguments, classes):
    n = len(y)
    cut = take_params(arguments, train, n)
    fitted = clone(estimator).fit(
        _safe_indexing(X, train), _safe_indexing(y, train), **cut
    )
    return Predictions.of(fitted, _safe_indexing(X, test), classes)
