"""The same answer from a bare ASGI application and from frameworks."""

from microquart.asgi import Receive, Scope, Send

CONTENT = b'{"hello":"world"}'
FIELDS = [
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(CONTENT)),
]


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await echo(receive, send)
        return
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await send(
        {"type": "http.response.start", "status": 200, "headers": FIELDS}
    )
    await send({"type": "http.response.body", "body": CONTENT})


async def echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": message.get("bytes")})
