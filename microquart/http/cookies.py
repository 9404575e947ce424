"""Cookies: what a client sends back, and what it is told to keep (RFC 6265).

A value that is no cookie-octet is sent between quotes, with its other bytes
as three octal digits: ``"caf\\303\\251"``.  So do werkzeug and the standard
library, and so sessions and cookies of either are read by the other.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import quote as percent_encode

from microquart.http.dates import format_date
from microquart.http.multidict import MultiDict
from microquart.http.syntax import is_token

# More than the cookie-octets of RFC 6265, 4.1.1, less white space, quotes,
# comma, semicolon and backslash.
_PLAIN = re.compile(r"[!#-+\--:<-\[\]-~]*+")
_UNSAFE = re.compile(rb'[\x00-\x1f",;\\\x7f-\xff]')
_ESCAPED = re.compile(rb"\\([0-3][0-7]{2}|.)", re.DOTALL)

_DOMAIN = re.compile(r"[A-Za-z0-9_-]++(?:\.[A-Za-z0-9_-]++)*+")
# The characters of a path (WHATWG URL) without the semicolon.
_PATH_SAFE = "%!$&'()*+,/:=@"
_CONTROL = re.compile(r"[\x00-\x1f;\x7f]")


def parse_cookie(header: str | None) -> MultiDict[str, str]:
    """Return the cookies of a Cookie field; of two of a name the first counts.

    >>> parse_cookie('a=1; b="caf\\\\303\\\\251"; a=2; nameless')
    MultiDict([('a', '1'), ('a', '2'), ('b', 'café')])
    """
    return MultiDict(cookie_pairs(header))


def cookie_pairs(header: str | None) -> Iterator[tuple[str, str]]:
    """Return the names and values of a Cookie field, read as latin-1."""
    for part in (header or "").split(";"):
        name, equals, value = part.partition("=")
        # A cookie without a name could pass for any other: "=a=1".
        if equals and (name := name.strip()):
            yield name, _decode(value.strip())


def dump_cookie(
    key: str,
    value: str = "",
    max_age: timedelta | float | None = None,
    expires: str | datetime | float | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    httponly: bool = False,
    samesite: str | None = None,
    partitioned: bool = False,
) -> str:
    """Return the value of a Set-Cookie field.

    >>> dump_cookie("theme", "dark", max_age=60, samesite="Lax")
    'theme=dark; Max-Age=60; Path=/; SameSite=Lax'

    ``max_age`` is in seconds.  A partitioned cookie is secure.

    Raises:
        ValueError: clients would refuse the cookie, or read another one.
    """
    secure = secure or partitioned
    _check_name(key, secure, path, domain)
    parts = [f"{key}={_encode(value)}"]
    if domain:
        parts.append(f"Domain={_domain(domain)}")
    if expires is not None:
        parts.append(f"Expires={_expires(expires)}")
    if max_age is not None:
        parts.append(f"Max-Age={_seconds(max_age)}")
    if secure:
        parts.append("Secure")
    if httponly:
        parts.append("HttpOnly")
    if path is not None:
        parts.append(f"Path={percent_encode(path, _PATH_SAFE)}")
    if samesite is not None:
        parts.append(f"SameSite={_samesite(samesite)}")
    if partitioned:
        parts.append("Partitioned")
    return "; ".join(parts)


def _check_name(
    name: str, secure: bool, path: str | None, domain: str | None
) -> None:
    if not is_token(name):
        raise ValueError(
            f"cookie {name!r}: a name has only letters,"
            " digits and !#$%&'*+-.^_`|~"
        )
    prefix = name[:9].lower()
    if prefix.startswith(("__host-", "__secure-")) and not secure:
        raise ValueError(f"cookie {name!r}: its prefix needs secure=True")
    if prefix.startswith("__host-") and (path != "/" or domain):
        raise ValueError(
            f"cookie {name!r}: the prefix __Host- needs path='/' and no domain"
        )


def _encode(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    data = value.encode("utf-8", "replace")
    return f'"{_UNSAFE.sub(_escape, data).decode("ascii")}"'


def _escape(match: re.Match[bytes]) -> bytes:
    byte = match[0]
    return b"\\" + byte if byte in b'"\\' else b"\\%03o" % byte[0]


def _decode(value: str) -> str:
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    if value.isascii() and not quoted:
        return value
    try:
        data = value.encode("latin-1")
    except UnicodeEncodeError:  # text that no server has decoded
        data = value.encode("utf-8", "replace")
    if quoted:
        data = _ESCAPED.sub(_unescape, data[1:-1])
        return data.decode("utf-8", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return value


def _unescape(match: re.Match[bytes]) -> bytes:
    digits = match[1]
    return bytes([int(digits, 8)]) if len(digits) == 3 else digits


def _domain(domain: str) -> str:
    name = domain.lstrip(".").partition(":")[0]
    if not name.isascii():
        name = name.encode("idna").decode("ascii")
    if not _DOMAIN.fullmatch(name):
        raise ValueError(f"cookie domain {domain!r}: not the name of a host")
    return name


def _expires(expires: str | datetime | float) -> str:
    if not isinstance(expires, str):
        return format_date(expires)
    if _CONTROL.search(expires):
        raise ValueError(f"cookie expires {expires!r}: not a date of HTTP")
    return expires


def _seconds(max_age: timedelta | float) -> int:
    if isinstance(max_age, timedelta):
        return int(max_age.total_seconds())
    return int(max_age)


def _samesite(value: str) -> str:
    title = value.title()
    if title not in {"Strict", "Lax", "None"}:
        raise ValueError(
            f"cookie samesite {value!r}: known are 'Strict', 'Lax', 'None'"
        )
    return title
