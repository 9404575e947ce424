"""A capture file, as Wireshark reads it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from microquart.xray.exports import pcap
from microquart.xray.record import Record
from microquart.xray.trace import Trace
from tests.xray.recorded import over_http1, over_http2, over_websocket

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True),
]

NUMBERS = {"DATA": 0, "HEADERS": 1, "SETTINGS": 4, "GOAWAY": 7}
OPCODES = {"TEXT": 1, "BINARY": 2, "CLOSE": 8}

FORM = ("-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,")

Read = Callable[..., list[list[str]]]


@pytest.fixture
def read(program: Callable[[str], str], tmp_path: Path) -> Read:
    """Return what tshark finds of some fields, and all that it says."""

    def run(t: Trace, *fields: str) -> list[list[str]]:
        path = tmp_path / "a.pcap"
        path.write_bytes(pcap.capture(t, t.head))
        options = [option for field in fields for option in ("-e", field)]
        output = subprocess.run(
            [program("tshark"), "-n", "-r", path, *FORM, *options],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return [line.split("\t") for line in output.splitlines()]

    return run


def column(rows: list[list[str]], number: int) -> list[str]:
    return [value for row in rows for value in row[number].split(",") if value]


def of(t: Trace, name: str) -> list[Record]:
    return [record for record in t if record.name == name]


async def test_requests_and_responses_of_http1(read: Read) -> None:
    t = await over_http1()
    rows = read(
        t,
        "http.request.method",
        "http.request.uri",
        "http.response.code",
        "_ws.expert.message",
    )
    events = of(t, "h1.event")
    asked = [e.data for e in events if e.data["event"] == "Request"]
    said = [e.data for e in events if e.data["event"] == "Response"]
    assert column(rows, 0) == [data["method"] for data in asked]
    assert column(rows, 1) == [data["target"] for data in asked]
    assert column(rows, 2) == [str(data["status"]) for data in said]


async def test_frames_and_fields_of_http2(read: Read) -> None:
    t = await over_http2()
    rows = read(
        t,
        "http2.type",
        "http2.length",
        "http2.streamid",
        "http2.header.name",
        "http2.header.value",
        "http2.header.length",
    )
    frames = [record.data for record in of(t, "h2.frame")]
    assert list(map(int, column(rows, 0))) == [
        NUMBERS[str(frame["frame"])] for frame in frames
    ]
    # The first of each packet with the preface is the preface itself.
    assert sum(map(int, column(rows, 1))) == sum(
        int(str(frame["len"])) for frame in frames
    )
    fields = [
        field
        for frame in frames
        for field in frame.get("hpack", ())
        if field["name"]
    ]
    assert column(rows, 3) == [field["name"] for field in fields]
    secret = dict(zip(column(rows, 3), column(rows, 4), strict=False))[
        "cookie"
    ]
    assert secret not in ("a=b", "")
    assert len(secret) == len("a=b")


async def test_frames_of_a_websocket(read: Read) -> None:
    t = await over_websocket()
    rows = read(
        t, "websocket.opcode", "websocket.mask", "websocket.payload_length"
    )
    frames = [record.data for record in of(t, "ws.frame")]
    assert list(map(int, column(rows, 0))) == [
        OPCODES[str(frame["opcode"])] for frame in frames
    ]
    assert len(column(rows, 1)) == len(frames)
    assert list(map(int, column(rows, 2))) == [f["len"] for f in frames]


async def test_octets_have_their_place_in_the_stream(read: Read) -> None:
    t = await over_http1()
    rows = read(t, "tcp.srcport", "tcp.len", "tcp.analysis.flags")
    sizes = [int(row[1]) for row in rows if row[1] != "0"]
    carried = [r for r in t if r.name in ("net.recv", "net.write")]
    assert sizes == [len(record.raw or b"") for record in carried]
    assert column(rows, 2) == []


def test_an_address_that_is_none_is_made_up(anyio_backend: object) -> None:
    host, port = pcap.address("127.0.0.2:5000", 1)
    assert (str(host), port) == ("127.0.0.2", 5000)
    for told in (None, "/run/a.sock", "::1:80", "unix:"):
        assert pcap.address(told, 7) == (pcap.LOCALHOST, 7)
