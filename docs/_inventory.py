"""Write an inventory of scikit-learn's pages, from the installed package."""

import zlib

from sklearn.utils.discovery import all_estimators, all_functions

_HEAD = b"""# Sphinx inventory version 2
# Project: scikit-learn
# Version: stable
# The remainder of this file is compressed using zlib.
"""


def write_inventory(path):
    """Write the address of the page of each public class and function."""
    lines = []
    for role, found in (("class", all_estimators()), ("function", all_functions())):
        for name, thing in found:
            module = ".".join(
                part for part in thing.__module__.split(".") if part[0] != "_"
            )
            full = f"{module}.{name}"
            lines.append(f"{full} py:{role} 1 modules/generated/{full}.html#$ -")
    text = "\n".join(sorted(set(lines))) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_HEAD + zlib.compress(text.encode()))
