"""Applications that are as small as ASGI allows, to be asked by a client."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from microquart.asgi import (
    ASGIApplication,
    HTTPScope,
    Receive,
    Scope,
    Send,
    WebSocketScope,
)
from microquart.http.datastructures import Headers

Answer = Callable[[HTTPScope, bytes], tuple[int, dict[str, str], bytes]]
Talk = Callable[[WebSocketScope, Receive, Send], Awaitable[None]]


async def body_of(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ConnectionError(message["type"])
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


async def respond(
    send: Send, body: bytes, status: int = 200, **fields: str
) -> None:
    headers = Headers({k.replace("_", "-"): v for k, v in fields.items()})
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": headers.to_fields(),
        }
    )
    await send({"type": "http.response.body", "body": body})


def answering(answer: Answer) -> ASGIApplication:
    """Return an application made of a function: no framework is needed."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        status, headers, body = answer(scope, await body_of(receive))
        await respond(send, body, status, **headers)

    return app


def talking(talk: Talk) -> ASGIApplication:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "websocket"
        assert (await receive())["type"] == "websocket.connect"
        await talk(scope, receive, send)

    return app


@answering
def echo(scope: HTTPScope, body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Answer with what was asked, as JSON."""
    asked = {
        "method": scope["method"],
        "path": scope["path"],
        "raw_path": str(scope.get("raw_path")),
        "query": scope["query_string"].decode(),
        "root_path": scope.get("root_path"),
        "scheme": scope.get("scheme"),
        "http_version": scope["http_version"],
        "server": scope.get("server"),
        "client": scope.get("client"),
        "headers": {k.decode(): v.decode() for k, v in scope["headers"]},
        "body": body.decode("latin-1"),
    }
    return 200, {}, json.dumps(asked).encode()


@answering
def counting(scope: HTTPScope, body: bytes) -> Any:
    cookie = Headers.from_fields(scope["headers"]).get("cookie", "")
    count = int(cookie.partition("n=")[2] or 0) + 1
    return 200, {"Set_Cookie": f"n={count}; Path=/"}, cookie.encode()
