"""Applications that read or write slowly, or for ever."""

import anyio

from microquart.asgi import Receive, Scope, Send

CHUNK = b"x" * 64 * 1024


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    if scope["path"] == "/upload":
        # Reads one part of the content, and then no more.
        await receive()
        await anyio.sleep_forever()
    await send({"type": "http.response.start", "status": 200})
    for _ in range(3200):
        await send(
            {"type": "http.response.body", "body": CHUNK, "more_body": True}
        )
    await send({"type": "http.response.body"})
