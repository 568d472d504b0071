"""
Does weighting help on your table?
==================================

A class is rare. Do balanced weights make the model better? Or is it enough to calibrate
its probabilities and to use the share of the class as threshold? One call of
:func:`skweight.compare_weightings` gives the answer for your data. Put your own ``X``,
``y`` and ``model`` into the first block.
"""

# %%
# The table and the model
# -----------------------
# One handwritten digit in twenty is an eight.

from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skweight import BalancedWeighting, WeightedClassifier, compare_weightings
from skweight.datasets import make_rare

X, digit = load_digits(return_X_y=True)
X, y = make_rare(X, digit == 8, target={True: 0.05}, random_state=0)
model = make_pipeline(StandardScaler(), LogisticRegression())

# %%
# One call
# --------
# No weights, half balance and full balance are compared on the same folds. All three
# models are calibrated. With ``decision="balanced"`` a row is labelled as an eight if
# its probability is above the share of eights. This rule is the same for all weights,
# and also works without weights.

comparison = compare_weightings(
    WeightedClassifier(model, decision="balanced"),
    X,
    y,
    weightings={"half": BalancedWeighting(strength=0.5), "balanced": "balanced"},
    calibrations="auto",
    random_state=0,
)
metrics = ["log_loss", "average_precision", "recall", "precision"]
print(comparison.summary(metrics).to_string())

# %%
# In a picture
# ------------
# A filled point means a significant difference to the model without weights.

figure = comparison.plot(metrics)

# %%
# What to do
# ----------
# Weights are useful if they significantly lower the log loss or raise the average
# precision. Both metrics are computed on rows that no model has seen. The differences
# are paired by fold and adjusted for the number of strategies.

table = comparison.to_frame()
judged = table[table["metric"].isin(["log_loss", "average_precision"])]
judged = judged[judged["strategy"] != comparison.baseline]
better = judged["difference"] * judged["metric"].map(
    {"log_loss": -1, "average_precision": 1}
)
helped = judged[(better > 0) & (judged["p_adjusted"] < 0.05)]
if helped.empty:
    print(
        "Weights make no measurable difference here: train without weights, and "
        "use the threshold",
        end=" ",
    )
else:
    print(
        f"Weights help here: {', '.join(helped['strategy'].unique())}. Use the "
        "threshold",
        end=" ",
    )
print(f"{y.mean():.3f}")
