"""Which names have secret values, and where those stand in a text."""

import re
from collections.abc import Iterable, Iterator
from typing import TypeVar
from urllib.parse import unquote_plus

FIELDS = (
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "x-csrf-token",
    "x-auth-token",
)
# Keys of a query, a form or a JSON object; case, "-" and "_" do not count.
KEYS = (
    "token",
    "access_token",
    "key",
    "api_key",
    "password",
    "secret",
    "code",
    "sig",
)
# A key where one may stand in a URL; what follows is its value.
KEY = re.compile(r"""(?:^|[?&;#\s"'<(,])([^=?&;#\s"'<(,]{1,128})=""")
URL_VALUE = re.compile(r"""[^&#\s"'<>]*""")
FORM_VALUE = re.compile(r"[^&]*")
MEMBER = re.compile(
    r'"([^"\\]{1,128})"\s*:\s*(?:"((?:[^"\\]|\\.?)*)|([^\s,}\]]*))', re.DOTALL
)
USERINFO = re.compile(r"""://([^/?#\s"'<>]*)@""")
CUT_AUTHORITY = re.compile(r"""://([^/?#\s"'<>]*)$""")
PARTS = re.compile(r"[\[\].]+")

Span = tuple[int, int]
T = TypeVar("T")

# How much is remembered, and how long, in characters, each may be.
REMEMBERED, SHORT = 1024, 256


class Harmless(set[T]):
    """What was seen before and is no secret: clients repeat themselves."""

    def remember(self, one: T, length: int) -> None:
        if length > SHORT:
            return
        if len(self) >= REMEMBERED:
            self.clear()
        self.add(one)


class Secrets:
    """Where in a text the secrets are: spans, from and up to an offset.

    A text may be cut off at its end; then a span may reach too far, never
    too short. Octets are read as Latin-1, so that offsets are the same.
    """

    def __init__(
        self, fields: Iterable[str] = (), keys: Iterable[str] = ()
    ) -> None:
        self.fields = frozenset(map(str.lower, (*FIELDS, *fields)))
        self.keys = frozenset(map(bare, (*KEYS, *keys)))
        self.lines = Harmless[bytes]()  # of heads of HTTP/1.1

    def is_field(self, name: str) -> bool:
        return name.strip().lower() in self.fields

    def is_key(self, key: str) -> bool:
        """Tell it of ``user[password]`` and ``accessToken`` too."""
        parts = PARTS.split(unquote_plus(key))
        return any(bare(part) in self.keys for part in parts)

    def in_line(self, line: str) -> Iterator[Span]:
        """Yield the spans in a line of an HTTP/1.1 head."""
        name, colon, value = line.partition(":")
        if colon and self.is_field(name):
            start = len(name) + 1 + len(value) - len(value.lstrip(" \t"))
            yield start, len(line.rstrip("\r\n"))
        else:
            if not line.endswith("\n"):  # then user and password, perhaps
                yield from (m.span(1) for m in CUT_AUTHORITY.finditer(line))
            if "=" in line or "@" in line:
                yield from self.in_url(line)

    def in_url(self, text: str) -> Iterator[Span]:
        """Yield the spans in a URL, or in a text with URLs in it."""
        if "@" in text:
            yield from (match.span(1) for match in USERINFO.finditer(text))
        if "=" in text:
            yield from self._valued(text, URL_VALUE)

    def in_form(self, text: str) -> Iterator[Span]:
        return self._valued(text, FORM_VALUE)

    def in_text(self, text: str) -> Iterator[Span]:
        """Yield the spans in JSON, and in whatever has URLs in it."""
        for match in MEMBER.finditer(text):
            if self.is_key(match[1]):
                yield match.span(2 if match[2] is not None else 3)
        yield from self.in_url(text)

    def _valued(self, text: str, value: re.Pattern[str]) -> Iterator[Span]:
        for match in KEY.finditer(text):
            found = value.match(text, match.end())
            if found and self.is_key(match[1]):
                yield found.span()


def bare(key: str) -> str:
    return key.strip().lower().replace("-", "").replace("_", "")
