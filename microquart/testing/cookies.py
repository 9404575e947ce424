"""The cookies that a client keeps, and to whom it shows them (RFC 6265)."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from microquart.http.fields import parse_date


@dataclass(frozen=True)
class Cookie:
    """One cookie.  ``expires`` is in seconds of the Unix time, or None."""

    name: str
    value: str
    domain: str
    path: str
    host_only: bool = True
    secure: bool = False
    http_only: bool = False
    expires: float | None = None

    def belongs_to(self, url: SplitResult) -> bool:
        """Tell whether a request for this URL carries the cookie."""
        host = url.hostname or ""
        return (
            (host == self.domain or self._covers(host))
            and path_matches(url.path or "/", self.path)
            and (not self.secure or trustworthy(url))
        )

    def _covers(self, host: str) -> bool:
        return not self.host_only and is_below(host, self.domain)


class CookieJar:
    """The cookies of one client; ``clock`` gives the Unix time.

    >>> jar = CookieJar()
    >>> jar.extract(["a=1; Path=/shop"], "http://localhost/shop/cart")
    >>> jar.header("http://localhost/shop"), jar.header("http://localhost/")
    ('a=1', '')
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._cookies: dict[tuple[str, str, str], Cookie] = {}

    def __iter__(self) -> Iterator[Cookie]:
        now = self._clock()
        return iter(
            [
                cookie
                for cookie in self._cookies.values()
                if cookie.expires is None or cookie.expires > now
            ]
        )

    def __len__(self) -> int:
        return len(list(iter(self)))

    def clear(self) -> None:
        self._cookies.clear()

    def header(self, url: str) -> str:
        """Return the Cookie field for a request; empty: none is sent.

        The longest path comes first, then the oldest cookie.
        """
        parts = urlsplit(url)
        found = [cookie for cookie in self if cookie.belongs_to(parts)]
        found.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in found)

    def extract(self, fields: Iterable[str], url: str) -> None:
        """Keep what the Set-Cookie fields of an answer from ``url`` say."""
        parts = urlsplit(url)
        for field in fields:
            cookie = parse_set_cookie(field, parts, self._clock())
            if cookie is not None:
                # One that is over replaces, and thereby ends, the former.
                key = (cookie.domain, cookie.path, cookie.name)
                self._cookies[key] = cookie


def parse_set_cookie(
    field: str, url: SplitResult, now: float
) -> Cookie | None:
    """Return the cookie that a field sets; None if a browser refuses it.

    (RFC 6265, sections 5.2 and 5.3.)
    """
    pair, *rest = field.split(";")
    name, equals, value = pair.partition("=")
    attributes = dict(_attribute(part) for part in rest)
    host = url.hostname or ""
    domain = attributes.get("domain", "").lstrip(".").lower()
    if not equals or not name.strip():
        return None
    if domain and host != domain and not is_below(host, domain):
        return None
    secure = "secure" in attributes
    if secure and not trustworthy(url):
        return None
    path = attributes.get("path", "")
    return Cookie(
        name.strip(),
        value.strip(),
        domain or host,
        path if path.startswith("/") else default_path(url.path),
        not domain,
        secure,
        "httponly" in attributes,
        _expires(attributes, now),
    )


def _attribute(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), value.strip()


def _expires(attributes: dict[str, str], now: float) -> float | None:
    # Max-Age wins over Expires.
    max_age = attributes.get("max-age", "")
    if max_age.lstrip("-").isdigit():
        return now + int(max_age)
    date = parse_date(attributes.get("expires"))
    return None if date is None else date.timestamp()


def default_path(path: str) -> str:
    """Return the path of a cookie that names none: the page's directory.

    >>> default_path("/shop/cart"), default_path("/shop"), default_path("")
    ('/shop', '/', '/')
    """
    return path[: path.rfind("/")] or "/"


def path_matches(path: str, prefix: str) -> bool:
    """Tell whether a path is a cookie's path, or below it.

    >>> path_matches("/shop/cart", "/shop"), path_matches("/shopping", "/shop")
    (True, False)
    """
    return path == prefix or path.startswith(prefix.rstrip("/") + "/")


def is_below(host: str, domain: str) -> bool:
    """Tell whether a host is in the domain; an address is in none."""
    return host.endswith(f".{domain}") and not is_address(host)


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def trustworthy(url: SplitResult) -> bool:
    """Tell whether browsers take Secure cookies there: https, or loopback."""
    host = url.hostname or ""
    if url.scheme in ("https", "wss") or is_below(host, "localhost"):
        return True
    return host == "localhost" or (
        is_address(host) and ip_address(host).is_loopback
    )
