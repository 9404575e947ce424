"""From HTTP to HTTPS: everything in clear is answered with a redirect."""

from urllib.parse import quote

from microquart.asgi import ASGIApplication, Receive, Scope, Send, StreamScope
from microquart.http.targets import valid_host
from microquart.middleware.answers import answer


class HTTPToHTTPSRedirectMiddleware:
    """Redirect to https and wss at ``host``, or else at the host asked for.

    The status is 307, which keeps the method.
    """

    def __init__(self, app: ASGIApplication, host: str | None = None) -> None:
        self.app = app
        self.host = host

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "lifespan" or not _in_clear(scope):
            await self.app(scope, receive, send)
        elif (host := self._host(scope)) is None:
            await answer(scope, send, 400, b"Bad Request: no valid Host")
        else:
            location = f"{_scheme(scope)}://{host}{_target(scope)}"
            line = (b"location", location.encode("latin-1"))
            await answer(scope, send, 307, fields=[line])

    def _host(self, scope: StreamScope) -> str | None:
        if self.host is not None:
            return self.host
        for name, value in scope["headers"]:
            if name == b"host" and valid_host(value):
                # The port of HTTP is not that of HTTPS; another one may be.
                return value.decode("ascii").removesuffix(":80")
        return None


def _in_clear(scope: StreamScope) -> bool:
    clear = "http" if scope["type"] == "http" else "ws"
    return scope.get("scheme", clear) == clear


def _scheme(scope: StreamScope) -> str:
    # A WebSocket over HTTP/2 is a request like others, and has their scheme.
    over_http_2 = scope.get("http_version", "1.1") == "2"
    return "https" if scope["type"] == "http" or over_http_2 else "wss"


def _target(scope: StreamScope) -> str:
    """Return path and query as they were on the wire."""
    raw = scope.get("raw_path")
    path = quote(scope["path"]) if raw is None else raw.decode("latin-1")
    root = quote(scope.get("root_path", ""))
    if not path.startswith(root):
        path = root + path  # some servers leave it out
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path
