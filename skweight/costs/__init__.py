"""Costs of wrong decisions: the cost matrix, decisions by expected cost, a report."""

from skweight.costs._matrix import CostMatrix

__all__ = ["CostMatrix"]
