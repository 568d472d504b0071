"""Scores of rows that a model was not fitted on, and the models they come from.

``sources`` decides what is fitted, ``splits`` on which rows, ``cross_fit`` makes one
pass of fits that all share, and ``oob`` asks the trees that did not draw a row.
"""
