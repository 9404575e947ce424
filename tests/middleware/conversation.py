"""Scopes of requests, and what an application says to one."""

from collections.abc import Iterable
from typing import Any

import anyio

from microquart.asgi import (
    ASGIApplication,
    HTTPScope,
    ReceiveMessage,
    Scope,
    SendMessage,
    WebSocketScope,
)


def request(path: str = "/", **more: Any) -> HTTPScope:
    scope: HTTPScope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"a.example")],
        "client": ("10.0.0.1", 4711),
        "server": ("10.0.0.2", 8000),
    }
    return HTTPScope(**{**scope, **more})


def handshake(
    path: str = "/", *, answerable: bool = True, **more: Any
) -> WebSocketScope:
    """``answerable``: the server can refuse with a response."""
    scope: WebSocketScope = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"a.example")],
        "client": ("10.0.0.1", 4711),
        "server": ("10.0.0.2", 8000),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}} if answerable else {},
    }
    return WebSocketScope(**{**scope, **more})


async def said(
    app: ASGIApplication, scope: Scope, *heard: ReceiveMessage
) -> list[SendMessage]:
    """Return what an application says, which hears this and then waits."""
    messages: list[SendMessage] = []
    waiting = list(heard)

    async def receive() -> ReceiveMessage:
        if waiting:
            return waiting.pop(0)
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: SendMessage) -> None:
        messages.append(message)

    with anyio.fail_after(5):
        await app(scope, receive, send)
    return messages


def response(
    messages: Iterable[SendMessage],
) -> tuple[int, dict[bytes, bytes], bytes]:
    """Return status, headers and content of a response."""
    status, headers, content = 0, {}, b""
    for message in messages:
        match message["type"]:
            case "http.response.start" | "websocket.http.response.start":
                status = message["status"]
                headers = dict(message.get("headers", ()))
            case "http.response.body" | "websocket.http.response.body":
                content += message.get("body", b"")
    return status, headers, content


class Seen:
    """An application that keeps the scopes it gets."""

    def __init__(self) -> None:
        self.scopes: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)

    @property
    def scope(self) -> Any:
        (scope,) = self.scopes
        return scope
