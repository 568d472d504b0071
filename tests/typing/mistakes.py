"""Mistakes that a type checker must catch; the comment names the parameter."""

from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier

WeightedClassifier(LogisticRegression(), calibration=3)  # calibration
WeightedClassifier(LogisticRegression(), weighting=1.5, calibration=None)  # weighting
WeightedClassifier(LogisticRegression(), normalize="yes", calibration=None)  # normalize
WeightedClassifier(LogisticRegression(), n_jobs="many", calibration=None)  # n_jobs
WeightedClassifier(LogisticRegression(), "balanced", calibration=None)
WeightedClassifier(LogisticRegression(), calibrate="sigmoid", calibration=None)
