"""What mistakes cost: the matrix, its rules, and the report on it."""

from skweight.costs._matrix import CostMatrix

__all__ = ["CostMatrix"]
