"""URLs as people read them, and their parts: hosts, and paths below a root.

A readable URL has the characters that are escaped on the wire, except where
it would then mean something else (RFC 3987, section 3.2).
"""

import codecs
import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

# How bytes that are no UTF-8 are decoded: they stay as escaped as they were.
ESCAPED = "microquart.escaped"

# What would end the path of a URL, or hide in it.
_NO_PATH = re.compile(r"[\x00-\x20\x7f%?#]")

# Escapes that mean something else once they are characters.
_KEPT = re.compile(r"((?:%(?:[01][0-9A-F]|2[0356B]|3D|7F))++)", re.IGNORECASE)
_PRINTABLE = bytes(range(0x21, 0x7F)).decode()


def path_below(root: str, path: str) -> str:
    """Return the path without the root, which ends where a segment does.

    >>> path_below("/api", "/api/users"), path_below("/api", "/api")
    ('/users', '/')
    >>> path_below("/api", "/apiary")    # not below it
    '/apiary'

    Some servers leave the root out of the path, against the ASGI text: a path
    that does not begin with it is taken as it is.
    """
    root = root.rstrip("/")
    if path.startswith(root) and path[len(root) : len(root) + 1] in ("", "/"):
        path = path[len(root) :]
    # Two slashes would make a URL of it that leads to another host.
    return "/" + path.lstrip("/")


def split_port(host: str) -> tuple[str, str]:
    """Return the name or address, and the port or nothing.

    >>> split_port("[::1]:8000"), split_port("[::1]")
    (('[::1]', '8000'), ('[::1]', ''))
    """
    name, colon, port = host.rpartition(":")
    if not colon or port.endswith("]"):
        return host, ""
    return name, port


def is_trusted(name: str, trusted: Sequence[str]) -> bool:
    """Tell whether a host is in a list, in which ``.x`` stands for all of x.

    >>> is_trusted("a.example.com", [".example.com"])
    True
    """
    name = name.lower()
    for one in trusted:
        one = split_port(one)[0].lower()
        if not one.isascii():
            one = one.encode("idna").decode()
        if name == one.removeprefix("."):
            return True
        if one.startswith(".") and name.endswith(one):
            return True
    return False


def readable_path(path: str) -> str:
    """Return a path as it can stand in a URL that people read."""
    return _NO_PATH.sub(lambda found: f"%{ord(found[0]):02X}", path)


def readable_query(query: bytes) -> str:
    """Return a query string with the characters that it escapes.

    >>> readable_query(b"q=%C3%A8%26%ff"), readable_query(b"a b")
    ('q=è%26%FF', 'a%20b')

    Escapes stay if the query would mean something else without.
    """
    text = quote(query, safe=_PRINTABLE)
    if "%" not in text:
        return text
    return "".join(
        piece if number % 2 else unquote(piece, errors=ESCAPED)
        for number, piece in enumerate(_KEPT.split(text))
    )


def _escape(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return quote(error.object[error.start : error.end]), error.end


codecs.register_error(ESCAPED, _escape)
