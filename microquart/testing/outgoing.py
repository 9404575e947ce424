"""A request before it is sent, and the one that a redirect makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from microquart.asgi import HTTPScope, WebSocketScope
from microquart.http.datastructures import Headers
from microquart.http.fields import Authorization
from microquart.testing.utils import (
    HeadersSource,
    make_test_headers_path_and_query_string,
    make_test_scope,
    quoted,
)

MOVED = (301, 302, 303, 307, 308)
# With these, browsers forget the body and the method that carried it.
FORGETS_BODY = (301, 302, 303)


@dataclass(frozen=True)
class Outgoing:
    """``target`` is the path as it is written in a URL; no query is in it."""

    method: str
    scheme: str
    headers: Headers
    target: str
    query: bytes
    root_path: str
    http_version: str
    scope_base: Mapping[str, Any]
    body: bytes = b""

    @classmethod
    def to(
        cls,
        app: object,
        path: str,
        *,
        method: str,
        headers: HeadersSource | None,
        query_string: Mapping[str, Any] | None,
        scheme: str,
        root_path: str,
        http_version: str,
        scope_base: Mapping[str, Any] | None,
        auth: Authorization | tuple[str, str] | None,
        subdomain: str | None,
        body: tuple[bytes, Headers] | None = None,
    ) -> Self:
        """Return the request to a path, or to a whole URL."""
        parts = urlsplit(path) if "://" in path.partition("?")[0] else None
        if parts is not None:
            path = whole_path(parts)
            headers = Headers(headers)
            headers.setdefault("Host", parts.netloc)
            scheme = parts.scheme
        fields, _, query = make_test_headers_path_and_query_string(
            app, path, headers, query_string, auth, subdomain
        )
        content, described = body or (b"", Headers())
        for name, value in described:
            # The user may name another media type, but not another boundary.
            if name not in fields or "boundary" in value:
                fields[name] = value
        if content:
            fields.setdefault("Content-Length", len(content))
        return cls(
            method,
            scheme,
            fields,
            quoted(path.partition("?")[0]),
            query,
            root_path,
            http_version,
            scope_base or {},
            content,
        )

    @property
    def url(self) -> str:
        query = f"?{self.query.decode()}" if self.query else ""
        root = self.root_path.rstrip("/")
        inside = self.target.startswith(f"{root}/")
        path = self.target if inside else root + self.target
        return f"{self.scheme}://{self.headers['Host']}{path}{query}"

    def http_scope(self, kept: bool = False) -> HTTPScope:
        scope = make_test_scope(
            "http",
            unquote(self.target),
            self.method,
            self.headers,
            self.query,
            self.scheme,
            self.root_path,
            self.http_version,
            {"raw_path": self._raw_path(), **self.scope_base},
            _preserve_context=kept,
        )
        return scope

    def websocket_scope(self) -> WebSocketScope:
        return make_test_scope(
            "websocket",
            unquote(self.target),
            self.method,
            self.headers,
            self.query,
            self.scheme,
            self.root_path,
            self.http_version,
            {"raw_path": self._raw_path(), **self.scope_base},
        )

    def _raw_path(self) -> bytes:
        return urlsplit(self.url).path.encode()

    def redirected(self, status: int, location: str) -> "Outgoing":
        """Return the request that follows a redirect, as a browser makes it.

        Raises:
            RuntimeError: the way leads to another site, which is not here.
        """
        here = urlsplit(self.url)
        there = urlsplit(urljoin(self.url, location))
        if not same_site(here, there):
            raise RuntimeError(
                f"the redirect to {location} leaves {here.hostname}: "
                "the test client cannot follow it"
            )
        headers = self.headers.copy()
        headers["Host"] = there.netloc
        new = replace(
            self,
            scheme=there.scheme,
            headers=headers,
            target=quoted(there.path) or "/",
            query=there.query.encode(),
        )
        return new._as_get() if self._forgets_body(status) else new

    def _forgets_body(self, status: int) -> bool:
        if status == 301:
            return self.method == "POST"
        return status in FORGETS_BODY and self.method not in ("GET", "HEAD")

    def _as_get(self) -> "Outgoing":
        for name in ("Content-Type", "Content-Length", "Content-Encoding"):
            self.headers.remove(name)
        return replace(self, method="GET", body=b"")


def whole_path(parts: SplitResult) -> str:
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.path or '/'}{query}"


def same_site(one: SplitResult, other: SplitResult) -> bool:
    """Tell whether two URLs have one host, or one is a subdomain's.

    >>> same_site(urlsplit("http://a.test/"), urlsplit("http://x.a.test/"))
    True
    """
    a, b = one.hostname or "", other.hostname or ""
    return a == b or a.endswith(f".{b}") or b.endswith(f".{a}")
