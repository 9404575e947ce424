"""What a server is asked, and asked again: one connection, N times."""

import os
import socket
import struct

import h2.config
import h2.connection
import h2.events

STREAMS = 32  # at a time on the one HTTP/2 connection
MESSAGE = b"x" * 32

REQUEST = (
    b"GET /json HTTP/1.1\r\nHost: 127.0.0.1:8377\r\n"
    b"User-Agent: bench\r\nAccept: */*\r\n\r\n"
)
HANDSHAKE = (
    b"GET /json HTTP/1.1\r\nHost: 127.0.0.1:8377\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def read(client: socket.socket) -> bytes:
    data = client.recv(65536)
    if not data:
        raise SystemExit("the server has closed")
    return data


def http1(client: socket.socket, times: int) -> None:
    for _ in range(times):
        client.sendall(REQUEST)
        answer = b""
        while not answer.rstrip().endswith(b"}"):
            answer += read(client)


def http2(client: socket.socket, times: int) -> None:
    """Ask ``STREAMS`` at a time; the answers of a turn come together."""
    connection = h2.connection.H2Connection(
        h2.config.H2Configuration(client_side=True)
    )
    connection.initiate_connection()
    fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "127.0.0.1:8377"),
        (":path", "/json"),
        ("user-agent", "bench"),
    ]
    for _ in range(max(1, times // STREAMS)):
        for _ in range(STREAMS):
            number = connection.get_next_available_stream_id()
            connection.send_headers(number, fields, end_stream=True)
        client.sendall(connection.data_to_send())
        ended = 0
        while ended < STREAMS:
            for event in connection.receive_data(read(client)):
                if isinstance(event, h2.events.StreamEnded):
                    ended += 1
                if isinstance(event, h2.events.DataReceived):
                    connection.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
        client.sendall(connection.data_to_send())


def websocket(client: socket.socket, times: int) -> None:
    """Send 32 bytes, and wait for them to come back."""
    client.sendall(HANDSHAKE)
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += read(client)
    for _ in range(times):
        mask = os.urandom(4)
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(MESSAGE))
        client.sendall(
            struct.pack("!BB", 0x82, 0x80 | len(MESSAGE)) + mask + masked
        )
        answer = b""
        while len(answer) < len(MESSAGE) + 2:
            answer += read(client)


LOADS = {"h1": http1, "h2": http2, "ws": websocket}
