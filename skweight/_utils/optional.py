"""All imports of optional packages of skweight."""

from importlib import import_module


def import_optional(module, *, extra, feature):
    """Import a module of an optional package, or say how to install it.

    Parameters
    ----------
    module : str
        Full name of the module, such as ``"matplotlib.pyplot"``.
    extra : str
        The extra of skweight that installs the package.
    feature : str
        The feature that needs the package. The error message begins with this text.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ImportError
        If the package is not installed. An ``ImportError`` from within an installed
        package is raised unchanged, because installing would not help.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise ImportError(
            f"{feature} needs {package}: pip install 'skweight[{extra}]'",
            name=package,
        ) from error
