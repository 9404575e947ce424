"""The short way through a frame comes to the same as wsproto's."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto.connection import CLIENT, SERVER, Connection
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Ping,
    Pong,
    TextMessage,
)

from microquart.protocol.ws_frames import Frames
from tests.protocol.test_ws import frame

SIZES = [0, 1, 3, 4, 5, 125, 126, 127, 1000, 65_535, 65_536]


def heard(connection: Connection, pieces: list[bytes]) -> list[Any]:
    """Return what the frames say: whole messages, pings, and the end."""
    said: list[Any] = []
    parts: list[Any] = []
    for piece in pieces:
        connection.receive_data(piece)
        for event in connection.events():
            match event:
                case TextMessage() | BytesMessage():
                    parts.append(event.data)
                    if event.message_finished:
                        said.append(parts[0][:0].join(parts))
                        parts = []
                case Ping() | Pong():
                    said.append((type(event), bytes(event.payload)))
                case CloseConnection():
                    return [*said, (int(event.code), event.reason or "")]
    return said


def both_ways(data: bytes, cut: int) -> list[Any]:
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    short = heard(Frames([], plain=True), pieces)
    assert short == heard(Connection(SERVER), pieces)
    return short


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("opcode", [1, 2])
def test_a_frame_of_any_size_is_read(opcode, size):
    data = frame(opcode, b"x" * size) * 2
    content = "x" * size if opcode == 1 else b"x" * size
    assert both_ways(data, len(data)) == [content] * 2


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", [TextMessage, BytesMessage])
def test_a_frame_of_any_size_is_made(kind, size):
    message = kind("ü" * size if kind is TextMessage else b"x" * size)
    data = Frames([], plain=True).send(message)
    assert data == Connection(SERVER).send(message)
    assert heard(Connection(CLIENT), [data]) == [message.data]


@pytest.mark.parametrize("view", [bytearray, memoryview])
def test_what_is_like_bytes_is_sent_like_bytes(view):
    assert Frames([], True).send(BytesMessage(view(b"x"))) == b"\x82\x01x"


@pytest.mark.parametrize(
    "data",
    [
        frame(8, b"\x03") + frame(1, b"after"),
        frame(8, b"\x03\xe8") + frame(1, b"after"),
        frame(1, b"\xff") + frame(1, b"after"),
        frame(3) + frame(1, b"after"),
    ],
)
@pytest.mark.parametrize("cut", [1, 1000])
def test_nothing_is_read_after_the_end(data, cut):
    connection = Frames([], plain=True)
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    heard(connection, pieces)
    connection.receive_data(frame(1, b"late"))
    assert list(connection.events()) == []


masked = st.builds(
    lambda opcode, payload, fin, rsv, key: (
        (head := frame(opcode, payload, fin, rsv=rsv))[
            : len(head) - len(payload) - 4
        ]
        + key
        + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
    ),
    st.sampled_from([0, 1, 1, 1, 2, 2, 9, 10, 8, 3]),
    st.one_of(
        st.binary(max_size=200),
        st.text(max_size=60).map(str.encode),
        st.just(b"x" * 300),
    ),
    st.sampled_from([True, True, True, False]),
    st.sampled_from([0, 0, 0, 0, 1]),
    st.binary(min_size=4, max_size=4),
)


@pytest.mark.slow
@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.one_of(masked, masked, st.binary(max_size=8)), max_size=10),
    st.sampled_from([1, 2, 7, 50, 1000, 100_000]),
)
def test_both_ways_hear_the_same(frames, cut):
    both_ways(b"".join(frames), cut)
