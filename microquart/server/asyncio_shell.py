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
from math import ceil
from typing import Any

from microquart.asgi import ReceiveMessage, SendMessage
from microquart.http.errors import ClientDisconnected, ProtocolError
from microquart.protocol import Connection, Stream
from microquart.protocol.pace import Pace
from microquart.server.listen import peer_of
from microquart.server.progress import LOOK, Watch, acknowledged, forget
from microquart.server.proxy_protocol import Header
from microquart.server.shells import Shells, report


class AsyncioCall:
    """One application call: the task, and what it waits for."""

    __slots__ = ("_shell", "_waiters", "began", "stream", "task")

    def __init__(self, shell: "AsyncioShell", stream: Stream) -> None:
        self._shell = shell
        self._waiters: list[asyncio.Future[None]] = []
        self.stream = stream
        self.began = shell.loop.time()
        self.task = shell.loop.create_task(
            self._run(), context=shell.server.context.copy()
        )

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
        sent = stream.sent
        stream.send(message)
        if message["type"] == "http.response.start":
            return  # it leaves with the first content
        shell.flush(stream.sent - sent)
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


class AsyncioShell(asyncio.Protocol):
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
            self.connection = self.server.connect(
                tls.selected_alpn_protocol(), b"", self.peer, self.opened_at
            )
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
        transport = self._transport
        # While the socket takes no more, output stays where it is counted:
        # a connection whose peer reads no answers is not read either.
        if (
            (connection.closed or not self.writing_paused)
            and (data := connection.data_to_send())
            and not transport.is_closing()
        ):
            transport.write(data)
        for stream in connection.woken():
            if (call := self.running.get(stream)) is not None:
                call.wake()
        if connection.paused is not self._reading_paused:
            self._pause_reading(connection.paused)
        if connection.closed:
            self._close()
        elif connection.closing and not self._eof_sent:
            self._eof_sent = True
            if transport.can_write_eof() and not transport.is_closing():
                with suppress(OSError):  # it has left already
                    transport.write_eof()

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

    def _close(self) -> None:
        if self._transport.is_closing():
            return
        # It closes once the rest is sent, and waits for that however little
        # it is.
        if self.stalled is None and self._transport.get_write_buffer_size():
            self.stalled = Pace(self.loop.time())
        self._transport.close()

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


class SmallTLS(SSLProtocol):
    """asyncio's TLS, whose buffer would be 256 KiB for each connection."""

    max_size = 32 * 1024  # bytes: two records, and what OpenSSL adds


class AsyncioServer(Shells):
    """A server on asyncio: how its connections come in."""

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
        shell = AsyncioShell(self, await self.header(peer))
        if context is None:
            await loop.connect_accepted_socket(lambda: shell, peer)
            return
        timeout = self.settings.tls_handshake_timeout
        if not isinstance(loop, asyncio.BaseEventLoop):  # uvloop
            await loop.connect_accepted_socket(
                lambda: shell,
                peer,
                ssl=context,
                ssl_handshake_timeout=timeout,
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
        )
        transport, _ = await loop.connect_accepted_socket(lambda: tls, peer)
        try:
            async with asyncio.timeout(timeout):
                await shaken
        except BaseException:
            transport.abort()
            raise
