"""Numerical code of the calibrators: Newton's method, objectives, table look-up."""
