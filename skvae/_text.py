"""Text of the user's, such as names, as it is shown on one line."""

__all__ = ["one_line"]


def one_line(text: object) -> str:
    r"""Text in which line breaks and other characters that print nothing are written out.

    Parameters
    ----------
    text : object
        Its ``str`` is taken.

    Returns
    -------
    text : str

    Examples
    --------
    >>> from skvae._text import one_line
    >>> print(one_line("two\nlines, 50 % of $"))
    two\nlines, 50 % of $
    """
    text = str(text)
    if text.isprintable():  # a picture in an address has a hundred thousand characters
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
