"""The floors: the same libraries on a bare asyncio.Protocol, and no more.

python tests/bench/floors.py h2|ws PORT
"""

import asyncio
import sys

import h2.config
import h2.connection
import h2.events
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Request,
    TextMessage,
)

CONTENT = b'{"hello":"world"}'
FIELDS = [
    (b":status", b"200"),
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(CONTENT)),
    (b"date", b"Tue, 24 Nov 2026 12:00:00 GMT"),
    (b"server", b"floor"),
]


class H2Floor(asyncio.Protocol):
    """Answers every request at once, one write a read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=False, header_encoding=None)
        )
        self.h2.initiate_connection()
        self.transport.write(self.h2.data_to_send())

    def data_received(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                self.h2.send_headers(event.stream_id, FIELDS)
                self.h2.send_data(event.stream_id, CONTENT, end_stream=True)
        self.transport.write(self.h2.data_to_send())


class WSFloor(asyncio.Protocol):
    """Echoes every message."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.ws = WSConnection(ConnectionType.SERVER)

    def data_received(self, data: bytes) -> None:
        self.ws.receive_data(data)
        out = b""
        for event in self.ws.events():
            match event:
                case Request():
                    out += self.ws.send(AcceptConnection())
                case TextMessage():
                    out += self.ws.send(TextMessage(data=event.data))
                case BytesMessage():
                    out += self.ws.send(BytesMessage(data=event.data))
                case CloseConnection():
                    out += self.ws.send(event.response())
        self.transport.write(out)


async def main(kind: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    protocol = {"h2": H2Floor, "ws": WSFloor}[kind]
    server = await loop.create_server(protocol, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1], int(sys.argv[2])))
    except KeyboardInterrupt:
        sys.exit()
