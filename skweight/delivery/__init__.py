"""Bring weights into any estimator. Nothing else fits a wrapped estimator.

``_deliver`` chooses the way in, ``_one`` goes it for an estimator that stands alone,
``_composite`` for Pipelines, searches and ensembles, and ``_balancing`` knows the class
weights that estimators have by themselves.
"""

from skweight.delivery._balancing import balances_itself
from skweight.delivery._composite import Delivery
from skweight.delivery._deliver import deliver
from skweight.delivery._one import systematic_resample

__all__ = ["Delivery", "balances_itself", "deliver", "systematic_resample"]
