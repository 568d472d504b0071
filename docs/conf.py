"""Settings of the documentation. The build needs no network."""

import sys
from pathlib import Path

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
    # MathJax among the files of the pages, not from a server.
    "sphinx-mathjax-offline",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/**/*.ipynb", "auto_examples/**/*.py"]

# Every reference inside skweight must resolve. Names of other projects than
# scikit-learn cannot: an inventory fetched at build time would make the build depend
# on their servers.
nitpicky = True
nitpick_ignore_regex = [
    # Records that functions return have no page of their own.
    (r"py:class", r"skweight\.(\w+\.)*_\w+\..+"),
    (r"py:.*", r"(imblearn|matplotlib|np|numpy|pandas|pd|polars|scipy|sklearn)\..+"),
]

# Names of scikit-learn lead to its pages. Where these are is known from the installed
# package, so that no inventory is fetched.
_INVENTORY = Path(__file__).parent / "_build/scikit-learn.inv"
write_inventory(_INVENTORY)
intersphinx_mapping = {
    "sklearn": ("https://scikit-learn.org/stable/", str(_INVENTORY)),
}

# autosummary writes one page per public name; the class template lists the members,
# so numpydoc must not list them a second time.
autosummary_generate = True
# Pages of skweight.torch are made where neither is installed, too.
autodoc_mock_imports = ["skorch", "torch"]
numpydoc_show_class_members = False
# The sections of numpydoc say what a parameter takes; the hints are for editors.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_xref_param_type = False

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
    # Its tables would load scripts from elsewhere.
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skweight"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_show_sourcelink = False
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}


def _skip_inherited_from_sklearn(app, what, name, obj, skip, options):
    """Leave out what every scikit-learn estimator has, such as set_fit_request.

    Its documentation refers to pages of scikit-learn that are not here.
    """
    module = getattr(getattr(obj, "fget", obj), "__module__", None) or ""
    return skip or module.partition(".")[0] == "sklearn" or None


def setup(app):
    """Register the hook above."""
    app.connect("autodoc-skip-member", _skip_inherited_from_sklearn)
