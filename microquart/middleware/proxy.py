"""Requests as they were before a proxy, where the server cannot tell.

``microquart run --proxy-headers`` needs neither of these: they are for other
servers, and for hosts where a proxy has no address that could be trusted.
"""

from collections.abc import Iterable
from typing import Literal

from microquart.asgi import (
    ASGIApplication,
    Receive,
    Scope,
    Send,
    StreamScope,
)
from microquart.http.forwarded import (
    FIELDS,
    FOR,
    FORWARDED,
    HOST,
    PROTO,
    Origin,
    elements_from_the_right,
    origin_of_elements,
    origin_of_fields,
    parse_node,
    said_by,
    wanted,
    with_host,
)
from microquart.http.proxies import Proxies

_LEGACY, _MODERN = wanted([FOR, PROTO, HOST]), wanted([FORWARDED])


class ProxyHeadersMiddleware:
    """Believe what proxies at trusted addresses say.

    ``trusted_hosts`` has addresses, networks, ``unix`` and ``*``; nobody is
    trusted by default.  ``fields`` are those that the proxies set or remove:
    any other one could be the client's own.

    Raises:
        ValueError: one is no address, network or field.
    """

    def __init__(
        self,
        app: ASGIApplication,
        trusted_hosts: str | Iterable[str] = (),
        fields: Iterable[str] = FIELDS,
    ) -> None:
        self.app = app
        self.proxies = Proxies(trusted_hosts, fields)

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "lifespan":
            scope = self._seen(scope)
        await self.app(scope, receive, send)

    def _seen(self, scope: StreamScope) -> StreamScope:
        origin = self.proxies.origin(
            scope.get("client"), _is_secure(scope), scope["headers"]
        )
        return scope if origin is None else changed(scope, origin)


class ProxyFixMiddleware:
    """Believe what so many proxies in a row say, whatever their addresses.

    ``legacy`` reads X-Forwarded-For, -Proto and -Host, ``modern`` reads
    Forwarded, and neither the other's.  The number has to be exact: with one
    proxy less in front, a client can write what the missing one would have.
    """

    def __init__(
        self,
        app: ASGIApplication,
        mode: Literal["legacy", "modern"] = "legacy",
        trusted_hops: int = 1,
    ) -> None:
        self.app = app
        self.mode = mode
        self.trusted_hops = trusted_hops

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "lifespan" and self.trusted_hops > 0:
            scope = changed(scope, self._origin(scope))
        await self.app(scope, receive, send)

    def _origin(self, scope: StreamScope) -> Origin:
        client, secure = scope.get("client"), _is_secure(scope)
        hops = self.trusted_hops
        if self.mode == "modern":
            said = said_by(scope["headers"], _MODERN)
            elements = [
                element
                for element, _ in zip(
                    elements_from_the_right(said.get(FORWARDED, [])),
                    range(hops),
                    strict=False,
                )
            ]
            if len(elements) < hops:
                return Origin(client, secure, None, "")
            client = parse_node(elements[-1].get("for", ""))
            return origin_of_elements(client, secure, elements[-1:])
        said = {
            name: values
            for name, values in said_by(scope["headers"], _LEGACY).items()
            if len(values) >= hops
        }
        if FOR in said:
            client = parse_node(said[FOR][-hops])
        return origin_of_fields(client, secure, said, hops)


def changed(scope: StreamScope, origin: Origin) -> StreamScope:
    """Return a copy of the scope with what is known of its origin."""
    scope = scope.copy()
    scope["client"] = origin.client
    scope["scheme"] = _scheme(scope["type"], origin.secure)
    if origin.host is not None:
        scope["headers"] = with_host(scope["headers"], origin.host)
    if origin.prefix:
        root, prefix = scope.get("root_path", ""), origin.prefix
        scope["root_path"] = prefix
        scope["path"] = prefix + scope["path"].removeprefix(root)
        raw = scope.get("raw_path")
        if raw is not None:
            raw = raw.removeprefix(root.encode())
            scope["raw_path"] = prefix.encode() + raw
    return scope


def _is_secure(scope: StreamScope) -> bool:
    return scope.get("scheme") in ("https", "wss")


def _scheme(kind: str, secure: bool) -> str:
    if kind == "http":
        return "https" if secure else "http"
    return "wss" if secure else "ws"
