"""The numerical engine of the calibrators: Newton's method, objectives and look-up."""
