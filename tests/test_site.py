"""The documentation builds without a warning, and every link and anchor inside it exists."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

import pytest
from elsewhere import forked

import skvae

ROOT = Path(__file__).parents[1]

# Documents are trees of millions of lasting objects, which the garbage collector would visit again
# and again.
BUILD = """
import gc, sys
from sphinx.cmd.build import main
gc.disable()
sys.exit(main(["-W", "--keep-going", "-n", "-q", "-D", "plot_gallery=0", "docs", "html"]))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The pages, built from a copy of the sources; test_examples.py runs the examples."""
    for package in ("sphinx", "myst_parser", "numpydoc", "pydata_sphinx_theme", "sphinx_gallery"):
        pytest.importorskip(package, reason="needs the extra 'docs'")
    folder = tmp_path_factory.mktemp("site")
    not_generated = shutil.ignore_patterns("auto_examples", "generated")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=not_generated)
    shutil.copytree(ROOT / "examples", folder / "examples")
    shutil.copy(ROOT / "CHANGELOG.md", folder)
    process = forked(BUILD, folder)
    process.join(300)
    assert process.exitcode == 0, (folder / "err").read_text("utf-8")
    return folder / "html"


class Page(HTMLParser):
    """Anchors of a page, what it points to, and its text."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.text = set(), [], ""
        self.feed(path.read_text("utf-8"))

    def handle_data(self, data):
        self.text += data

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.links.append(urlsplit(value))


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


def test_internal_links_and_anchors_exist(site, pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if link.scheme or link.netloc:
                continue
            target = (path.parent / unquote(link.path)).resolve() if link.path else path
            lost = link.fragment and target in pages and link.fragment not in pages[target].anchors
            if not target.exists() or lost:
                broken.append(f"{path.relative_to(site)}: {link.geturl()}")
    assert len(pages) > 30
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("markup", [r"\|[-–—]+\|", ":::", "```", r":(?:class|func|meth|ref|doc):`"])
def test_no_page_shows_its_markup(markup, site, pages):
    shown = [site / f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")]
    shown += [*(site / "generated").glob("*.html"), *(site / "auto_examples").glob("*.html")]
    assert not [path.stem for path in shown if re.search(markup, pages[path].text)]


def test_no_initial_of_an_author_begins_a_list(site):
    pages = (site / "generated").glob("*.html")
    assert not [path.stem for path in pages if 'class="upperalpha' in path.read_text("utf-8")]


def test_every_public_name_has_a_page(site):
    names = set()
    for name in skvae.__all__:
        value = getattr(skvae, name)
        members = value.__all__ if isinstance(value, ModuleType) else []
        names |= {f"{name}.{m}" for m in members if callable(getattr(value, m))} or {name}
    missing = {n for n in names if not (site / "generated" / f"skvae.{n}.html").exists()}
    assert not missing


def test_every_markdown_page_is_in_the_site(site):
    sources = (ROOT / "docs").glob("*.md")
    assert all((site / f"{path.stem}.html").exists() for path in sources)


def test_every_example_is_a_notebook(site):
    examples = (ROOT / "examples").glob("*.py")
    downloads = {path.name for path in (site / "_downloads").rglob("*.ipynb")}
    assert downloads >= {f"{path.stem}.ipynb" for path in examples}


def test_search_finds_pages_in_a_browser(site, browser):
    page = browser.new_page()
    page.goto((site / "search.html").as_uri() + "?q=reparameterisation")
    page.wait_for_selector("#search-results li")
    found = {link.get_attribute("href") for link in page.locator("#search-results li a").all()}
    page.close()
    assert any("vae-derivation.html" in address for address in found)


def test_the_table_of_contents_has_tutorials_how_to_explanation_and_reference(site):
    kinds = ["tutorials.html", "guide.html", "explanation.html", "reference.html"]
    header = (site / "index.html").read_text("utf-8").partition("</header>")[0]
    found = re.findall(r'class="nav-link nav-internal" href="([^"]+)"', header)
    assert list(dict.fromkeys(found)) == kinds


def test_a_class_has_a_table_of_its_methods_and_a_link_to_its_source(site):
    page = Page(site / "generated" / "skvae.FisherVectorEncoder.html")
    links = [(link.path, link.fragment) for link in page.links]
    for method in ("fit", "transform", "contributions"):
        assert links.count(("", f"skvae.FisherVectorEncoder.{method}")) >= 2  # table, contents
    assert "../_modules/skvae/fisher/encoder.html" in [path for path, _ in links]
    assert ("skvae.DiagonalGaussianMixture.html", "skvae.DiagonalGaussianMixture") in links


def test_the_chart_leads_to_pages(site):
    chart = (site / "index.html").read_text("utf-8").partition('<svg class="chart"')[2]
    targets = re.findall(r'<a href="([^"#]+)', chart.partition("</svg>")[0])
    assert len(set(targets)) >= 6 and all((site / target).exists() for target in targets)


@pytest.mark.parametrize(
    "name",
    [
        "index",
        "quick-start.zh-CN",
        "choosing",
        "vae-mnist",
        "evidence",
        "auto_examples/index",
        "generated/skvae.VAETransformer",
        "generated/skvae.exceptions.PosteriorCollapseWarning",
    ],
)
def test_pages_fit_a_phone(name, site, browser):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto((site / f"{name}.html").as_uri())
    width = page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert width <= 390


BROKEN_NAMES = """
[...document.querySelectorAll("article :is(h1, h2, h3, th) code .pre")].filter((name) => {
  const text = document.createRange();
  text.selectNode(name.firstChild);
  return text.getClientRects().length > 1;
}).map((name) => name.textContent)
"""


@pytest.mark.parametrize("name", ["cores", "vae", "vae-speed", "auto_examples/plot_grid_search"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_heading_and_no_head_of_a_column_breaks_a_name(name, width, site, browser):
    page = browser.new_page(viewport={"width": width, "height": 844})
    page.goto((site / f"{name}.html").as_uri())
    broken = page.evaluate(BROKEN_NAMES)
    page.close()
    assert not broken
