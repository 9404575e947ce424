"""The server's side of one HTTP/1.1 connection (RFC 9112), on h11.

h11 reads requests: it knows their grammar and the framing of their content.
But this module reads the bytes first: it cuts them into heads, chunk lines
and content, refuses whatever could be read in two ways (``h1_head``), and
hands h11 only what is well-formed, and only what belongs to the request at
hand.  What comes after, a pipelined request, stays here until the answer
before it is done; each request gets an h11 object of its own.

Responses are written here, since all that h11 would check of them has been
checked by the stream (docs/decisions/0001-responses-by-hand.md).

Each cut is a method named in ``self._read``: head, content, chunk line,
chunk data, trailers; ``_discard`` when what still comes is not wanted.  What
follows a request that is whole is not cut before its answer is done.
"""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

import h11

from microquart.asgi import FieldList
from microquart.http.errors import ProtocolError
from microquart.protocol.h1_head import (
    H1Head,
    check_head,
    check_unfinished,
    has_bare_lf,
    read_head,
    valid_trailers,
)
from microquart.protocol.pace import Pace
from microquart.protocol.stream import (
    HTTPStream,
    Peer,
    Scopes,
    Service,
    Stream,
)
from microquart.protocol.ws import WebSocketStream
from microquart.protocol.ws_handshake import Handshake, read_handshake

# RFC 9112 7.1: size, extensions; 16 digits are all that a length can have.
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16}+)((?:[ \t]*+;[\t\x20-\x7e\x80-\xff]*+)?+)\r\n"
).fullmatch
_UNFINISHED_CHUNK_LINE = re.compile(
    rb"(?:[0-9A-Fa-f]{1,16}+[ \t]*+(?:;[\t\x20-\x7e\x80-\xff]*+)?+)?+\r?+"
).fullmatch

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_PHRASES[413] = "Content Too Large"
# RFC 9112 4: the phrase may be empty, but strict clients refuse that.
_STATUS_LINES = {
    status: f"HTTP/1.1 {status} {phrase}\r\n".encode()
    for status, phrase in _PHRASES.items()
}
_CLOSE = (b"connection", b"close")
_CHUNKED = (b"transfer-encoding", b"chunked")
_LAST_CHUNK = b"0\r\n\r\n"
# What a refusal has to say, beside why.
_TO_SAY = {
    426: [(b"upgrade", b"websocket"), (b"sec-websocket-version", b"13")]
}
# Pieces of output that pile up before reading stops: answers to pings.
_MAX_ANSWERS = 256


class Parser(Protocol):
    """What reads one request: h11's object, or another that speaks as it.

    It is given the whole head, already checked, and then the content piece
    by piece, a chunk's size, data and end apart.
    """

    def receive_data(self, data: bytes) -> None:
        """Take what has arrived; ``b""``: the client will send no more."""
        ...

    def next_event(
        self,
    ) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return ``Request``, each ``Data``, then ``EndOfMessage``.

        Raises:
            h11.RemoteProtocolError: the request is malformed after all.
        """
        ...


class H1Connection:
    """One HTTP/1.1 connection; see ``protocol.Connection`` for its use."""

    # Thousands of these wait for their next request.
    __slots__ = (
        "_begun",
        "_buffer",
        "_chunked",
        "_discarded",
        "_eof",
        "_expecting",
        "_extensions",
        "_h11",
        "_last",
        "_left",
        "_length",
        "_old",
        "_opened",
        "_output",
        "_pace",
        "_read",
        "_said_close",
        "_scopes",
        "_since",
        "_stream",
        "_switched",
        "_waiting",
        "_whole",
        "_woken",
        "closed",
        "closing",
        "limits",
        "now",
        "paused",
        "peer",
        "service",
        "stopping",
    )

    multiplexed = False

    def __init__(self, peer: Peer, service: Service, now: float) -> None:
        self.peer = peer
        self.service = service
        self.limits = service.limits
        self.now = now
        self.paused = False
        self.closing = False  # send EOF after the output, then linger
        self.closed = False
        self.stopping = False
        self._scopes = Scopes(service, peer)
        self._stream: Stream | None = None
        self._read: Callable[[], bool] = self._head
        self._buffer = bytearray()
        self._output: list[bytes] = []
        self._opened: list[Stream] = []
        self._woken: list[Stream] = []
        self._length = 0  # of the content or chunk at hand, still to come
        self._extensions = 0  # bytes of chunk extensions so far
        self._discarded = 0  # bytes of content that nobody wanted
        # Requests until it closes; below zero: without end.
        self._left = self.limits.max_requests_per_connection or -1
        self._whole = False  # the request at hand is complete
        self._expecting = False  # its client waits for 100 Continue
        self._old = False  # it is HTTP/1.0: no chunks, no keep-alive
        self._begun = False  # the head of its response is written
        self._chunked = False  # that response is sent in chunks
        self._switched = False  # it was 101: what follows is no HTTP
        self._last = False  # no request after this one
        self._said_close = False  # and its response tells
        self._eof = False  # the peer sends no more
        # Of the content at hand, once the application has waited for it.
        self._pace: Pace | None = None
        # What is waited for, and since when; "": for the application.
        self._waiting = "first head"
        self._since = now

    def make_h11(self) -> Parser:
        """Make what reads one request (a seam: another library may)."""
        # The second: how large an incomplete event may be.
        return h11.Connection(h11.SERVER, 2 * self.limits.max_header_bytes)

    def make_websocket(self, handshake: Handshake) -> WebSocketStream:
        """Make the stream of a WebSocket (a seam, as above)."""
        return WebSocketStream(self, handshake)

    # -- as a shell sees it --

    def receive_data(self, data: bytes) -> None:
        if not data:
            self._end_of_input()
            return
        if self._switched and self._stream is not None and not self.closing:
            self._stream.receive(data)
            self._pause()
            return
        self._buffer += data
        self._parse()

    def lost(self) -> None:
        """The socket broke: what was sent may not have arrived."""
        self._eof = self.closed = True
        self._leave()
        # A closed connection is freed with the next collection of cycles;
        # what it holds need not wait for that.
        self._buffer.clear()
        self._output.clear()

    def data_to_send(self) -> bytes:
        data = b"".join(self._output)
        self._output.clear()
        if self.paused:
            self._pause()
        return data

    def opened(self) -> list[Stream]:
        opened, self._opened = self._opened, []
        return opened

    def woken(self) -> list[Stream]:
        woken, self._woken = self._woken, []
        return woken

    @property
    def idle(self) -> bool:
        """Whether no request is open or half here."""
        return self._stream is None and not self._buffer

    def shutdown(self) -> None:
        """Finish the open request, and take no other after it."""
        self.stopping = self._last = True
        if self._waiting in ("idle", "first head") and not self._buffer:
            self._wait_for("stop")
        elif self._stream is not None:
            self._stream.shutdown()

    def expire(self, now: float) -> None:
        """End what has waited for too long."""
        self.now = now
        # In floating point (a + b) - a may be a hair less than b.
        waited = now - self._since + 1e-6
        limits = self.limits
        match self._waiting:
            case "first head" | "head":
                if _over(waited, limits.header_timeout):
                    if self._buffer:
                        self._refuse(
                            ProtocolError("the head did not come in time", 408)
                        )
                    else:
                        self.closed = True
            case "idle":
                if _over(waited, limits.keep_alive_timeout):
                    self.closed = True
            case "stop":
                if waited >= limits.stop_linger and not self._buffer:
                    self.closed = True
            case "":
                if self._is_starved():
                    self._refuse(
                        ProtocolError("the content did not come in time", 408)
                    )
            case "websocket":
                if self._stream is not None:
                    self._stream.expire(now)
            case "departure":
                if waited >= limits.half_close_timeout:
                    self._leave()
                    self.closed = True
            case "linger":
                if waited >= limits.linger_timeout:
                    self.closed = True

    # -- as a stream sees it --

    def respond(
        self,
        stream: Stream,
        status: int,
        fields: FieldList,
        data: bytes,
        more: bool,
    ) -> None:
        if stream.chunked and not self._old:
            self._chunked = True
            fields.append(_CHUNKED)
        if self._last or stream.close or not (self._whole or self._is_near()):
            self._last = self._said_close = True
            fields.append(_CLOSE)
        self._begun = True
        self._write_head(status, fields)
        self.write(stream, data, more)

    def inform(self, stream: Stream, status: int, fields: FieldList) -> None:
        # RFC 9110 15.2: an HTTP/1.0 client does not know interim responses.
        if not self._old:
            self._write_head(status, fields)
        if status == 101:
            self._switched = self._begun = True
            self._tunnel(stream)  # what came too early has waited

    def write(self, stream: Stream, data: bytes, more: bool) -> None:
        if self._chunked:
            self._write_chunk(data, more)
        else:
            self._output.append(data)
        if not more:
            self._finish(stream)

    def trail(self, stream: HTTPStream, fields: FieldList) -> None:
        # Only chunks can carry trailers (RFC 9112, 7.1.2).
        if self._chunked:
            lines = [b"%b: %b\r\n" % line for line in fields]
            self._output += (b"0\r\n", *lines, b"\r\n")
        self._finish(stream)

    def wanted(self, stream: HTTPStream) -> None:
        if self._whole:
            return
        if self._pace is None:
            self._pace = Pace(self.now)
        else:
            self._pace.wait(self.now)
        # Only now: an application that answers without asking for the
        # content spares the client from sending it (RFC 9110, 10.1.1).
        if self._expecting:
            self._expecting = False
            self.inform(stream, 100, [])

    def taken(self, stream: Stream, size: int) -> None:
        self._pause()

    def wake(self, stream: Stream) -> None:
        self._woken.append(stream)

    def abort(self, stream: Stream) -> None:
        # No last chunk, or too short a length: the client can tell.
        self.closed = True

    def release(self, stream: Stream) -> None:
        """A finished stream holds nothing here."""

    # -- inside: reading --

    def _parse(self) -> None:
        while self._buffer and not self._whole and self._read():
            pass
        if self._buffer or self.paused:
            self._pause()

    def _pause(self) -> None:
        limit = self.limits.body_unread
        stream = self._stream
        self.paused = stream is not None and (
            stream.unread >= limit
            or (self._whole and len(self._buffer) >= limit)
            or (self._switched and len(self._output) > _MAX_ANSWERS)
        )

    def _is_starved(self) -> bool:
        """Whether the content comes too slowly, or not at all."""
        limits = self.limits
        return self._pace is not None and self._pace.is_slow(
            self.now,
            limits.body_idle_timeout,
            limits.body_min_rate,
            limits.rate_grace,
        )

    def _wait_for(self, what: str) -> None:
        self._waiting = what
        self._since = self.now

    def _head(self) -> bool:
        """Cut off and check the head of a request, and open its stream."""
        buffer = self._buffer
        if buffer[:2] == b"\r\n":
            # RFC 9112 2.2: one empty line before the request is ignored.
            del buffer[:2]
        end = buffer.find(b"\r\n\r\n") + 4
        try:
            if end < 4:
                check_unfinished(buffer, self.limits)
                if self._waiting in ("idle", "stop"):
                    self._wait_for("head")
                return False
            head = bytes(buffer[:end])
            del buffer[:end]
            check_head(head, self.limits)
            self._h11 = self.make_h11()
            self._h11.receive_data(head)
            self._open(read_head(self._h11.next_event()))
        except (ProtocolError, h11.RemoteProtocolError) as error:
            self._refuse(error)
            return False
        return True

    def _open(self, head: H1Head) -> None:
        """Open the stream of a request, and see to its content."""
        self._left -= 1
        if head.close or not self._left:
            self._last = True
            self._old = head.version == "1.0"
        if head.websocket and head.upgrade and self._upgrade(head):
            return
        self._stream = stream = HTTPStream(self, head.method)
        stream.scope = self._scopes.http(stream, head)
        self._opened.append(stream)
        self._waiting = ""
        if head.chunked or head.length:
            self._expect_content(head)
        else:
            self._h11.next_event()  # EndOfMessage
            self._whole = stream.whole = True

    def _expect_content(self, head: H1Head) -> None:
        self._expecting = head.expects_continue
        self._length = head.length
        self._extensions = 0
        self._read = self._chunk_line if head.chunked else self._content

    def _upgrade(self, head: H1Head) -> bool:
        """Open a WebSocket, if the head is its handshake (RFC 6455, 4.2)."""
        if not (self.service.websockets and head.method == "GET"):
            return False
        handshake = read_handshake(head.fields, keyed=True)
        if head.length or head.chunked:
            raise ProtocolError("the handshake of a WebSocket has no content")
        self._stream = stream = self.make_websocket(handshake)
        stream.scope = self._scopes.websocket(
            stream, head, handshake.subprotocols
        )
        self._wait_for("websocket")
        self._opened.append(stream)
        self._h11.next_event()  # EndOfMessage
        self._whole = True
        return True

    def _tunnel(self, stream: Stream) -> None:
        """Pass on what came before the WebSocket was accepted."""
        if self._buffer:
            stream.receive(self._cut(len(self._buffer)))
        self._pause()

    def _content(self) -> bool:
        data = self._cut(self._length)
        self._length -= len(data)
        self._feed(data)
        return True

    def _chunk_line(self) -> bool:
        buffer = self._buffer
        end = buffer.find(b"\r\n") + 2
        limit = self.limits.max_chunk_extension + 18
        if end < 2:
            if len(buffer) > limit:
                self._refuse(ProtocolError("a chunk extension is too long"))
            elif not _UNFINISHED_CHUNK_LINE(buffer):
                self._refuse(ProtocolError("a chunk line is malformed"))
            return False
        line = _CHUNK_LINE(buffer[:end])
        if line is None or end > limit + 2:
            self._refuse(ProtocolError("a chunk line is malformed"))
            return False
        self._extensions += len(line[2])
        if self._extensions > self.limits.max_chunk_extensions:
            self._refuse(ProtocolError("too many chunk extensions"))
            return False
        size = int(line[1], 16)
        if size:
            # The size in its plainest form: h11 need not see extensions.
            del buffer[:end]
            self._length = size
            self._read = self._chunk_data
            self._feed(b"%x\r\n" % size)
        else:
            self._read = self._trailers
        return True

    def _chunk_data(self) -> bool:
        if self._length:
            return self._content()
        if len(self._buffer) < 2:
            if self._buffer != b"\r":
                self._refuse(ProtocolError("a chunk does not end in CRLF"))
            return False
        if self._buffer[:2] != b"\r\n":
            self._refuse(ProtocolError("a chunk does not end in CRLF"))
            return False
        self._read = self._chunk_line
        self._feed(self._cut(2))
        return True

    def _trailers(self) -> bool:
        """Cut off the last chunk with the trailer section, which is dropped.

        Trailers are no fields of the request and never frame it (RFC 9110,
        section 6.5.1); ASGI has no message for them.
        """
        buffer = self._buffer
        start = buffer.find(b"\r\n") + 2
        end = (
            start + 2
            if buffer[start : start + 2] == b"\r\n"
            else buffer.find(b"\r\n\r\n", start) + 4
        )
        if (
            len(buffer) > self.limits.max_header_bytes
            or buffer.count(b"\n", 0, end) > self.limits.max_fields
        ):
            self._refuse(ProtocolError("the trailers are too large", 431))
        elif end < 4 or end > len(buffer):
            if has_bare_lf(buffer):
                self._refuse(ProtocolError("a line ends in a bare LF"))
        elif not valid_trailers(buffer[start:end]):
            self._refuse(ProtocolError("a trailer is malformed"))
        else:
            del buffer[:end]
            self._feed(b"0\r\n\r\n")
            return True
        return False

    def _discard(self) -> bool:
        """Drop what is not wanted, within the limit."""
        self._discarded += len(self._buffer)
        self._buffer.clear()
        if self._discarded > self.limits.linger_bytes:
            self.closed = True
        return False

    def _cut(self, size: int) -> bytes:
        buffer = self._buffer
        data = bytes(buffer[:size])
        del buffer[:size]
        return data

    def _feed(self, data: bytes) -> None:
        """Give h11 bytes of the content; its events go to the stream."""
        self._h11.receive_data(data)
        while True:
            event = self._h11.next_event()
            match event:
                case h11.Data():
                    self._arrived(bytes(event.data))
                case h11.EndOfMessage():
                    self._complete()
                    return
                case _:
                    return

    def _arrived(self, data: bytes) -> None:
        stream = self._stream
        assert stream is not None
        if stream.state == "done":
            self._discarded += len(data)
            if self._discarded > self.limits.linger_bytes:
                self._linger()
            return
        if self._pace is not None:
            self._pace.move(len(data), self.now)
        stream.receive(data)
        self._pause()

    def _complete(self) -> None:
        """The request is whole."""
        stream = self._stream
        assert stream is not None
        self._whole = True
        self._pace = None
        if stream.state == "done":
            self._discarded = 0
            self._next()
            return
        stream.complete()

    def _end_of_input(self) -> None:
        self._eof = True
        if self._stream is None or self.closing:
            self.closed = True
        elif self._whole and self._waiting != "websocket":
            # A half-close, or a departure: a short while will tell.
            self._wait_for("departure")
        else:
            self.closed = True
            self._leave()

    # -- inside: writing --

    def _write_head(self, status: int, fields: FieldList) -> None:
        line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status
        lines = [b"%b: %b\r\n" % field for field in fields]
        self._output += (line, *lines, b"\r\n")

    def _write_chunk(self, data: bytes, more: bool) -> None:
        if data:
            self._output += (b"%x\r\n" % len(data), data, b"\r\n")
        if not more:
            self._output.append(_LAST_CHUNK)

    def _is_near(self) -> bool:
        """Whether the end of the request is soon here.

        The client may send its content now, or never; or so much of it that
        reading it is not worth the connection.
        """
        missing = self._length - len(self._buffer)
        return not self._expecting and missing <= self.limits.linger_bytes

    def _finish(self, stream: Stream) -> None:
        """The response is whole."""
        self._woken.append(stream)
        if self._whole and not self._switched:
            self._next()
        elif self._switched:
            # RFC 6455 7.1.1: the server closes first.  Over TLS it cannot
            # close one half, and a client would wait for us to linger.
            if self.peer.secure or stream.agreed:
                self.closed = True
            else:
                self._linger()
        else:
            # What nobody will take would keep reading paused.
            self._discarded = stream.drop()
            if self._last:
                self._linger()
            else:
                # The rest of the content keeps the connection in step.
                self._wait_for("linger")

    def _next(self) -> None:
        """Both halves are whole: go on with the next request, or close."""
        self._stream = None
        del self._h11
        if self._said_close or (self._eof and not self._buffer):
            self._part()
            return
        self._read = self._head
        self._whole = self._begun = self._chunked = False
        if self._buffer:
            self._wait_for("head")
            self._parse()
        else:
            self._wait_for("stop" if self.stopping else "idle")

    def _part(self) -> None:
        """Close; but what the peer has sent is read first."""
        if self._buffer:
            self._linger()
        else:
            self.closed = True

    def _linger(self) -> None:
        """Send no more, and read a while: an early close would destroy what
        was sent last, if the client still sends (RFC 9112, section 9.6)."""
        self.closing = True
        self._whole = False
        self._read = self._discard
        self._wait_for("linger")
        self._discard()
        if self._eof:
            self.closed = True

    def _refuse(self, error: ProtocolError | h11.RemoteProtocolError) -> None:
        """Answer what cannot be served, and close: nothing that follows is
        read as a request."""
        status = (
            error.status
            if isinstance(error, ProtocolError)
            else error.error_status_hint
        )
        self.service.refuse(f"{status} {_PHRASES[status]}")
        stream, self._stream = self._stream, None
        if stream is not None and stream.state != "done":
            stream.leave()
            self._woken.append(stream)
        if self._begun:
            self.closed = True
            return
        content = f"{_PHRASES[status]}: {error}\n".encode()
        self._write_head(
            status,
            [
                *self.service.fields,
                *_TO_SAY.get(status, ()),
                (b"content-type", b"text/plain; charset=utf-8"),
                (b"content-length", b"%d" % len(content)),
                _CLOSE,
            ],
        )
        self._output.append(content)
        self._linger()

    def _leave(self) -> None:
        stream = self._stream
        if stream is not None:
            stream.leave()
            self._woken.append(stream)


def _over(waited: float, limit: float | None) -> bool:
    return limit is not None and waited >= limit
