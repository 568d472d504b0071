"""Bring weights into any estimator. Nothing else fits a wrapped estimator.

``_deliver`` chooses the way in, ``_one`` goes it for an estimator that stands alone,
``_composite`` for Pipelines, searches and ensembles, and ``_balancing`` knows the class
weights that estimators have by themselves.
"""

from skweight.delivery._deliver import deliver

__all__ = ["deliver"]
