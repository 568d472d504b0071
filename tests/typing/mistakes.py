"""Mistakes that a type checker must catch; the comment names the parameter."""

from sklearn.linear_model import LogisticRegression

from skweight import WeightedClassifier

WeightedClassifier(LogisticRegression(), calibration=3)  # calibration
WeightedClassifier(LogisticRegression(), weighting=1.5)  # weighting
WeightedClassifier(LogisticRegression(), normalize="yes")  # normalize
WeightedClassifier(LogisticRegression(), n_jobs="many")  # n_jobs
WeightedClassifier(LogisticRegression(), "balanced")
WeightedClassifier(LogisticRegression(), calibrate="sigmoid")
