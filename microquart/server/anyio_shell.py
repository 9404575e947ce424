"""The shell for trio: the same core under tasks.

One task reads, for as long as the connection lasts, and one runs for each
application call; another writes, while the socket takes no more.
``settle()`` is the same rule as in the asyncio shell and as plain.
"""

import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from logging import getLogger

import anyio
import anyio.lowlevel
from anyio.abc import ByteStream, SocketStream, UNIXSocketStream
from anyio.streams.tls import TLSAttribute, TLSStream

from microquart.asgi import ReceiveMessage, SendMessage
from microquart.http.errors import ClientDisconnected, ProtocolError
from microquart.protocol import Connection, Stream
from microquart.protocol.pace import Pace
from microquart.server.listen import peer_of
from microquart.server.progress import (
    LOOK,
    READ,
    Watch,
    acknowledged,
    forget,
    unacknowledged,
)
from microquart.server.proxy_protocol import Header
from microquart.server.shells import Shells, report

logger = getLogger("microquart.server")

_WRITE = 256 * 1024  # bytes
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
        if stream.send(message) is None:
            return  # it leaves with the first content
        shell.settle()
        if stream.state != "done":
            # Who sends on and on to a quick reader would keep the loop.
            await anyio.lowlevel.checkpoint()
        # Who has said all need not wait until the socket has taken it.
        while stream.blocked or (shell.writing and stream.state != "done"):
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
    """One network connection on trio, or on any loop that anyio runs.

    Its own task reads.  What the socket does not take at once, a task
    writes that lives no longer than that.
    """

    # Thousands of these wait for a request.
    __slots__ = (
        "_ended",
        "_eof_sent",
        "_first",
        "_gone",
        "_news",
        "_scope",
        "_sent",
        "_socket",
        "_tls",
        "connection",
        "opened_at",
        "peer",
        "running",
        "server",
        "stalled",
        "writing",
    )

    def __init__(
        self,
        server: Shells,
        own: socket.socket,
        tls: TLSStream | None,
        header: Header | None,
    ) -> None:
        self.server = server
        self._socket = own
        self._tls = tls
        inside = None if tls is None else tls.extra(TLSAttribute.ssl_object)
        self.peer = peer_of(own, inside, header)
        self.running: dict[Stream, AnyioCall] = {}
        self.opened_at = anyio.current_time()
        self.connection: Connection | None = None
        if inside is not None:
            alpn = inside.selected_alpn_protocol()
            self.connection = server.connect(
                alpn, b"", self.peer, self.opened_at
            )
        self.stalled: Pace | None = None
        self.writing = False  # bytes are on their way to the socket
        self._first = b""
        self._news: anyio.Event | None = None  # if somebody waits for it
        self._scope = anyio.CancelScope()  # of the reading, then of the end
        self._ended = False  # nothing is read any more
        self._eof_sent = False
        self._gone = False
        self._sent = 0  # bytes that the kernel has taken

    async def run(self) -> None:
        """Carry the connection until it is closed."""
        self.server.open.add(self)
        try:
            with self._scope:
                await self._read()
            if not self._gone:
                self._ended = True
                with anyio.CancelScope() as self._scope:
                    await self._end()
        finally:
            if self._tls is not None:
                await anyio.aclose_forcefully(self._tls)
            else:
                anyio.notify_closing(self._socket)
                self._socket.close()
            self._lost()

    # -- as the server sees it --

    def calls(self) -> Iterator[AnyioCall]:
        yield from self.running.values()

    def cancel(self) -> None:
        for call in list(self.running.values()):
            call.scope.cancel()

    def abort(self) -> None:
        if self.stalled is not None:
            forget(self._socket)
        self._drop()

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
        count = acknowledged(self._socket)
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
                self._start(call.run)
        # While the socket takes no more, output stays where it is counted:
        # a connection whose peer reads no answers is not read either.
        if not self.writing and (data := connection.data_to_send()):
            self._write(data)
        for stream in connection.woken():
            if (waiting := self.running.get(stream)) is not None:
                waiting.wake()
        if self._news is not None:
            self._news.set()
            self._news = None
        if connection.closed:
            if not self._ended:
                self._scope.cancel()
        elif connection.closing and not self.writing:
            self._send_eof()

    # -- inside --

    def _start(
        self, task: Callable[[], Coroutine[object, object, None]]
    ) -> None:
        # Not in a group of the connection: an application may go on when its
        # client has left.
        self.server.context.run(self.server.group.start_soon, task)

    def _write(self, data: bytes) -> None:
        """Write what the socket takes; have a task write the rest."""
        if self._tls is None and not self._gone:
            with suppress(OSError):  # it tells that task again
                size = self._socket.send(data)
                self._sent += size
                data = data[size:]
        if data and not self._gone:
            self.writing = True
            self._start(partial(self._write_rest, data))

    async def _write_rest(self, data: bytes) -> None:
        self.stalled = Pace(anyio.current_time())
        try:
            # Piece by piece: otherwise nobody could tell how far it has got.
            for start in range(0, len(data), _WRITE):
                await self._send(data[start : start + _WRITE])
        except _GONE:
            self._drop()
            return
        self.stalled = None
        self.writing = False
        with self.server.guarded(self):
            self.settle()
        self._wake_all()

    async def _send(self, data: bytes) -> None:
        if self._tls is not None:
            await self._tls.send(data)
            self._sent += len(data)
            return
        while data:
            await anyio.wait_writable(self._socket)
            with suppress(BlockingIOError):
                size = self._socket.send(data)
                self._sent += size
                data = data[size:]

    def _send_eof(self) -> None:
        # TLS cannot close one half.
        if not self._eof_sent and self._tls is None:
            self._eof_sent = True
            with suppress(OSError):  # it has left already
                self._socket.shutdown(socket.SHUT_WR)

    async def _read(self) -> None:
        while True:
            connection = self.connection
            if connection is not None and connection.closed:
                return  # and so may the socket be
            if connection is not None and connection.paused:
                if await self._leaves(connection):
                    self._drop()
                    return
                continue
            try:
                if self._tls is None:
                    await anyio.wait_readable(self._socket)
                    data = self._socket.recv(READ)
                else:
                    data = await self._tls.receive(READ)
            except BlockingIOError:
                continue
            except anyio.EndOfStream:
                data = b""
            except _GONE:
                self._drop()
                return
            if not data:
                await self._half_close()
                return
            self._receive(data)

    async def _half_close(self) -> None:
        """Go on for a while with a peer that sends no more."""
        if self.connection is None:
            self._drop()
            return
        self._receive(b"")
        # What is open may still be answered, but not for long.
        wait = self.server.service.limits.half_close_timeout
        until = self.connection.now + wait
        await anyio.sleep_until(until)
        self.connection.expire(until)
        self.settle()

    async def _leaves(self, connection: Connection) -> bool:
        """Wait until reading may go on; return whether the peer has left."""
        limits = self.server.service.limits
        watch = Watch(self._socket, limits.half_close_timeout)
        while connection.paused and not connection.closed:
            with anyio.move_on_after(LOOK) as look:
                await self._settled()
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

    async def _settled(self) -> None:
        """Wait until settle() has done what there was to do."""
        if self._news is None:
            self._news = anyio.Event()
        await self._news.wait()

    async def _end(self) -> None:
        """Wait until all is sent, and until the peer has ended TLS."""
        connection = self.connection
        assert connection is not None
        while self.writing or not connection.closed:
            await self._settled()
        if self._tls is None:
            return
        self.stalled = Pace(anyio.current_time())
        async with anyio.create_task_group() as group:
            group.start_soon(self._await_goodbye, group.cancel_scope)
            with suppress(*_GONE, anyio.EndOfStream):
                await self._tls.aclose()
            group.cancel_scope.cancel()

    async def _await_goodbye(self, scope: anyio.CancelScope) -> None:
        """End this, so long after the peer has got everything."""
        waited = 0.0
        while waited < self.server.service.limits.linger_timeout:
            await anyio.sleep(LOOK)
            waited += LOOK
            if unacknowledged(self._socket):
                waited = 0.0
        scope.cancel()

    def _drop(self) -> None:
        """Go on to close the socket, whatever is to be sent."""
        self._gone = True
        self._scope.cancel()

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
        if context is None:
            return AnyioShell(self, peer, None, header)
        with anyio.fail_after(self.settings.tls_handshake_timeout):
            tls = await TLSStream.wrap(
                await _from_socket(peer), server_side=True, ssl_context=context
            )
        return AnyioShell(self, peer, tls, header)


async def _from_socket(peer: socket.socket) -> ByteStream:
    if peer.family in (socket.AF_INET, socket.AF_INET6):
        return await SocketStream.from_socket(peer)
    return await UNIXSocketStream.from_socket(peer)
