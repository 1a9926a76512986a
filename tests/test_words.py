"""Pages speak in the field's words, without goals and diaries; headings and tables are whole."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    path
    for path in sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.py"), ROOT / "README.md"])
    if path.name not in ("changelog.md", "quick-start.zh-CN.md")
]
GOALS = r"\basked\b|\breached\b|hoped[- ]for|\bbeaten\b"
DIARY = r"'s sake|other work|\bbusy (?:AMD|Intel)|Until \d+ \w+ 20|\bgrew from\b|\bthe seed network"
SPELLING = r"reparameteriz|\b\w*normaliz(?!e[\"=_ ]|e\b|er\b)|logp\(|\bwarm(?:s|ed|ing) up\b"
HEADINGS = (
    "More than fits|Back again|Again|Numbers you can rely on|Which posteriors, which size"
    "|Not there|Who decided|Measured|Needles|Files|Next"
)


def text_of(path):
    """A page without its code; the comments of an example are its text."""
    text = path.read_text("utf-8")
    if path.suffix == ".md":
        return re.sub(r"```(?!\{).*?```|`[^`\n]+`", "", text, flags=re.DOTALL)
    introduction = text.split('"""')[1]
    return introduction + "".join(re.findall(r"^# .*\n", text, flags=re.MULTILINE))


def test_pages_have_the_words_of_the_field():
    found = []
    for path in PAGES:
        text = re.sub(r"\s+", " ", text_of(path))
        for match in re.finditer(rf"{GOALS}|{DIARY}|{SPELLING}", text):
            found.append((path.name, text[max(0, match.start() - 40) : match.end() + 40]))
    assert not found


def test_headings_say_what_is_under_them():
    lines = [(path.name, line) for path in PAGES for line in text_of(path).splitlines()]
    assert not [(name, line) for name, line in lines if re.fullmatch(rf"#+ ({HEADINGS})", line)]


def test_every_line_of_a_table_is_a_row_of_as_many_cells():
    broken = []
    for path in PAGES:
        text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
        for block in re.split(r"\n\s*\n", text) if path.suffix == ".md" else ():
            lines = block.splitlines() if "|---" in block else []
            whole = all(re.fullmatch(r" *\|.*\|", line) for line in lines)
            if not whole or len({bars_of(line) for line in lines}) > 1:
                broken.append((path.name, block))
    assert not broken


def bars_of(line):
    """How many bars divide the cells of a row."""
    return len(re.findall(r"(?<!\\)\|", line))


def tutorials():
    page = (ROOT / "docs" / "tutorials.md").read_text("utf-8")
    return sorted(set(re.findall(r"auto_examples/(plot_\w+)\.rst", page)))


@pytest.mark.parametrize("name", tutorials())
def test_a_tutorial_ends_with_what_to_try_and_where_it_loses(name):
    headings = re.findall(
        r"^# (.+)\n# -+$", (ROOT / f"examples/{name}.py").read_text("utf-8"), re.MULTILINE
    )
    assert "What to try next" in headings
    assert {"Where it loses", "Where it fails"} & set(headings)


@pytest.mark.parametrize("name", ["what-is-a-fisher-vector", "what-is-a-vae", "index"])
def test_concepts_are_drawn(name):
    assert (
        len(re.findall(r"!\[[^]]{20,}\]\(concepts/", (ROOT / f"docs/{name}.md").read_text("utf-8")))
        >= 2
    )


def test_docstrings_say_their_noun():
    without = re.compile(r'"""(?:The s|S)ame (?:of|for|as)\b.*')
    texts = {path: path.read_text("utf-8") for path in ROOT.glob("skvae/**/*.py")}
    assert not {
        path.name: found for path, text in texts.items() if (found := without.findall(text))
    }
