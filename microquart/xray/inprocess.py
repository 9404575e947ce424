"""A server in memory: the shell and all above it, without a socket.

The transport is all that differs from a server that listens.  There is no
sweeper: nothing ends because it took long.
"""

import asyncio
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio

from microquart.asgi import ASGIApplication
from microquart.server.asyncio_shell import AsyncioServer, AsyncioShell
from microquart.server.lifespan import Lifespan
from microquart.server.settings import Settings
from microquart.server.shells import Call, Shells, service_of
from microquart.server.tls import ServerContext
from microquart.xray.clients import Client
from microquart.xray.install import install
from microquart.xray.swaps import Swaps
from microquart.xray.taps.hello import HELLO
from microquart.xray.tracer import Tracer

SETTINGS = Settings(access_log=False)

CLIENT = ("127.0.0.1", 50000)
SERVER = ("127.0.0.1", 8000)

_LOOK = 0.001  # seconds between two looks whether all has ended


@dataclass(frozen=True)
class Ends:
    """What a connection is between, and what TLS has agreed on."""

    client: tuple[str, int] = CLIENT
    server: tuple[str, int] = SERVER
    tls: "Handshake | None" = None


class Handshake:
    """Stands for an ``ssl.SSLObject`` that has shaken hands."""

    def __init__(
        self,
        alpn: str | None,
        version: str | None,
        suite: int | None,
        sni: str | None = None,
    ) -> None:
        self.sni = sni
        self._alpn = alpn
        self._version = version
        self.context = ServerContext()
        self.context.suites = {} if suite is None else {"": suite}

    def selected_alpn_protocol(self) -> str | None:
        return self._alpn

    def version(self) -> str | None:
        return self._version

    def cipher(self) -> tuple[str, str, int]:
        return "", "", 0

    def getpeercert(self, binary_form: bool = False) -> None:
        return None

    def get_unverified_chain(self) -> list[bytes]:
        return []


class Wire(asyncio.Transport):
    """One connection to a server in memory; and its socket."""

    family = socket.AF_INET

    def __init__(self, server: Shells, ends: Ends) -> None:
        super().__init__()
        self.sent = b""
        """All that the server has written."""
        self.wrote: Callable[[], object] | None = None
        """Called after each write."""
        self.ended = False
        """The server writes no more."""
        self._ends = ends
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._paused = False
        self._read = 0
        self._waiting: deque[bytes] = deque()  # b"": the end
        self._news = asyncio.Event()
        HELLO.set({"sni": None if ends.tls is None else ends.tls.sni})
        self.shell = AsyncioShell(server, None)
        self.shell.connection_made(self)

    # -- as a client sees it --

    def feed(self, data: bytes) -> None:
        """Have the server read so much; ``b""`` says that no more comes."""
        self._waiting.append(data)
        self._deliver()

    async def read(self) -> bytes:
        """Return what the server has written since; b"": it has ended."""
        while len(self.sent) == self._read and not self.ended:
            self._news.clear()
            await self._news.wait()
        data, self._read = self.sent[self._read :], len(self.sent)
        return data

    def lose(self, error: Exception | None = None) -> None:
        """Break the connection, unless the server has closed it."""
        if not self._closing:
            self._closing = True
            self._lost(error)

    # -- as a shell sees it --

    def write(self, data: Any) -> None:
        self.sent += data
        self._news.set()
        if self.wrote is not None:
            self.wrote()

    def can_write_eof(self) -> bool:
        return self._ends.tls is None

    def write_eof(self) -> None:
        self.ended = True
        self._news.set()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._lost, None)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._closing

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self._loop.call_soon(self._deliver)

    def set_write_buffer_limits(
        self, high: int | None = None, low: int | None = None
    ) -> None:
        """Whatever is written has been taken."""

    def set_read_buffer_limits(self, **limits: int) -> None:
        """Nothing is read ahead."""

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        known = {"socket": self, "ssl_object": self._ends.tls}
        return known.get(name, default)

    # -- as a socket --

    def getpeername(self) -> tuple[str, int]:
        return self._ends.client

    def getsockname(self) -> tuple[str, int]:
        return self._ends.server

    def fileno(self) -> int:
        return -1

    def getsockopt(self, *args: int) -> bytes:
        raise OSError("there is no socket")

    # -- inside --

    def _deliver(self) -> None:
        while self._waiting and not self._paused and not self._closing:
            data = self._waiting.popleft()
            if data:
                self.shell.data_received(data)
            elif not self.shell.eof_received():
                self.close()

    def _lost(self, error: Exception | None) -> None:
        self.write_eof()
        self.shell.connection_lost(error)


class Taps:
    """The taps of one server, put in once it is made."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._swaps = Swaps()

    def install(self, server: Shells) -> None:
        self._swaps = install(self._tracer, server=server)

    def remove(self) -> None:
        self._swaps.remove()


# -- the server --


class Host:
    """A server in memory while its application runs."""

    def __init__(self, server: AsyncioServer) -> None:
        self.server = server

    def connect(self, ends: Ends | None = None) -> Wire:
        return Wire(self.server, ends or Ends())

    async def answered(self) -> None:
        """Wait until no call of the application runs; or for too long."""
        with anyio.move_on_after(self.server.settings.graceful_timeout):
            await until(lambda: not self.calls())

    def calls(self) -> list[Call]:
        """Return the calls of the application that run."""
        return [call for shell in self.server.open for call in shell.calls()]

    async def idle(self) -> None:
        """Wait until no connection is open, and no call of the application;
        cancel those that go on for too long."""
        with anyio.move_on_after(self.server.settings.graceful_timeout):
            await until(lambda: not self.server.busy)
            return
        self.server.cancel()
        with anyio.move_on_after(self.server.settings.cancel_timeout):
            await until(lambda: not self.server.busy)


async def until(holds: Callable[[], bool]) -> None:
    """Look now and then: nobody tells when a connection has ended."""
    while not holds():  # noqa: ASYNC110
        await anyio.sleep(_LOOK)


@asynccontextmanager
async def hosted(
    app: ASGIApplication,
    made: Callable[[Shells], object] | None = None,
    settings: Settings = SETTINGS,
) -> AsyncIterator[Host]:
    """Have an application started; ``made`` is called before, as by
    ``serve``.

    Raises:
        StartupFailed: it could not start.
    """
    stopping = anyio.Event()
    state: dict[str, Any] = {"microquart.shutdown": stopping}
    server = AsyncioServer(app, settings, service_of(settings, state), None)
    if made is not None:
        made(server)
    async with Lifespan(app, state, settings.lifespan) as lifespan:
        await lifespan.startup(settings.startup_timeout)
        try:
            yield Host(server)
        finally:
            stopping.set()
            await lifespan.shutdown(settings.shutdown_timeout)


async def traced(app: ASGIApplication, client: Client, tracer: Tracer) -> None:
    """Have an application answer a client, from its start to its stop, and
    tell the tracer.

    Raises:
        StartupFailed: the application could not start.
        BROKEN: the response breaks the rules, or off.
    """
    taps = Taps(tracer)
    try:
        async with hosted(app, taps.install) as host:
            await ask(host, client)
    finally:
        taps.remove()


async def ask(host: Host, client: Client) -> None:
    """Ask on a connection of its own.

    Raises:
        BROKEN: the response breaks the rules, or off.
    """
    wire = host.connect()
    try:
        await converse(wire, client)
    except BaseException:
        host.server.cancel()
        raise
    finally:
        await hang_up(wire, host)


async def converse(wire: Wire, client: Client) -> None:
    """Carry bytes to and fro until the client has what it has asked for.

    Raises:
        BROKEN: the response breaks the rules, or off.
    """
    wire.feed(client.ask())
    while not client.done:
        data = None
        with anyio.move_on_after(client.patience):
            data = await wire.read()
        answer = client.leave() if data is None else client.receive(data)
        if answer:
            wire.feed(answer)
        if data == b"":
            return


async def hang_up(wire: Wire, host: Host) -> None:
    """Leave, but not before the application has said all."""
    await host.answered()
    wire.feed(b"")
    await host.idle()
    wire.lose()
