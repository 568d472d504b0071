"""What every room may use: checks of input, warnings, roles, columns, compatibility."""
