"""Fit any estimator with weights. No other package of skweight fits wrapped estimators.

``_deliver`` has the functions that other modules call. ``_one`` fits a single
estimator, and ``_composite`` fits Pipelines, searches and ensembles. ``_arguments``
describes the arguments of a fit. ``_draw`` draws rows in proportion to weights.
``_balancing`` finds parameters of estimators that weight classes. ``_tidy`` removes
adapters and metadata requests after a fit.
"""

from skweight.delivery._deliver import deliver

__all__ = ["deliver"]
