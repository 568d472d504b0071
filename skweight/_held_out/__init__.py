"""Scores of rows that a model was not fitted on, and the models they come from.

``splits`` decides which rows are held out, ``cross_fit`` makes one pass of fits that
all share, ``oob`` asks the trees that did not draw a row, ``left_out`` the one model
that was not given it, ``outputs`` reads what a model says, and ``scores`` serves
strategies and reports.
"""
