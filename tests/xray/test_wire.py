"""The readers of the wire, which are not the server's."""

import random

import h11
import pytest
from hpack import Encoder, NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st

from microquart.xray.hpack import Explainer
from microquart.xray.taps.h2 import Blocks, frame_data
from microquart.xray.wire import (
    PREFACE,
    Frames,
    Responses,
    WebSocketFrames,
)

# -- responses --

CHUNKED = b"transfer-encoding: chunked\r\n"


def read(data: bytes, *methods: str, step: int = 10**6) -> list[tuple]:
    reader = Responses()
    for method in methods:
        reader.expect(method, method)
    return [
        (piece.event, piece.size)
        for at in range(0, len(data), step)
        for piece in reader.feed(data[at : at + step])
        if piece.size
    ]


@pytest.mark.parametrize(
    ("method", "response", "pieces"),
    [
        (
            "GET",
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
            [("Response", 38), ("Data", 5)],
        ),
        (
            "HEAD",
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
            [("Response", 38)],
        ),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", [("Response", 27)]),
        (
            "GET",
            b"HTTP/1.1 200 OK\r\n%b\r\n2\r\nab\r\n0\r\n\r\n" % CHUNKED,
            [("Response", 47), ("Data", 7), ("EndOfMessage", 5)],
        ),
        (
            "GET",
            b"HTTP/1.1 200 OK\r\n%b\r\n0\r\nx: y\r\n\r\n" % CHUNKED,
            [("Response", 47), ("EndOfMessage", 11)],
        ),
        (
            "GET",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
            [("InformationalResponse", 25), ("Response", 27)],
        ),
        ("GET", b"nonsense, no head", [("Unknown", 17)]),
    ],
)
def test_a_response_is_cut_into_its_parts(method, response, pieces):
    assert read(response, method) == pieces
    sizes = [size for _, size in read(response, method, step=1)]
    assert sum(sizes) == len(response)


def test_a_response_belongs_to_the_request_that_it_answers():
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
    reader: Responses[str] = Responses()
    reader.expect("HEAD", "first")
    reader.expect("GET", "second")
    pieces = reader.feed(answer + answer + b"ok")
    assert [(piece.event, piece.who) for piece in pieces] == [
        ("Response", "first"),
        ("EndOfMessage", "first"),
        ("Response", "second"),
        ("Data", "second"),
        ("EndOfMessage", "second"),
    ]


def test_what_follows_101_is_a_tunnel():
    reader: Responses[None] = Responses()
    [head] = reader.feed(b"HTTP/1.1 101 Switching\r\n\r\n\x81\x00")
    assert head.status == 101
    assert reader.tunnel
    assert reader.rest() == b"\x81\x00"


def test_h11_finds_as_many_events():
    server = h11.Connection(h11.SERVER)
    client = h11.Connection(h11.CLIENT)
    asked = h11.Request(method="GET", target="/", headers=[("host", "a")])
    server.receive_data(client.send(asked) + client.send(h11.EndOfMessage()))
    while server.next_event() is not h11.PAUSED:
        if server.their_state is h11.DONE:
            break
    wire = server.send(h11.Response(status_code=200, headers=[])) or b""
    for data in (b"a", b"bc"):
        wire += server.send(h11.Data(data)) or b""
    wire += server.send(h11.EndOfMessage()) or b""
    kinds = [event for event, _ in read(wire, "GET")]
    assert kinds == ["Response", "Data", "Data", "EndOfMessage"]


# -- frames --


def test_frames_are_cut_wherever_the_bytes_are():
    ping = bytes([0, 0, 8, 6, 0, 0, 0, 0, 0]) + b"pingpong"
    data = bytes([0, 0, 2, 0, 1, 0, 0, 0, 1]) + b"ab"
    wire = PREFACE + ping + data
    for step in (1, 3, len(wire)):
        reader = Frames(preface=True)
        seen = [
            (frame.kind, frame.size, frame.stream)
            for at in range(0, len(wire), step)
            for frame in reader.feed(wire[at : at + step])
        ]
        assert seen == [(-1, 24, 0), (6, 17, 0), (0, 11, 1)]


def test_a_frame_that_cannot_be_read_is_still_a_frame():
    wrong = bytes([0, 0, 1, 6, 0, 0, 0, 0, 1]) + b"x"
    [frame] = Frames(preface=False).feed(wrong)
    assert frame.frame is None
    assert frame.size == len(wrong)


@pytest.mark.parametrize("length", [0, 5, 125, 126, 65_535, 65_536])
@pytest.mark.parametrize("key", [b"", b"\x01\x02\x03\x04"])
@pytest.mark.parametrize("step", [1, 1000, 10**6])
def test_a_frame_of_a_websocket_of_any_length(length, key, step):
    if step == 1 and length > 1000:
        step = 7
    payload = bytes(at % 251 for at in range(length))
    masked = bytes(
        byte ^ key[at % 4] if key else byte for at, byte in enumerate(payload)
    )
    second = 0x80 if key else 0
    if length < 126:
        head = bytes([0x82, second | length])
    elif length < 65_536:
        head = bytes([0x82, second | 126]) + length.to_bytes(2, "big")
    else:
        head = bytes([0x82, second | 127]) + length.to_bytes(8, "big")
    wire = (head + key + masked) * 2
    reader = WebSocketFrames()
    frames = [
        frame
        for at in range(0, len(wire), step)
        for frame in reader.feed(wire[at : at + step])
    ]
    assert [frame.length for frame in frames] == [length, length]
    assert sum(frame.size for frame in frames) == len(wire)
    assert frames[0].payload == payload[:4096]
    assert (frames[0].opcode, frames[0].fin) == (2, True)


# -- field blocks --


def explained(*blocks: bytes) -> list[tuple[bytes, bytes, str]]:
    explainer = Explainer()
    return [
        (one.name, one.value, one.how)
        for block in blocks
        for one in explainer.explain(block)
    ]


def test_each_representation_says_how_it_was_said():
    encoder = Encoder()
    first = encoder.encode(
        [
            (b":method", b"GET"),
            (b":path", b"/users/9"),
            (b"x-own", b"!!!!"),
            NeverIndexedHeaderTuple(b"cookie", b"s=1"),
        ]
    )
    again = encoder.encode([(b":path", b"/users/9")])
    assert explained(first, again) == [
        (b":method", b"GET", "indexed #2 static"),
        (
            b":path",
            b"/users/9",
            "literal, indexed, name #4 static, huffman 6→8 B",
        ),
        (
            b"x-own",
            b"!!!!",
            "literal, indexed, name literal, huffman 5→4 B",
        ),
        (
            b"cookie",
            b"s=1",
            "literal, NEVER indexed, name #32 static, huffman 2→3 B",
        ),
        (b":path", b"/users/9", "indexed #63 dynamic"),
    ]


def test_a_table_that_shrinks_is_followed():
    encoder = Encoder()
    first = encoder.encode([(b"a", b"b")])
    encoder.header_table_size = 0
    second = encoder.encode([(b"a", b"b")])
    assert explained(first, second)[1][2] == "table size 0"


def test_a_block_that_cannot_be_read_is_one_unknown_field():
    explainer = Explainer()
    [one] = explainer.explain(b"\xff\xff\xff\xff\xff")
    assert (len(one.octets), one.how) == (5, "unreadable")
    [other] = explainer.explain(b"\x82")
    assert other.how == "unreadable"


FIELD = st.tuples(
    st.sampled_from([b"cookie", b"x-a", b":path", b"etag"]),
    st.binary(max_size=20),
)


@given(st.lists(st.lists(FIELD, max_size=8), max_size=5), st.booleans())
def test_it_comes_to_what_was_encoded(sections, huffman):
    encoder, explainer = Encoder(), Explainer()
    for fields in sections:
        block = encoder.encode(fields, huffman=huffman)
        found = explainer.explain(block)
        assert [(one.name, one.value) for one in found if one.name] == fields
        assert b"".join(one.octets for one in found) == block


def test_junk_is_never_more_than_unreadable():
    chance = random.Random(1)
    for _ in range(300):
        block = chance.randbytes(chance.randrange(40))
        found = Explainer().explain(block)
        assert b"".join(one.octets for one in found) == block


def test_no_frame_is_too_strange_to_be_told():
    chance = random.Random(2)
    for kind in range(14):
        for _ in range(200):
            body = chance.randbytes(chance.randrange(12))
            flags, stream = chance.randrange(256), chance.randrange(3)
            head = len(body).to_bytes(3, "big") + bytes([kind, flags])
            wire = head + stream.to_bytes(4, "big") + body
            [frame] = Frames(preface=False).feed(wire)
            assert frame_data(frame)["len"] == len(body)
            Blocks().take(frame)
