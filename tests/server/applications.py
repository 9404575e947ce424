"""Bare ASGI applications for tests of the server."""

from collections.abc import Awaitable, Callable

from microquart.asgi import ASGIApplication, Receive, Scope, Send

Behaviour = Callable[[Scope, Receive, Send], Awaitable[None]]


def http(behaviour: Behaviour) -> ASGIApplication:
    """An application that knows nothing but requests."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        await behaviour(scope, receive, send)

    return app


async def answer(send: Send, content: bytes = b"hello") -> None:
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"%d" % len(content))],
        }
    )
    await send({"type": "http.response.body", "body": content})


@http
async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await answer(send)


@http
async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the content of the request, part by part."""
    await send({"type": "http.response.start", "status": 200})
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        more = message.get("more_body", False)
        await send(
            {
                "type": "http.response.body",
                "body": message.get("body", b""),
                "more_body": more,
            }
        )


@http
async def peers(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what the scope says of both ends."""
    assert scope["type"] == "http"
    said = f"{scope['scheme']} {scope['client']} {scope['server']}"
    await answer(send, said.encode())
