"""
How do I find a rare topic in text?
===================================

Few of the messages are complaints. A linear model is trained on sparse word counts. The
sum of its probabilities should equal the number of complaints.
"""

# %%
# Messages
# --------
# The messages are simulated. 3 % are complaints; the words of complaints are a little
# different.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from skweight import WeightedClassifier
from skweight.inspection import ReliabilityDisplay

rng = np.random.default_rng(0)
common = ["the", "order", "parcel", "invoice", "please", "thanks", "address"]
angry = ["broken", "late", "refund", "again", "never", "the", "order", "parcel"]
y = rng.random(24_000) < 0.03
texts = [
    " ".join(
        np.where(
            rng.random(8) < (0.6 if complaint else 0.1),
            rng.choice(angry, 8),
            rng.choice(common, 8),
        )
    )
    for complaint in y
]
texts, new, y, y_new = train_test_split(texts, y, stratify=y, random_state=0)
print(f"{y.mean():.1%} complaints, such as: {texts[int(np.argmax(y))]}")

# %%
# Balanced, with and without calibration
# --------------------------------------
# The Pipeline is wrapped without changes; the texts can stay a list.

pipe = make_pipeline(TfidfVectorizer(), LogisticRegression())
models = {
    "balanced": WeightedClassifier(pipe, weighting="balanced", calibration=None),
    "balanced, calibrated": WeightedClassifier(
        pipe, weighting="balanced", calibration="auto", ensemble=False, random_state=0
    ),
}
figure, ax = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
for (name, model), color in zip(models.items(), ("#d55e00", "#0072b2"), strict=True):
    p = model.fit(texts, y).predict_proba(new)[:, 1]
    recall = model.predict(new)[y_new].mean()
    ReliabilityDisplay.from_predictions(
        y_new, p, n_bins=40, name=name, color=color, ax=ax
    )
    print(f"{name}: recall {recall:.2f}, complaints expected {p.sum():.0f}")
ax.get_legend().remove()
figure.legend(loc="outside upper center", ncols=2, frameon=False)
plt.show()

# %%
# Orange points (without calibration) lie far below the diagonal: if the predicted
# probability is 80 %, few messages are complaints. Blue points (with calibration) are
# on the diagonal. The predicted labels hardly change, because in both models the
# threshold for the labels follows from the class weights. But now the sum of the
# probabilities equals the number of complaints.

print(
    "expected number of complaints divided by the true number: "
    f"{p.sum() / y_new.sum():.2f}"
)
