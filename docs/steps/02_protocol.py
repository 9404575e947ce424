"""Step 2: many clients at once, and requests that come in pieces."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from typing import TypeAlias

Application: TypeAlias = Callable[[bytes], Awaitable[bytes]]

LIMIT = 64 * 1024  # bytes that a request may have before its empty line
RESPONSE = b"""\
HTTP/1.1 %b\r
content-type: text/plain\r
content-length: %d\r
connection: close\r
\r
%b"""

# A method, a target, a version: RFC 9112, section 3.
is_request = re.compile(rb"[!-~]+ [!-~]+ HTTP/1\.[01]\r\n").match


class Connection:
    """What is said on one connection: bytes in, bytes out, no socket."""

    closed = False  # once the output is sent, close the socket

    def __init__(self) -> None:
        self.output: list[bytes] = []
        self._opened: list[bytes] = []

    def receive_data(self, data: bytes) -> None: ...

    def data_to_send(self) -> bytes:
        data = b"".join(self.output)
        self.output.clear()
        return data

    def opened(self) -> list[bytes]:
        """Return the requests that want an answer, once each."""
        opened, self._opened = self._opened, []
        return opened


class H1Connection(Connection):
    """HTTP/1.1, or the beginning of it."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = b""

    def receive_data(self, data: bytes) -> None:
        self.buffer += data
        head, end, _ = self.buffer.partition(b"\r\n\r\n")
        if len(head) > LIMIT or (end and not is_request(self.buffer)):
            self.respond(b"400 Bad Request", b"")
        elif end:
            self._opened.append(head)

    def respond(self, status: bytes, content: bytes) -> None:
        self.output.append(RESPONSE % (status, len(content), content))
        self.closed = True


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
        for request in self.connection.opened():
            self.task = asyncio.create_task(self.run(request))
        if data := self.connection.data_to_send():
            self.transport.write(data)
        if self.connection.closed:
            self.transport.close()

    async def run(self, request: bytes) -> None:
        self.connection.respond(b"200 OK", await self.app(request))
        self.settle()


async def app(request: bytes) -> bytes:
    return b"Hello!\n"


async def serve(app: Application, port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Shell(app), "127.0.0.1", port)
    port = server.sockets[0].getsockname()[1]
    print(f"listening on http://127.0.0.1:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(app, int(sys.argv[1]) if sys.argv[1:] else 8000))
