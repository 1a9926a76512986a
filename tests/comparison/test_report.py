"""The report: whole, valid and self-contained, in its source and in a browser."""

import html
import re
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest

from skvae.comparison.confusions import confusion_matrix
from skvae.comparison.intervals import wilson_interval
from skvae.comparison.records import Row
from skvae.comparison.results import FeatureComparison

pytest.importorskip("matplotlib", reason="needs the extra 'plot'")

N_TEST = 60


@pytest.fixture(scope="module")
def y_test(digits):
    return digits[1][:N_TEST]


@pytest.fixture(scope="module")
def comparison(y_test):
    """Six features under three classifiers with two seeds; names that HTML must escape."""
    rng = np.random.default_rng(0)
    rows = []
    for index, feature in enumerate(["raw", "pca", "fv", "vae", "fv+vae", "<mine> & yours"]):
        for seed in (0, 1):
            for classifier in ("linear", "knn", "svm"):
                name = (feature, classifier, seed)
                if name[:2] == ("fv", "svm"):
                    reason = "5632 dims > 1000"
                    rows.append(Row(*name, status="left out", reason=reason, n_dims=5632))
                    continue
                wrong = np.sort(rng.permutation(N_TEST)[: 2 + index])
                taken = (y_test[wrong] + 1) % 10
                low, high = wilson_interval(len(wrong) / N_TEST, N_TEST)
                rows.append(
                    Row(
                        *name,
                        n_dims=64 * (index + 1),
                        test_error=len(wrong) / N_TEST,
                        error_low=low,
                        error_high=high,
                        chosen={"C": 10.0},
                        feature_fit_seconds=1.0 + index,
                        transform_seconds=0.5,
                        fit_seconds=0.2,
                        predict_seconds=0.1,
                        peak_memory_mb=200.0,
                        notes=("ConvergenceWarning: a <slow> one",),
                        mistakes=tuple(wrong.tolist()),
                        mistaken_for=tuple(taken.tolist()),
                    )
                )
    settings = {
        "n_train": 1000,
        "seeds": [0, 1],
        "seconds": 22.0,
        "date": "2026-11-25T00:00:00+00:00",
        "python": "3.11",
        "versions": {"skvae": "0.1.0"},
        "features": {"pca": "Pipeline(steps=[('pca', PCA())])"},
        "classifiers": {"knn": "KNeighborsClassifier()"},
    }

    return FeatureComparison(tuple(rows), N_TEST, settings)


@pytest.fixture(scope="module")
def save(comparison, y_test, digits):
    """Write the report of the comparison."""
    command = "skvae compare --report 'a b.html'"

    return partial(
        comparison.save_report, y_test=y_test, X_test=digits[0][:N_TEST], command=command
    )


@pytest.fixture(scope="module")
def path(save, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "new folder" / "report.html"
    save(path)

    return path


@pytest.fixture(scope="module")
def page(path):
    return path.read_text("utf-8")


class Tables(HTMLParser):
    """Tables of a page, as lists of rows of texts, by caption."""

    def __init__(self, page):
        super().__init__()
        self.tables, self._target = {}, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self._rows, self._caption = [], []
        elif tag == "caption":
            self._target = self._caption
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._target = []
            self._rows[-1].append(self._target)

    def handle_endtag(self, tag):
        if tag == "table":
            rows = [["".join(cell) for cell in row] for row in self._rows]
            self.tables["".join(self._caption)] = rows
        elif tag in ("td", "th", "caption"):
            self._target = None

    def handle_data(self, data):
        if self._target is not None:
            self._target.append(data)


def test_errors_are_those_of_the_summary(comparison, page):
    (table,) = (t for caption, t in Tables(page).tables.items() if "Wilson" in caption)
    head, *body = table
    by_name = {(r["feature"], r["classifier"]): r for r in comparison.summary()}

    assert head == ["feature", "dims", "fit s", "linear", "knn", "svm"]
    for name, dims, _, *errors in body:
        for classifier, error in zip(head[3:], errors, strict=True):
            record = by_name[name, classifier]
            if record["status"] == "ok":
                assert dims == str(record["n_dims"])
                assert error.startswith(
                    f"{100 * record['test_error']:.2f} ± {100 * record['test_error_std']:.2f} "
                )
            else:
                assert error == "left out"


@pytest.mark.usefixtures("without_charts")
def test_errors_are_bold_only_where_features_are_told_apart(page, y_test, tmp_path):
    assert 'class="best"' not in page.partition("<main>")[2]
    rows = [
        Row(
            *(name, classifier, 0),
            n_dims=2,
            feature_fit_seconds=1.0,
            test_error=n / N_TEST,
            error_low=0.0,
            error_high=1.0,
            mistakes=tuple(range(n)),
            mistaken_for=tuple((y_test[:n] + 1) % 10),
        )
        for classifier, errors in (("knn", (2, 3, 40)), ("svm", (2, 3, 4)))
        for name, n in zip(("fv", "pca", "raw"), errors, strict=True)
    ]
    FeatureComparison(tuple(rows), N_TEST).save_report(tmp_path / "page.html", y_test)
    bold = re.findall(r'class="best">([\d.]+)', (tmp_path / "page.html").read_text("utf-8"))
    assert bold == ["3.33", "5.00"]


def test_confusion_matrices_are_those_of_the_rows(comparison, page, y_test):
    rows = [r for r in comparison.rows if (r.feature, r.classifier) == ("vae", "knn")]
    counts = confusion_matrix(rows, y_test, np.arange(10))
    tables = Tables(page).tables
    (table,) = (tables[caption] for caption in tables if caption.startswith("vae with knn"))
    shown = [[int(cell or 0) for cell in row[1:]] for row in table[1:]]

    np.testing.assert_array_equal(shown, counts)
    assert not any("fv with svm" in caption for caption in tables)


def test_everything_asked_for_is_there(page):
    assert "skvae compare --report &#39;a b.html&#39;" in page
    assert "5632 dims &gt; 1000" in page
    assert "a &lt;slow&gt; one" in page
    assert "<mine>" not in page
    assert page.count("<picture>") == 3
    assert "most often taken for" in page


def test_the_page_is_valid_html(page):
    html5lib = pytest.importorskip("html5lib", reason="needs the extra 'test'")

    html5lib.HTMLParser(strict=True).parse(page)


def test_the_style_is_put_in_as_it_is(page):
    assert (files("skvae.comparison") / "report.css").read_text("utf-8") in page


EVIL = """</style><script>&"'{{ 7 * 7 }}{% raw %}{# #}$x\n_end"""


@pytest.mark.filterwarnings("ignore:constrained_layout not applied")  # so long are the names
@pytest.mark.slow
def test_names_labels_and_notes_are_text_wherever_they_stand(comparison, y_test, digits, tmp_path):
    html5lib = pytest.importorskip("html5lib", reason="needs the extra 'test'")
    labels = np.array([f"{EVIL}{digit}" for digit in y_test])
    rows = []
    for row in comparison.rows:
        taken = tuple(labels[np.array(row.mistakes) - 1]) if row.mistakes else ()
        name, reason = row.feature + EVIL, row.reason and EVIL
        notes = (EVIL,) if row.status == "ok" else ()
        changed = replace(row, feature=name, reason=reason, notes=notes, mistaken_for=taken)
        rows.append(replace(changed, classifier=row.classifier + EVIL, chosen={EVIL: EVIL}))
    settings = dict.fromkeys(("date", "python", "platform", "processor"), EVIL)
    settings |= {"features": {EVIL: EVIL}, "classifiers": {EVIL: EVIL}, "versions": {EVIL: EVIL}}
    evil = replace(comparison, rows=tuple(rows), settings=settings)
    evil.save_report(tmp_path / "page.html", labels, digits[0][:N_TEST], command=EVIL)
    page = (tmp_path / "page.html").read_text("utf-8")
    html5lib.HTMLParser(strict=True).parse(page)

    assert page.count("<style") == page.count("</style>") == 1
    assert "<script" not in page
    # Only in the command are lines kept.
    assert len(re.findall("\n_end", page.replace("<wbr>", ""))) == 1
    shown = html.unescape(page.replace("_<wbr>", "_"))
    one_line = EVIL.replace("\n", r"\n")
    for text in (
        f"raw{one_line} with linear{one_line}",
        f'aria-label="Tests under knn{one_line}"',
        f" taken for {one_line}",
        f"most often taken for {one_line}",
        f"<code>{EVIL}</code>",
        f"<dd>{one_line} {one_line}</dd>",
        f"svm{one_line}: {one_line}",
    ):
        assert text in shown


def test_nothing_is_loaded_from_elsewhere(page):
    links = re.findall(r'(?:src|srcset|href)="([^"]*)"|url\(([^)]*)\)', page)

    assert links
    assert all("".join(pair).startswith("data:") for pair in links)
    assert "<script" not in page
    assert "@import" not in page


def test_every_picture_says_what_it_shows(page):
    pictures = re.findall(r"<img [^>]*>", page)

    assert len(pictures) > 3
    assert all(re.search(r'alt="[^"]{10,}"', picture) for picture in pictures)


@pytest.mark.slow
def test_the_report_is_the_same_each_time(save, path, tmp_path):
    save(tmp_path / "again.html")

    assert (tmp_path / "again.html").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "rows",
    [(), (Row("raw", "knn", 0, status="failed", reason="MemoryError"),)],
    ids=["none", "failed"],
)
def test_an_interrupted_run_has_a_report_too(rows, y_test, tmp_path):
    comparison = FeatureComparison(rows, N_TEST, interrupted=True)
    comparison.save_report(tmp_path / "report.html", y_test)

    assert "interrupted" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("without_charts")
def test_no_mistakes_and_no_images_are_no_error(y_test, tmp_path):
    row = Row(
        "raw", "knn", 0, n_dims=4, test_error=0.0, error_low=0.0, error_high=0.06, fit_seconds=1.0
    )
    FeatureComparison((row,), N_TEST).save_report(tmp_path / "report.html", y_test)

    assert "No test row was misclassified" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("without_charts")
def test_colour_images_and_names_as_labels(y_test, tmp_path, rng):
    names = np.array(["cat", "dog"])[y_test % 2]
    row = Row(
        "raw",
        "knn",
        0,
        n_dims=4,
        test_error=1 / N_TEST,
        error_low=0.0,
        error_high=0.1,
        fit_seconds=1.0,
        mistakes=(1,),
        mistaken_for=("cat",),
    )
    FeatureComparison((row,), N_TEST).save_report(
        tmp_path / "report.html", names, rng.random((N_TEST, 48)), image_shape=(4, 4, 3)
    )

    assert "a dog, most often taken for cat" in (tmp_path / "report.html").read_text("utf-8")


def test_labels_and_images_must_match_the_comparison(comparison, y_test, tmp_path):
    with pytest.raises(ValueError, match="59 labels for 60 test rows"):
        comparison.save_report(tmp_path / "report.html", y_test[1:])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        comparison.save_report(tmp_path / "report.html", y_test, np.zeros((5, 64)))


@pytest.fixture(scope="module")
def opened(browser, path):
    """The page at a width and in a colour scheme, and what the browser had to say."""
    contexts = []

    def open_page(width, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        page, said = context.new_page(), []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "request",
            lambda request: (
                said.append(request.url) if not request.url.startswith(("file:", "data:")) else None
            ),
        )
        page.goto(path.as_uri())
        page.wait_for_load_state("networkidle")

        return page, said

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(opened, width, scheme):
    page, said = opened(width, scheme)
    scrolled = page.evaluate("document.documentElement.scrollWidth")
    blank = page.evaluate("[...document.images].filter(i => !i.naturalWidth).length")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert said == []
    assert scrolled <= width
    assert blank == 0
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 18, 18)"}[scheme]


_CONTRAST = """
() => {
  const light = c => {
    const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = e => {
    const c = getComputedStyle(e).backgroundColor;
    return c === 'rgba(0, 0, 0, 0)' ? ground(e.parentElement) : c;
  };
  const texts = [...document.querySelectorAll('body *')]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
  return Math.min(...texts.map(e => {
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => x - y);
    return (b + 0.05) / (a + 0.05);
  }));
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(opened, scheme):
    page, _ = opened(800, scheme)

    assert page.evaluate(_CONTRAST) >= 4.5  # WCAG 2.2, 1.4.3
