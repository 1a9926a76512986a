"""Build with ``sphinx-build -W -n docs build/site``, after ``pip install "skvae[docs]"``.

``-D plot_gallery=0`` leaves out running the examples.
"""

import os

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

import skvae

# Estimators drawn in the gallery, one folder below the root, link to their pages.
os.environ.setdefault("SKVAE_DOCS_URL", "..")

project = "skvae"
author = "The skvae developers"
copyright = author
version = release = skvae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "paper"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_typehints = "none"
autodoc_member_order = "bysource"
autosummary_generate = True
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": "/plot_",
    "doc_module": ("skvae",),
    "backreferences_dir": "generated/backreferences",
    "reference_url": {"skvae": None},
    "ignore_repr_types": r"matplotlib|skvae\.displays",
    "image_srcset": ["2x"],
    "show_signature": False,
    "write_computation_times": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skvae"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["skvae.css"]
html_show_sourcelink = False
html_math_renderer = "mathml"
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {"text": "skvae"},
    "header_links_before_dropdown": 6,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc", "sg_download_links"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
html_sidebars = {"index": [], "quick-start": [], "quick-start.zh-CN": []}


def setup(app):
    """Write formulas as MathML, which browsers draw by themselves, without a network."""
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))


def _inline_math(writer, node):
    _write_math(writer, node, as_block=False)


def _block_math(writer, node):
    _write_math(writer, node, as_block=True)


def _write_math(writer, node, *, as_block):
    writer.body.append(tex2mathml(node.astext(), as_block=as_block))
    raise SkipNode
