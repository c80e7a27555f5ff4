"""Configuration of the documentation site; `make docs` builds it."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import desc_addname
from sphinx.application import Sphinx
from sphinx.domains.python import PyXRefRole
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS), str(ROOT / "tools")]

import api_pages  # noqa: E402
from check_docstrings import PUBLIC  # noqa: E402

import xoceansar  # noqa: E402

project = "xoceansar"
author = "The xoceansar developers"
version = release = xoceansar.__version__
copyright = "the xoceansar developers"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "numpydoc",
    "myst_nb",
]
root_doc = "index"
# README.md is the index for who reads on the forge, and is included in index.rst
exclude_patterns = ["_build", "README.md"]

html_theme = "pydata_sphinx_theme"
html_title = "xoceansar"
html_static_path: list[str] = []
html_theme_options = {
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_nav_level": 1,
    "navbar_end": ["theme-switcher"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_show_sourcelink = False

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
# Notebooks are run only by `make docs-full`: they take minutes, and `make notebooks` tests them.
nb_execution_mode = os.environ.get("XOCEANSAR_DOCS_EXECUTE", "off")
nb_execution_timeout = 1500
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autosummary_generate = False
default_role = "name"
numpydoc_show_class_members = False
nitpicky = True

HOMES = api_pages.find_homes(PUBLIC)


def name_role(role: str, raw: str, text: str, *context: Any, **options: Any) -> Any:
    """Link public names, as `xoceansar.ops.swh`; show the others, as parameters, as code."""
    if text.startswith("xoceansar."):
        home = HOMES.get(text, text)
        return PyXRefRole()("py:obj", f"`{home}`", home, *context, **options)
    return [nodes.literal(raw, text)], []


def copy_notebooks(app: Sphinx) -> None:
    """Bring the notebooks below the folder of the pages, where Sphinx looks for them."""
    target = DOCS / "notebooks"
    target.mkdir(exist_ok=True)
    for source in (ROOT / "examples" / "notebooks").glob("*.ipynb"):
        copied = target / source.name
        if not copied.exists() or copied.read_bytes() != source.read_bytes():
            shutil.copyfile(source, copied)


def link_notebooks(app: Sphinx, name: str, content: list[str]) -> None:
    """Let links to notebooks of the repository lead to their pages."""
    content[0] = content[0].replace("](../examples/notebooks/", "](notebooks/")


def name_accessors(app: Sphinx, doctree: nodes.document) -> None:
    """Show the methods of the accessors as users type them."""
    for prefix in doctree.findall(desc_addname):
        typed = api_pages.ACCESSORS.get(prefix.astext().rstrip("."))
        if typed:
            prefix.children = []
            prefix += nodes.Text(f"{typed}.")


def check_public_names(app: Sphinx, env: BuildEnvironment) -> None:
    """Warn, and so fail the build, where a public name has no entry."""
    documented = env.get_domain("py").objects
    for name in api_pages.entries(PUBLIC):
        if name not in documented:
            logging.getLogger(__name__).warning("%s is public and has no entry", name)


def setup(app: Sphinx) -> None:
    """Connect what this site does beyond its extensions."""
    app.add_role("name", name_role)
    api_pages.write(DOCS / "api" / "generated", PUBLIC)
    app.connect("builder-inited", copy_notebooks)
    app.connect("source-read", link_notebooks)
    app.connect("doctree-read", name_accessors)
    app.connect("env-check-consistency", check_public_names)
