"""The cases of the Autobahn test suite that need no time, on both carriers.

The suite itself is a program for Python 2; docs/ says how it is run.  These
are its groups 1 to 7, by their numbers: an echo, and what must not be echoed.
"""

import pytest
from wsproto.events import Ping, Pong

from tests.protocol.clients import H1Socket, H2Socket
from tests.protocol.test_ws import frame


class Echo:
    """The application that sends back what it receives."""

    def __init__(self, socket, **options):
        self.client = socket(**options)
        self.client.stream.take()

    def run(self, *pieces):
        """Send these pieces, and let the application answer after each."""
        for piece in pieces:
            self.client.raw(piece)
            self.answer()
        return self.client

    def answer(self):
        stream = self.client.stream
        while (message := stream.take()) and message[
            "type"
        ] == "websocket.receive":
            stream.send({**message, "type": "websocket.send"})
        self.client.exchange()


@pytest.fixture(params=[H1Socket, H2Socket], ids=["h1", "h2"])
def echo(request):
    return Echo(request.param)


def chopped(data, size=1):
    return [data[at : at + size] for at in range(0, len(data), size)]


SIZES = [0, 125, 126, 127, 128, 65_535, 65_536]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("chop", [None, 997])
def test_1_framing(echo, size, chop):
    for opcode, content in ((1, "*" * size), (2, b"\xfe" * size)):
        payload = content.encode() if opcode == 1 else content
        data = frame(opcode, payload)
        echo.run(*(chopped(data, chop) if chop else [data]))
        assert echo.client.messages[-1] == content


@pytest.mark.parametrize(
    "payload", [b"", b"Hello", bytes(range(0xF8, 0x100)), b"\xfe" * 125]
)
def test_2_1_to_2_4_pings(echo, payload):
    client = echo.run(frame(9, payload))
    assert client.of(Pong) == [Pong(payload)]


def test_2_5_a_ping_of_126_bytes(echo):
    assert echo.run(frame(9, b"\xfe" * 126)).closed == 1002


def test_2_6_a_ping_in_octets(echo):
    assert echo.run(*chopped(frame(9, b"\xfe" * 125))).of(Pong) == [
        Pong(b"\xfe" * 125)
    ]


def test_2_7_to_2_9_pongs_nobody_asked_for(echo):
    client = echo.run(
        frame(10), frame(10, b"x"), frame(10, b"y") + frame(9, b"z")
    )
    assert client.of(Pong) == [Pong(b"z")]


def test_2_10_and_2_11_ten_pings(echo):
    pings = [b"payload-%d" % number for number in range(10)]
    client = echo.run(b"".join(frame(9, ping) for ping in pings))
    assert [event.payload for event in client.of(Pong)] == pings


@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [1, 2, 8, 9, 10])
def test_3_reserved_bits(echo, rsv, opcode):
    payload = b"" if opcode == 8 else b"Hello"
    client = echo.run(
        frame(1, b"first") + frame(opcode, payload, rsv=rsv) + frame(9)
    )
    assert client.messages == ["first"]
    assert client.closed == 1002
    assert not client.of(Pong)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"reserved opcode payload"])
@pytest.mark.parametrize("first", [True, False])
def test_4_opcodes(echo, opcode, payload, first):
    before = frame(1, b"first") if first else b""
    client = echo.run(before + frame(opcode, payload) + frame(9))
    assert client.messages == ["first"] * first
    assert client.closed == 1002


FRAGMENTS = {
    "5.1": ([frame(9, b"f1", fin=False), frame(0, b"f2")], None, 1002),
    "5.2": ([frame(10, b"f1", fin=False), frame(0, b"f2")], None, 1002),
    "5.3": ([frame(1, b"f1", fin=False), frame(0, b"f2")], "f1f2", None),
    "5.6": (
        [frame(1, b"f1", fin=False), frame(9, b"ping"), frame(0, b"f2")],
        "f1f2",
        None,
    ),
    "5.9": ([frame(0, b"x"), frame(1, b"Hello")], None, 1002),
    "5.12": ([frame(0, b"x", fin=False), frame(1, b"Hello")], None, 1002),
    "5.15": (
        [
            frame(1, b"f1", fin=False),
            frame(0, b"f2"),
            frame(0, b"f3", fin=False),
            frame(1, b"f4"),
        ],
        "f1f2",
        1002,
    ),
    "5.18": ([frame(1, b"f1", fin=False), frame(1, b"f2")], None, 1002),
    "5.19": (
        [
            frame(1, b"f1", fin=False),
            frame(0, b"f2", fin=False),
            frame(9, b"p1"),
            frame(0, b"f3", fin=False),
            frame(0, b"f4", fin=False),
            frame(9, b"p2"),
            frame(0, b"f5"),
        ],
        "f1f2f3f4f5",
        None,
    ),
}


@pytest.mark.parametrize(
    ("frames", "wanted", "code"), FRAGMENTS.values(), ids=FRAGMENTS
)
@pytest.mark.parametrize("chop", [None, "frames", 1])
def test_5_fragments(echo, frames, wanted, code, chop):
    whole = b"".join(frames)
    pieces = {None: [whole], "frames": frames, 1: chopped(whole)}[chop]
    client = echo.run(*pieces)
    assert client.messages == ([wanted] if wanted else [])
    assert client.closed == code


VALID = {
    "6.2": "Hello-µ@ßöäüàá-UTF-8!!",
    "6.5": "κόσμε",
    "6.6.7": "\x00",
    "6.9": "\x7f\u07ff\uffff\U0010ffff",
    "6.11": "\ud7ff\ue000\ufffd\U0010ffff",
    "6.22": "\ufffe\uffff\U0001fffe\U0010ffff",
}
INVALID = {
    "6.3": b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    "6.6.1": b"\xce",
    "6.6.3": b"\xce\xba\xe1",
    "6.8": b"\xf8\x88\x80\x80\x80",
    "6.10": b"\xf4\x90\x80\x80",
    "6.12": b"\x80",
    "6.13": b"\xc0\x20\xc1\x20",
    "6.14": b"\xc0",
    "6.15": b"\xc0\xe0\x80\xf0\x80\x80",
    "6.16": b"\xfe",
    "6.17": b"\xc0\xaf",
    "6.18": b"\xc1\xbf",
    "6.19": b"\xc0\x80",
    "6.20": b"\xed\xa0\x80",
    "6.21": b"\xed\xa0\x80\xed\xb0\x80",
}


@pytest.mark.parametrize("text", VALID.values(), ids=VALID)
@pytest.mark.parametrize("size", [None, 1, 3])
def test_6_text(echo, text, size):
    parts = chopped(text.encode(), size) if size else [text.encode()]
    frames = [
        frame(0 if at else 1, part, fin=at == len(parts) - 1)
        for at, part in enumerate(parts)
    ]
    assert echo.run(*frames).messages == [text]


@pytest.mark.parametrize("data", INVALID.values(), ids=INVALID)
@pytest.mark.parametrize("size", [None, 1])
def test_6_what_is_no_text(echo, data, size):
    parts = chopped(data, size) if size else [data]
    frames = [
        frame(0 if at else 1, part, fin=at == len(parts) - 1)
        for at, part in enumerate(parts)
    ]
    client = echo.run(b"".join(frames))
    assert client.messages == []
    assert client.closed == 1007


@pytest.mark.parametrize("end", [b"\xf4\x90", b"\xed\xa0\x80", b"\xc0"])
def test_6_4_what_is_no_text_is_told_before_the_message_ends(echo, end):
    client = echo.run(
        frame(1, "κόσμε".encode(), fin=False), frame(0, end, fin=False)
    )
    assert client.closed == 1007


def close(code, reason=b""):
    return frame(8, code.to_bytes(2, "big") + reason)


def test_7_1_what_follows_a_close_is_ignored(echo):
    client = echo.run(
        frame(1, b"Hello"), close(1000) + frame(9) + frame(1, b"late")
    )
    assert client.messages == ["Hello"]
    assert client.closed == 1000
    assert not client.of(Pong)
    assert client.of(Ping) == []


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", 1005),
        (b"a", 1002),
        (b"\x03\xe8", 1000),
        (b"\x03\xe8Hello World", 1000),
        (b"\x03\xe8" + b"*" * 123, 1000),
        (b"\x03\xe8" + b"*" * 124, 1002),
        (
            b"\x03\xe8\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
            1007,
        ),
    ],
)
def test_7_3_and_7_5_the_payload_of_a_close(echo, payload, code):
    assert echo.run(frame(8, payload)).closed == code


@pytest.mark.parametrize(
    "code",
    [
        1000,
        1001,
        1002,
        1003,
        1007,
        1008,
        1009,
        1010,
        1011,
        3000,
        3999,
        4000,
        4999,
    ],
)
def test_7_7_valid_close_codes(echo, code):
    assert echo.run(close(code)).closed == code


@pytest.mark.parametrize(
    "code", [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535]
)
def test_7_9_and_7_13_invalid_close_codes(echo, code):
    assert echo.run(close(code)).closed == 1002
