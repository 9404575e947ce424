"""The shell for trio: the same core under tasks.

Three kinds of task carry a connection: one reads, one writes, and one runs
for each application call.  ``settle()`` is the same rule as in the asyncio
shell and as plain; where a callback would act there, an event wakes a task
here.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from logging import getLogger

import anyio
from anyio.abc import (
    ByteStream,
    SocketAttribute,
    SocketStream,
    UNIXSocketStream,
)
from anyio.streams.tls import TLSAttribute, TLSStream

from microquart.asgi import ReceiveMessage, SendMessage
from microquart.http.errors import ClientDisconnected, ProtocolError
from microquart.protocol import Connection, Peer, Stream
from microquart.protocol.pace import Pace
from microquart.server.listen import peer_of
from microquart.server.progress import LOOK, Watch, acknowledged, forget
from microquart.server.shells import Shells, report

logger = getLogger("microquart.server")

_READ = 64 * 1024  # bytes of one turn: no connection can hold the loop
_WRITE = 256 * 1024
_CLOSE = 5.0  # seconds for TLS to say goodbye
_GONE = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)


class AnyioCall:
    """One application call: the scope that ends it, and its news."""

    def __init__(self, shell: "AnyioShell", stream: Stream) -> None:
        self._shell = shell
        self._news = anyio.Event()
        self.stream = stream
        self.began = anyio.current_time()
        self.scope = anyio.CancelScope()

    async def receive(self) -> ReceiveMessage:
        """Return the next message, when it is there (ASGI)."""
        shell, stream = self._shell, self.stream
        while (message := stream.take()) is None:
            shell.settle()
            await self._news.wait()
        shell.settle()
        return message

    async def send(self, message: SendMessage) -> None:
        """Send a message; wait while the peer cannot take more (ASGI)."""
        shell, stream = self._shell, self.stream
        stream.send(message)
        shell.settle()
        while stream.blocked or shell.writing:
            if stream.gone:
                if stream.misses(message):
                    raise ClientDisconnected
                return
            await self._news.wait()

    def wake(self) -> None:
        """There is news for whoever waits."""
        self._news.set()
        self._news = anyio.Event()

    async def run(self) -> None:
        """Call the application, and complete what it leaves open."""
        shell, stream = self._shell, self.stream
        failed = True
        try:
            with self.scope:
                await shell.server.app(stream.scope, self.receive, self.send)
                failed = False
        except Exception as error:
            report(error, stream)
        finally:
            with shell.server.guarded(shell):
                stream.end(failed)
                if shell.server.access_log is not None:
                    seconds = anyio.current_time() - self.began
                    shell.server.access_log.write(stream, seconds)
            shell.ended(stream)


class AnyioShell:
    """One network connection on trio, or on any loop that anyio runs."""

    # Thousands of these wait for a request.
    __slots__ = (
        "_first",
        "_gone",
        "_news",
        "_output",
        "_scope",
        "_sent",
        "_stream",
        "connection",
        "opened_at",
        "peer",
        "running",
        "server",
        "stalled",
        "writing",
    )

    def __init__(
        self, server: Shells, stream: ByteStream, peer: Peer, alpn: str | None
    ) -> None:
        self.server = server
        self._stream = stream
        self.peer = peer
        self.running: dict[Stream, AnyioCall] = {}
        self.opened_at = anyio.current_time()
        self.connection: Connection | None = None
        if peer.secure:
            self.connection = server.connect(alpn, b"", peer, self.opened_at)
        self.stalled: Pace | None = None
        self.writing = False  # bytes are on their way to the socket
        self._first = b""
        self._output: list[bytes] = []
        self._news = anyio.Event()
        self._scope: anyio.CancelScope  # of the reader and the writer
        self._gone = False
        self._sent = 0  # bytes that the kernel has taken

    async def run(self) -> None:
        """Carry the connection until it is closed."""
        stream = self._stream
        try:
            # The calls are not in this group: an application may go on when
            # its client has left.
            async with anyio.create_task_group() as group:
                self._scope = group.cancel_scope
                self.server.open.add(self)
                group.start_soon(self._read, stream, name="reader")
                await self._write(stream)
                group.cancel_scope.cancel()
        finally:
            await anyio.aclose_forcefully(stream)
            self._lost()

    # -- as the server sees it --

    def calls(self) -> Iterator[AnyioCall]:
        yield from self.running.values()

    def cancel(self) -> None:
        for call in list(self.running.values()):
            call.scope.cancel()

    def abort(self) -> None:
        if self.stalled is not None:
            forget(self._stream.extra(SocketAttribute.raw_socket))
        self._scope.cancel()

    def ended(self, stream: Stream) -> None:
        """An application call has ended."""
        del self.running[stream]
        with self.server.guarded(self):
            self.settle()
        if not self.running:
            self.running.clear()  # an empty dict keeps its table
            if self._gone:
                self.server.open.discard(self)

    def taken(self) -> int:
        peer = self._stream.extra(SocketAttribute.raw_socket)
        count = acknowledged(peer)
        return self._sent if count is None else count

    # -- the one rule: touch, then settle --

    def settle(self) -> None:
        """Do what the connection says: start, write, wake, pause, close."""
        connection = self.connection
        if connection is None:
            return
        # Who reads no answers gets no other: pipelined requests would pile
        # them up, a thousand times their own size.
        if not self.writing:
            for stream in connection.opened():
                self.running[stream] = call = AnyioCall(self, stream)
                context = self.server.context
                context.run(self.server.group.start_soon, call.run)
        # While the socket takes no more, output stays where it is counted:
        # a connection whose peer reads no answers is not read either.
        if not self.writing and (data := connection.data_to_send()):
            self._output.append(data)
            self.writing = True
        for stream in connection.woken():
            if (waiting := self.running.get(stream)) is not None:
                waiting.wake()
        # The reader may go on, the writer has something to write, or both
        # are to end.
        self._news.set()
        self._news = anyio.Event()

    # -- inside --

    async def _read(self, stream: ByteStream) -> None:
        peer = stream.extra(SocketAttribute.raw_socket)
        while True:
            connection = self.connection
            if connection is not None and connection.closed:
                return  # and so may the socket be
            if connection is not None and connection.paused:
                if await self._leaves(connection, peer):
                    self._scope.cancel()
                    return
                continue
            try:
                if not self.peer.secure:
                    # Thousands wait here, and receive() would wait in more
                    # frames, after it has tried in vain.
                    await anyio.wait_readable(peer)
                data = await stream.receive(_READ)
            except anyio.EndOfStream:
                break
            except _GONE:
                self._scope.cancel()
                return
            self._receive(data)
        if self.connection is None:
            self._scope.cancel()
            return
        self._receive(b"")
        # What is open may still be answered, but not for long.
        wait = self.server.service.limits.half_close_timeout
        until = self.connection.now + wait
        await anyio.sleep_until(until)
        self.connection.expire(until)
        self.settle()

    async def _leaves(
        self, connection: Connection, peer: socket.socket
    ) -> bool:
        """Wait until reading may go on; return whether the peer has left."""
        limits = self.server.service.limits
        watch = Watch(peer, limits.half_close_timeout)
        while connection.paused and not connection.closed:
            with anyio.move_on_after(LOOK) as look:
                await self._news.wait()
            if look.cancelled_caught and watch.has_left():
                return True
        return False

    def _receive(self, data: bytes) -> None:
        now = anyio.current_time()
        if self.connection is None:
            data = self._first + data
            self.connection = self.server.connect(None, data, self.peer, now)
            self._first = data if self.connection is None else b""
            if self.connection is None:
                return
        self.connection.now = now
        self.connection.receive_data(data)
        self.settle()

    async def _write(self, stream: ByteStream) -> None:
        """Write in the order of data_to_send(), until there is no more."""
        eof_sent = self.peer.secure  # TLS cannot close one half
        while True:
            connection = self.connection
            if self._output:
                data = b"".join(self._output)
                self._output.clear()
                self.stalled = Pace(anyio.current_time())
                try:
                    await self._send(stream, data)
                except _GONE:
                    return
                self.stalled = None
            elif self.writing:
                self.writing = False
                self.settle()
                self._wake_all()
            elif connection is not None and connection.closed:
                await self._close(stream)
                return
            elif connection is not None and (
                connection.closing and not eof_sent
            ):
                eof_sent = True
                with suppress(*_GONE):
                    await stream.send_eof()
            else:
                await self._news.wait()

    async def _send(self, stream: ByteStream, data: bytes) -> None:
        # Piece by piece: otherwise nobody could tell how far it has got.
        for start in range(0, len(data), _WRITE):
            piece = data[start : start + _WRITE]
            await stream.send(piece)
            self._sent += len(piece)

    async def _close(self, stream: ByteStream) -> None:
        with (
            anyio.move_on_after(_CLOSE),
            suppress(*_GONE, anyio.EndOfStream),
        ):
            await stream.aclose()

    def _lost(self) -> None:
        self._gone = True
        self.writing = False
        if not self.running:
            self.server.open.discard(self)
        if self.connection is not None:
            self.connection.lost()
            self.settle()
        self._wake_all()

    def _wake_all(self) -> None:
        for call in self.running.values():
            call.wake()


class AnyioServer(Shells):
    """A server on trio: how its connections come in."""

    async def join(
        self, peer: socket.socket, context: ssl.SSLContext | None
    ) -> None:
        shell = None
        try:
            with suppress(*_GONE, ProtocolError), self.joining[peer]:
                shell = await self._shake_hands(peer, context)
        finally:
            del self.joining[peer]
        if shell is None:
            # A handshake that failed is the client's affair.
            peer.close()
            return
        try:
            await shell.run()
        except Exception:
            # Whatever went wrong there concerns no other connection.
            logger.exception("a connection failed")

    async def _shake_hands(
        self, peer: socket.socket, context: ssl.SSLContext | None
    ) -> AnyioShell:
        header = await self.header(peer)
        stream = await _from_socket(peer)
        if context is None:
            return AnyioShell(self, stream, peer_of(peer, None, header), None)
        with anyio.fail_after(self.settings.tls_handshake_timeout):
            tls = await TLSStream.wrap(
                stream, server_side=True, ssl_context=context
            )
        inside = tls.extra(TLSAttribute.ssl_object)
        alpn = inside.selected_alpn_protocol()
        return AnyioShell(self, tls, peer_of(peer, inside, header), alpn)


async def _from_socket(peer: socket.socket) -> ByteStream:
    if peer.family in (socket.AF_INET, socket.AF_INET6):
        return await SocketStream.from_socket(peer)
    return await UNIXSocketStream.from_socket(peer)
