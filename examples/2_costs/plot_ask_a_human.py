"""
When should a human decide?
===========================

A bank decides on credit applications. A loan that is not paid back costs its amount. A
good customer who is refused costs 8 % of the amount. A clerk who checks the application
always costs 60. Asking the clerk is a decision, but not a label: no application has the
true label "ask".
"""

# %%
# Applications whose probabilities are known
# ------------------------------------------

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skweight import CostMatrix, CostSensitiveClassifier
from skweight.metrics import cost_score

rng = np.random.default_rng(0)
n = 12_000
X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["income", "age", "debt"])
X["amount"] = rng.lognormal(7.5, 0.8, n).round(2)
odds = np.exp(-2.5 - 1.2 * X["income"] + 0.9 * X["debt"])
y = np.where(rng.random(n) < odds / (1 + odds), "bad", "good")
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

# %%
# The costs, and one more decision
# --------------------------------
# ``with_decision`` adds a decision that is not a label. Here this decision costs 60 for
# both labels; a dict ``{"bad": ..., "good": ...}`` would give a cost for each label.
# ``check`` shows what the matrix implies: for small applications the clerk is always
# too expensive.


def margin(X):
    """Return the profit that is lost if a good customer is refused."""
    return 0.08 * X["amount"]


cost = CostMatrix.binary(pos_label="bad", fp=margin, fn="amount")
with_clerk = cost.with_decision("ask", 60)
print(with_clerk.check(X_train))

# %%
# What the clerk saves
# --------------------
# The classifier decides row by row. ``classes_`` and the probabilities have two labels,
# and ``predict`` returns three different decisions.

alone = CostSensitiveClassifier(LogisticRegression(), cost=cost, random_state=0)
asks = CostSensitiveClassifier(LogisticRegression(), cost=with_clerk, random_state=0)
for name, model in {"alone": alone, "with a clerk": asks}.items():
    decided = model.fit(X_train, y_train).predict(X_test)
    each = cost_score(y_test, decided, with_clerk, X=X_test)
    print(f"{name:<13} costs {each:5.1f} per application", end=", ")
    print(pd.Series(decided).value_counts(normalize=True).round(3).to_dict())

print(asks.decision_report(X_test.head(4)).round(2).to_string())

# %%
# Where it asks, and what a clerk may cost
# ----------------------------------------
# The left picture shows the decisions of one fitted model. In the right picture the fee
# of the clerk varies. No model is fitted again for a new fee, because any cost matrix
# can be applied to the same probabilities.

report = asks.decision_report(X_test)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for label, color in (("good", "tab:blue"), ("bad", "tab:red"), ("ask", "tab:orange")):
    rows = report["decision"] == label
    left.plot(
        X_test.loc[rows, "amount"],
        report.loc[rows, "p(bad)"],
        ".",
        color=color,
        markersize=3,
        label=f"decided {label}",
    )
left.set(xscale="log", yscale="log", xlabel="amount", ylabel="probability of bad")
left.legend(
    loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False, markerscale=4
)

proba = asks.predict_proba(X_test)
fees = np.linspace(0, 200, 41)
asked, spent = [], []
for fee in fees:
    matrix = cost.with_decision("ask", fee).align(asks.classes_)
    decided = matrix.decide(proba, X_test)
    asked.append(np.mean(decided == "ask"))
    spent.append(cost_score(y_test, decided, matrix, X=X_test))
right.plot(fees, spent, label="cost per application")
right.axhline(
    cost_score(y_test, alone.predict(X_test), cost, X=X_test),
    color="0.5",
    label="without a clerk",
)
right.set(xlabel="fee of the clerk", ylabel="cost per application", ylim=(0, None))
share = right.twinx()
share.plot(fees, asked, ":", color="tab:orange", label="share asked")
share.set(ylabel="share that is asked", ylim=(0, 1.02))
handles, names = right.get_legend_handles_labels()
dotted, name = share.get_legend_handles_labels()
right.legend(
    handles + dotted,
    names + name,
    loc="lower center",
    bbox_to_anchor=(0.5, 1),
    ncols=2,
    frameon=False,
)
plt.show()

# %%
# Left: the clerk gets doubtful applications with a large enough amount (orange). Small
# applications are always decided by the model, because a clerk costs more than a wrong
# decision. Right: the more expensive the clerk, the fewer applications are checked. The
# cost stays below the cost of the model alone.

total = {
    name: cost_score(y_test, model.predict(X_test), with_clerk, X=X_test)
    for name, model in {"alone": alone, "asks": asks}.items()
}
print(
    f"share of the costs that the clerk saves: {1 - total['asks'] / total['alone']:.0%}"
)
