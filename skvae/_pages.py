"""Pages of HTML, from templates that lie beside their modules."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from skvae._text import one_line

__all__ = ["fill_page"]


def fill_page(package: str, template: str, **values: object) -> str:
    """Fill a template of Jinja's.

    Whatever is put in becomes text on one line, escaped, unless the template says that it is
    ``safe`` HTML; ``e`` keeps its lines. ``tojson`` makes it data of a script, in which numbers of
    numpy are numbers, and infinity and NaN are refused.

    Parameters
    ----------
    package : str
        Where the template lies.
    template : str
        Name of its file.
    **values : object
        By their names in the template.

    Returns
    -------
    page : str

    Raises
    ------
    ValueError
        If data of a script hold a number that JSON cannot.
    """
    environment = Environment(
        loader=PackageLoader(package, ""),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        finalize=_finalize,
    )
    environment.policies["json.dumps_kwargs"] = {"default": float, "allow_nan": False}

    return environment.get_template(template).render(values)


def _finalize(value: object) -> str:
    """A value as text on one line, but HTML as it is."""
    return value if isinstance(value, Markup) else one_line(value)
