"""Shared by all modules: input checks, warnings, roles, columns, compatibility."""
