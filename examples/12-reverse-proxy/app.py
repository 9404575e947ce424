"""A reverse proxy, as a plain ASGI application: UPSTREAM says what is behind.

Bytes pass piece by piece, both ways, and as fast as the slower side takes
them.  Any version of HTTP comes in, HTTP/1.1 goes out.
"""

import os

from http_relay import relay_http
from upstream import BadUpstream, Upstream
from websocket_relay import relay_websocket

from microquart.asgi import HTTPScope, Receive, Scope, Send, SendMessage

UPSTREAM = Upstream.parse(os.environ.get("UPSTREAM", "http://127.0.0.1:8001"))


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await answer(scope, receive, send)
    elif scope["type"] == "websocket":
        await relay_websocket(UPSTREAM, scope, receive, send)


async def answer(scope: HTTPScope, receive: Receive, send: Send) -> None:
    """Relay; what fails before the answer has begun is a 502 or a 504."""
    begun = False

    async def noting(message: SendMessage) -> None:
        nonlocal begun
        begun = True
        await send(message)

    try:
        await relay_http(UPSTREAM, scope, receive, noting)
    except BadUpstream as error:
        if begun:
            raise  # the server cuts it: the client sees that it is not whole
        await send(
            {
                "type": "http.response.start",
                "status": error.status,
                "headers": [(b"content-type", b"text/plain")],
            }
        )
        await send({"type": "http.response.body", "body": error.text})
