"""The numerical code of the calibrators: Newton's method, objectives and look-up."""
