"""Sphinx: the documentation as a site. `make docs` builds it; every warning is an error."""

from importlib.metadata import version as installed
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

project = "scgarage"
author = "The scgarage authors"
project_copyright = "2025-2026, the scgarage authors"
release = version = installed("scgarage")

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.napoleon"]
# rst first: autosummary writes its pages in the first of these.
source_suffix = {".rst": "restructuredtext", ".md": "myst-nb"}
exclude_patterns = ["_build", "**.ipynb_checkpoints"]
templates_path = ["_templates"]
# Pages that other work adds are named in the toctree before they exist.
suppress_warnings = ["toc.empty_glob"]

html_theme = "sphinx_book_theme"
html_title = "scgarage"
html_theme_options = {"show_toc_level": 2, "home_page_in_toc": True}
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["scgarage.css"]

myst_enable_extensions = ["dollarmath", "amsmath", "deflist", "colon_fence"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

# A tutorial that fails stops the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autosummary_generate = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False  # the signature of a dataclass has the types already
# The house style describes what is returned in sentences, without a line for the type.
napoleon_custom_sections = [("Returns", "as it stands"), ("Yields", "as it stands")]

# Equations are MathML, which browsers draw themselves: the pages need no network.
html_math_renderer = "mathml"


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _displayed(translator: Any, node: nodes.math_block) -> None:
    latex = node.astext().strip()
    if r"\\" in latex and r"\begin" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    translator.body.append(f'<div class="math">{convert(latex, display="block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Let equations be written as MathML."""
    app.add_html_math_renderer("mathml", (_inline, None), (_displayed, None))
