"""Names of a room that are imported on first use."""

import sys
from importlib import import_module


def import_on_use(package, homes):
    """Return `__getattr__` and `__dir__` for a package that imports files on use.

    With these two functions, an import of one name does not load all files of the
    package.

    Parameters
    ----------
    package : str
        Dotted name of the package.
    homes : dict of str to list of str
        The public names that each file of the package defines.

    Returns
    -------
    getattr_, dir_ : callable
        The two functions, see PEP 562.
    """
    files = {name: file for file, names in homes.items() for name in names}

    def getattr_(name):
        if name not in files:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{files[name]}"), name)
        setattr(sys.modules[package], name, value)  # the next access is a plain one
        return value

    def dir_():
        return sorted({*vars(sys.modules[package]), *files})

    return getattr_, dir_
