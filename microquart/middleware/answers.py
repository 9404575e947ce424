"""A short answer of a middleware's own, to a request or to a handshake."""

from microquart.asgi import FieldList, Send, StreamScope


async def answer(
    scope: StreamScope,
    send: Send,
    status: int,
    body: bytes = b"",
    fields: FieldList | None = None,
) -> None:
    """Send a whole response.

    A WebSocket is closed instead if the server cannot answer its handshake
    (the extension ``websocket.http.response``).
    """
    headers = [*(fields or ()), (b"content-length", b"%d" % len(body))]
    if scope["type"] == "http":
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": headers,
            }
        )
        await send({"type": "http.response.body", "body": body})
    elif "websocket.http.response" in (scope.get("extensions") or {}):
        await send(
            {
                "type": "websocket.http.response.start",
                "status": status,
                "headers": headers,
            }
        )
        await send({"type": "websocket.http.response.body", "body": body})
    else:
        await send({"type": "websocket.close"})
