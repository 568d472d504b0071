"""What a user writes; mypy and pyright must find no error in it."""

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split

from skweight import (
    BalancedWeighting,
    CostMatrix,
    CostSensitiveClassifier,
    WeightedClassifier,
    compare_weightings,
    recommend_weighting,
)
from skweight.calibration import SigmoidCalibrator
from skweight.metrics import calibration_error, cost_score

X, y = make_classification(2_000, weights=[0.95], flip_y=0.02, random_state=0)
frame = pd.DataFrame(X)
X_train, X_test, y_train, y_test = train_test_split(frame, y, random_state=0)
weight = np.ones(len(y_train))

clf = WeightedClassifier(
    LogisticRegression(),
    weighting=BalancedWeighting(strength=0.5),
    calibration=SigmoidCalibrator(),
    cv=3,
    random_state=0,
).fit(X_train, y_train, sample_weight=weight)
proba = clf.predict_proba(X_test)[:, 1]
print(clf.report_, calibration_error(y_test, proba))

named = WeightedClassifier(weighting="balanced", calibration="sigmoid")
search = GridSearchCV(named, {"weighting__strength": [0.0, 0.5, 1.0]}, cv=3)
search.fit(X_train, y_train)

cost = CostMatrix.binary(fp=1.0, fn=10.0)
choice = CostSensitiveClassifier(LogisticRegression(), cost=cost).fit(X_train, y_train)
print(cost_score(y_test, choice.predict(X_test), cost=cost))

print(recommend_weighting(X_train, y_train))
print(compare_weightings(LogisticRegression(), X_train, y_train, random_state=0))
