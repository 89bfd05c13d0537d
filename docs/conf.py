"""The documentation as a site: `make docs` builds it into docs/_build/html, without a network."""

import re
import sys
from pathlib import Path
from typing import Any

import rnnlab

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "scripts"))

from pages import api  # noqa: E402

api.write(HERE / "api")

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

default_role = "code"  # `x` in a docstring is code
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_use_ivar = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = "rnnlab"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_show_copyright = False


def as_restructured(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Docstrings are plain text with `code`, fences and tables of bars; no other mark means any."""
    done: list[str] = []
    fenced = False
    for paragraph in "\n".join(lines).split("\n\n"):
        rows = paragraph.split("\n")
        module_example = what == "module" and rows[0].startswith("    ")
        if module_example or fenced or rows[0] == "```" or sum(" | " in row for row in rows) > 1:
            marks = sum(row == "```" for row in rows)
            fenced ^= marks % 2 == 1
            done += ["::", "", *(f"    {row}" for row in rows if row != "```"), ""]
        else:
            text = re.sub(r"(`[^`]*`)(\w?)|([|*]|_(?!\w))", _escaped, paragraph)
            done += [*text.split("\n"), ""]
    lines[:] = done


def _escaped(match: re.Match[str]) -> str:
    if not match[1]:
        return f"\\{match[3]}"
    return f"{match[1]}\\ {match[2]}" if match[2] else match[1]  # the plural of code


def setup(app: Any) -> None:
    """Before napoleon reads a docstring, which does so at 500."""
    app.connect("autodoc-process-docstring", as_restructured, priority=400)
