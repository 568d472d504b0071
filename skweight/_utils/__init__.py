"""Tools for all modules: input checks, warnings, roles, columns, compatibility."""
