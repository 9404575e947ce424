"""Which hosts are served: a request for another one is answered 421."""

from collections.abc import Awaitable, Iterable

from microquart.asgi import ASGIApplication, Receive, Scope, Send
from microquart.http.urls import split_port

_BODY = b"Misdirected Request"


class ServerNames:
    """An application as it is for these hosts only.

    A name goes without a port and for any port; ``*.example.com`` stands for
    all below that, and not for itself.  RFC 9110, section 15.5.20: 421 is for
    a server that does not answer for the host asked for.
    """

    def __init__(self, app: ASGIApplication, names: Iterable[str]) -> None:
        self.app = app
        lower = {name.lower() for name in names}
        self.names = {name for name in lower if not name.startswith("*.")}
        self.endings = tuple(name[1:] for name in lower - self.names)

    def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> Awaitable[None]:
        if scope["type"] == "lifespan" or self.serves(_host(scope["headers"])):
            return self.app(scope, receive, send)
        return _refuse(scope["type"], send)

    def serves(self, host: str) -> bool:
        """Tell whether a host, as the field has it, is one of the names."""
        host = host.lower()
        name = split_port(host)[0]
        return (
            name in self.names
            or host in self.names
            or name.endswith(self.endings)
        )


def _host(fields: Iterable[tuple[bytes, bytes]]) -> str:
    for name, value in fields:
        if name == b"host":
            return value.decode("latin-1")
    return ""


async def _refuse(kind: str, send: Send) -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(_BODY)),
    ]
    if kind == "http":
        await send(
            {
                "type": "http.response.start",
                "status": 421,
                "headers": headers,
            }
        )
        await send({"type": "http.response.body", "body": _BODY})
    else:
        await send(
            {
                "type": "websocket.http.response.start",
                "status": 421,
                "headers": headers,
            }
        )
        await send({"type": "websocket.http.response.body", "body": _BODY})
