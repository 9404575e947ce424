"""The reading list: the lines that ran for one request."""

import asyncio
import re
import subprocess
import sys

import pytest

from microquart import Quart
from microquart.xray.clients import Asked, H1Client, H2Client, WebSocketClient
from microquart.xray.reading import Monitored, Reading, Traced, read
from tests.xray.conversing import make_app

# What one may have to read, at most.
LINES, FILES = 300, 12

HELLO = """
from microquart import Quart

app = Quart("hello")


@app.get("/")
async def index() -> str:
    return "hello"
"""


def hello() -> Quart:
    app = Quart("hello")

    @app.get("/")
    async def index() -> str:
        return "hello"

    return app


def reading_of(client, app=None, again=True) -> Reading:
    return asyncio.run(read(app or hello(), lambda: client, again))


@pytest.fixture(scope="module")
def reading() -> Reading:
    return reading_of(H1Client(Asked("GET", "/")))


def test_for_a_get_of_hello_there_is_little_to_read(tmp_path):
    # By itself: what other tests have connected to signals has lines too.
    (tmp_path / "hello.py").write_text(HELLO)
    command = ["microquart", "trace", "hello:app", "GET", "/"]
    shown = subprocess.run(
        [sys.executable, "-m", *command, "--reading-list"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    told = re.fullmatch(
        r"# (\d+) lines of microquart, in (\d+) files",
        shown.splitlines()[-1],
    )
    assert told is not None
    lines, files = map(int, told.groups())
    assert 100 < lines <= LINES
    assert files <= FILES


def test_it_goes_from_the_first_byte_to_the_last(reading):
    first, last = reading.passages[0], reading.passages[-1]
    assert first.name == "AsyncioShell.data_received"
    assert last.name == "AsyncioShell.flush"


def test_functions_come_in_the_order_in_which_they_ran(reading):
    names = [each.name for each in reading.passages]
    way = [
        "H1Connection.receive_data",
        "H1Connection._open",
        "AsyncioShell.settle",
        "Quart.__call__",
        "Map.match",
        "Response.__init__",
        "HTTPStream.send",
        "H1Connection.write",
    ]
    assert [name for name in names if name in way] == way


def test_neither_the_client_nor_any_tap_is_in_it(reading):
    assert not [path for path in reading.files if "xray" in path]


def test_each_line_counts_once(reading):
    counted = [
        (each.path, line) for each in reading.passages for line in each.lines
    ]
    assert len(counted) == len(set(counted)) == reading.lines


def test_the_page_has_the_code(reading):
    page = str(reading).splitlines()
    assert page[0] == (
        "# microquart/server/asyncio_shell.py: AsyncioShell.data_received"
    )
    assert page[1].endswith(
        "    def data_received(self, data: bytes) -> None:"
    )
    assert page[-1] == (
        f"# {reading.lines} lines of microquart, in {len(reading.files)} files"
    )


def test_what_is_made_once_can_be_left_out(reading):
    once = reading_of(H1Client(Asked("GET", "/")), again=False)
    assert once.lines > reading.lines
    assert "microquart/ways.py" in once.files
    assert "microquart/ways.py" not in reading.files


def test_a_connection_that_closes_is_made_anew():
    close = Asked("GET", "/", [("connection", "close")])
    reading = asyncio.run(read(hello(), lambda: H1Client(close), True))
    assert "Shells.connect" in {each.name for each in reading.passages}


@pytest.mark.parametrize(
    ("client", "path"),
    [
        (H2Client(Asked("GET", "/")), "microquart/protocol/h2.py"),
        (H1Client(Asked("GET", "/plain")), "microquart/threads.py"),
        (
            WebSocketClient(Asked("GET", "/ws"), "hello"),
            "microquart/protocol/ws.py",
        ),
    ],
)
def test_each_way_has_its_own_files(client, path):
    assert path in reading_of(client, make_app(), again=False).files


def test_the_trace_function_of_before_is_put_back():
    def before(frame, event, argument):
        return None

    kept = sys.gettrace()
    sys.settrace(before)
    try:
        with Traced(Reading()):
            assert sys.gettrace() is not before
        assert sys.gettrace() is before
    finally:
        sys.settrace(kept)


@pytest.mark.skipif(
    sys.version_info < (3, 12), reason="sys.monitoring is new in Python 3.12"
)
def test_both_ways_to_record_tell_the_same():
    readings = []
    for way in (Traced, Monitored):
        found = Reading()
        with way(found):
            hello()
        found.mark()
        readings.append(found)
    one, two = (
        {(each.path, each.name) for each in found.passages}
        for found in readings
    )
    assert one == two
