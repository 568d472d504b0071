"""Scores of rows that a model was not fitted on, and the models of these scores.

``splits`` decides which rows are held out. ``cross_fit`` fits all fold models once, for
all uses. ``oob`` uses the trees that did not draw a row, ``left_out`` the one model
that was not given the row. ``outputs`` reads the outputs of a model, and ``scores``
serves strategies and reports.
"""
