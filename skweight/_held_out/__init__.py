"""Scores of rows that a model was not fitted on, and the models of these scores.

``splits`` decides which rows are held out. ``cross_fit`` fits all fold models once, for
all uses. ``oob`` scores a row by the trees of a forest that did not draw the row.
``left_out`` fits one model on a part of the rows, and scores the other rows.
``outputs`` reads the outputs of a model. ``scores`` fits an estimator on all folds for
strategies and reports.
"""
