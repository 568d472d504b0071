"""
Which weighting is best for my data?
====================================

One handwritten digit in twenty is an eight. Does it help to give eights a larger
weight, and how large should it be? :func:`skweight.recommend_weighting` recommends a
strategy to start with. :func:`skweight.compare_weightings` compares it with similar
strategies, on the same folds and on rows that no model has seen.
"""

# %%
# A place to start
# ----------------
# The advice includes the values on which it is based.

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import BalancedWeighting, compare_weightings, recommend_weighting
from skweight.datasets import make_rare

X, labels = load_digits(return_X_y=True)
X, y = make_rare(X, labels == 8, target={True: 0.05}, random_state=0)
advice = recommend_weighting(X, y)
print(advice)

# %%
# Side by side
# ------------
# Three strengths of balancing are compared, each with and without calibration. Folds
# are repeated, because a single fold has only about sixteen eights.

comparison = compare_weightings(
    make_pipeline(StandardScaler(), LogisticRegression(C=0.1)),
    X,
    y,
    weightings={"half": BalancedWeighting(strength=0.5), "balanced": "balanced"},
    calibrations=[None, "sigmoid"],
    cv=RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0),
    random_state=0,
)
print(comparison.summary(["recall", "precision", "log_loss"]).to_string())

# %%
# In a picture
# ------------
# Bars are 95 % intervals. The intervals are corrected, because the folds share training
# rows. A filled point means a significant difference to the baseline.

figure = comparison.plot()

# %%
# With weights, the model finds eights that the plain model misses, and also labels more
# other digits as eights. The average precision, which does not depend on a threshold,
# does not change significantly. Without calibration, the probabilities of the weighted
# models are too high; calibration corrects the probabilities for any weights.
#
# For readers who read no code
# ----------------------------
# ``comparison.to_html("which_weighting.html")`` writes a page in one file. The page
# shows the same results and explains the results in sentences:

for sentence in comparison.sentences():
    print("-", sentence)

# %%
# Your own code can read the numbers, for example in a test:

loss = comparison.summary(["log_loss"], errors=False).iloc[:, 0]
gain = loss.loc["none + sigmoid"] - loss.loc["balanced + sigmoid"]
print(f"decrease of the log loss by balanced weights, after calibration: {gain:.4f}")
