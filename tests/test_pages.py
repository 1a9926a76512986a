"""What a template does with values, whatever they hold."""

import importlib
import json
import re
from itertools import count

import numpy as np
import pytest
from jinja2 import UndefinedError

from skvae._pages import fill_page

NUMBERS = count()
EVIL = """</script><b>&"'{{ 7 * 7 }}{% raw %}{# x #}<!--"""


@pytest.fixture
def fill(tmp_path, monkeypatch):
    """Fill a template given as text."""
    monkeypatch.syspath_prepend(tmp_path)

    def fill(template, **values):
        package = f"room_{next(NUMBERS)}"  # a module is imported once
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
        (tmp_path / package / "page.html").write_text(template, "utf-8")
        importlib.invalidate_caches()
        return fill_page(package, "page.html", **values)

    return fill


def test_values_are_text_and_no_template(fill):
    assert fill("<p title='{{ a }}'>{{ a }}</p>\n", a=EVIL).count("&lt;/script&gt;&lt;b&gt;") == 2
    assert not re.search("[<>\"']", fill("{{ a }}", a=EVIL))
    assert "{{ 7 * 7 }}{% raw %}{# x #}" in fill("{{ a }}", a=EVIL)
    assert fill("{{ a | safe }}", a=EVIL) == EVIL


def test_values_stay_on_one_line_unless_the_template_says_otherwise(fill):
    assert fill("{{ a }}", a="1\n<2>") == r"1\n&lt;2&gt;"
    assert fill("{{ a | e }}", a="1\n<2>") == "1\n&lt;2&gt;"
    template = "{% macro twice(a) %}\n{{ a }}\n{{ a }}\n{% endmacro %}\n{{ twice(a) }}"
    assert fill(template, a="1\n<2>") == r"1\n&lt;2&gt;" + "\n" + r"1\n&lt;2&gt;" + "\n"


def test_data_of_a_script_cannot_end_it(fill):
    data = {"b": EVIL, "a": [np.float32(0.5), np.int64(3), None]}
    script = fill("{{ data | tojson }}", data=data)

    assert "<" not in script
    assert json.loads(script) == data
    assert script.startswith('{"b"')  # in the order given
    for number in (np.nan, np.inf):
        with pytest.raises(ValueError, match="JSON"):
            fill("{{ data | tojson }}", data=[number])


def test_a_value_that_is_missing_is_an_error(fill):
    with pytest.raises(UndefinedError, match="title"):
        fill("{{ title }}")


def test_a_page_ends_as_its_template_does(fill):
    assert fill("<p>\n{% if a %}\n{{ a }}\n{% endif %}\n</p>\n", a=1) == "<p>\n1\n</p>\n"
