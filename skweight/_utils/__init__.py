"""Tools for all modules: input checks, warnings, weights, columns, compatibility."""
