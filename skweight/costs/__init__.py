"""Costs of mistakes: the cost matrix, decisions by expected cost, and a report."""

from skweight.costs._matrix import CostMatrix

__all__ = ["CostMatrix"]
