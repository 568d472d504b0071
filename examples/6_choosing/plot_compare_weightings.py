"""
Which weighting is best for my data?
====================================

One handwritten digit in twenty is an eight. Does it help to weigh eights more, and how
much more? :func:`skweight.recommend_weighting` names a place to start, and
:func:`skweight.compare_weightings` holds it against its neighbours, on the same folds
and on rows that no model has seen.
"""

# %%
# A place to start
# ----------------
# The advice comes with the figures that it rests on.

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
# Three strengths of balancing, each with and without calibration. Folds are repeated:
# a single fold has some sixteen eights to judge by.

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
# Bars are intervals at 95 %, corrected for the rows that folds share. A point is filled
# where the difference to the baseline, paired by fold, is more than chance explains.

figure = comparison.plot()

# %%
# Weights find eights that the plain model misses, and call more other digits eights:
# the average precision, which no threshold moves, is the same within its noise. Where
# the weights are not taken out of the probabilities again, those are too high;
# calibration puts them right whatever the weights were.
#
# For readers who read no code
# ----------------------------
# ``comparison.to_html("which_weighting.html")`` writes the same as a page in one file,
# with what was found in sentences:

for sentence in comparison.sentences():
    print("-", sentence)

# %%
# What a search or a test of your own would read are numbers:

loss = comparison.summary(["log_loss"], errors=False).iloc[:, 0]
gain = loss.loc["none + sigmoid"] - loss.loc["balanced + sigmoid"]
print(f"log loss that balanced weights gain, both calibrated: {gain:.4f}")
