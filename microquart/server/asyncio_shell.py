"""The shell for asyncio: the core under callbacks.

The transport calls, the connection decides, and ``settle()`` does what it
says; a raw task carries each application call.  Nothing of anyio is here, and
no task, scope or event is made for a request but that one: this is the hot
path, where each of those would cost as much as all of our own code.  uvloop
runs it unchanged.
"""

import asyncio
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from math import ceil
from typing import Any

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

# Seconds: asyncio counts them from close(), however much is to be sent still.
_NEVER = 24 * 60 * 60
_RECORD = 16 * 1024  # bytes of TLS that are decrypted at once


@dataclass(slots=True, eq=False, repr=False)
class AsyncioCall:
    """One application call: the task, and what it waits for."""

    _shell: "AsyncioShell"
    stream: Stream
    began: float = field(init=False)
    task: asyncio.Task[None] = field(init=False)
    _waiters: list[asyncio.Future[None]] = field(
        default_factory=list, init=False
    )

    def __post_init__(self) -> None:
        loop = self._shell.loop
        self.began = loop.time()
        context = self._shell.server.context.copy()
        self.task = loop.create_task(self._run(), context=context)

    async def receive(self) -> ReceiveMessage:
        """Return the next message, when it is there (ASGI)."""
        shell, stream = self._shell, self.stream
        while (message := stream.take()) is None:
            shell.flush(0)
            await self._news()
        shell.flush(0)
        return message

    async def send(self, message: SendMessage) -> None:
        """Send a message; wait while the peer cannot take more (ASGI)."""
        shell, stream = self._shell, self.stream
        size = stream.send(message)
        if size is None:
            return  # it leaves with the first content
        shell.flush(size)
        while stream.blocked or shell.writing_paused or shell.broken(stream):
            if stream.gone:
                if stream.misses(message):
                    raise ClientDisconnected
                return
            await self._news()

    def wake(self) -> None:
        """There is news for whoever waits."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def _news(self) -> None:
        # One future for each who waits: a cancelled one disturbs no other.
        waiter = self._shell.loop.create_future()
        self._waiters.append(waiter)
        await waiter

    async def _run(self) -> None:
        shell, stream = self._shell, self.stream
        failed = True
        try:
            await shell.server.app(stream.scope, self.receive, self.send)
            failed = False
        except Exception as error:
            report(error, stream)
        finally:
            stream.end(failed)
            if shell.server.access_log is not None:
                seconds = shell.loop.time() - self.began
                shell.server.access_log.write(stream, seconds)
            shell.ended(stream)


class AsyncioShell(asyncio.BaseProtocol):
    """One network connection on asyncio."""

    def __init__(self, server: Shells, header: Header | None) -> None:
        self.server = server
        self.header = header  # what a proxy has said before
        self.loop = asyncio.get_running_loop()
        self.running: dict[Stream, AsyncioCall] = {}
        self.connection: Connection | None = None
        self.writing_paused = False
        self.stalled: Pace | None = None
        self.opened_at = self.loop.time()
        self._transport: asyncio.Transport
        self._socket: socket.socket
        self._first = b""
        self._reading_paused = False
        self._looks = False  # whether the peer leaves meanwhile
        self._eof_sent = False
        self._parting = False
        self._unflushed = 0
        self._flushing = False
        self._tls = False
        self._lost = False

    # -- as the transport sees it --

    def connection_made(self, transport: Any) -> None:
        # Any: uvloop's transports are no subclasses of asyncio's.
        self._transport = transport
        limits = self.server.service.limits
        transport.set_write_buffer_limits(high=limits.send_unsent)
        tls = transport.get_extra_info("ssl_object")
        self._tls = tls is not None
        self._socket = transport.get_extra_info("socket")
        self.peer = peer_of(self._socket, tls, self.header)
        if self._tls:
            # While reading is paused, not one read more waits there.
            transport.set_read_buffer_limits(high=1)
            self.connection = self.server.connect(
                tls.selected_alpn_protocol(), b"", self.peer, self.opened_at
            )
        elif hasattr(transport, "max_size"):  # on asyncio's own loop
            transport.max_size = READ
        self.server.open.add(self)

    def data_received(self, data: bytes) -> None:
        connection = self.connection
        if connection is None:
            data = self._first + data
            connection = self.server.connect(
                None, data, self.peer, self.opened_at
            )
            if connection is None:
                self._first = data
                return
            self._first = b""
            self.connection = connection
        connection.now = self.loop.time()
        connection.receive_data(data)
        self.settle()

    def eof_received(self) -> bool:
        connection = self.connection
        if connection is None:
            return False
        connection.now = now = self.loop.time()
        connection.receive_data(b"")
        self.settle()
        if self._tls:
            self._part()
        if not connection.closed:
            # What is open may still be answered, but not for long.
            until = now + self.server.service.limits.half_close_timeout
            self.loop.call_at(until, self._expire, until)
        # asyncio can keep half of a TCP connection, but not of a TLS one.
        return not self._tls

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if not self.running:
            self.server.open.discard(self)
        self.writing_paused = False
        if self.connection is not None:
            self.connection.lost()
            self.settle()
        self._wake_all()

    def pause_writing(self) -> None:
        self.writing_paused = True
        self.stalled = Pace(self.loop.time())

    def resume_writing(self) -> None:
        self.writing_paused = False
        if not self._transport.is_closing():
            self.stalled = None
        if self.connection is not None:
            self.settle()
        self._wake_all()

    # -- as the server sees it --

    def calls(self) -> Iterator[AsyncioCall]:
        yield from self.running.values()

    def cancel(self) -> None:
        for call in list(self.running.values()):
            call.task.cancel()

    def abort(self) -> None:
        if self.stalled is not None:
            forget(self._socket)
        self._transport.abort()

    def taken(self) -> int:
        count = acknowledged(self._socket)
        if count is None and not self._transport.is_closing():
            return -self._transport.get_write_buffer_size()
        return count or 0

    def broken(self, stream: Stream) -> bool:
        """Whether nothing more can be sent of what is not complete.

        A write that fails is reported in a later turn of the loop, which an
        application that never waits would not let come.
        """
        return stream.state != "done" and self._transport.is_closing()

    def ended(self, stream: Stream) -> None:
        """An application call has ended."""
        del self.running[stream]
        if not self._lost:
            self.flush(0)
        elif not self.running:
            self.server.open.discard(self)

    # -- the one rule: touch, then settle --

    def settle(self) -> None:
        """Do what the connection says: start, write, wake, pause, close."""
        connection = self.connection
        assert connection is not None
        # Who reads no answers gets no other: pipelined requests would pile
        # them up, a thousand times their own size.
        if not self.writing_paused:
            for stream in connection.opened():
                self.running[stream] = AsyncioCall(self, stream)
        # While the socket takes no more, output stays where it is counted:
        # a connection whose peer reads no answers is not read either.
        if connection.closed or not self.writing_paused:
            data = connection.data_to_send()
            if data and not self._transport.is_closing():
                self._transport.write(data)
        for stream in connection.woken():
            if (call := self.running.get(stream)) is not None:
                call.wake()
        if connection.paused is not self._reading_paused:
            self._pause_reading(connection.paused)
        if connection.closed or connection.closing:
            self._end(connection.closed)

    def flush(self, size: int) -> None:
        """Settle after a message with so much content.

        What several streams of a connection say in one turn of the loop
        leaves in one write; but an application that never waits must
        not outrun the socket, so much content settles at once.
        """
        assert self.connection is not None
        if not self.connection.multiplexed or len(self.running) < 2:
            self.settle()
            return
        self._unflushed += size
        if self._unflushed > self.server.service.limits.send_unsent:
            self._unflushed = 0
            self.settle()
        elif not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)

    # -- inside --

    def _flush(self) -> None:
        self._flushing = False
        self._unflushed = 0
        self.settle()

    def _end(self, closed: bool) -> None:
        """Close the connection, or the half that sends."""
        transport = self._transport
        if closed:
            self._close()
        elif not self._eof_sent:
            self._eof_sent = True
            if transport.can_write_eof() and not transport.is_closing():
                with suppress(OSError):  # it has left already
                    transport.write_eof()

    def _close(self) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        # It closes once the rest is sent, and waits for that however little
        # it is.
        if self._tls or transport.get_write_buffer_size():
            self._part()
        transport.close()

    def _part(self) -> None:
        """Wait for the peer to take the rest, and then to end TLS."""
        if self.stalled is None:
            self.stalled = Pace(self.loop.time())
        if self._tls and not self._parting:
            self._parting = True
            self.loop.call_later(LOOK, self._await_goodbye, LOOK)

    def _await_goodbye(self, waited: float) -> None:
        """Give a peer that has got everything so long for its goodbye."""
        if self._lost:
            return
        if (
            unacknowledged(self._socket)
            or self._transport.get_write_buffer_size()
        ):
            waited = 0.0
        if waited < self.server.service.limits.linger_timeout:
            self.loop.call_later(LOOK, self._await_goodbye, waited + LOOK)
        else:
            self._transport.abort()

    def _expire(self, now: float) -> None:
        # The time that was asked for, not loop.time(): that may be behind.
        if self.connection is not None and not self._lost:
            self.connection.expire(now)
            self.settle()

    def _pause_reading(self, paused: bool) -> None:
        self._reading_paused = paused
        if self._transport.is_closing():
            return
        if not paused:
            self._transport.resume_reading()
            return
        self._transport.pause_reading()
        if not self._looks:  # it ends by itself: pauses are many and short
            self._looks = True
            self.loop.call_later(LOOK, self._look, None)

    def _look(self, watch: Watch | None) -> None:
        """Look whether a peer leaves of whom nobody reads."""
        if self._transport.is_closing() or not self._reading_paused:
            self._looks = False
            return
        if watch is None:
            patience = self.server.service.limits.half_close_timeout
            watch = Watch(self._socket, patience)
        if watch.has_left():
            self._transport.abort()
        else:
            self.loop.call_later(LOOK, self._look, watch)

    def _wake_all(self) -> None:
        for call in self.running.values():
            call.wake()


class UvloopShell(AsyncioShell, asyncio.BufferedProtocol):
    """The same on uvloop, which reads a megabyte a turn if it is let."""

    def __init__(
        self, server: Shells, header: Header | None, buffer: memoryview
    ) -> None:
        super().__init__(server, header)
        self._buffer = buffer

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        # It would go on: TLS with what it has read before, too.
        if nbytes >= (_RECORD if self._tls else READ):
            self._transport.pause_reading()
            self.loop.call_soon(self._read_on)
        self.data_received(bytes(self._buffer[:nbytes]))

    def _read_on(self) -> None:
        if not self._reading_paused and not self._transport.is_closing():
            self._transport.resume_reading()


class SmallTLS(SSLProtocol):
    """asyncio's TLS, whose buffer would be 256 KiB for each connection."""

    max_size = 32 * 1024  # bytes: two records, and what OpenSSL adds


class AsyncioServer(Shells):
    """A server on asyncio: how its connections come in."""

    def __post_init__(self) -> None:
        super().__post_init__()
        # Of all connections: what is read is taken at once.
        self._buffer = memoryview(bytearray(READ))

    async def join(
        self, peer: socket.socket, context: ssl.SSLContext | None
    ) -> None:
        try:
            with self.joining[peer]:
                await self._shake_hands(peer, context)
        except (OSError, ProtocolError):
            # A handshake that failed is the client's affair (ssl.SSLError
            # and a timeout are OSErrors too).
            peer.close()
        finally:
            del self.joining[peer]

    async def _shake_hands(
        self, peer: socket.socket, context: ssl.SSLContext | None
    ) -> None:
        loop = asyncio.get_running_loop()
        header = await self.header(peer)
        own = isinstance(loop, asyncio.BaseEventLoop)  # or else uvloop
        # Less than a record may have come before, in the same turn.
        buffer = self._buffer if context is None else self._buffer[:-_RECORD]
        shell = (
            AsyncioShell(self, header)
            if own
            else UvloopShell(self, header, buffer)
        )
        if context is None:
            await loop.connect_accepted_socket(lambda: shell, peer)
            return
        timeout = self.settings.tls_handshake_timeout
        if not own:
            await loop.connect_accepted_socket(
                lambda: shell,
                peer,
                ssl=context,
                ssl_handshake_timeout=timeout,
                ssl_shutdown_timeout=_NEVER,
            )
            return
        shaken = loop.create_future()
        tls = SmallTLS(
            loop,
            shell,
            context,
            shaken,
            server_side=True,
            ssl_handshake_timeout=ceil(timeout),
            ssl_shutdown_timeout=_NEVER,
        )
        transport, _ = await loop.connect_accepted_socket(lambda: tls, peer)
        try:
            async with asyncio.timeout(timeout):
                await shaken
        except BaseException:
            transport.abort()
            raise
