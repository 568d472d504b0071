"""The numerical engine of the calibrators: Newton, its objectives, look-up."""
