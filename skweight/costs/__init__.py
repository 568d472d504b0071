"""What mistakes cost: the matrix, its rules, and the report on it."""

from skweight.costs._matrix import CostMatrix
from skweight.costs._report import CostReport

__all__ = ["CostMatrix", "CostReport"]
