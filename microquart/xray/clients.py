"""Clients that ask one thing: bytes in, bytes out, and no socket.

They are h11, h2 and wsproto in the other role: nothing of the server's own.
"""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

import h2.events
import h2.exceptions
import h11
import wsproto
import wsproto.events as ws
import wsproto.utilities
from h2.config import H2Configuration
from h2.connection import H2Connection

Fields = Sequence[tuple[str, str]]

HOST = "localhost"

# Of a path as it is typed, what may stay as it is; "%" begins an escape.
SAFE = "/:?#[]@!$&'()*+,;=%~"

# Of what is asked, these say how: not in HTTP/2 (RFC 9113, 8.2.2).
HOP_BY_HOP = ("connection", "keep-alive", "transfer-encoding", "upgrade")

# Seconds that a WebSocket may take for its first message, and then between
# two of them, before we leave.
FIRST, BETWEEN = 2.0, 0.1


# What the libraries raise when a response breaks the rules, or off.
BROKEN = (
    h11.RemoteProtocolError,
    h2.exceptions.ProtocolError,
    wsproto.utilities.RemoteProtocolError,
)


class Client(Protocol):
    """Who asks; when it is ``done``, there is nothing more to wait for."""

    done: bool
    status: int | None

    @property
    def patience(self) -> float | None:
        """How many seconds to wait for bytes; then it is told to leave."""
        ...

    def ask(self) -> bytes:
        """Return the bytes of a request: another one, when it is done."""
        ...

    def receive(self, data: bytes) -> bytes:
        """Take bytes, ``b""`` is the end of them; return what to send.

        Raises:
            BROKEN: the response breaks the rules, or off.
        """
        ...

    def leave(self) -> bytes:
        """Return what to send when nothing has come."""
        ...


class Asked:
    """What to ask for."""

    def __init__(
        self,
        method: str,
        path: str,
        fields: Fields = (),
        content: bytes | None = None,
    ) -> None:
        self.method = method
        self.target = quote(path, safe=SAFE)
        self.fields = [*fields]
        self.content = content or b""
        if content is not None and not self.has("content-length"):
            self.fields.append(("content-length", str(len(content))))

    def has(self, name: str) -> bool:
        return any(known.lower() == name for known, _ in self.fields)

    @property
    def host(self) -> str:
        named = [v for k, v in self.fields if k.lower() == "host"]
        return named[0] if named else HOST


class H1Client:
    """Asks over HTTP/1.1.

    Raises, when it asks:
        ValueError: no request can be made of this.
    """

    patience = None

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.status: int | None = None
        self.content = b""
        self.done = False
        self._h11 = h11.Connection(h11.CLIENT)

    def ask(self) -> bytes:
        if self.done:
            self._h11.start_next_cycle()
            self.done, self.content = False, b""
        asked, fields = self.asked, [*self.asked.fields]
        if not asked.has("host"):
            fields.insert(0, ("host", HOST))
        try:
            request = h11.Request(
                method=asked.method, target=asked.target, headers=fields
            )
            sent = self._h11.send(request) or b""
            if asked.content:
                data = h11.Data(data=asked.content)
                sent += self._h11.send(data) or b""
            return sent + (self._h11.send(h11.EndOfMessage()) or b"")
        except h11.LocalProtocolError as error:
            raise ValueError(str(error)) from error

    def receive(self, data: bytes) -> bytes:
        self._h11.receive_data(data)
        while not self.done:
            event = self._h11.next_event()
            match event:
                case h11.Response():
                    self.status = event.status_code
                case h11.Data():
                    self.content += event.data
                case h11.EndOfMessage() | h11.ConnectionClosed():
                    self.done = True
                case h11.InformationalResponse():
                    pass
                case _:
                    break
        return b""

    def leave(self) -> bytes:
        return b""


class H2Client:
    """Asks over HTTP/2, as one who knows that the server speaks it."""

    patience = None

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.status: int | None = None
        self.content = b""
        self.done = False
        self._h2 = H2Connection(H2Configuration())
        self._stream = 0
        self._unsent = b""

    def ask(self) -> bytes:
        if not self._stream:
            self._h2.initiate_connection()
        self.done, self.content = False, b""
        asked = self.asked
        self._stream = self._h2.get_next_available_stream_id()
        self._unsent = asked.content
        fields = [
            (":method", asked.method),
            (":scheme", "http"),
            (":authority", asked.host),
            (":path", asked.target),
        ]
        fields += [
            (name.lower(), value)
            for name, value in asked.fields
            if name.lower() not in ("host", *HOP_BY_HOP)
        ]
        empty = not asked.content
        self._h2.send_headers(self._stream, fields, end_stream=empty)
        self._send()
        return self._h2.data_to_send()

    def _send(self) -> None:
        """Send what the windows allow."""
        while self._unsent:
            size = min(
                self._h2.local_flow_control_window(self._stream),
                self._h2.max_outbound_frame_size,
            )
            if not size:
                return
            piece, self._unsent = self._unsent[:size], self._unsent[size:]
            last = not self._unsent
            self._h2.send_data(self._stream, piece, end_stream=last)

    def receive(self, data: bytes) -> bytes:
        if not data:
            self.done = True
            return b""
        for event in self._h2.receive_data(data):
            match event:
                case h2.events.ResponseReceived():
                    fields = dict(event.headers or ())
                    self.status = int(fields[b":status"])
                case h2.events.DataReceived():
                    self.content += event.data or b""
                    self._h2.acknowledge_received_data(
                        event.flow_controlled_length or 0, self._stream
                    )
                case h2.events.StreamEnded() | h2.events.StreamReset():
                    self.done, self._unsent = True, b""
                case h2.events.ConnectionTerminated():
                    self.done, self._unsent = True, b""
        if not self.done:
            self._send()
        return self._h2.data_to_send()

    def leave(self) -> bytes:
        return b""


class WebSocketClient:
    """Opens a WebSocket, says one text, hears what comes back, closes."""

    def __init__(self, asked: Asked, text: str | None) -> None:
        self.asked = asked
        self.text = text
        self.status: int | None = None
        self.messages: list[str | bytes] = []
        self.code: int | None = None
        self.reason: str | None = None
        self.done = False
        self._ws = wsproto.WSConnection(wsproto.ConnectionType.CLIENT)
        self._leaving = False
        self._text, self._bytes = "", b""  # of a message that goes on

    @property
    def patience(self) -> float | None:
        if self.status is None:  # as long as the handshake takes
            return None
        return BETWEEN if self.messages else FIRST

    def ask(self) -> bytes:
        asked = self.asked
        others = [
            (name.encode(), value.encode("latin-1"))
            for name, value in asked.fields
            if name.lower() != "host"
        ]
        return self._ws.send(
            ws.Request(
                host=asked.host, target=asked.target, extra_headers=others
            )
        )

    def receive(self, data: bytes) -> bytes:
        if not data:
            self.done = True
            return b""
        self._ws.receive_data(data)
        return b"".join(map(self._heard, self._ws.events()))

    def _heard(self, event: ws.Event) -> bytes:
        match event:
            case ws.AcceptConnection():
                self.status = 101
                if self.text is not None:
                    return self._ws.send(ws.TextMessage(data=self.text))
            case ws.RejectConnection():
                self.status, self.done = event.status_code, True
            case ws.TextMessage() | ws.BytesMessage():
                self._take(event)
            case ws.Ping():
                return self._ws.send(event.response())
            case ws.CloseConnection():
                self.code, self.reason = event.code, event.reason
                self.done = True
                if not self._leaving:
                    return self._ws.send(event.response())
        return b""

    def _take(self, event: ws.TextMessage | ws.BytesMessage) -> None:
        if isinstance(event, ws.TextMessage):
            self._text += event.data
        else:
            self._bytes += event.data
        if event.message_finished:
            self.messages.append(self._text or self._bytes)
            self._text, self._bytes = "", b""

    def leave(self) -> bytes:
        """Close; if the server says nothing to that, be done."""
        if self._leaving:
            self.done = True
            return b""
        self._leaving = True
        return self._ws.send(ws.CloseConnection(code=1000))
