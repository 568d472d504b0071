"""Mixture proportions by maximum likelihood: the convex problem of KLIEP."""

from typing import NamedTuple

import numpy as np

# Relative size of the ridge on the Hessian. Without a ridge, two nearly equal centres
# would make the Hessian singular. The ridge changes the steps, but not the minimum.
_RIDGE = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-10}

# Largest number of zero proportions that may become positive in one step.
_NEWCOMERS = 30

# A proportion below this value counts as zero (rounding).
_SMALLEST = 1e-12


class Mixture(NamedTuple):
    """Solution of `fit_mixture`."""

    proportions: np.ndarray
    log_likelihood: float
    gap: float
    n_iter: int


def fit_mixture(A, share, *, start=None, tol=1e-8, max_iter=100):
    r"""Find the proportions of a mixture that maximise the mean log likelihood.

    .. math:: \max_{t \ge 0,\ \sum_l t_l = 1} \sum_j g_j \log (A t)_j

    The constraint on the sum can be left out, because the minimum of

    .. math:: f(t) = -\sum_j g_j \log (A t)_j + \sum_l t_l, \qquad t \ge 0

    satisfies the constraint. Each step minimises a quadratic model of f over
    non-negative proportions. Therefore most proportions become zero and stay zero. The
    step is halved until f decreases. Only two kinds of proportions change in a step,
    because this saves time: positive proportions, and the zero proportions with the
    steepest decrease of f.

    Parameters
    ----------
    A : ndarray of shape (n_rows, n_components)
        Density of each component in each row; float32 or float64. No density is
        negative, and in every row at least one density is positive.
    share : ndarray of shape (n_rows,)
        Share of each row; the sum of the shares is one.
    start : ndarray of shape (n_components,), default=None
        Start of the iteration; None means equal proportions.
    tol : float, default=1e-8
        Largest violation of the optimality conditions. The mean log likelihood differs
        from its maximum by at most this value.
    max_iter : int, default=100
        Largest number of steps; four to ten are usual.

    Returns
    -------
    mixture : Mixture
        The proportions, the mean log likelihood, the violation of the optimality
        conditions, and the number of steps.
    """
    # A component that is zero in all rows cannot improve the likelihood.
    even = A.any(axis=0).astype(np.float64)
    even /= even.sum()
    t = even if start is None else start / start.sum()
    likelihood = _likelihood(A, t)
    if not likelihood.min() > 0:
        # Add a small proportion of every component to the start. Otherwise, the density
        # of a row could be zero.
        t = 0.999 * t + 0.001 * even
        likelihood = _likelihood(A, t)
    value = _objective(likelihood, share, t)
    gap = np.inf
    for n_iter in range(max_iter + 1):
        gradient = 1 - ((share / likelihood).astype(A.dtype) @ A).astype(np.float64)
        # At the optimum, the gradient is zero for positive proportions and at least
        # zero for the other proportions.
        gap = max(float(-gradient.min()), float(np.abs(gradient @ t)))
        if gap <= tol or n_iter == max_iter:
            break
        steepest = np.argsort(gradient)[:_NEWCOMERS]
        moves = np.union1d(np.flatnonzero(t), steepest[gradient[steepest] < 0])
        moved = A[:, moves]
        U = moved * (np.sqrt(share) / likelihood).astype(A.dtype)[:, np.newaxis]
        H = (U.T @ U).astype(np.float64)
        H[np.diag_indices_from(H)] *= 1 + _RIDGE[A.dtype]
        c = H @ t[moves] - gradient[moves]
        direction = nonnegative_quadratic(H, c, start=t[moves]) - t[moves]
        slope = float(gradient[moves] @ direction)
        along = moved @ direction.astype(A.dtype)
        step, total = 1.0, float(t.sum())
        while step > 1e-10:
            candidate = likelihood + step * along
            if candidate.min() > 0:
                new = total + step * direction.sum() - float(share @ np.log(candidate))
                if new <= value + 1e-4 * step * slope + 1e-14:
                    break
            step /= 2
        else:
            break
        t = t.copy()
        t[moves] += step * direction
        t[t < _SMALLEST] = 0.0
        likelihood = _likelihood(A, t)
        value = _objective(likelihood, share, t)
    total = t.sum()
    return Mixture(t / total, float(share @ np.log(likelihood / total)), gap, n_iter)


def _likelihood(A, t):
    """Return A t in float64, from the columns with positive proportions."""
    at = np.flatnonzero(t)
    table = A if 2 * at.size > t.size else A[:, at]
    proportions = t if table is A else t[at]
    return (table @ proportions.astype(A.dtype)).astype(np.float64)


def _objective(likelihood, share, t):
    return float(t.sum() - share @ np.log(likelihood))


def nonnegative_quadratic(H, c, *, start):
    """Return the minimum of y' H y / 2 - c' y over y >= 0, by active sets.

    The method of Lawson and Hanson is applied to the normal equations. The free set
    holds the variables that may be positive. The variable with the steepest descent
    enters the free set. If a step would make a variable negative, the variable leaves
    the free set.
    """
    n = c.size
    free = start > 1e-9
    y = np.zeros(n)
    scale = np.abs(c).max() + 1e-300
    for _ in range(3 * n):
        # Inner loop: on the free set, move towards the unconstrained minimum. If the
        # boundary comes first, stop at the boundary.
        for _ in range(n):
            if not free.any():
                y[:] = 0.0
                break
            at = np.flatnonzero(free)
            solved = np.linalg.solve(H[np.ix_(at, at)], c[at])
            if solved.min() > 0:
                y[:] = 0.0
                y[at] = solved
                break
            old = y[at]
            bad = solved <= 0
            ratios = old[bad] / np.maximum(old[bad] - solved[bad], 1e-300)
            new = old + ratios.min() * (solved - old)
            # Variables that are at the boundary, or that started outside it, leave the
            # free set.
            new[bad & (new <= 1e-14 * scale)] = 0.0
            leaving = bad & (new <= 0.0)
            if not leaving.any():
                leaving = bad
                new[bad] = 0.0
            y[:] = 0.0
            y[at] = np.maximum(new, 0.0)
            free[at[leaving]] = False
        gradient = c - H @ y
        gradient[free] = -np.inf
        best = int(np.argmax(gradient))
        if gradient[best] <= 1e-12 * scale:
            break
        free[best] = True
    return y
