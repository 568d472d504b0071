"""The steps of ``fit``, each in its own file."""
