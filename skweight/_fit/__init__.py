"""The steps of a fit, in the order in which they are made."""
