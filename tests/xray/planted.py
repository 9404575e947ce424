"""Eight secrets, the conversations that carry them, and their disguises."""

from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import quote

import h2.config
import h2.connection
import h2.events
from hpack import Encoder
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hyperframe.frame import HeadersFrame

SECRETS = {
    "authorization": "Bearer-7f3kQzW9",
    "cookie": "sid-8Jd02mXcPq",
    "set-cookie": "fresh-Lw55TgaB",
    "x-api-key": "apikey-Xy{44}|R",
    "query": "qtoken-Zp81MnVe",
    "form": "formpw-Kd63HsUt",
    "json": "jsonpw-Bv27YrIo",
    "userinfo": "userpw-Ne90CfGa",
}

REQUEST = (
    "POST http://user:{userinfo}@localhost/a?x=1&token={query}&y=2 "
    "HTTP/1.1\r\n"
    "Host: localhost\r\n"
    "Authorization: {authorization}\r\n"
    "cookie:  a=1; session={cookie}\r\n"
    "X-API-Key: {x-api-key}\r\n"
    "Referer: http://localhost/b?api_key={query}#end\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n"
)
FORM = "name=you&user[password]={form}&more=1"
JSON = '{{"name": "you", "password" : "{json}", "n": 1}}'


def filled(text: str) -> bytes:
    return text.format(**SECRETS).encode()


def http1_requests() -> bytes:
    """A form by length, a form in chunks and JSON, all in one pipeline."""
    form = filled(FORM)
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (1, form[i : i + 1]) for i in range(60)
    )
    chunks = chunks.replace(b"1\r\n\r\n", b"")
    json = filled(JSON)
    return (
        filled(REQUEST)
        + b"Content-Length: %d\r\n\r\n" % len(form)
        + form
        + filled(REQUEST)
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + chunks
        + filled("0\r\nX-Auth-Token: {x-api-key}\r\n\r\n")
        + b"POST /json HTTP/1.1\r\nHost: localhost\r\n"
        + b"Content-Length: %d\r\n\r\n" % len(json)
        + json
        + b"GET /last HTTP/1.1\r\nHost: localhost\r\n\r\n"
    )


def http1_responses() -> bytes:
    json = filled(JSON)
    answer = (
        filled(
            "HTTP/1.1 302 Found\r\n"
            "Set-Cookie: session={set-cookie}; Path=/\r\n"
            "Location: https://localhost/in?code={query}\r\n"
        )
        + b"Content-Length: %d\r\n\r\n" % len(json)
        + json
    )
    return answer * 3 + b"HTTP/1.1 204 No Content\r\n\r\n"


def http2_fields() -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", f"/a?x=1&token={SECRETS['query']}&y=2"),
        ("origin", "http://localhost"),
        ("authorization", SECRETS["authorization"]),
        ("cookie", f"session={SECRETS['cookie']}"),
        ("x-api-key", SECRETS["x-api-key"]),
        ("content-type", "application/x-www-form-urlencoded"),
    ]


def http2() -> tuple[bytes, bytes]:
    """Three requests, whose fields are literal, indexed and plain."""
    client = h2.connection.H2Connection()
    config = h2.config.H2Configuration(client_side=False)
    server = h2.connection.H2Connection(config)
    client.initiate_connection()
    server.initiate_connection()
    for stream in (1, 3):
        client.send_headers(stream, http2_fields())
        client.send_data(stream, filled(FORM), end_stream=True, pad_length=3)
    asked = client.data_to_send()
    server.receive_data(asked)
    for stream in (1, 3):
        fields = [
            (":status", "302"),
            ("set-cookie", f"session={SECRETS['set-cookie']}; Path=/"),
            ("location", f"/in?code={SECRETS['query']}"),
        ]
        server.send_headers(stream, fields)
        server.send_data(stream, filled(JSON), end_stream=True)
    plain = HeadersFrame(5, flags={"END_HEADERS", "END_STREAM"})
    plain.data = client.encoder.encode(http2_fields()[:4])
    # No Huffman code, and new names and values in the table.
    plain.data += Encoder().encode(
        [("x-auth-token", SECRETS["x-api-key"])], huffman=False
    )
    return asked + plain.serialize(), server.data_to_send()


def websocket() -> tuple[bytes, bytes]:
    """A handshake with secrets, then JSON from both sides, in pieces."""
    request = filled(
        "GET /live?key={query} HTTP/1.1\r\nHost: localhost\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Cookie: {cookie}\r\nAuthorization: {authorization}\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    )
    response = filled(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSet-Cookie: s={set-cookie}\r\n\r\n"
    )
    json = filled(JSON)
    asked = frame(1, json[:30], b"k3Y!", final=False)
    asked += frame(9, b"ping", b"KEY2") + frame(0, json[30:], b"\0\1\2\3")
    asked += frame(8, b"\x03\xe8bye", b"k3Y!")
    return request + asked, response + frame(1, json) + frame(8, b"\x03\xe8")


def frame(
    opcode: int, payload: bytes, key: bytes = b"", final: bool = True
) -> bytes:
    head = bytes([opcode | (0x80 if final else 0), len(payload)])
    if not key:
        return head + payload
    masked = bytes(o ^ key[i % 4] for i, o in enumerate(payload))
    return bytes([head[0], head[1] | 0x80]) + key + masked


def disguises(secret: str) -> Iterator[bytes]:
    """Yield the octets by which a secret would be seen, and its codings."""
    octets = secret.encode()
    yield octets
    yield quote(secret).encode()
    yield octets.hex().encode()
    yield HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(octets)[
        :-1
    ]
    for shift in range(3):  # base64 reads three octets at a time
        coded = b64encode(b"\0" * shift + octets).rstrip(b"=")
        yield coded[4 if shift else 0 : -1]


def found(octets: bytes) -> list[str]:
    """Return which secrets can be seen in a file, in any disguise."""
    return [
        name
        for name, secret in SECRETS.items()
        if any(disguise in octets for disguise in disguises(secret))
    ]
