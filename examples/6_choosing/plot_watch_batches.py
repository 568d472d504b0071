"""
Is my model in production still right?
======================================

A classifier was trained with balanced weights and calibrated. Then batches arrive. For
ten weeks nothing changes, then the rare class becomes more frequent, and later a
feature no longer separates the classes. You can look at :class:`skweight.WeightMonitor`
every week: if nothing changes, the probability that it ever raises an alarm is at most
``alpha``.
"""

# %%
# The model and its monitor
# -------------------------
# The reference consists of out-of-fold predictions: no row is predicted by a model that
# was fitted on this row.

import copy

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier, WeightMonitor


def batch(n, prevalence, signal, rng):
    """Draw rows; `signal` is the distance of the classes in the first feature."""
    y = (rng.random(n) < prevalence).astype(int)
    X = rng.normal(size=(n, 3))
    X[:, 0] += signal * y
    X[:, 1] += y
    return X, y


rng = np.random.default_rng(0)
monitor = WeightMonitor(
    WeightedClassifier(LogisticRegression(), calibration="sigmoid"), random_state=0
)
monitor.fit(*batch(8000, 0.1, 1.5, rng))
unlabelled = copy.deepcopy(monitor)  # a stream of its own

# %%
# Thirty weeks
# ------------
# There are 800 rows per week. From week 11 on the rare class is 1.5 times as frequent,
# and from week 21 on the first feature contains no information.

weeks = np.arange(1, 31)
reports, without_labels = [], []
for week in weeks:
    X, y = batch(800, 0.15 if week > 10 else 0.1, 0.0 if week > 20 else 1.5, rng)
    reports.append(monitor.update(X, y, batch=f"week {week}"))
    without_labels.append(unlabelled.update(X, batch=f"week {week}"))
for name, found in [("with labels", reports), ("without", without_labels)]:
    for alarm in found[-1].alarms:
        print(
            f"{name}: {alarm.figure} {alarm.of} raised an alarm at {alarm.alarm_at}, "
            f"since about {alarm.onset}"
        )

# %%
# The figures and their bands
# ---------------------------
# A single week raises an alarm if its value is outside the band. The band is wide,
# because all weeks and six monitored values share one ``alpha``. Several weeks on the
# same side of the reference raise an alarm together, long before the value of a single
# week is outside the band.

panels = ["class frequency", "mean probability", "calibration slope", "recall"]
figure, axes = plt.subplots(2, 2, figsize=(9, 5.5), sharex=True, layout="constrained")
for ax, name in zip(axes.flat, panels, strict=True):
    found = [
        one for r in reports for one in r.figures if (one.figure, one.of) == (name, 1)
    ]
    observed = np.array([one.observed for one in found])
    alarm = np.array([one.alarm for one in found])
    ax.fill_between(
        weeks,
        [one.low for one in found],
        [one.high for one in found],
        color="0.88",
        label="band of a single week",
    )
    ax.axhline(found[0].reference, color="0.6", linewidth=1)
    ax.plot(weeks, observed, color="0.3", linewidth=1)
    ax.plot(
        weeks[~alarm], observed[~alarm], "o", color="0.3", mfc="white", label="quiet"
    )
    ax.plot(weeks[alarm], observed[alarm], "X", color="#d55e00", label="alarm so far")
    ax.set_title(f"{name} of the rare class", fontsize=10)
    for start in (10.5, 20.5):
        ax.axvline(start, color="0.6", linestyle=":", linewidth=1)
axes[1, 0].set_xlabel("week")
axes[1, 1].set_xlabel("week")
handles, names = axes[0, 0].get_legend_handles_labels()
figure.legend(handles, names, loc="outside upper center", ncols=3, frameon=False)

# %%
# A slope below zero is not exact: the estimate is a single Newton step from 1, and the
# step is too long if the slope is far from 1.
#
# In the second ten weeks only the frequency of the rare class changes; the recall and
# the slope stay the same. In the last ten weeks the features contain less information.
# The mean probability alone would not show this loss of information: the mean
# probability falls again while the class stays frequent.
#
# What to do
# ----------
# The report gives advice in sentences; for an automatic alert, use ``to_dict``. An
# alarm remains in all later reports. If you had reacted to the first change in week 15,
# you would have called ``restart`` to begin a new stream.

for week in (15, 25):
    print(f"week {week}")
    for sentence in reports[week - 1].advice:
        print("-", sentence)

# %%
# This is the report without labels, because labels are not yet known in the same week:

print(without_labels[24])

# %%
# How long did the detection take? The class became more frequent in week 11.

first = next(r for r in reports if r.alarms)
print(f"first alarm, with labels: week {weeks[reports.index(first)]}")
