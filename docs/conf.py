"""Build with ``sphinx-build -W -n docs build/site``, after ``pip install "skvae[docs]"``.

``-D plot_gallery=0`` leaves out running the examples.
"""

import inspect
import os
import re

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

import skvae

# Estimators drawn in the gallery, one folder below the root, link to their pages.
os.environ.setdefault("SKVAE_DOCS_URL", "..")

# The one place for the address of the project, such as https://github.com/OWNER/skvae: links to the
# repository, to issues and to the text of each page appear once it is set.
REPOSITORY = ""

project = "skvae"
author = "The skvae developers"
copyright = author
version = release = skvae.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
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


def _methods(cls):
    """Names of the public methods that are skvae's own, in the order of their classes."""
    own = (base for base in cls.__mro__ if base.__module__.startswith("skvae"))
    names = dict.fromkeys(name for base in own for name in vars(base) if name[0] != "_")
    names = [n for n in names if not re.fullmatch(r"set_\w+_request", n)]
    return [n for n in names if callable(getattr(cls, n)) and inspect.getdoc(getattr(cls, n))]


def _public_classes():
    """Classes by the names under which the reference lists them."""
    for name in skvae.__all__:
        value = getattr(skvae, name)
        members = {f"{name}.{m}": getattr(value, m) for m in getattr(value, "__all__", ())}
        for place, member in (members or {name: value}).items():
            if inspect.isclass(member):
                yield f"skvae.{place}", member


PUBLIC_CLASSES = dict(_public_classes())
autosummary_context = {"methods_of": {n: _methods(cls) for n, cls in PUBLIC_CLASSES.items()}}
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
html_sidebars = {"index": []}
if REPOSITORY:
    owner, name = REPOSITORY.rsplit("/", 2)[1:]
    html_context |= {
        "github_user": owner,
        "github_repo": name,
        "github_version": "main",
        "doc_path": "docs",
    }
    html_theme_options |= {
        "github_url": REPOSITORY,
        "use_edit_page_button": True,
        "external_links": [{"name": "Issues", "url": f"{REPOSITORY}/issues"}],
        "secondary_sidebar_items": {
            "*": ["page-toc", "edit-this-page"],
            "auto_examples/*": ["page-toc", "sg_download_links"],
            "generated/*": ["page-toc"],
        },
    }

TYPES = {
    **{name.rpartition(".")[2]: f":class:`~{name}`" for name in PUBLIC_CLASSES},
    "ndarray": "`ndarray <https://numpy.org/doc/stable/reference/arrays.ndarray.html>`__",
    "DataFrame": "`DataFrame <https://pandas.pydata.org/docs/reference/frame.html>`__",
    "Module": "`Module <https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html>`__",
}


def setup(app):
    """Write formulas as MathML, which browsers draw by themselves, without a network."""
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
    app.connect("autodoc-process-docstring", _link_types, priority=900)  # after numpydoc


def _link_types(app, what, name, obj, options, lines):
    """Link the types of parameters and results."""
    for i, line in enumerate(lines):
        if found := re.match(r"( +\*\*[^*]+\*\* : )(.*)", line):
            start, types = found.groups()
            lines[i] = start + re.sub(r"(?<![.\w])[A-Za-z]+\b(?![.`(=])", _linked, types)


def _linked(word):
    """The word itself, unless it names a type whose page is known."""
    return TYPES.get(word.group(), word.group())


def _inline_math(writer, node):
    _write_math(writer, node, as_block=False)


def _block_math(writer, node):
    _write_math(writer, node, as_block=True)


def _write_math(writer, node, *, as_block):
    tex = re.sub(r"(?<![\\{A-Za-z])KL\b", r"\\operatorname{KL}", node.astext())
    mathml = tex2mathml(tex.replace("||", r"\,\|\,"), as_block=as_block)
    mathml = re.sub(r"<mo[^>]*>‖</mo>", '<mo stretchy="false">‖</mo>', mathml)
    # TeX has a thin space around a function, but none before a parenthesis: g log p, but exp(z).
    space = '<mspace width="0.1667em"></mspace>'
    mathml = re.sub(r"(<mo>&ApplyFunction;</mo>)(?!\s*<mo)", rf"\1{space}", mathml)
    ordinary = r"(</(?:mi|mn|msub|msup|msubsup|mfrac|munder|munderover)>|>\)</mo>|∂</mo>)"
    mathml = re.sub(rf"{ordinary}(\s*<mi>(?:log|exp)</mi>)", rf"\1{space}\2", mathml)
    writer.body.append(mathml)
    raise SkipNode
