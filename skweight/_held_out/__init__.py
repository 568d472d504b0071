"""Scores of rows that a model was not fitted on, and the models of these scores.

``splits`` decides which rows are held out. ``cross_fit`` fits all fold models once, for
all uses. ``oob`` scores a row by the trees that did not draw it; ``left_out`` scores
rows that one model did not get. ``outputs`` reads the outputs of a model, and
``scores`` serves strategies and reports.
"""
