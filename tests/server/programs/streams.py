"""Ten megabytes for whoever asks, in pieces of 64 KiB."""

from microquart.asgi import Receive, Scope, Send

CHUNK = b"x" * 64 * 1024


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await send({"type": "http.response.start", "status": 200})
    for _ in range(160):
        await send(
            {"type": "http.response.body", "body": CHUNK, "more_body": True}
        )
    await send({"type": "http.response.body"})
