"""Costs of mistakes: the matrix, its rules, and its report."""

from skweight.costs._matrix import CostMatrix

__all__ = ["CostMatrix"]
