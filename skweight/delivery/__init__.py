"""Fit any estimator with weights. No other module fits a wrapped estimator.

``_deliver`` has the functions that other modules call. ``_one`` fits a single
estimator, and ``_composite`` fits Pipelines, searches and ensembles. ``_arguments``
describes the arguments of a fit, ``_draw`` draws rows by weights, ``_balancing`` finds
class weights that are parameters of estimators, and ``_tidy`` removes adapters and
metadata requests after a fit.
"""

from skweight.delivery._deliver import deliver

__all__ = ["deliver"]
