"""Carry WebSockets that come over HTTP/1.1 on over HTTP/2, byte for byte.

    python tests/judges/websocket_bridge.py PORT SERVER_PORT

The Autobahn test suite speaks HTTP/1.1 only.  This stands between it and a
server, and has each connection of the suite's as a stream of an HTTP/2
connection (RFC 8441), so the same frames judge the other carrier.
"""

import asyncio
import base64
import hashlib
import sys

import h2.config
import h2.connection
import h2.events

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEPT = (
    b"sec-websocket-version",
    b"sec-websocket-protocol",
    b"sec-websocket-extensions",
)


class Server(asyncio.Protocol):
    """The connection to the server, with one stream."""

    def __init__(self, bridge: "Bridge", path: bytes, fields: list) -> None:
        self.bridge = bridge
        self.fields = [
            (b":method", b"CONNECT"),
            (b":protocol", b"websocket"),
            (b":scheme", b"http"),
            (b":authority", b"127.0.0.1"),
            (b":path", path),
            *(line for line in fields if line[0] in KEPT),
        ]
        config = h2.config.H2Configuration(
            client_side=True, header_encoding=None
        )
        self.h2 = h2.connection.H2Connection(config)
        self.unsent = bytearray()
        self.ending = self.accepted = False

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(2**24)
        self.flush()

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            match event:
                case h2.events.RemoteSettingsChanged() if not self.accepted:
                    self.h2.send_headers(1, self.fields)
                case h2.events.ResponseReceived():
                    self.accepted = True
                    self.bridge.answer(event.headers)
                case h2.events.DataReceived():
                    self.h2.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
                    self.bridge.transport.write(event.data)
                case h2.events.StreamEnded() | h2.events.StreamReset():
                    self.bridge.transport.close()
        self.push()

    def connection_lost(self, error) -> None:
        self.bridge.transport.close()

    def push(self) -> None:
        """Send what the windows allow."""
        while self.accepted and self.unsent:
            room = min(self.h2.local_flow_control_window(1), 16_384)
            if not room:
                break
            self.h2.send_data(1, bytes(self.unsent[:room]))
            del self.unsent[:room]
        if self.ending and not self.unsent:
            self.ending = False
            self.h2.end_stream(1)
        self.flush()

    def flush(self) -> None:
        if data := self.h2.data_to_send():
            self.transport.write(data)


class Bridge(asyncio.Protocol):
    """A connection of the suite's."""

    port = 0

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.head = b""
        self.server: Server | None = None

    def data_received(self, data: bytes) -> None:
        if self.server is not None:
            self.server.unsent += data
            if self.server.accepted:
                self.server.push()
            return
        self.head += data
        if b"\r\n\r\n" not in self.head:
            return
        head, _, rest = self.head.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        pairs = (line.split(b":", 1) for line in lines)
        fields = [(name.lower(), value.strip()) for name, value in pairs]
        self.key = dict(fields)[b"sec-websocket-key"]
        self.server = Server(self, first.split()[1], fields)
        self.server.unsent += rest
        loop = asyncio.get_running_loop()
        self.task = loop.create_task(
            loop.create_connection(lambda: self.server, "127.0.0.1", self.port)
        )

    def answer(self, headers: list) -> None:
        accept = base64.b64encode(hashlib.sha1(self.key + GUID).digest())
        lines = [b"%b: %b" % line for line in headers if line[0][:1] != b":"]
        self.transport.write(
            b"\r\n".join(
                [
                    b"HTTP/1.1 101 Switching Protocols",
                    b"Upgrade: websocket",
                    b"Connection: Upgrade",
                    b"Sec-WebSocket-Accept: " + accept,
                    *lines,
                    b"",
                    b"",
                ]
            )
        )

    def eof_received(self) -> bool:
        if self.server is not None and self.server.accepted:
            self.server.ending = True
            self.server.push()
        return False

    def connection_lost(self, error) -> None:
        if self.server is not None and self.server.accepted:
            self.server.transport.close()


async def main() -> None:
    port, Bridge.port = map(int, sys.argv[1:3])
    loop = asyncio.get_running_loop()
    async with await loop.create_server(Bridge, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
