"""The same answer from a bare ASGI application and from frameworks."""

from microquart.asgi import Receive, Scope, Send

CONTENT = b'{"hello":"world"}'
FIELDS = [
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(CONTENT)),
]


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await send(
        {"type": "http.response.start", "status": 200, "headers": FIELDS}
    )
    await send({"type": "http.response.body", "body": CONTENT})
