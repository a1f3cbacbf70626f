"""The site: `pip install '.[docs]'`, then `sphinx-build -W -b html docs build/docs`.

The Markdown files beside this one are its sources; of what is written once elsewhere, in
docstrings, `scores()` and the tests, `_ext/transferscore_pages.py` makes pages.
"""

import sys
from pathlib import Path

import transferscore

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "transferscore"
author = "The transferscore developers"
project_copyright = "The transferscore developers"
release = version = transferscore.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "mathml",
    "transferscore_pages",
]
# One page for each score is made of scores.md; the rest is not documentation.
exclude_patterns = ["scores.md", "_ext", "_static"]

# Markdown
myst_enable_extensions = ["fieldlist"]
myst_heading_anchors = 3
highlight_language = "none"

# Docstrings: numpydoc sections, whose types say more than annotations do.
autodoc_typehints = "none"
autodoc_default_options = {"members": True, "inherited-members": True}
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_param = False
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False
default_role = "code"
# Types of numpydoc are words ("array-like of shape (n, d)"), not names that lead somewhere.
nitpicky = True
nitpick_ignore_regex = [("py:(class|exc)", ".*")]

# HTML that needs no other machine: formulas are MathML, fonts are those of the reader.
html_theme = "furo"
html_title = f"transferscore {release}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
