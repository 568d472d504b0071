"""
How strong should weights be?
=============================

The strength of class weights can be varied from no weights to full balance.
:class:`~skweight.inspection.WeightSensitivityDisplay` shows how the metrics and the
effective number of rows change with the strength.
"""

# %%
# A rare class
# ------------
# One handwritten digit in twenty is an eight. In a balanced fit both classes have the
# same total weight. Strength 0.5 uses the square root of the weights.

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import WeightedClassifier
from skweight.datasets import make_rare
from skweight.inspection import WeightSensitivityDisplay

X, labels = load_digits(return_X_y=True)
X, y = make_rare(X, labels == 8, target={True: 0.05}, random_state=0)
classifier = WeightedClassifier(
    make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
)

# %%
# Metrics against strength
# ------------------------
# Bands are one standard error over five folds.

display = WeightSensitivityDisplay.from_estimator(
    classifier,
    X,
    y,
    strengths=[0, 0.25, 0.5, 0.75, 1, 1.25],
    scoring=["recall", "precision", "average_precision"],
)

# %%
# With every increase of the strength, recall rises and precision falls. The average
# precision, which measures the ranking, does not improve. The effective number of rows
# always falls: at full strength it is only about a fifth of the rows. Here it is better
# to use half the strength, or no weights and a lower threshold.

for strength, share in zip(display.strengths, display.effective_share, strict=True):
    print(f"strength {strength:.2f}: effective sample size {share:.0%} of the rows")
