"""WebSocket as attackers speak it: frames by hand."""

import socket

from tests.server.attacks.siege import Target

CONTINUATION, TEXT, BINARY, CLOSE, PING = 0, 1, 2, 8, 9
FIN = 0x80
COMPRESSED = 0x40  # RSV1 (RFC 7692)

TOO_LARGE = 1009

HANDSHAKE = (
    b"GET /?%b HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


def connect(
    target: Target, tag: bytes = b"", buffer: int | None = None
) -> socket.socket:
    """Shake hands; the application echoes."""
    client = target.connect(buffer)
    client.sendall(HANDSHAKE % tag)
    heard = b""
    while not heard.endswith(b"\r\n\r\n"):
        heard += client.recv(1)
    assert heard.startswith(b"HTTP/1.1 101 ")
    return client


def frame(first: int, content: bytes = b"", size: int | None = None) -> bytes:
    """Return a frame, whose mask changes nothing; ``size``: what it says."""
    length = len(content) if size is None else size
    if length < 126:
        head = bytes([first, 0x80 | length])
    elif length < 65536:
        head = bytes([first, 0xFE]) + length.to_bytes(2, "big")
    else:
        head = bytes([first, 0xFF]) + length.to_bytes(8, "big")
    return head + bytes(4) + content


def close_code(heard: bytes) -> int | None:
    """Return the code of the close frame that comes last."""
    at = heard.rfind(bytes([FIN | CLOSE]))
    return int.from_bytes(heard[at + 2 : at + 4], "big") if at >= 0 else None
