"""The words that field values are made of: tokens, quotes, parameters.

Nothing here knows a particular field.  Each pattern is possessive
(``*+``, ``++``): a pattern that cannot give back what it took cannot
backtrack, so the time is linear in the length of the value.

Sources: RFC 9110 section 5.6 (tokens, lists, quoted strings, parameters),
RFC 8187 (``name*=UTF-8''%e2%82%ac``), RFC 2231 section 3 (``name*0=…``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote as percent_encode
from urllib.parse import unquote as percent_decode

_TOKEN_CHARS = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
TOKEN = re.compile(rf"{_TOKEN_CHARS}+")

_ITEM = re.compile(r'(?:[^",]++|"(?:[^"\\]++|\\.)*+"?+)++', re.DOTALL)
_PARAMETER = re.compile(
    rf'\s*+({_TOKEN_CHARS}++)=(?:"((?:[^"\\]++|\\.)*+)("?+)|([^\s;"]++))',
    re.DOTALL,
)
_ESCAPED = re.compile(r'\\(["\\])')
_CONTINUED = re.compile(r"(.+?)\*[0-9]{1,9}(\*?)")

# RFC 8187, 3.2.1: attr-char.  The letters and digits are always safe.
_ATTR_CHARS = "!#$&+-.^_`|~"
_CHARSETS = frozenset({"ascii", "us-ascii", "utf-8", "iso-8859-1"})


def is_token(value: str) -> bool:
    return TOKEN.fullmatch(value) is not None


def quote(value: str, allow_token: bool = True) -> str:
    r"""Return a token as it is and anything else between quotes.

    >>> quote("gzip"), quote("a b"), quote('say "hi"')
    ('gzip', '"a b"', '"say \\"hi\\""')
    """
    if allow_token and is_token(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquote(value: str) -> str:
    r"""Take the quotes off, if there are any.

    Only ``\\`` and ``\"`` are escapes: old browsers send ``"C:\dir\file"``
    and mean each backslash.
    """
    if len(value) > 1 and value[0] == value[-1] == '"':
        return _unescape(value[1:-1])
    return value


def parse_list(value: str | None) -> list[str]:
    """Return the items between the commas, without quotes and empty ones.

    >>> parse_list('a, "b, c",, W/"d"')
    ['a', 'b, c', 'W/"d"']
    """
    items = map(str.strip, _ITEM.findall(value or ""))
    return [unquote(item) for item in items if item]


def parse_dict(value: str | None) -> dict[str, str | None]:
    """Return the items of a list as names with an optional value.

    >>> parse_dict('max-age=10, no-store, private="a, b"')
    {'max-age': '10', 'no-store': None, 'private': 'a, b'}
    """
    result: dict[str, str | None] = {}
    for item in _ITEM.findall(value or ""):
        name, equals, text = item.partition("=")
        if name := name.strip():
            result[unquote(name)] = unquote(text.strip()) if equals else None
    return result


def parse_options(value: str | None) -> tuple[str, dict[str, str]]:
    """Return the value and its parameters, their names in lower case.

    >>> parse_options('text/html; Charset="utf-8"')
    ('text/html', {'charset': 'utf-8'})
    >>> parse_options("attachment; filename*=UTF-8''%e2%82%ac")
    ('attachment', {'filename': '€'})

    A parameter that cannot be read is left out.  Of two with one name the
    last counts, but ``name*`` goes before ``name`` (RFC 6266, 4.3).
    """
    main, semicolon, rest = (value or "").partition(";")
    main = main.strip()
    if not semicolon:
        return main, {}
    plain: dict[str, str] = {}
    parts: dict[str, list[str]] = {}
    extended: dict[str, str] = {}
    for name, text in _parameters(rest):
        if "*" not in name:
            plain[name] = text
        elif match := _CONTINUED.fullmatch(name):
            raw = text if match[2] else percent_encode(text)
            parts.setdefault(match[1], []).append(raw)
        elif name[-1] == "*" and (decoded := _decode(text)) is not None:
            extended[name[:-1]] = decoded
    for name, pieces in parts.items():
        extended.setdefault(name, _join(pieces))
    return main, plain | extended


def dump_options(value: str, options: Mapping[str, object]) -> str:
    """Return the value with its parameters; None leaves one out.

    >>> dump_options("attachment", {"filename": "a b.txt"})
    'attachment; filename="a b.txt"'
    >>> dump_options("attachment", {"filename": "€"})
    "attachment; filename*=UTF-8''%E2%82%AC"
    """
    parts = [value] if value else []
    for name, option in options.items():
        if option is None:
            continue
        text = str(option)
        if name.endswith("*"):
            parts.append(f"{name}={text}")
        elif text.isascii() and text.isprintable():
            parts.append(f"{name}={quote(text)}")
        else:
            parts.append(f"{name}*={encode_extended(text)}")
    return "; ".join(parts)


def dump_list(values: Iterable[str]) -> str:
    return ", ".join(map(quote, values))


def dump_dict(values: Mapping[str, object]) -> str:
    """Return names with their values; one whose value is None stands alone.

    >>> dump_dict({"max-age": 10, "no-store": None})
    'max-age=10, no-store'
    """
    return ", ".join(
        name if value is None else f"{name}={quote(str(value))}"
        for name, value in values.items()
    )


def encode_extended(value: str) -> str:
    """Return text of any script as an ``ext-value`` (RFC 8187, 3.2).

    A lone surrogate, which UTF-8 cannot carry, becomes a question mark.
    """
    return "UTF-8''" + percent_encode(value, _ATTR_CHARS, errors="replace")


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(text):
        if match := _PARAMETER.match(text, position):
            name, quoted, closed, bare = match.groups()
            if quoted is None:
                yield name.lower(), bare
            elif not closed:
                # To look for the end of each later quote is quadratic.
                return
            else:
                # Browsers send a quote in the name of a file as %22.
                yield name.lower(), _unescape(quoted).replace("%22", '"')
            position = match.end()
        position = text.find(";", position) + 1 or len(text)


def _decode(text: str) -> str | None:
    charset, mark, rest = text.partition("'")
    _, second, encoded = rest.partition("'")
    if not mark or not second or charset.lower() not in _CHARSETS:
        return None
    return percent_decode(encoded, charset)


def _join(pieces: list[str]) -> str:
    text = "".join(pieces)
    decoded = _decode(text)
    return percent_decode(text) if decoded is None else decoded
