"""Every byte of the server's own conversations is told exactly once.

The tests of ``protocol`` and ``server`` are run once more, traced; what is
checked of each trace is in ``checks``.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from wsproto.events import BytesMessage, TextMessage

from microquart.protocol import Peer, Service
from microquart.xray.taps.h1 import TappedH1
from microquart.xray.taps.h2 import TappedH2
from microquart.xray.taps.line import Line
from microquart.xray.tracer import Tracer
from tests.protocol.clients import H2Socket
from tests.protocol.conversation import CONNECTIONS
from tests.xray.checks import complaints

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "paths",
    [
        ["protocol/test_h1.py", "protocol/test_h1_responses.py"],
        ["protocol/test_h2.py", "protocol/test_both.py"],
        ["protocol/test_ws.py"],
        ["server/test_http2.py", "server/test_websocket.py"],
        ["server/test_serving.py"],
    ],
    ids=lambda paths: paths[0],
)
def test_each_byte_belongs_to_one_event(paths):
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-m", "not slow"),
            *("-p", "tests.xray.plugin", "-p", "no:cacheprovider"),
            *(str(ROOT / "tests" / path) for path in paths),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]


def connection():
    tracer = Tracer(None)
    line = Line(tracer, Peer(), None)
    return tracer, TappedH1(line, Peer(), Service(), 0.0)


@pytest.fixture
def http2() -> Iterator[Tracer]:
    """Traces the HTTP/2 connections of conversations."""
    tracer = Tracer(None)

    def tapped(peer: Peer, service: Service, now: float) -> TappedH2:
        return TappedH2(Line(tracer, peer, None), peer, service, now)

    usual = CONNECTIONS["h2"]
    CONNECTIONS["h2"] = tapped
    yield tracer
    CONNECTIONS["h2"] = usual


def test_frames_of_a_websocket_fill_the_data_of_its_stream(http2):
    tracer = http2
    socket = H2Socket()
    socket.send(TextMessage("hello"))
    socket.send(BytesMessage(bytes(30_000)))
    socket.stream.send({"type": "websocket.send", "text": "hi"})
    socket.exchange()
    socket.connection.finish()
    assert complaints(tracer.records) == []
    for way, least in (("in", 30_000), ("out", 4)):
        frames = [
            each.data["size"]
            for each in tracer.records
            if each.name == "ws.frame" and each.dir == way
        ]
        content = [
            each.data["len"]
            for each in tracer.records
            if each.name == "h2.frame"
            and each.dir == way
            and each.data["frame"] == "DATA"
        ]
        assert sum(frames) == sum(content) >= least


def test_what_nobody_has_used_is_told_at_the_end():
    tracer, tapped = connection()
    tapped.receive_data(b"GET / HT")
    tapped.finish()
    assert complaints(tracer.records) == []
    rest = tracer.records[-1]
    assert rest.data == {"event": "Rest", "len": 8}
    assert rest.bytes == (0, 8)


def test_a_stray_write_is_found():
    tracer, tapped = connection()
    tapped.receive_data(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    [stream] = tapped.opened()
    tapped._output.append(b"stray")
    stream.send({"type": "http.response.start", "status": 204})
    stream.send({"type": "http.response.body"})
    tapped.data_to_send()
    tapped.finish()
    [complaint] = complaints(tracer.records)
    assert "nobody knows what it is" in complaint


def test_a_byte_that_is_told_twice_is_found():
    tracer, tapped = connection()
    tapped.receive_data(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    tapped.line.bytes["in"].claimed -= 1
    tapped.finish()
    assert complaints(tracer.records)
