import pytest

from skvae._text import one_line


@pytest.mark.parametrize("text", ["", "plain", "$_&<>%\\\"'", "Größe 大小 🙂"])
def test_what_prints_stays_as_it_is(text):
    assert one_line(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[31m\0", r"\x1b[31m\x00"),
        ("\ud800\u2028\u202e", r"\ud800\u2028\u202e"),
    ],
)
def test_what_prints_nothing_is_written_out(text, expected):
    assert one_line(text) == expected
