"""Scores of held-out rows (which the model was not fitted on), and the models.

``splits`` decides which rows are held out. ``cross_fit`` fits one model per fold, whose
scores serve the calibrator, the decision and the report. ``oob`` scores a row by the
trees of a forest that did not draw the row. ``left_out`` fits one model on a part of
the rows, and scores the remaining rows. ``outputs`` reads the outputs of a model.
``scores`` fits an estimator on all folds for strategies and reports.
"""
