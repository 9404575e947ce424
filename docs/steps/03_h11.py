"""Step 3: h11 reads HTTP/1.1, and a connection answers more than once."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import unquote

import h11

Fields: TypeAlias = list[tuple[bytes, bytes]]
Scope: TypeAlias = dict[str, Any]
Application: TypeAlias = Callable[[Scope], Awaitable[bytes]]

PHRASES = {status.value: status.phrase for status in HTTPStatus}


class Stream:
    """One application call: a request, and the response to it."""

    def __init__(self, connection: "H1Connection", scope: Scope) -> None:
        self.connection = connection
        self.scope = scope

    def answer(self, content: bytes) -> None:
        length = b"%d" % len(content)
        self.connection.respond(200, [(b"content-length", length)])
        if self.scope["method"] == "HEAD":
            content = b""
        self.connection.write(content, more=False)


class Connection:
    """What is said on one connection: bytes in, bytes out, no socket."""

    def __init__(self) -> None:
        self.output: list[bytes] = []
        self._opened: list[Stream] = []

    @property
    def closed(self) -> bool:
        """Once the output is sent, close the socket."""
        return False

    def receive_data(self, data: bytes) -> None: ...

    def data_to_send(self) -> bytes:
        data = b"".join(self.output)
        self.output.clear()
        return data

    def opened(self) -> list[Stream]:
        """Return the streams that want an application call, once each."""
        opened, self._opened = self._opened, []
        return opened


class H1Connection(Connection):
    """HTTP/1.1: one stream at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.h11 = h11.Connection(h11.SERVER)

    @property
    def closed(self) -> bool:
        return self.h11.our_state in (h11.MUST_CLOSE, h11.ERROR)

    def receive_data(self, data: bytes) -> None:
        self.h11.receive_data(data)
        self._parse()

    def respond(self, status: int, fields: Fields) -> None:
        """Send the head of a response."""
        phrase = PHRASES.get(status, "")
        self._send(
            h11.Response(status_code=status, headers=fields, reason=phrase)
        )

    def write(self, data: bytes, more: bool) -> None:
        """Send content; more: it is not the last."""
        if data:
            self._send(h11.Data(data=data))
        if not more:
            self._send(h11.EndOfMessage())
            self._next()

    def refuse(self, status: int) -> None:
        """Say what went wrong, if that can be said, and close."""
        if self.h11.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            nothing = (b"content-length", b"0")
            self.respond(status, [nothing, (b"connection", b"close")])
            self.write(b"", more=False)
        else:
            self.h11.send_failed()

    def _parse(self) -> None:
        try:
            while True:
                match self.h11.next_event():
                    case h11.Request() as request:
                        self._open(request)
                    case h11.EndOfMessage():
                        self._next()
                    case h11.NEED_DATA | h11.PAUSED:
                        return
        except h11.RemoteProtocolError as error:
            self.refuse(error.error_status_hint)

    def _open(self, request: h11.Request) -> None:
        line = (request.http_version, request.method, request.target)
        scope = http_scope(line, list(request.headers))
        self._opened.append(Stream(self, scope))
        if self.h11.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[]))

    def _next(self) -> None:
        """Go on with the next request, once both halves are done."""
        if self.h11.our_state is self.h11.their_state is h11.DONE:
            self.h11.start_next_cycle()
            self._parse()

    def _send(self, event: h11.Event) -> None:
        self.output.append(self.h11.send(event) or b"")


def http_scope(line: tuple[bytes, bytes, bytes], fields: Fields) -> Scope:
    version, method, target = line
    path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "http_version": version.decode(),
        "method": method.decode(),
        "path": unquote(path.decode()),
        "query_string": query,
        "headers": fields,
    }


class Shell(asyncio.Protocol):
    """What waits: the socket of one connection, and a task for each call."""

    transport: asyncio.Transport
    task: asyncio.Task[None]

    def __init__(self, app: Application) -> None:
        self.app = app
        self.connection = H1Connection()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.connection.receive_data(data)
        self.settle()

    def settle(self) -> None:
        """Do what the connection says."""
        for stream in self.connection.opened():
            self.task = asyncio.create_task(self.run(stream))
        if data := self.connection.data_to_send():
            self.transport.write(data)
        if self.connection.closed:
            self.transport.close()

    async def run(self, stream: Stream) -> None:
        try:
            stream.answer(await self.app(stream.scope))
        except Exception:
            logging.exception("the application failed")
            self.connection.refuse(500)
        self.settle()


async def app(scope: Scope) -> bytes:
    return b"Hello!\n"


async def serve(app: Application, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Shell(app), "127.0.0.1", port)
    port = server.sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(app, int(sys.argv[1]) if sys.argv[1:] else 8000))
