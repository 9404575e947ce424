"""line/1, a protocol of lines: bytes to requests, responses to bytes.

::

    C: hello Ada            a request: POST /hello with the body "Ada"
    S: 200 Hello, Ada       a line of the content, after the status
    S: 200.                 the end of the response

Nothing here waits: a server brings bytes and time, and does what the facts
say (``microquart.protocol.Connection``).  To a stream this is what carries it
(``microquart.protocol.stream.Transport``).
"""

import re
from collections.abc import Iterable
from typing import Any

from microquart.asgi import FieldList
from microquart.protocol import Peer, Service, Stream
from microquart.protocol.stream import Head, HTTPStream, Scopes

NAME = "line/1"  # by which TLS agrees on it (ALPN)
LONGEST = 4_096  # bytes of a line
_REQUEST = re.compile(rb"([a-z]+)(?: ([^\r\n]*))?\r?").fullmatch


class LineConnection:
    """One client that speaks lines, and waits for each response."""

    multiplexed = False
    closing = False

    def __init__(self, peer: Peer, service: Service, now: float) -> None:
        self.peer = peer
        self.service = service
        self.now = now
        self.closed = False
        self._scopes = Scopes(service, peer)
        self._since = now  # when a line began, or was answered
        self._in, self._out = bytearray(), bytearray()
        self._line = b""  # of the content, as far as it is there
        self._stream: HTTPStream | None = None
        self._count = 0
        self._ended = False  # the client has said all
        self._stopping = False  # no other line is answered
        self._opened: list[Stream] = []
        self._woken: list[Stream] = []

    # -- as a shell sees it --

    @property
    def paused(self) -> bool:
        return len(self._in) > LONGEST

    @property
    def idle(self) -> bool:
        return self._stream is None and not self._in

    def receive_data(self, data: bytes) -> None:
        if not self._in:
            self._since = self.now
        self._in += data
        self._ended = self._ended or not data
        self._next()

    def lost(self) -> None:
        self.closed = True
        if self._stream is not None:
            self._stream.leave()
            self.wake(self._stream)

    def data_to_send(self) -> bytes:
        data = bytes(self._out)
        self._out.clear()
        return data

    def opened(self) -> Iterable[Stream]:
        opened, self._opened = self._opened, []
        return opened

    def woken(self) -> Iterable[Stream]:
        woken, self._woken = self._woken, []
        return woken

    def expire(self, now: float) -> None:
        limits = self.service.limits
        limit = (
            limits.header_timeout if self._in else limits.keep_alive_timeout
        )
        if self._stream is None and limit is not None:
            self.closed = self.closed or now - self._since >= limit

    def shutdown(self) -> None:
        self._stopping = True
        self._next()

    # -- as a stream sees it --

    def respond(
        self,
        stream: Stream,
        status: int,
        fields: FieldList,
        data: bytes,
        more: bool,
    ) -> None:
        self.write(stream, data, more)

    def write(self, stream: Stream, data: bytes, more: bool) -> None:
        *lines, rest = (self._line + data).split(b"\n")
        for line in lines:
            self._out += b"%d %b\n" % (stream.status, line)
        self._line = rest
        if not more:
            self._finish(stream)

    def trail(self, stream: HTTPStream, fields: FieldList) -> None:
        self._finish(stream)

    def inform(self, stream: Stream, status: int, fields: FieldList) -> None:
        """There are no interim responses."""

    def wanted(self, stream: HTTPStream) -> None:
        """The content came with the line."""

    def taken(self, stream: Stream, size: int) -> None:
        """It has been here all the time."""

    def wake(self, stream: Stream) -> None:
        self._woken.append(stream)

    def abort(self, stream: Stream) -> None:
        self.closed = True

    def release(self, stream: Stream) -> None:
        self._stream = None
        self._since = self.now
        self._next()

    # -- inside --

    def _next(self) -> None:
        """Begin with the next line, if the one before has been answered."""
        if self._stream is not None or self.closed:
            return
        if self._stopping:
            self.closed = True
            return
        line, end, rest = self._in.partition(b"\n")
        if not end and not self._ended and len(line) <= LONGEST:
            return  # there is more to come
        request = _REQUEST(line) if end and len(line) <= LONGEST else None
        if request is None:
            if line:
                self._out += b"400 a line is a word and its text\n400.\n"
            self.closed = True
            return
        self._in = rest
        self._begin(*request.groups(b""))

    def _begin(self, word: bytes, text: bytes) -> None:
        self._count += 1
        head = Head("POST", path=b"/" + word)
        head.fields = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(text)),
        ]
        self._stream = stream = HTTPStream(self, head.method)
        stream.scope = scope = self._scopes.http(stream, head)
        # Any: an extension is whatever a server and an application agree on.
        extensions: Any = scope.setdefault("extensions", {})
        extensions["line"] = {"number": self._count}
        stream.receive(text)
        stream.complete()
        self._opened.append(stream)

    def _finish(self, stream: Stream) -> None:
        if self._line:
            self._out += b"%d %b\n" % (stream.status, self._line)
            self._line = b""
        self._out += b"%d.\n" % stream.status
