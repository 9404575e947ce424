"""A server of ours that runs within a test, on the test's own loop."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.abc import ByteStream

from microquart.asgi import ASGIApplication
from microquart.server.serve import serve
from microquart.server.settings import Settings
from microquart.server.shells import Shells

DEADLINE = 10.0  # seconds: no test waits longer for the server
# Called with the connections of each server; a plugin may put some here.
WATCHERS: list[Callable[[Shells], object]] = []


@dataclass
class Running:
    """A server that listens, and how to reach and stop it."""

    urls: list[str] = field(default_factory=list)
    client_context: ssl.SSLContext | None = None
    shells: Shells | None = None
    stop: anyio.Event = field(default_factory=anyio.Event)
    stopped: anyio.Event = field(default_factory=anyio.Event)

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def connect(self) -> ByteStream:
        if self.url.startswith("unix:"):
            return await anyio.connect_unix(self.url.removeprefix("unix:"))
        host = self.url.split("://")[1].rpartition(":")[0].strip("[]")
        if self.client_context is None:
            return await anyio.connect_tcp(host, self.port)
        return await anyio.connect_tcp(
            host,
            self.port,
            tls=True,
            ssl_context=self.client_context,
            tls_standard_compatible=False,
            tls_hostname="localhost",
        )

    async def says(self, data: bytes, end: bytes | None = None) -> bytes:
        """Say this on a new connection; return what comes up to an end."""
        async with await self.connect() as client:
            await client.send(data)
            return await hear(client, end)


@asynccontextmanager
async def running(
    app: ASGIApplication,
    *,
    bind: tuple[str, ...] = ("127.0.0.1:0",),
    client_context: ssl.SSLContext | None = None,
    **settings: Any,
) -> AsyncIterator[Running]:
    """Run the server round a block, and stop it in order after that."""
    server = Running(client_context=client_context)
    ready = anyio.Event()

    def made(shells: Shells) -> None:
        server.shells = shells
        for watch in WATCHERS:
            watch(shells)

    def note(urls: list[str]) -> None:
        server.urls = urls
        ready.set()

    async def run() -> None:
        await serve(
            app,
            Settings(bind=bind, access_log=False).with_values(
                # A tenth of a second at the end of each test is too long.
                **{"stop_linger": 0.05, **settings}
            ),
            shutdown_trigger=server.stop.wait,
            ready=note,
            made=made,
        )
        server.stopped.set()

    with anyio.fail_after(DEADLINE):
        async with anyio.create_task_group() as group:
            group.start_soon(run)
            await ready.wait()
            try:
                yield server
            finally:
                server.stop.set()


async def hear(client: ByteStream, end: bytes | None = None) -> bytes:
    """Read up to these last bytes, or else to the end."""
    heard = b""
    while end is None or not heard.endswith(end):
        try:
            heard += await client.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            break
    return heard


async def no_more(client: ByteStream) -> bool:
    """Return whether the server has closed, without a byte more."""
    return await hear(client) == b""
