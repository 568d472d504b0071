"""Closed forms and solvers against brute force: what the peers get wrong."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.optimize import minimize

from skweight.density_ratio import KLIEP, KMM, ULSIF, KernelLogisticRatio
from skweight.density_ratio._kernels import with_constant
from skweight.density_ratio._kliep import leave_one_out_score, mixture_unit
from skweight.density_ratio._kmm import _box_minimum
from skweight.density_ratio._logistic import _newton, ridge_path
from skweight.density_ratio._mixture import fit_mixture, nonnegative_quadratic
from skweight.density_ratio._ulsif import leave_one_out_scores

LAMBDAS = np.array([1e-3, 1e-1, 10.0])


def shares(rng, n, *, weighted):
    weights = rng.integers(1, 5, size=n).astype(float) if weighted else np.ones(n)
    return weights / weights.sum()


def tables(rng, n_source=30, n_target=20, b=5):
    """Return features of source and target rows with different numbers of rows."""
    centers = rng.normal(0.5, size=b)

    def features(x):
        kernels = np.exp(-0.5 * (x[:, np.newaxis] - centers) ** 2)
        return with_constant(kernels)

    return features(rng.normal(size=n_source)), features(rng.normal(0.7, size=n_target))


# --- uLSIF ----------------------------------------------------------------------------


def refit_without(source, target, f, g, alpha, ridge, *, row, of):
    """Fit with one row left out, and return the ratio in that row."""
    left_out = (f if of == "source" else g).copy()
    left_out[row] = 0
    # The mass that is left; equal to its sum where all rows count alike.
    left_out /= 1 - (f @ f if of == "source" else g @ g)
    if of == "source":
        f = left_out
    else:
        g = left_out
    H = (1 - alpha) * (source.T * f) @ source + alpha * (target.T * g) @ target
    theta = np.linalg.solve(H + ridge * np.eye(len(H)), g @ target)
    return max(0.0, (source if of == "source" else target)[row] @ theta)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.5])
def test_leave_one_out_over_the_grid_is_that_of_refits(rng, alpha, weighted):
    source, target = tables(rng)
    f, g = (shares(rng, len(side), weighted=weighted) for side in (source, target))
    expected = []
    for ridge in LAMBDAS:
        refit = {
            of: np.array(
                [
                    refit_without(source, target, f, g, alpha, ridge, row=row, of=of)
                    for row in range(len(sample))
                ]
            )
            for of, sample in (("source", source), ("target", target))
        }
        refit = {
            of: np.minimum(values, 1 / alpha if alpha else np.inf)
            for of, values in refit.items()
        }
        expected.append(
            (1 - alpha) / 2 * f @ refit["source"] ** 2
            + alpha / 2 * g @ refit["target"] ** 2
            - g @ refit["target"]
        )
    actual = leave_one_out_scores(source, target, f, g, alpha=alpha, lambdas=LAMBDAS)
    assert_allclose(actual, expected, rtol=1e-10)


def test_coefficients_solve_the_least_squares_problem(rng):
    X_source, X_target = rng.normal(size=(80, 2)), rng.normal(0.5, size=(60, 2))
    model = ULSIF(sigmas=1.0, lambdas=0.1, random_state=0).fit(X_source, X_target)
    source, target = (model._basis.features(X) for X in (X_source, X_target))

    def loss(theta):
        fitted = source @ theta
        ridge = 0.05 * theta @ theta
        return np.mean(fitted**2) / 2 - np.mean(target @ theta) + ridge

    gradient = (
        source.T @ (source @ model.coef_) / 80 - target.mean(axis=0) + 0.1 * model.coef_
    )
    assert_allclose(gradient, 0, atol=1e-12)
    assert loss(model.coef_) < loss(model.coef_ + 1e-3)


def test_the_ratio_is_cut_off_at_zero_and_not_the_coefficients(rng):
    X_source, X_target = rng.normal(size=(300, 5)), rng.normal(0.5, size=(300, 5))
    model = ULSIF(random_state=0).fit(X_source, X_target)
    assert model.coef_.min() < 0
    assert model.ratio(X_source).min() >= 0


def test_the_relative_ratio_is_bounded_and_maps_back(rng):
    X_source, X_target = rng.normal(size=(300, 1)), rng.normal(1.5, 0.3, size=(300, 1))
    model = ULSIF(0.25, random_state=0).fit(X_source, X_target)
    relative = model.ratio(X_source)
    assert relative.max() <= 4
    assert_allclose(relative, model.relative_ratio(X_source))
    plain = model.plain_ratio(X_source)
    inside = relative < 0.89 * 4
    mixture = 0.25 * plain + 0.75
    assert_allclose((plain / mixture)[inside], relative[inside], rtol=1e-10)
    model.set_params(back_transform=True)
    assert_allclose(model.ratio(X_source), plain)


# --- KLIEP ----------------------------------------------------------------------------


def test_the_likelihood_reaches_its_maximum(rng):
    """The published shift-clip-rescale loop stops .1 to .2 nats short of it."""
    A = np.exp(-0.5 * (rng.normal(size=(200, 1)) - rng.normal(size=12)) ** 2)
    A /= A.mean(axis=0)
    share = np.full(200, 1 / 200)
    fitted = fit_mixture(A, share, tol=1e-10)
    assert fitted.gap <= 1e-10
    assert_allclose(fitted.proportions.sum(), 1)
    # Expectation maximisation, slow and sure.
    t = np.full(12, 1 / 12)
    for _ in range(20_000):
        t *= share @ (A / (A @ t)[:, np.newaxis])
    slow = share @ np.log(A @ t)
    assert slow <= fitted.log_likelihood + 1e-12
    assert_allclose(fitted.log_likelihood, slow, atol=1e-5)


def test_a_general_solver_finds_no_larger_likelihood(rng):
    A = rng.exponential(size=(50, 4)) ** 2
    share = shares(rng, 50, weighted=True)
    fitted = fit_mixture(A, share, tol=1e-10)
    other = minimize(
        lambda t: -share @ np.log(A @ t),
        np.full(4, 0.25),
        bounds=[(1e-12, 1)] * 4,
        constraints={"type": "eq", "fun": lambda t: t.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert fitted.log_likelihood >= -other.fun - 1e-9


def test_the_quadratic_program_satisfies_its_conditions(rng):
    for _ in range(20):
        root = rng.normal(size=(8, 6))
        H, c = root.T @ root + 1e-6 * np.eye(6), rng.normal(size=6)
        y = nonnegative_quadratic(H, c, start=rng.uniform(size=6))
        gradient = H @ y - c
        assert (y >= 0).all()
        assert gradient.min() > -1e-9
        assert_allclose(gradient * y, 0, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_components_that_are_zero_or_twice_there_are_no_obstacle(rng, dtype):
    A = rng.exponential(size=(60, 4)).astype(dtype)
    share = np.full(60, 1 / 60)
    alone = fit_mixture(A, share, tol=1e-6)
    padded = np.hstack(
        [np.zeros((60, 2), dtype), A, A[:, :2], np.zeros((60, 1), dtype)]
    )
    fitted = fit_mixture(padded, share, tol=1e-6)
    assert_allclose(fitted.log_likelihood, alone.log_likelihood, atol=1e-6)
    assert_allclose(fitted.proportions[[0, 1, -1]], 0)


def test_kliep_has_mean_one_and_the_largest_likelihood(rng):
    X_source, X_target = rng.normal(size=(200, 1)), rng.normal(1, size=(150, 1))
    model = KLIEP(0.0, sigmas=0.7, random_state=0).fit(X_source, X_target)
    assert_allclose(model.ratio(X_source).mean(), 1, rtol=1e-10)
    assert model.optimality_gap_ < 1e-8
    assert np.isnan(model.report_.missing_target_mass)
    best = np.log(model.ratio(X_target)).mean()
    for _ in range(50):
        other = np.abs(model.coef_ + 0.05 * rng.normal(size=model.coef_.size))
        source, target = (
            model._basis.features(X) @ other for X in (X_source, X_target)
        )
        assert np.log(target / source.mean()).mean() <= best + 1e-9


@pytest.mark.parametrize("alpha", [0.0, 0.05])
def test_the_leave_one_out_score_of_kliep_is_close_to_refits(rng, alpha):
    source, target = tables(rng, n_source=60, n_target=40, b=6)
    f, g = np.full(60, 1 / 60), np.full(40, 1 / 40)
    is_center = np.zeros(40, dtype=bool)
    score, _ = leave_one_out_score(
        source, target, f, g, is_center=is_center, alpha=alpha, tol=1e-9
    )

    def fit(f, g):
        unit = mixture_unit(f @ source, g @ target, alpha)
        return fit_mixture(target * unit, g, tol=1e-9).proportions * unit

    held_out = []
    for row in range(40):
        rest = np.where(np.arange(40) == row, 0, 1 / 39)
        held_out.append(np.log(target[row] @ fit(f, rest)))
    at_source = []
    for row in range(60):
        rest = np.where(np.arange(60) == row, 0, 1 / 59)
        at_source.append(source[row] @ fit(rest, g))
    in_sample = np.mean(np.log(target @ fit(f, g)))
    refits = np.mean(held_out)
    # The optimism of the training likelihood is seen, most of it.
    assert refits < in_sample
    penalty = (1 - alpha) * (np.mean(at_source) - np.mean(source @ fit(f, g)))
    assert abs(score - (refits - penalty)) < 0.5 * abs(in_sample - refits + penalty)


@pytest.mark.parametrize("cv", [None, 3])
def test_the_width_of_kliep_is_that_of_the_best_score(rng, cv):
    X_source, X_target = rng.normal(size=(150, 1)), rng.normal(1, 0.5, size=(150, 1))
    model = KLIEP(cv=cv, random_state=0).fit(X_source, X_target)
    curve = model.cv_results_
    assert model.sigma_ == curve["param_sigma"][curve["rank_test_score"] == 1][0]
    assert (
        curve["mean_test_score"].max()
        == curve["mean_test_score"][curve["param_sigma"] == model.sigma_].max()
    )


# --- Logistic, KMM --------------------------------------------------------------------


def test_the_logistic_fit_is_stationary_and_needs_no_prior_correction(rng):
    X_source, X_target = rng.normal(size=(100, 2)), rng.normal(0.5, size=(700, 2))
    model = KernelLogisticRatio(n_centers=0, lambdas=1e-6, random_state=0)
    ratio = model.fit_ratio(X_source, X_target)
    # The constant is free, so both samples have their half of the probability.
    p_source = ratio / (1 + ratio)
    p_target = model.ratio(X_target) / (1 + model.ratio(X_target))
    assert_allclose(p_source.mean() / 2 + p_target.mean() / 2, 0.5, atol=1e-6)
    assert 0.8 < ratio.mean() < 1.25


def test_the_leave_one_out_likelihood_is_close_to_refits(rng):
    F = np.hstack([np.ones((60, 1)), rng.normal(size=(60, 3))])
    s = (rng.uniform(size=60) < 0.5).astype(float)
    F[:, 1] += s
    v = np.where(s == 1, 0.5 / s.sum(), 0.5 / (1 - s).sum())
    scores, _ = ridge_path(F, s, v, np.array([0.01]))
    exact = 0.0
    for row in range(60):
        weights = v.copy()
        weights[row] = 0
        coef = _newton(F, s, weights, 0.01, np.zeros(4))[0]
        eta = F[row] @ coef
        exact += v[row] * (s[row] * eta - np.logaddexp(0, eta))
    _, eta, _ = _newton(F, s, v, 0.01, np.zeros(4))
    in_sample = v @ (s * eta - np.logaddexp(0, eta))
    assert abs(scores[0] - exact) < 0.1 * (in_sample - exact)


def test_kernel_mean_matching_satisfies_its_conditions(rng):
    X_source, X_target = rng.normal(size=(120, 2)), rng.normal(0.8, size=(90, 2))
    model = KMM(bound=3.0)
    weights = model.fit_ratio(X_source, X_target)
    assert weights.min() >= 0
    assert weights.max() <= 3
    # The formula for any row gives back the solution in the rows of the source.
    assert_allclose(weights, model.weights_, atol=1e-5)


def test_the_box_minimum_is_that_of_a_general_solver(rng):
    root = rng.normal(size=(15, 10)) / 10
    K, c = root.T @ root, rng.normal(size=10)
    u, _ = _box_minimum(K, c, 0.01, np.full(10, 2.0))
    other = minimize(
        lambda u: u @ K @ u / 2 + 0.005 * u @ u - c @ u,
        np.ones(10),
        bounds=[(0, 2.0)] * 10,
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    assert_allclose(u, other.x, atol=1e-5)


# --- Statistics that merge ------------------------------------------------------------


@given(
    cuts=st.lists(st.integers(1, 199), max_size=6, unique=True),
    order=st.randoms(use_true_random=False),
    weighted=st.booleans(),
    sparse=st.booleans(),
)
@settings(max_examples=30)
def test_statistics_are_the_same_in_one_shot_chunked_and_merged(
    cuts, order, weighted, sparse
):
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    weights = rng.uniform(0.5, 2, size=200) if weighted else None
    if sparse:
        X = csr_matrix(X)
    model = ULSIF(n_centers=20, sigmas=1.0, lambdas=0.1, random_state=0)
    model.fit(X[:100], X[100:])
    once = model.statistics().update(X, weights).finalize()
    pieces = []
    edges = [0, *sorted(cuts), 200]
    for start, stop in pairwise(edges):
        part_weights = None if weights is None else weights[start:stop]
        pieces.append(model.statistics().update(X[start:stop], part_weights))
    order.shuffle(pieces)
    merged = model.statistics()
    for piece in pieces:
        merged.merge(piece)
    merged = merged.finalize()
    assert merged.n_rows == once.n_rows
    for name in ("mean", "gram", "mass"):
        assert_allclose(
            getattr(merged, name), getattr(once, name), rtol=1e-10, err_msg=name
        )


def test_a_fit_on_statistics_is_the_fit_on_the_rows(rng):
    X_source, X_target = rng.normal(size=(500, 2)), rng.normal(0.5, size=(400, 2))
    model = ULSIF(0.1, random_state=0).fit(X_source, X_target)
    coef = model.coef_
    source, target = model.statistics(), model.statistics()
    for part in np.array_split(X_source, 7):
        source.update(part)
    for part in np.array_split(X_target, 3):
        target.update(part)
    model.fit_statistics(source, target)
    assert_allclose(model.coef_, coef, rtol=1e-6, atol=1e-9 * np.abs(coef).max())


def test_statistics_of_another_fit_are_refused(rng):
    X = rng.normal(size=(100, 2))
    first, second = (ULSIF(random_state=seed).fit(X[:50], X[50:]) for seed in (0, 1))
    second._basis.sigma = first._basis.sigma * 1.1
    with pytest.raises(ValueError, match="another fit"):
        first.statistics().merge(second.statistics())
    with pytest.raises(ValueError, match="statistics of another fit"):
        first.fit_statistics(second.statistics(), second.statistics())
    with pytest.raises(TypeError, match="takes KernelStatistics"):
        first.statistics().merge([1.0])
    with pytest.raises(ValueError, match=r"No rows have been counted"):
        first.statistics().finalize()
