"""Fit models, and score held-out rows (rows that a model was not fitted on).

``splits`` decides which rows are held out. ``cross_fit`` fits one model per fold. The
calibrator, the decision and the report all use the scores of these models. ``oob``
scores each row by those trees of a forest that did not draw the row. ``left_out`` fits
one model on a part of the rows, and scores the remaining rows. ``outputs`` reads the
outputs of a model. ``scores`` fits one model per fold to get scores for strategies and
reports.
"""
