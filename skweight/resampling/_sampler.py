"""`WeightedSampler`: a sampler of imbalanced-learn that resamples weights too."""

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin
from sklearn.utils import get_tags

from skweight._utils.columns import warn_of_order
from skweight._utils.roles import RoleWeights
from skweight._utils.validation import check_choice, n_rows, say, write_object
from skweight.delivery._arguments import is_row_wise, take_params
from skweight.resampling._carry import kind_of
from skweight.resampling._names import NAMES, sampler_of_name
from skweight.resampling._resample import resample_rows


class WeightedSampler(OneToOneFeatureMixin, BaseEstimator):
    """A sampler of imbalanced-learn that resamples weights together with rows.

    Use this class to choose the rule for the weights of new rows, as in
    ``WeightedClassifier(resampler=WeightedSampler(SMOTE(), weight_rule="parent"))``.
    The class can be used wherever a sampler of imbalanced-learn can be used.

    Parameters
    ----------
    sampler : sampler or str, default="smote"
        A sampler of imbalanced-learn, or its name, as in :func:`resample`.
    weight_rule : {"interpolate", "parent", "class_mean"}, default="interpolate"
        Weight of a synthetic row, as in :func:`resample`.
    preserve_mass : bool, default=False
        Whether to scale the weights, so that resampling does not change the total
        weight of any class.
    random_state : int, RandomState instance or None, default=None
        Seed of a sampler that is passed by name.

    Attributes
    ----------
    sampler_ : sampler
        The fitted sampler; None if `y` had a single class.
    sampling_strategy_ : dict
        For each class, the number of rows to add or remove.
    sample_weight_ : ndarray or None
        Weights of the resampled rows.
    rows_ : ndarray of shape (n_resampled,)
        Position of each resampled row in the input; -1 for a synthetic row.
    sample_indices_ : ndarray of shape (n_resampled,)
        The same positions as in ``rows_``. This attribute exists only if the sampler
        selects rows and creates none.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, if X has names.

    See Also
    --------
    resample : The same as a function.

    Notes
    -----
    Resampling the weights takes O(n) time, in addition to the time of the sampler.

    Examples
    --------
    >>> import numpy as np
    >>> from imblearn.over_sampling import RandomOverSampler
    >>> from skweight.resampling import WeightedSampler
    >>> X, y = np.arange(4.0).reshape(-1, 1), np.array([0, 0, 0, 1])
    >>> sampler = WeightedSampler(RandomOverSampler(random_state=0))
    >>> X_new, y_new = sampler.fit_resample(X, y, sample_weight=[1.0, 2.0, 3.0, 4.0])
    >>> sampler.sample_weight_
    array([1., 2., 3., 4., 4., 4.])
    """

    _estimator_type = "sampler"

    def __init__(
        self,
        sampler="smote",
        *,
        weight_rule="interpolate",
        preserve_mass=False,
        random_state=None,
    ):
        self.sampler = sampler
        self.weight_rule = weight_rule
        self.preserve_mass = preserve_mass
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None):
        """Resample and store the weights; to get resampled rows, call `fit_resample`.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to resample.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; the weights are resampled together with the rows.

        Returns
        -------
        self : object
            The fitted sampler.
        """
        self.fit_resample(X, y, sample_weight)
        return self

    def fit_resample(self, X, y, sample_weight=None):
        """Resample rows; their weights are in ``sample_weight_`` afterwards.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to resample.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows; the weights are resampled together with the rows.

        Returns
        -------
        X : array-like of shape (n_resampled, n_features)
            Resampled rows.
        y : array-like of shape (n_resampled,)
            Labels of the resampled rows.
        """
        warn_of_order(sample_weight, X)
        resampled, fitted = resample_rows(
            self.sampler,
            X,
            y,
            sample_weight,
            self.weight_rule,
            self.preserve_mass,
            self.random_state,
        )
        self.sampler_ = fitted
        self.sample_weight_ = resampled.sample_weight
        self.rows_ = resampled.rows
        self.sampling_strategy_ = fitted.sampling_strategy_
        self.n_features_in_ = np.shape(resampled.X)[1]
        for name in ("feature_names_in_", "sample_indices_"):
            vars(self).pop(name, None)
        names = getattr(X, "columns", None)
        if names is not None and all(isinstance(name, str) for name in names):
            self.feature_names_in_ = np.asarray(names, dtype=object)
        if kind_of(fitted) == "select":
            self.sample_indices_ = resampled.rows
        return resampled.X, resampled.y

    def __sklearn_tags__(self):
        sampler = self.sampler
        if isinstance(sampler, str):
            sampler = sampler_of_name(sampler)
        return get_tags(sampler)

    @classmethod
    def _instances(cls, labels):
        """Return instances for the shared tests; `labels` are the row labels."""
        return [cls("random_over", random_state=0), cls(random_state=0)]


def resolve_resampler(spec, random_state=None):
    """Return the WeightedSampler for a value of ``resampler=``, or None.

    Parameters
    ----------
    spec : None, str or sampler
        None for no resampling; ``"smote"``, ``"random_over"``, ``"random_under"``; or
        any sampler with ``fit_resample``.
    random_state : int, RandomState instance or None, default=None
        Seed of a sampler that is passed by name.

    Returns
    -------
    sampler : WeightedSampler or None
        The sampler; a `WeightedSampler` is returned unchanged.

    Raises
    ------
    TypeError, ValueError
        If ``spec`` is neither None, nor a known name, nor a sampler.

    Examples
    --------
    >>> from skweight.resampling._sampler import resolve_resampler
    >>> resolve_resampler("random_under", random_state=0)
    WeightedSampler(random_state=0, sampler='random_under')
    """
    if spec is None or isinstance(spec, WeightedSampler):
        return spec
    if isinstance(spec, str):
        check_choice(spec, NAMES, name="resampler")
    elif isinstance(spec, type) or not hasattr(spec, "fit_resample"):
        raise TypeError(
            f"resampler must be None, one of {say(list(NAMES))}, or a sampler with "
            f"fit_resample; got {spec!r}.{write_object(spec)}"
        )
    return WeightedSampler(spec, random_state=random_state)


def resample_training(resampler, X, y, by_role, fit_params):
    """Resample rows, population weights, emphasis weights, and arguments of `fit`.

    If all rows have the same class (this can happen in a fold), they are not resampled.

    Returns
    -------
    X, y : array-like
        Resampled rows and their labels.
    by_role : RoleWeights
        Weights of the resampled rows.
    fit_params : dict
        Arguments of `fit` for the resampled rows.
    """
    weight_vectors = [vector for vector in by_role if vector is not None]
    counted = (
        np.all([vector > 0 for vector in weight_vectors], axis=0)
        if weight_vectors
        else slice(None)
    )
    if np.unique(y[counted]).size < 2:
        return X, y, by_role, fit_params
    resampled, fitted = resample_rows(
        resampler.sampler,
        X,
        y,
        np.column_stack(weight_vectors) if weight_vectors else None,
        resampler.weight_rule,
        resampler.preserve_mass,
        resampler.random_state,
    )
    n_samples, has_new_rows = n_rows(X), (resampled.rows < 0).any()
    for name, value in fit_params.items():
        if has_new_rows and is_row_wise(value, n_samples, name):
            raise ValueError(
                f"The argument {name!r} of fit needs one entry for every row, but "
                f"{type(fitted).__name__} creates rows that have no entry. Leave the "
                "argument out, or use a resampler that only repeats or removes "
                "rows, such as 'random_over'."
            )
    follow = iter([] if resampled.sample_weight is None else resampled.sample_weight.T)
    weights = [None if vector is None else next(follow) for vector in by_role]
    if resampled.sample_weight is not None and not weight_vectors:
        weights[1] = resampled.sample_weight  # weights of ones, scaled by preserve_mass
    return (
        resampled.X,
        resampled.y,
        RoleWeights(*weights),
        take_params(fit_params, resampled.rows, n_samples),
    )
