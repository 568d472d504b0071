"""Any sampler of imbalanced-learn, as an estimator through which weights ride along."""

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin
from sklearn.utils import get_tags

from skweight._utils.roles import RoleWeights
from skweight._utils.validation import check_choice, n_rows, say
from skweight.delivery._one import is_row_wise, take_params
from skweight.resampling._carry import kind_of
from skweight.resampling._names import NAMES, sampler_of_name
from skweight.resampling._resample import resample_rows


class WeightedSampler(OneToOneFeatureMixin, BaseEstimator):
    """A sampler of imbalanced-learn through which weights ride along.

    Use it to choose what happens to the weights, as in
    ``WeightedClassifier(resampler=WeightedSampler(SMOTE(), weight_rule="parent"))``,
    or by itself wherever a sampler is taken.

    Parameters
    ----------
    sampler : sampler or str, default="smote"
        A sampler of imbalanced-learn, or its name, as in :func:`resample`.
    weight_rule : {"interpolate", "parent", "class_mean"}, default="interpolate"
        What a row that was made gets, as in :func:`resample`.
    preserve_mass : bool, default=False
        Whether the total weight of every class stays what it was.
    random_state : int, RandomState instance or None, default=None
        Seed of a sampler given by its name.

    Attributes
    ----------
    sampler_ : sampler
        The fitted sampler; None if `y` had a single class.
    sampling_strategy_ : dict
        How many rows of which class were to be made or left out.
    sample_weight_ : ndarray or None
        Weights of the resampled rows.
    rows_ : ndarray of shape (n_resampled,)
        Position that a row had in the input; -1 for a row that was made.
    sample_indices_ : ndarray of shape (n_resampled,)
        The same, if the sampler only selects rows.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, where X has names.

    See Also
    --------
    resample : The same as a function.

    Notes
    -----
    The cost is that of the sampler, and O(n) for the weights.

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
        """Resample and keep what was learned; `fit_resample` also returns the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights.

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
            Rows.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        X : array-like of shape (n_resampled, n_features)
            Resampled rows.
        y : array-like of shape (n_resampled,)
            Their labels.
        """
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
        """Return examples for the common tests, given the labels they will meet."""
        return [cls("random_over", random_state=0), cls(random_state=0)]


def resolve_resampler(spec, random_state=None):
    """Turn what a user writes for ``resampler=`` into a WeightedSampler, or None.

    Parameters
    ----------
    spec : None, str or sampler
        None for no resampling; ``"smote"``, ``"random_over"``, ``"random_under"``; or
        any sampler with ``fit_resample``.
    random_state : int, RandomState instance or None, default=None
        Seed of a sampler given by its name.

    Returns
    -------
    sampler : WeightedSampler or None
        A `WeightedSampler` is returned as it is.

    Raises
    ------
    TypeError, ValueError
        If it is none of these.

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
    elif not hasattr(spec, "fit_resample"):
        raise TypeError(
            f"resampler must be None, one of {say(list(NAMES))}, or a sampler with "
            f"fit_resample; got {spec!r}."
        )
    return WeightedSampler(spec, random_state=random_state)


def resample_training(resampler, X, y, by_role, fit_params):
    """Resample training rows with their weights by role and arguments of fit.

    Rows of a single class, as a fold may have, are left as they are: there is no other
    class to resample them against.

    Returns
    -------
    X, y : array-like
        Resampled rows and their labels.
    by_role : RoleWeights
        Their weights.
    fit_params : dict
        Their arguments of fit.
    """
    given = [vector for vector in by_role if vector is not None]
    counted = np.all([vector > 0 for vector in given], axis=0) if given else slice(None)
    if np.unique(y[counted]).size < 2:
        return X, y, by_role, fit_params
    done, fitted = resample_rows(
        resampler.sampler,
        X,
        y,
        np.column_stack(given) if given else None,
        resampler.weight_rule,
        resampler.preserve_mass,
        resampler.random_state,
    )
    n_samples, made = n_rows(X), (done.rows < 0).any()
    for name, value in fit_params.items():
        if made and is_row_wise(value, n_samples, name):
            raise ValueError(
                f"The argument {name!r} of fit has one entry for every row, and "
                f"{type(fitted).__name__} makes rows that have none. Leave it out, or "
                "use a resampler that repeats or leaves out rows, such as "
                "'random_over'."
            )
    follow = iter([] if done.sample_weight is None else done.sample_weight.T)
    weights = [None if vector is None else next(follow) for vector in by_role]
    if done.sample_weight is not None and not given:
        weights[1] = done.sample_weight  # only the mass of classes is preserved
    return (
        done.X,
        done.y,
        RoleWeights(*weights),
        take_params(fit_params, done.rows, n_samples),
    )
