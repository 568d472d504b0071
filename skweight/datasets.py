"""Simulated classification problems with known true probabilities.

In real data, the true probability of a row is not known, so calibration can be tested
only with means over bins of rows. The functions of this module return the true
probability of every row.
"""

from functools import partial

import numpy as np
from scipy.special import expit, logsumexp, softmax
from sklearn.utils import Bunch, _safe_indexing, check_random_state

from skweight._utils.validation import (
    check_choice,
    check_count,
    check_labels,
    check_number,
    did_you_mean,
    encode_labels,
    n_rows,
    plain,
    say,
)

__all__ = ["make_covariate_shift", "make_imbalanced", "make_rare"]


def make_imbalanced(
    n_samples=1000,
    *,
    n_features=5,
    prevalence=0.1,
    n_classes=2,
    class_sep=2.0,
    nonlinearity=0.0,
    classes=None,
    random_state=None,
):
    r"""Draw an imbalanced classification problem with its true probabilities.

    Features are independent standard normal, and labels are drawn from

    .. math::
        P(k \mid x) = \mathrm{softmax}_k(a_k + s\, g_k(x)), \qquad
        g_k(x) = \sqrt{1 - \nu}\; \beta_k^\top x + \sqrt{\nu}\; q_k(x)

    with unit vectors :math:`\beta_k`, products :math:`q_k` of two orthogonal
    directions, and :math:`g_0 = 0`. The intercepts :math:`a_k` are computed such that
    the mean of the true probabilities is exactly ``prevalence``; the frequencies of the
    drawn labels deviate only by chance.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_features : int, default=5
        Number of features; all are informative.
    prevalence : float or array-like of shape (n_classes,), default=0.1
        Expected share of every class, each above 0, with sum 1. A number is the share
        of the last class; the other classes share the rest equally.
    n_classes : int, default=2
        Number of classes.
    class_sep : float, default=2.0
        Standard deviation s of the log odds of each class relative to the first class,
        in [0, 30]. A larger value makes classes easier to separate. At 0 the features
        have no information; from 10 on nearly all labels are determined by the
        features.
    nonlinearity : float, default=0.0
        Share :math:`\nu` of the variance of the log odds that no linear model can
        explain, in [0, 1].
    classes : array-like of shape (n_classes,), default=None
        Labels, in the order of ``prevalence``. None means 0, 1, ...
    random_state : int, RandomState instance or None, default=None
        Seed for the random directions and the rows. Another seed gives another
        distribution. To get training and test rows of the same distribution, split one
        sample.

    Returns
    -------
    data : Bunch
        ``X``, ndarray of shape (n_samples, n_features); ``y``, labels of shape
        (n_samples,); ``proba``, the true :math:`P(k \mid x)` of every row, of shape
        (n_samples, n_classes); ``classes``, the labels in the order of the columns of
        ``proba``; ``prevalence``, the expected share of each class.

    Raises
    ------
    ValueError
        If a number is out of range, if ``prevalence`` does not sum to 1, or if the
        shapes of ``prevalence`` and ``classes`` do not match ``n_classes``.
    TypeError
        If a parameter is not a number.

    See Also
    --------
    make_rare : Makes given data imbalanced.

    Notes
    -----
    The time is O(n). If the expected number of rows of a class is near zero, the sample
    can contain no row of this class.

    Examples
    --------
    >>> from skweight.datasets import make_imbalanced
    >>> data = make_imbalanced(10_000, prevalence=0.02, random_state=0)
    >>> print(f"true {data.proba[:, 1].mean():.4f}, drawn {data.y.mean():.4f}")
    true 0.0200, drawn 0.0225
    """
    n_samples = check_count(n_samples, name="n_samples", low=1)
    n_features = check_count(n_features, name="n_features", low=1)
    n_classes = check_count(n_classes, name="n_classes", low=2)
    check_number(class_sep, name="class_sep", low=0, high=30)
    check_number(nonlinearity, name="nonlinearity", low=0, high=1)
    prevalence = _check_prevalence(prevalence, n_classes)
    classes = np.arange(n_classes) if classes is None else np.asarray(classes)
    if classes.shape != (n_classes,) or len(set(classes.tolist())) < n_classes:
        raise ValueError(
            f"classes must be {n_classes} different labels, one for each of n_classes; "
            f"got {say(classes)}."
        )

    rng = check_random_state(random_state)
    # Directions are drawn before the rows, so that they do not depend on `n_samples`.
    directions = [_draw_directions(n_features, rng) for _ in range(n_classes - 1)]
    X = rng.standard_normal((n_samples, n_features))
    scores = np.zeros((n_samples, n_classes))
    for k, (linear, first, second) in enumerate(directions, start=1):
        if second is None:
            bent = ((X @ first) ** 2 - 1) / np.sqrt(2)
        else:
            bent = (X @ first) * (X @ second)
        straight = X @ linear
        scores[:, k] = np.sqrt(1 - nonlinearity) * straight
        scores[:, k] += np.sqrt(nonlinearity) * bent
    scores *= class_sep

    proba = softmax(scores + _solve_intercepts(scores, prevalence), axis=1)
    thresholds = np.cumsum(proba[:, :-1], axis=1)
    drawn = (rng.uniform(size=(n_samples, 1)) >= thresholds).sum(axis=1)
    return Bunch(
        X=X, y=classes[drawn], proba=proba, classes=classes, prevalence=prevalence
    )


def make_covariate_shift(
    n_source=1000,
    n_target=1000,
    *,
    n_features=10,
    kind="mean",
    shift=1.0,
    random_state=None,
):
    r"""Draw a source and a target with a known density ratio.

    The source (training rows) and the target (rows to predict) differ only in the
    distribution of the features. In both, labels depend on the features in the same
    way: :math:`P(1 \mid x) = \sigma(x_1^2 - 1)`. The best linear model differs between
    source and target.

    Parameters
    ----------
    n_source : int, default=1000
        Number of rows of the source (the training rows).
    n_target : int, default=1000
        Number of rows of the target (the rows to predict).
    n_features : int, default=10
        Number of features; at least 3 for ``kind="nonlinear"``.
    kind : {"mean", "narrow", "nonlinear"}, default="mean"
        How the features of source and target differ.

        - ``"mean"``: :math:`N(0, I)` and :math:`N(s e_1, I)`. The logarithm of the
          density ratio is linear.
        - ``"narrow"``: the first feature is :math:`N(1, 1/4)` in the source and
          :math:`N(2, 1/16)` in the target, so the target is a narrow peak in a tail of
          the source. The other features are standard normal.
        - ``"nonlinear"``: :math:`N(0, A A^\top)` for a fixed matrix, times
          :math:`(1 + 0.7\,\mathrm{sign}\, u_1)(1 + 0.8 \tanh 2 u_2 u_3)` with :math:`u
          = A^{-1} x`: a step and an interaction. A linear model of the density ratio
          detects neither.
    shift : float, default=1.0
        Distance s between the means for ``kind="mean"``, 0 or more; ignored for other
        kinds. With a larger distance, fewer source rows are similar to the target.
    random_state : int, RandomState instance or None, default=None
        Seed of the rows.

    Returns
    -------
    data : Bunch
        ``X_source``, ``y_source``, ``X_target``, ``y_target``; ``proba_source`` and
        ``proba_target``, the true P(1 | x) of every row; ``ratio``, a function that
        returns the true p_target / p_source for any rows.

    Raises
    ------
    ValueError
        If a number is out of range or the kind is unknown.
    TypeError
        If a parameter is not a number.

    See Also
    --------
    skweight.density_ratio.DensityRatioSearch : Estimates the ratio.

    Notes
    -----
    The time is O(n). The problems ``"mean"`` and ``"narrow"`` come from [1]_ and [2]_.

    References
    ----------
    .. [1] T. Kanamori, S. Hido, M. Sugiyama, A least-squares approach to direct
       importance estimation, Journal of Machine Learning Research 10, 2009, section 5.
    .. [2] M. Sugiyama et al., Direct importance estimation for covariate shift
       adaptation, Annals of the Institute of Statistical Mathematics 60, 2008.

    Examples
    --------
    >>> from skweight.datasets import make_covariate_shift
    >>> data = make_covariate_shift(20_000, 20_000, random_state=0)
    >>> print(f"{data.ratio(data.X_source).mean():.2f}")  # 1 in expectation
    0.99
    """
    n_source = check_count(n_source, name="n_source", low=1)
    n_target = check_count(n_target, name="n_target", low=1)
    check_choice(kind, _SHIFTS, name="kind")
    lowest = 3 if kind == "nonlinear" else 1
    n_features = check_count(n_features, name="n_features", low=lowest)
    check_number(shift, name="shift", low=0)
    rng = check_random_state(random_state)
    X_source = rng.standard_normal((n_source, n_features))
    X_target = rng.standard_normal((n_target, n_features))
    ratio = partial(_SHIFTS[kind], shift=float(shift))
    if kind == "mean":
        X_target[:, 0] += shift
    elif kind == "narrow":
        X_source[:, 0] = 1 + X_source[:, 0] / 2
        X_target[:, 0] = 2 + X_target[:, 0] / 4
    else:
        # Rejection sampling, until there are enough rows of the target.
        accepted_rows = np.empty((0, n_features))
        while len(accepted_rows) < n_target:
            u = rng.standard_normal((4 * n_target, n_features))
            accepted = rng.uniform(size=len(u)) * (1.7 * 1.8) < _nonlinear_ratio(u)
            accepted_rows = np.concatenate([accepted_rows, u[accepted]])
        mixing = _mixing(n_features)
        X_source = X_source @ mixing
        X_target = accepted_rows[:n_target] @ mixing
    labels = []
    for X in (X_source, X_target):
        proba = expit(X[:, 0] ** 2 - 1)
        labels.append((proba, (rng.uniform(size=len(X)) < proba).astype(int)))
    (proba_source, y_source), (proba_target, y_target) = labels
    return Bunch(
        X_source=X_source,
        y_source=y_source,
        proba_source=proba_source,
        X_target=X_target,
        y_target=y_target,
        proba_target=proba_target,
        ratio=ratio,
    )


def make_rare(X, y, *, target, random_state=None, return_indices=False):
    """Remove rows at random to reach a stated imbalance.

    Use this function to turn well-known balanced data into a reproducible rare-class
    problem. The remaining rows keep their order and their values.

    Parameters
    ----------
    X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
        Rows. The result is of the same type.
    y : array-like or Series of shape (n_samples,)
        Labels.
    target : dict
        How many rows of each class to keep, by label. An int is a number of rows. A
        float in (0, 1) is the share of the class in the result, rounded to whole rows.
        A class whose label is not in the dict keeps all rows. If every class has a
        share, the shares must sum to 1, and as many rows as possible are kept.
    random_state : int, RandomState instance or None, default=None
        Seed of the choice of rows.
    return_indices : bool, default=False
        Whether to also return the positions of the kept rows, which select the same
        rows of other arrays.

    Returns
    -------
    X_rare : same type as X
        The kept rows, in their order.
    y_rare : same type as y
        Labels of the kept rows.
    indices : ndarray of shape (n_kept,)
        Positions of the kept rows in X, ascending, only if ``return_indices`` is
        True.

    Raises
    ------
    ValueError
        If a label is unknown, a number is out of range, or a class has too few rows.
    TypeError
        If ``target`` is not a dict of numbers.

    See Also
    --------
    make_imbalanced : Synthetic data with known probabilities.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skweight.datasets import make_rare
    >>> X, y = load_breast_cancer(return_X_y=True)  # 0 is malignant, 212 of 569
    >>> X_rare, y_rare = make_rare(X, y, target={0: 0.05}, random_state=0)
    >>> print(f"{(y_rare == 0).sum()} malignant of {len(y_rare)}")
    19 malignant of 376
    """
    labels = check_labels(y, owner="make_rare")
    if n_rows(X) != labels.size:
        raise ValueError(
            f"X and y must have the same number of rows; got {n_rows(X)} and "
            f"{labels.size}. Pass one label for each row of X."
        )
    classes, codes = encode_labels(labels)
    available = np.bincount(codes, minlength=classes.size)
    n_kept = _count_kept(target, [plain(label) for label in classes], available)
    rng = check_random_state(random_state)
    indices = np.sort(
        np.concatenate(
            [
                rng.permutation(np.flatnonzero(codes == code))[:count]
                for code, count in enumerate(n_kept)
            ]
        )
    )
    X_rare, y_rare = _safe_indexing(X, indices), _safe_indexing(y, indices)
    return (X_rare, y_rare, indices) if return_indices else (X_rare, y_rare)


def _mean_ratio(X, *, shift):
    X = np.asarray(X, dtype=np.float64)
    return np.exp(shift * X[:, 0] - shift**2 / 2)


def _narrow_ratio(X, *, shift):
    x = np.asarray(X, dtype=np.float64)[:, 0]
    return 2 * np.exp(2 * (x - 1) ** 2 - 8 * (x - 2) ** 2)


def _mixed_ratio(X, *, shift):
    X = np.asarray(X, dtype=np.float64)
    return _nonlinear_ratio(np.linalg.solve(_mixing(X.shape[1]).T, X.T).T)


def _nonlinear_ratio(u):
    """Return the density ratio: a product of two factors, each with mean 1."""
    step = 1 + 0.7 * np.sign(u[:, 0])
    return step * (1 + 0.8 * np.tanh(2 * u[:, 1] * u[:, 2]))


def _mixing(n_features):
    """Return the matrix that makes independent features correlated."""
    noise = np.random.RandomState(0).standard_normal((n_features, n_features))
    return 0.6 * np.eye(n_features) + 0.4 * noise / np.sqrt(n_features)


_SHIFTS = {"mean": _mean_ratio, "narrow": _narrow_ratio, "nonlinear": _mixed_ratio}


def _check_prevalence(prevalence, n_classes):
    """Return the share of every class."""
    if np.ndim(prevalence) == 0:
        check_number(prevalence, name="prevalence", low=0, high=1, include="neither")
        other_share = (1 - prevalence) / (n_classes - 1)
        return np.append(np.full(n_classes - 1, other_share), prevalence)
    shares = np.asarray(prevalence, dtype=np.float64)
    if shares.shape != (n_classes,):
        raise ValueError(
            f"prevalence must be a number or one share for each of the {n_classes} "
            f"classes; got shape {shares.shape}. Set n_classes to change their number."
        )
    if not (shares > 0).all() or not np.isclose(shares.sum(), 1, rtol=0, atol=1e-9):
        raise ValueError(
            f"prevalence must contain shares above 0 that sum to 1; got {say(shares)} "
            f"with sum {shares.sum():g}."
        )
    return shares / shares.sum()


def _draw_directions(n_features, rng):
    """Return three random unit vectors; the last two are orthogonal."""
    linear = rng.standard_normal(n_features)
    linear /= np.linalg.norm(linear)
    pair, _ = np.linalg.qr(rng.standard_normal((n_features, min(2, n_features))))
    return linear, pair[:, 0], (pair[:, 1] if n_features > 1 else None)


def _solve_intercepts(scores, prevalence):
    """Return intercepts for which the mean probabilities equal the prevalence.

    Newton's method is used on the logarithm of the mean probabilities, which is almost
    linear in the intercept of a rare class. If no Newton step improves the result, a
    fixed-point step is used. The fixed-point step adds to every intercept the
    difference between the logarithms of the wanted and the present mean probability.
    This step converges slowly, but always.
    """
    n = len(scores)
    log_prevalence = np.log(prevalence)

    def look(intercepts):
        log_proba = scores + intercepts
        log_proba -= logsumexp(log_proba, axis=1, keepdims=True)
        log_mean = logsumexp(log_proba, axis=0) - np.log(n)
        return log_mean - log_prevalence, log_proba, log_mean

    intercepts = log_prevalence
    gap, log_proba, log_mean = look(intercepts)
    for _ in range(1000):
        error = np.abs(gap).max()
        if error < 1e-12:
            return intercepts
        proba = np.exp(log_proba)
        # Derivative of log mean_k by intercept_j. Only differences between intercepts
        # matter, so the first intercept is fixed.
        slopes = proba.T @ (proba / n) / np.exp(log_mean)[:, np.newaxis]
        slopes = np.eye(prevalence.size) - slopes
        newton = np.zeros_like(gap)
        newton[1:] = np.linalg.lstsq(slopes[:, 1:], -gap, rcond=None)[0]
        for step in (newton, newton / 2, newton / 8, newton / 64, -gap):
            candidate = look(intercepts + step)
            if np.abs(candidate[0]).max() < 0.99 * error:
                break
        intercepts = intercepts + step
        gap, log_proba, log_mean = candidate
    raise ValueError(
        "prevalence could not be reached with these scores; the closest mean "
        f"probabilities differ by a factor of {np.exp(error):.3g}. Lower class_sep, or "
        "raise n_samples."
    )


def _count_kept(target, labels, available):
    """Return the number of rows of every class to keep."""
    if not hasattr(target, "items"):
        raise TypeError(
            "target must be a dict {label: number of rows or share of the result}; got "
            f"{type(target).__name__}."
        )
    target = {plain(label): plain(value) for label, value in target.items()}
    unknown = [label for label in target if label not in labels]
    if unknown:
        raise ValueError(
            f"target names {say(unknown)}, which y does not contain; y has "
            f"{say(labels)}.{did_you_mean(unknown[0], labels)}"
        )
    n_kept = dict(zip(labels, available.tolist(), strict=True))
    shares = {}
    for label, value in target.items():
        name = f"target[{say(label)}]"
        if isinstance(value, float):
            check_number(value, name=name, low=0, high=1, include="neither")
            shares[label] = value
        else:
            check_number(value, name=name, low=1)
            n_kept[label] = value
    if shares:
        n_kept.update(_resolve_shares(shares, n_kept))
    for label, count in zip(labels, available.tolist(), strict=True):
        if n_kept[label] > count:
            raise ValueError(
                f"target needs {n_kept[label]} rows of the label {say(label)}, but y "
                f"has {count}. Lower this number, or the numbers of the other labels."
            )
        if n_kept[label] == 0:
            raise ValueError(
                f"target must keep at least one row per label; the share "
                f"{shares[label]:g} of the label {say(label)} is less than half a row. "
                "Raise it, or pass a number of rows."
            )
    return [n_kept[label] for label in labels]


def _resolve_shares(shares, n_kept):
    """Return numbers of rows for shares of the result."""
    total_share = sum(shares.values())
    if len(shares) < len(n_kept):
        if total_share >= 1:
            without_share = [label for label in n_kept if label not in shares]
            raise ValueError(
                f"the shares in target must sum to less than 1, so that rows of the "
                f"labels {say(without_share)} are left; got {total_share:g}. Lower "
                "them, or give every label a share."
            )
        fixed = sum(n_kept[label] for label in n_kept if label not in shares)
        total = fixed / (1 - total_share)
    else:
        if not np.isclose(total_share, 1, rtol=0, atol=1e-9):
            raise ValueError(
                "the shares in target must sum to 1 if every label has a share; got "
                f"{total_share:g}."
            )
        total = min(n_kept[label] / share for label, share in shares.items())
    # With int instead of round, a rounding error could lose a row.
    return {label: round(share * total) for label, share in shares.items()}
