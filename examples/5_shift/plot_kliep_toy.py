"""
How do I fit a model for where it will be used?
===============================================

This is the toy experiment of the KLIEP paper [1]_. The training inputs lie to the left
of the inputs in deployment. The truth is a curve, and the model is a straight line. The
density ratio is learned from inputs only, and gives the weights of the training rows.
"""

# %%
# The problem
# -----------
# Training inputs are N(1, 1/4) and target inputs are N(2, 1/16). For both kinds of
# inputs x, the values are sin(πx) / (πx), with noise.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm
from sklearn.linear_model import LinearRegression

from skweight import DensityRatioWeighting, WeightedRegressor
from skweight.datasets import make_covariate_shift
from skweight.density_ratio import KLIEP

data = make_covariate_shift(1000, 1000, n_features=1, kind="narrow", random_state=0)
X, X_target = data.X_source, data.X_target
rng = np.random.default_rng(0)
y = np.sinc(X[:, 0]) + 0.25 * rng.normal(size=1000)
y_target = np.sinc(X_target[:, 0]) + 0.25 * rng.normal(size=1000)

# %%
# The ratio
# ---------
# KLIEP is fitted as published (``alpha=0``) with three widths, as in figure 2 of the
# paper: one width is too small, one is about right, and one is too large. Each width
# has a leave-one-out score. The default estimates a ratio with a tenth of the target in
# the denominator (``alpha=0.1``), and chooses the width by this score. The ratio is
# drawn only in the range of the training rows, the ticks on the axis: beyond this range
# the ratio is extrapolated, and is not needed for weights.

published = {"alpha": 0.0, "standardize": False, "random_state": 0}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # a bad width causes a warning
    by_width = {
        width: KLIEP(sigmas=width, **published).fit(X, X_target)
        for width in (0.02, 0.2, 0.8)
    }
chosen = KLIEP(standardize=False, random_state=0).fit(X, X_target)
widths, scores = (
    chosen.cv_results_[name] for name in ("param_sigma", "mean_test_score")
)
print(f"tried {np.round(widths, 2)}, chose {chosen.sigma_:.2f}")
grid = np.linspace(-0.5, 3, 400)[:, np.newaxis]
within = grid[grid <= X.max()][:, np.newaxis]

fig, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
axes[0].plot(grid, norm(1, 0.5).pdf(grid), label="training")
axes[0].plot(grid, norm(2, 0.25).pdf(grid), label="target")
axes[0].set(title="Where the rows are", xlabel="x", ylabel="density")
axes[0].legend(loc="upper left", frameon=False)
axes[1].plot(within, data.ratio(within), "k", lw=3, alpha=0.4, label="truth")
for (width, model), style in zip(by_width.items(), ("C1:", "C2-", "C4--"), strict=True):
    axes[1].plot(within, model.ratio(within), style, label=f"sigma = {width}")
axes[1].plot(within, chosen.ratio(within), "C3-.", label="the default")
axes[1].plot(X, np.zeros(len(X)), "k|", alpha=0.3)
axes[1].set(title="Target over training", xlabel="x", ylabel="ratio", ylim=(0, 45))
axes[1].legend(loc="upper left", frameon=False)
axes[2].plot(widths, scores, ".-")
axes[2].axvline(chosen.sigma_, color="k", ls=":", label="chosen")
axes[2].set(title="Left-out likelihood", xlabel="width", ylabel="nats")
axes[2].legend(loc="lower left", frameon=False)

# %%
# Middle: a kernel that is too narrow (dotted) gives spikes, and a kernel that is too
# wide (dashed) is flat. The default (dash-dotted) follows the truth, except near the
# right end, where there are few rows. Right: the likelihood falls on both sides of the
# chosen width, or stays constant.

# %%
# The fit
# -------
# The size of each dot shows its weight. The weighted line is wrong on the left, where
# there are hardly any target rows, and is correct in the region of the target.

plain = WeightedRegressor(LinearRegression()).fit(X, y)
weighted = WeightedRegressor(
    LinearRegression(),
    weighting=DensityRatioWeighting(X_target, estimator="kliep", random_state=0),
).fit(X, y)
weights = weighted.weighting_.weigh(X)

fig, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
axis.plot(grid, np.sinc(grid), "k", lw=1, label="truth")
axis.scatter(X, y, 2 + 3 * weights, "C0", alpha=0.4, label="training, by weight")
axis.scatter(X_target[:150], y_target[:150], 8, "C1", marker="x", label="target")
axis.plot(grid, plain.predict(grid), "C3--", label="unweighted line")
axis.plot(grid, weighted.predict(grid), "C2", lw=2, label="weighted line")
axis.set(xlabel="x", ylabel="y", ylim=(-0.9, 1.7))
axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)

errors = {}
for name, model in (("unweighted", plain), ("weighted", weighted)):
    errors[name] = np.mean((model.predict(X_target) - y_target) ** 2)
    print(f"{name:<10}  mean squared error on the target {errors[name]:.3f}")

# %%
# The report of the fit shows the number of effective rows after weighting.

print(weighted.report_)

# %%
# The noise alone has a mean squared error of 0.0625.

print(
    "reduction of the error by weights: "
    f"{1 - errors['weighted'] / errors['unweighted']:.0%}"
)

# %%
# .. rubric:: References
#
# .. [1] M. Sugiyama, T. Suzuki, S. Nakajima, H. Kashima, P. von Bünau, M. Kawanabe,
#    Direct importance estimation for covariate shift adaptation, Annals of the
#    Institute of Statistical Mathematics 60, 2008, section 2.

plt.show()
