"""Weights for label shift: class frequencies are estimated from unlabelled rows."""

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state

from skweight._held_out.scores import cross_fit_scores, stratified_splits
from skweight._utils.examples import example_target, fitted_on
from skweight._utils.validation import check_choice, check_number, encode_labels, plain
from skweight._utils.warn import warn
from skweight.calibration import SigmoidCalibrator, TemperatureCalibrator
from skweight.density_ratio._mixture import fit_mixture, nonnegative_quadratic
from skweight.exceptions import OverlapWarning
from skweight.weighting._class_level import ClassLevelWeighting
from skweight.weighting._shift import SharedTarget

METHODS = ("em", "bbse")

# Largest standard error of a class frequency without a warning. For comparison: a
# random number that is uniform in [0, 1] has the standard deviation 0.29.
LARGEST_ERROR = 0.2
# Likelihoods of a row are divided by the largest likelihood of the row. If a ratio is
# below this limit, it is set to the limit.
_LEAST_LIKELY = 1e-100
# Information below this limit counts as zero.
_SMALLEST = 1e-9


class LabelShiftWeighting(SharedTarget, ClassLevelWeighting):
    r"""Weight classes so that the class frequencies match a target without labels.

    Use this strategy for label shift: class frequencies differ between training and
    deployment, but the rows within each class have the same distribution. Examples are
    flu in winter and spam during a campaign. A classifier is fitted on the training
    rows. The predictions of the classifier for the target rows give an estimate of the
    class frequencies:

    .. math:: w_k = p_{target}(k) / p_{source}(k)

    Parameters
    ----------
    X_target : array-like of shape (n_target, n_features), default=None
        Unlabelled rows of the target. The rows are not copied, not even by a search:
        clones share them. If None, pass the rows to `fit` as ``X_target``.
    estimator : classifier, default=None
        Classifier that predicts the target rows. None is ``LogisticRegression()``. A
        ``FrozenEstimator`` is not fitted again; its scores of the training rows are
        treated as held-out scores.
    method : {"em", "bbse"}, default="em"
        ``"em"`` computes the class frequencies with the largest likelihood, from
        calibrated probabilities of the target rows. This method is more accurate.
        ``"bbse"`` solves an equation: the confusion matrix times the class frequencies
        gives the shares of the predicted labels. This method needs only predicted
        labels.
    cv : int, default=5
        Number of folds for held-out scores of the training rows, at least 2. Fewer
        folds are used if a class has fewer rows than this number.
    n_jobs : int or None, default=None
        Number of fold fits to run in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the random split into folds.
    stabilizer : None, str, float or stabilizer, default=None
        Limit for a few very large weights. Pass the name of a method (``"clip"``,
        ``"pareto"`` or ``"temper"``), a stabilizer object, or a number: the largest
        weight, in multiples of the mean weight. None leaves the weights unchanged.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    target_prior_ : ndarray of shape (n_classes,)
        Estimated class frequencies of the target.
    source_prior_ : ndarray of shape (n_classes,)
        Class frequencies of the training rows.
    class_weight_ : ndarray of shape (n_classes,)
        Weight of a row, for each class. The mean weight of the training rows is one.
    target_prior_error_ : ndarray of shape (n_classes,)
        Standard errors of the estimated frequencies. The errors include the random
        errors of training rows and target rows. A value above 1 means that the scores
        do not separate the classes.
    estimator_ : classifier
        Classifier fitted on all training rows.
    scale_ : float
        Mean of the weights before scaling. All weights are divided by this number.

    Raises
    ------
    ValueError
        In `fit`, if there are no target rows. Also if a class has a single row, because
        no row of this class can be held out.

    Warns
    -----
    OverlapWarning
        In `fit`, if the standard error of a frequency is above 0.2. This happens if the
        confusion matrix is nearly singular, or if the features do not predict the
        label.

    See Also
    --------
    PriorWeighting : Weighs by known class frequencies of the target.
    DensityRatioWeighting : Weighs for a shift of the features instead of the labels.

    Notes
    -----
    The strategy needs ``cv + 1`` fits of the classifier. The method "em" (expectation
    maximisation) needs calibrated probabilities, so the scores are first calibrated on
    held-out rows. The likelihood is concave in the frequencies, so the solution is
    unique. The method "bbse" solves its equation by least squares, under the condition
    that frequencies are not negative and sum to one.

    References
    ----------
    .. [1] M. Saerens, P. Latinne, C. Decaestecker, Adjusting the outputs of a
       classifier to new a priori probabilities, Neural Computation 14, 2002, section
       2.3.
    .. [2] Z. Lipton, Y.-X. Wang, A. Smola, Detecting and correcting for label shift
       with black box predictors, ICML 2018, section 3.
    .. [3] A. Alexandari, A. Kundaje, A. Shrikumar, Maximum likelihood with bias-
       corrected calibration is hard-to-beat at label shift adaptation, ICML 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skweight import LabelShiftWeighting
    >>> rng = np.random.default_rng(0)
    >>> y = rng.uniform(size=2000) < 0.5
    >>> y_target = rng.uniform(size=2000) < 0.1  # unknown to the weighting
    >>> X, X_target = (
    ...     rng.normal(2 * z[:, None], size=(2000, 1)) for z in (y, y_target)
    ... )
    >>> weighting = LabelShiftWeighting(X_target, random_state=0).fit(X, y)
    >>> weighting.target_prior_.round(1)
    array([0.9, 0.1])
    """

    role = "population"

    def __init__(
        self,
        X_target=None,
        estimator=None,
        *,
        method="em",
        cv=5,
        n_jobs=None,
        random_state=None,
        stabilizer=None,
    ):
        self.X_target = X_target
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.stabilizer = stabilizer

    def fit(self, X, y, sample_weight=None, X_target=None):
        """Learn the class frequencies of the target, and compute weights from them.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            How many rows of the training population each row stands for.
        X_target : array-like of shape (n_target, n_features), default=None
            Rows of the target. None uses the rows of the constructor. Inside a search,
            pass the rows to the constructor.

        Returns
        -------
        self : object
            The fitted strategy.
        """
        self.fit_weigh(X, y, sample_weight, X_target=X_target)
        return self

    def _learn(self, X, y, sample_weight, X_target=None):
        check_choice(self.method, METHODS, name="method")
        check_number(self.cv, name="cv", low=2)
        X_target = self._resolve_target(X_target)
        classes, codes = encode_labels(y)
        if classes.size < 2:
            raise ValueError(
                "LabelShiftWeighting needs rows of at least 2 classes; y contains "
                f"only the class {classes[0]!r}."
            )
        fitted = self._cross_fit(X, y, sample_weight, classes)
        self.estimator_ = fitted.model
        rows, held, target = fitted.rows, fitted.scores, fitted.scores_of(X_target)
        weight = np.ones(len(y)) if sample_weight is None else sample_weight
        weight = weight[rows]
        if self.method == "em":
            prior = np.bincount(codes[rows], weight, classes.size) / weight.sum()
            proba = self._calibrated(held, target, y[rows], weight, classes)
            self.target_prior_ = most_likely_prior(proba, prior)
            self.target_prior_error_ = error_of_mixture(
                proba, prior, self.target_prior_, weight
            )
        else:
            self._solve_confusion(held, target, codes[rows], weight, classes.size)
        weights = super()._learn(X, y, sample_weight)
        self._warn_of_error()
        return weights

    def _solve_confusion(self, held, target, codes, weight, n_classes):
        """Estimate the frequencies from predicted labels, with standard errors."""
        predicted = predicted_codes(held)
        confusion, squares = np.zeros((2, n_classes, n_classes))
        np.add.at(confusion, (predicted, codes), weight)
        np.add.at(squares, (predicted, codes), weight**2)
        mass = np.maximum(confusion.sum(axis=0), 1e-300)
        n_effective = mass**2 / np.maximum(squares.sum(axis=0), 1e-300)
        confusion /= mass
        shares = np.bincount(predicted_codes(target), minlength=n_classes)
        n_target, shares = shares.sum(), shares / shares.sum()
        self.target_prior_ = prior_from_confusion(confusion, shares)
        self.target_prior_error_ = error_of_confusion(
            confusion, n_effective, self.target_prior_, n_target
        )

    def _warn_of_error(self):
        """Warn if a frequency cannot be estimated from the target."""
        worst = np.argmax(self.target_prior_error_)
        error = self.target_prior_error_[worst]
        if error > LARGEST_ERROR:
            warn(
                f"The frequency of class {plain(self.classes_[worst])!r} in the "
                "target is very uncertain: the estimate is "
                f"{self.target_prior_[worst]:.2f} with a standard error of "
                f"{min(error, 9.99):.2g}. The scores do not separate this class well "
                "from other classes. Use a better estimator or more rows, or merge "
                "classes that look alike. If you know the frequencies, use "
                "PriorWeighting.",
                OverlapWarning,
            )

    def _class_weights(self, classes, masses):
        self.source_prior_ = masses / masses.sum()
        weights = np.zeros(classes.size)
        present = self.source_prior_ > 0
        weights[present] = self.target_prior_[present] / self.source_prior_[present]
        return weights

    def _cross_fit(self, X, y, sample_weight, classes):
        """Return held-out scores of the rows, and a classifier fitted on all rows."""
        rng = check_random_state(self.random_state)
        estimator = self.estimator
        if estimator is None:
            from sklearn.linear_model import LogisticRegression

            estimator = LogisticRegression()
        frozen = isinstance(estimator, FrozenEstimator)
        if not frozen and np.unique(y, return_counts=True)[1].min() < 2:
            raise ValueError(
                "LabelShiftWeighting needs held-out rows of every class, but one "
                "class has a single row. Collect more rows of this class, or merge "
                "it with another class."
            )
        seed = rng.randint(2**31 - 1)
        return cross_fit_scores(
            estimator,
            X,
            y,
            sample_weight,
            None if frozen else stratified_splits(y, self.cv, rng),
            classes=classes,
            random_state=seed,
            n_jobs=self.n_jobs,
        )

    def _calibrated(self, held, target, y, weight, classes):
        """Return probabilities of target rows, calibrated by training rows."""
        two = classes.size == 2
        calibrator = SigmoidCalibrator() if two else TemperatureCalibrator()
        calibrator.fit(held, y, sample_weight=weight, classes=classes)
        return calibrator.predict_proba(target)

    @classmethod
    def _instances(cls, labels):
        return [cls(example_target(), fitted_on(labels), method="bbse")]


def predicted_codes(scores):
    """Return the position of the predicted class of every row."""
    scores = np.asarray(scores)
    if scores.ndim == 1 or scores.shape[1] == 1:
        return (scores.ravel() > 0).astype(np.intp)
    return np.argmax(scores, axis=1)


def most_likely_prior(proba, prior, *, tol=1e-10):
    """Return the class frequencies with the largest likelihood, given probabilities.

    The likelihood of a row is proportional to a sum over the classes. The term of a
    class is the probability of the class, times its new frequency, divided by its old
    frequency. A solver for the proportions of a mixture maximises the product of the
    likelihoods of all rows.
    """
    present = prior > 0
    A = in_reach(proba[:, present] / prior[present])
    share = np.full(len(proba), 1 / len(proba))
    result = np.zeros(prior.size)
    result[present] = fit_mixture(A, share, tol=tol).proportions
    return result


def in_reach(likelihoods):
    """Return likelihoods, scaled so that no square overflows or becomes zero.

    Only the ratios of likelihoods within a row matter. A class of almost zero weight
    can make these ratios extremely large; only extremely large ratios are changed.
    """
    if likelihoods.max() < 1 / _LEAST_LIKELY:
        return likelihoods
    return np.maximum(
        likelihoods / likelihoods.max(axis=1, keepdims=True), _LEAST_LIKELY
    )


def error_of_mixture(proba, prior, frequencies, weight):
    """Return the standard errors of the frequencies of a mixture.

    The errors are computed from the Fisher information per target row. The calibration
    was learned on the source rows (training rows) and adds an error. Therefore the
    number of rows in the formula is 1 / (1 / n_target + 1 / n_source).
    """
    present = np.flatnonzero(prior > 0)
    errors = np.zeros(prior.size)
    if present.size < 2:
        return errors
    A = in_reach(proba[:, present] / prior[present])
    A /= np.maximum(A @ frequencies[present], _LEAST_LIKELY)[:, None]
    # The class frequencies sum to one, so all of them except one are free parameters.
    base = int(np.argmax(frequencies[present]))
    free = np.delete(np.arange(present.size), base)
    slopes = A[:, free] - A[:, [base]]
    n_source = weight.sum() ** 2 / (weight @ weight)
    n = 1 / (1 / len(proba) + 1 / n_source)
    values, vectors = np.linalg.eigh(slopes.T @ slopes * (n / len(proba)))
    covariance = (vectors / np.maximum(values, _SMALLEST)) @ vectors.T
    errors[present[free]] = np.sqrt(np.diag(covariance))
    errors[present[base]] = np.sqrt(max(covariance.sum(), 0.0))
    return errors


def error_of_confusion(confusion, n_source, frequencies, n_target):
    """Return the standard errors of the frequencies from predicted labels.

    The delta method combines two kinds of random errors: the errors of the predicted
    shares in the target, and the errors of every column of the confusion matrix.
    """

    def spread(p, n):
        return (np.diag(p) - np.outer(p, p)) / max(n, 1.0)

    # Even if an entry of the confusion matrix counts no row, the true share can be
    # positive. Therefore one row is added to each column, spread evenly over its
    # entries.
    confusion = (confusion * n_source + 1 / len(confusion)) / (n_source + 1)
    noise = spread(confusion @ frequencies, n_target)
    for k, share in enumerate(frequencies):
        noise = noise + share**2 * spread(confusion[:, k], n_source[k])
    # The class frequencies sum to one, so one class is left out in the rows and columns
    # of the matrix.
    slopes = (confusion[:, :-1] - confusion[:, [-1]])[:-1]
    left, values, right = np.linalg.svd(slopes)
    inverse = (right.T / np.maximum(values, _SMALLEST)) @ left.T
    covariance = inverse @ noise[:-1, :-1] @ inverse.T
    errors = np.append(np.diag(covariance), covariance.sum())
    return np.sqrt(np.maximum(errors, 0.0))


def prior_from_confusion(confusion, shares):
    """Return q >= 0 with sum one for which confusion @ q is closest to shares."""
    k = shares.size
    # The condition that frequencies sum to one is one more equation of the least
    # squares problem, with a large weight. The final division makes the sum exact.
    A = np.vstack([confusion, 1e3 * np.ones(k)])
    b = np.append(shares, 1e3)
    H = A.T @ A + 1e-9 * np.eye(k)
    q = nonnegative_quadratic(H, A.T @ b, start=np.full(k, 1 / k))
    return q / q.sum()
