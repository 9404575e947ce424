"""HTTP/0.9: ``GET /path``, and all that comes back is the content.

serve(app, settings, protocols={"http/0.9": NineConnection})
"""

import re

from microquart.asgi import FieldList
from microquart.protocol import Peer, Service, Stream
from microquart.protocol.stream import Head, HTTPStream, Scopes, Transport

REQUEST = re.compile(rb"GET (/[!-~]*)\r?\n").fullmatch


class NineConnection(Transport):
    """One client, one request, one answer."""

    multiplexed = paused = closing = False

    def __init__(self, peer: Peer, service: Service, now: float) -> None:
        self.peer, self.service, self.now = peer, service, now
        self.closed = False
        self.since = now
        self.line = self.output = b""
        self.stream: HTTPStream | None = None
        self.new: list[Stream] = []
        self.news: list[Stream] = []

    # -- as a shell sees it --

    @property
    def idle(self) -> bool:
        return self.stream is None and not self.line

    def receive_data(self, data: bytes) -> None:
        if self.stream is not None:
            return
        self.line += data
        if request := REQUEST(self.line):
            path, _, query = request[1].partition(b"?")
            self.stream = stream = HTTPStream(self, "GET")
            head = Head("GET", "1.0", path, query)
            stream.scope = Scopes(self.service, self.peer).http(stream, head)
            stream.complete()
            self.new = [stream]
        elif not data or b"\n" in self.line or len(self.line) > 4096:
            self.closed = True

    def lost(self) -> None:
        self.closed = True
        if self.stream is not None:
            self.stream.leave()
            self.news = [self.stream]

    def data_to_send(self) -> bytes:
        output, self.output = self.output, b""
        return output

    def opened(self) -> list[Stream]:
        new, self.new = self.new, []
        return new

    def woken(self) -> list[Stream]:
        news, self.news = self.news, []
        return news

    def expire(self, now: float) -> None:
        limit = self.service.limits.header_timeout
        if limit is not None and now - self.since >= limit:
            self.shutdown()

    def shutdown(self) -> None:
        self.closed = self.closed or self.stream is None

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
        self.output += data
        self.closed = not more

    def trail(self, stream: HTTPStream, fields: FieldList) -> None:
        self.closed = True

    def wake(self, stream: Stream) -> None:
        self.news = [stream]

    def abort(self, stream: Stream) -> None:
        self.closed = True
