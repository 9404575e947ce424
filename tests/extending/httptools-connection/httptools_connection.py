"""HTTP/1.1 whose requests are read by httptools, in C, in place of h11."""

from collections import deque

import h11
import httptools

from microquart.protocol.h1 import H1Connection, Parser

NEED_DATA = h11.NEED_DATA
END = h11.EndOfMessage()


class Httptools:
    """Reads one request, and tells of it with h11's events."""

    their_state = "read by httptools"

    def __init__(self) -> None:
        self._events: deque[h11.Event] = deque()
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._parser = httptools.HttpRequestParser(self)
        self._told = False

    # -- as the connection sees it --

    def receive_data(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # whether it is one is not for the parser to say
        except httptools.HttpParserError as error:
            # RFC 9112 6.1: a coding that is not known here.
            status = 501 if "Transfer-Encoding" in str(error) else 400
            raise h11.RemoteProtocolError(str(error), status) from error

    def next_event(self) -> h11.Event | type[NEED_DATA]:
        if not self._told:
            self._told = True
            return self._request()
        return self._events.popleft() if self._events else NEED_DATA

    # -- as httptools sees it --

    def on_url(self, target: bytes) -> None:
        self._target = target

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields.append((name, value.rstrip(b" \t")))

    def on_body(self, data: bytes) -> None:
        self._events.append(h11.Data(data=data))

    def on_message_complete(self) -> None:
        self._events.append(END)

    # -- inside --

    def _request(self) -> h11.Request:
        try:
            return h11.Request(
                method=self._parser.get_method(),
                target=self._target,
                headers=self._fields,
                http_version=self._parser.get_http_version(),
            )
        except h11.LocalProtocolError as error:
            status = error.error_status_hint
            raise h11.RemoteProtocolError(str(error), status) from error


class HttptoolsConnection(H1Connection):
    """One HTTP/1.1 connection; all but the reading is H1Connection's."""

    def make_h11(self) -> Parser:
        return Httptools()
