"""
How strong should weights be?
=============================

Balanced weights are one end of a scale whose other end is no weights at all.
:class:`~skweight.inspection.WeightSensitivityDisplay` shows what a little more strength
gains, and what it costs in rows.
"""

# %%
# A rare class
# ------------
# One handwritten digit in twenty is an eight, and a balanced fit sees both classes
# alike. Strength 0.5 weighs by the square root.

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
# Recall is bought with precision all the way, and the ranking behind both, average
# precision, gains nothing. What falls all the time is the effective number of rows:
# at full strength four in five are as good as gone. Half the strength, or none and a
# lower threshold, is the better deal here.

for strength, share in zip(display.strengths, display.effective_share, strict=True):
    print(f"strength {strength:.2f}: {share:.0%} of the rows in effect")
