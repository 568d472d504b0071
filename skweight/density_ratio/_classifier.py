"""The density ratio, from a classifier that separates target and source rows."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from sklearn.utils import check_random_state

from skweight._held_out.scores import cross_fit_scores, stratified_splits
from skweight._utils.times import times_as_numbers
from skweight._utils.validation import check_number, find_missing, n_rows
from skweight.calibration._resolve import resolve_calibrator
from skweight.density_ratio._base import BaseDensityRatio, one_thread
from skweight.density_ratio._kernels import subsample
from skweight.density_ratio._tables import _all_numbers, _is_numeric, column_names
from skweight.exceptions import CalibrationWarning

# A probability that is this close to 0 or 1 depends on the model, not on the data.
_SMALLEST_PROBABILITY = 1e-6
# With fewer than _SMALL_ROWS rows, boosted trees are shallow. With fewer than _FEW_ROWS
# rows, the fit uses one thread.
_SMALL_ROWS = 10_000
_FEW_ROWS = 20_000
_CLASSES = np.array([0, 1])


class ClassifierRatio(BaseDensityRatio):
    r"""Estimate the density ratio by a classifier that separates target and source.

    This estimator works with any scikit-learn classifier. Therefore it works with any
    table that the classifier accepts, for example with mixed types, missing values,
    categories or text. A classifier is over-confident on its training rows. Therefore
    the scores of the training rows are out-of-fold. In the calibration, source and
    target have a total weight of one half each. Therefore the odds are the density
    ratio for any numbers of rows:

    .. math:: w(x) = \frac{p(\text{target} \mid x)}{p(\text{source} \mid x)}

    Parameters
    ----------
    estimator : classifier, default=None
        The classifier; a clone of it is fitted. None means histogram gradient boosting,
        after an encoder for text columns.
    calibration : None, str or calibrator, default="sigmoid"
        Calibrator that maps out-of-fold scores to probabilities: ``"sigmoid"``,
        ``"isotonic"``, or a calibrator object. None uses the probabilities of the
        classifier, corrected for the numbers of rows. Without a calibrator, the ratio
        of boosted trees can be wrong by orders of magnitude.
    cv : int, default=5
        Number of folds, at least 2.
    max_fit_rows : int, default=None
        Largest number of rows of each sample in the fit. If there are more rows, a
        random sample is used. None uses all rows. With a limit, all ratios come from
        the classifier of the final fit, not from the models of the folds.
    n_jobs : int or None, default=None
        Number of folds whose fits run in parallel.
    random_state : int, RandomState instance or None, default=None
        Seed of the folds, and of the default classifier.

    Attributes
    ----------
    estimator_ : classifier
        The classifier, fitted on all rows; class 1 is the target.
    calibrator_ : calibrator or None
        The calibrator, fitted on out-of-fold scores.
    report_ : RatioReport
        Diagnostics of the out-of-fold ratio of the source rows.
    n_features_in_ : int
        Number of features.

    Raises
    ------
    TypeError
        If `estimator` is not a classifier.
    ValueError
        If the two tables do not have the same columns.

    Warns
    -----
    OverlapWarning
        If a large share of the target lies in regions without source rows.
    DegenerateWeightsWarning
        If a few source rows have nearly all of the total ratio.

    See Also
    --------
    KernelLogisticRatio : More accurate if columns are numeric and the ratio is smooth.

    Notes
    -----
    The fit makes ``cv + 1`` fits of the classifier. `fit_ratio` returns the out-of-fold
    ratio of the source rows. `ratio` uses the classifier fitted on all rows.

    References
    ----------
    .. [1] S. Bickel, M. Brückner, T. Scheffer, Discriminative learning for differing
       training and test distributions, ICML 2007, equation 5.

    Examples
    --------
    >>> import pandas as pd
    >>> from skweight.density_ratio import ClassifierRatio
    >>> source = pd.DataFrame({"plan": ["basic"] * 300 + ["gold"] * 100})
    >>> target = pd.DataFrame({"plan": ["basic"] * 100 + ["gold"] * 100})
    >>> model = ClassifierRatio(random_state=0).fit(source, target)
    >>> model.ratio(pd.DataFrame({"plan": ["basic", "gold"]})).round(1)  # 2/3 and 2
    array([0.7, 2. ])
    """

    _numeric = False
    _one_thread = ()

    def __init__(
        self,
        estimator=None,
        *,
        calibration="sigmoid",
        cv=5,
        max_fit_rows=None,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.calibration = calibration
        self.cv = cv
        self.max_fit_rows = max_fit_rows
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _fit(self, source, target, rng):
        check_number(self.cv, name="cv", low=2)
        everything = source
        if self.max_fit_rows is not None:
            check_number(self.max_fit_rows, name="max_fit_rows", low=10)
            source, target = (
                subsample(one, self.max_fit_rows, rng) for one in (source, target)
            )
        ratio = self._fit_stacked(source, target, rng)[: source.n]
        return ratio if source is everything else None

    def _held_out_ratios(self, source, target, splits):
        """Return the held-out ratio of every row of both samples.

        The scores of all folds are calibrated together. Therefore each fold needs only
        one fit, and no model is fitted on all rows.

        Parameters
        ----------
        source, target : Sample
            Checked rows.
        splits : list
            One entry per fold. An entry has two pairs, one for the source and one for
            the target. A pair holds the positions of the training rows and the
            positions of the held-out rows.
        """
        pairs = [
            (np.r_[train, source.n + more], np.r_[test, source.n + rest])
            for (train, test), (more, rest) in splits
        ]
        rng = check_random_state(self.random_state)
        ratio = clone(self)._fit_stacked(source, target, rng, pairs)
        return ratio[: source.n], ratio[source.n :]

    def _fit_stacked(self, source, target, rng, pairs=None):
        """Return the held-out ratio of every row; draw folds if `splits` is None."""
        X = stack(source.X, target.X)
        y = np.repeat(_CLASSES, [source.n, target.n])
        # For small trees, several threads are slower than one.
        few = self.estimator is None and y.size < _FEW_ROWS
        with one_thread(*(["openmp"] if few else [])):
            return self._fit_folds(X, y, source, target, rng, pairs)

    def _fit_folds(self, X, y, source, target, rng, pairs):
        estimator = self.estimator
        if estimator is None:
            estimator = default_classifier(X, rng.randint(2**31 - 1))
        if not is_classifier(estimator):
            raise TypeError(
                "ClassifierRatio takes a classifier that learns to separate rows of "
                f"the target from rows of the source; got {type(estimator).__name__}."
            )
        weights = None
        if source.share is not None or target.share is not None:
            weights = np.concatenate([one.shares() * one.n for one in (source, target)])
        calibrator = resolve_calibrator(self.calibration)
        seed = rng.randint(2**31 - 1)
        fitted = cross_fit_scores(
            estimator,
            X,
            y,
            weights,
            stratified_splits(y, self.cv, rng) if pairs is None else pairs,
            classes=_CLASSES,
            random_state=seed,
            probabilities=calibrator is None,
            refit=pairs is None,
            n_jobs=self.n_jobs,
        ).in_row_order()
        self.estimator_ = fitted.model
        # The held-out scores are not stored, because the scores of new rows do not need
        # them.
        self._fitted = fitted._replace(outputs=None, rows=None)
        # In the calibration, source and target have a weight of one half each, so the
        # odds need no correction. Without calibration, the odds are divided by n_target
        # / n_source, where n is the number of rows.
        self._prior_odds = target.n / source.n
        self.calibrator_ = None
        if calibrator is not None:
            halves = np.concatenate([one.shares() / 2 for one in (source, target)])
            with warnings.catch_warnings():
                # If a classifier cannot separate the samples, the ratio is 1.
                warnings.simplefilter("ignore", CalibrationWarning)
                self.calibrator_ = calibrator.fit(
                    fitted.scores, y, sample_weight=halves * y.size
                )
        return self._odds(fitted.outputs)

    def _odds(self, outputs):
        if self.calibrator_ is None:
            p = outputs[:, 1]
            prior_odds = self._prior_odds
        else:
            scores = self._fitted._replace(outputs=outputs).scores
            p = self.calibrator_.predict_proba(scores)[:, 1]
            prior_odds = 1.0
        p = np.clip(p, _SMALLEST_PROBABILITY, 1 - _SMALLEST_PROBABILITY)
        return p / (1 - p) / prior_odds

    def _ratio(self, X):
        few = self.estimator is None and n_rows(X) < _FEW_ROWS
        with one_thread(*(["openmp"] if few else [])):
            outputs = self._fitted.outputs_of(X)
        return self._odds(outputs)


def stack(first, second):
    """Return one table with the rows of both tables, the first table first."""
    kinds = {type(one).__module__.partition(".")[0] for one in (first, second)}
    if sparse.issparse(first) or sparse.issparse(second):
        return sparse.vstack([first, second], format="csr")
    if kinds == {"pandas"}:
        return _stack_pandas(first, second)
    if kinds == {"polars"}:
        import polars as pl

        return pl.concat([first, second], how="vertical_relaxed")
    return np.concatenate([np.asarray(first), np.asarray(second)])


def _stack_pandas(first, second):
    """Stack two DataFrames so that categories stay categories."""
    import pandas as pd

    shared = {}
    for name in first.columns:
        both = first[name], second[name]
        if all(isinstance(one.dtype, pd.CategoricalDtype) for one in both):
            shared[name] = pd.api.types.union_categoricals(both, ignore_order=True)
    stacked = pd.concat([first, second], ignore_index=True)
    return stacked.assign(**shared) if shared else stacked


def word_columns(X):
    """Return the non-numeric columns, in the form that ColumnTransformer needs."""
    if column_names(X) is not None:
        pairs = zip(X.columns, X.dtypes, strict=True)
        return [column for column, dtype in pairs if not _is_numeric(dtype)]
    if sparse.issparse(X) or np.asarray(X).dtype.kind in "biuf":
        return []
    return [j for j in range(X.shape[1]) if not _all_numbers(X[:, j])]


def default_classifier(X, random_state):
    """Return boosted trees that accept the columns of X without encoding."""
    read = times_as_numbers(X)
    if read is not X:
        trees = default_classifier(read, random_state)
        return make_pipeline(FunctionTransformer(times_as_numbers), trees)
    # The module is imported here, because the import takes long and few users need the
    # module.
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier

    words = word_columns(X)
    # With few rows, all trees except small trees overfit. Calibration cannot repair an
    # overfitted ranking.
    small = n_rows(X) < _SMALL_ROWS
    trees = HistGradientBoostingClassifier(
        learning_rate=0.05 if small else 0.1,
        max_depth=3 if small else None,
        categorical_features=list(range(len(words))) or None,
        random_state=random_state,
    )
    if sparse.issparse(X):
        dense = FunctionTransformer(_to_dense, accept_sparse=True)
        return make_pipeline(dense, trees)
    if not words:
        return trees
    encode = make_pipeline(
        FunctionTransformer(_objects),
        OrdinalEncoder(
            handle_unknown="use_encoded_value",
            unknown_value=np.nan,
            encoded_missing_value=np.nan,
            # Boosted trees accept up to 255 categories; the rarest categories share one
            # code.
            max_categories=200,
        ),
    )
    columns = ColumnTransformer([("words", encode, words)], remainder="passthrough")
    return make_pipeline(columns, trees)


def linear_classifier(X):
    """Return a logistic regression that accepts text columns and missing values."""
    read = times_as_numbers(X)
    if read is not X:
        columns = FunctionTransformer(times_as_numbers)
        return make_pipeline(columns, linear_classifier(read))
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer

    classifier = LogisticRegression(max_iter=1000)
    if sparse.issparse(X):
        return make_pipeline(MaxAbsScaler(), classifier)
    encode = make_pipeline(
        FunctionTransformer(_objects),
        OneHotEncoder(handle_unknown="ignore", max_categories=100),
    )
    fill = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    columns = ColumnTransformer([("words", encode, word_columns(X))], remainder=fill)
    return make_pipeline(columns, classifier)


def _to_dense(X):
    return X.toarray() if sparse.issparse(X) else X


def _objects(X):
    """Return text columns as objects; all missing values are NaN."""
    if column_names(X) is not None:
        X = np.column_stack([np.asarray(X[name], dtype=object) for name in X.columns])
    X = np.array(X, dtype=object)
    X[find_missing(X.ravel()).reshape(X.shape)] = np.nan
    return X
