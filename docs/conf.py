"""Settings of the documentation. The build needs no network."""

import shutil
import sys
from pathlib import Path

from sphinx.ext.autosummary.generate import find_autosummary_in_files

import skweight

sys.path.insert(0, str(Path(__file__).parent))

from _inventory import write_inventory

project = "skweight"
author = "skweight developers"
project_copyright = "2026, skweight developers"
version = release = skweight.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    # Copies MathJax to the pages, so that they load nothing from a server.
    "sphinx-mathjax-offline",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb", "auto_examples/**/*.py"]

# A reference to a missing name of skweight or scikit-learn is an error. References to
# other projects are not checked: the build would need inventories from their servers.
nitpicky = True
nitpick_ignore_regex = [
    # The classes of returned records are private and have no page.
    (r"py:class", r"skweight\.(\w+\.)*_\w+\..+"),
    (r"py:.*", r"(imblearn|matplotlib|np|numpy|pandas|pd|polars|scipy|sklearn)\..+"),
]

# Names of scikit-learn become links to its pages. The addresses are computed from the
# installed package, so that the build needs no network.
_INVENTORY = Path(__file__).parent / "_build/scikit-learn.inv"
write_inventory(_INVENTORY)
intersphinx_mapping = {
    "sklearn": ("https://scikit-learn.org/stable/", str(_INVENTORY)),
}

# autosummary writes one page per public name. The template of a class lists its
# members, so numpydoc must not list them a second time.
autosummary_generate = True
# The pages of skweight.torch are also built if these packages are not installed.
autodoc_mock_imports = ["skorch", "torch"]
numpydoc_show_class_members = False
# Docstrings describe the types of parameters, so pages do not show the type hints.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_xref_param_type = False
# The side bar shows methods without the name of their class, which would not fit.
toc_object_entries_show_parents = "hide"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "show_memory": False,
    "plot_gallery": True,
    "download_all_examples": False,
    # The page of a public name shows the examples that use it, and names in the code
    # of examples are links to these pages.
    "doc_module": ("skweight",),
    "backreferences_dir": "auto_examples/backreferences",
    "inspect_global_variables": False,
    "reference_url": {"skweight": None},
    # The tables of computation times would load scripts from a server.
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skweight"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_show_sourcelink = False
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}


def _skip_inherited_from_sklearn(app, what, name, obj, skip, options):
    """Leave out methods of every scikit-learn estimator, such as set_fit_request.

    Their docstrings refer to pages of scikit-learn that do not exist here.
    """
    module = getattr(getattr(obj, "fget", obj), "__module__", None) or ""
    return skip or module.partition(".")[0] == "sklearn" or None


def _remove_stale_pages(app):
    """Remove pages that earlier builds have written and that are not needed any more.

    Pages of removed names and examples are in no table of contents. Sphinx would warn
    about them, and warnings make the build fail.
    """
    docs = Path(app.srcdir)
    pages = [str(page) for page in docs.glob("reference/*.rst")]
    names = {entry.name for entry in find_autosummary_in_files(pages)}
    for page in docs.glob("api/*.rst"):
        if page.stem not in names:
            page.unlink()
    for page in docs.glob("auto_examples/*/*.rst"):
        source = docs.parent / "examples" / page.parent.name / f"{page.stem}.py"
        if page.stem not in ("index", "sg_execution_times") and not source.exists():
            page.unlink()
    for folder in docs.glob("auto_examples/*/"):
        source = docs.parent / "examples" / folder.name
        if folder.name not in ("images", "backreferences") and not source.exists():
            shutil.rmtree(folder)


def setup(app):
    """Register the functions above; pages are removed before new ones are written."""
    app.connect("autodoc-skip-member", _skip_inherited_from_sklearn)
    app.connect("builder-inited", _remove_stale_pages, priority=100)
