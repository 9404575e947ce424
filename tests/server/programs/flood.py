"""Sends without end at /flood, and never waits by itself."""


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    await send({"type": "http.response.start", "status": 200})
    while scope["path"] == "/flood":
        await send(
            {
                "type": "http.response.body",
                "body": bytes(65_536),
                "more_body": True,
            }
        )
    await send({"type": "http.response.body", "body": b"ok"})
