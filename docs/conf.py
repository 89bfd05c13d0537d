"""The documentation as a site: `make docs` builds it into docs/_build/html, without a network."""

import rnnlab

project = "rnnlab"
author = "The rnnlab authors"
copyright = author
release = version = rnnlab.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_design",
]
exclude_patterns = ["_build"]
nitpicky = False  # names of torch and Lightning have no page here

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
nb_execution_mode = "cache"
nb_execution_cache_path = "_build/notebooks"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "rnnlab"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_show_copyright = False
