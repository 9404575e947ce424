"""The twelve programs of the book: each step keeps what those before it can.

A test names the step that it came with, and runs on all from there on.
"""

import ast
import io
import signal
import socket
import ssl
import time
import tokenize
from collections.abc import Iterator
from itertools import pairwise

import h2.connection
import h2.events
import httpx
import pytest
import trustme
from h2.errors import ErrorCodes
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
)
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.steps.program import (
    FOLDER,
    STEPS,
    TIMEOUT,
    Program,
    get,
    read,
    since,
    started,
    wire,
)

APPLICATION = "tests/steps/application.py"
MIB = 1024 * 1024


def from_step(number: int):
    return pytest.mark.parametrize(
        "server", since(number), indirect=True, scope="module"
    )


def application_from(number: int):
    return pytest.mark.parametrize(
        "program", since(number), indirect=True, scope="module"
    )


@pytest.fixture(scope="module")
def server(request) -> Iterator[Program]:
    """A step as it is."""
    with started(str(FOLDER / f"{request.param}.py"), "0") as program:
        yield program


@pytest.fixture(scope="module")
def program(request) -> Iterator[Program]:
    """The App of a step, with the views of the tests."""
    with started(APPLICATION, request.param, "0") as program:
        yield program


# -- the programs as text --


def code_lines(text: str) -> set[int]:
    """Return the lines of code: no import, comment, docstring, empty line."""
    lines: set[int] = set()
    layout = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in layout:
            lines |= {*range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import() | ast.ImportFrom():
                lines -= {*range(node.lineno, (node.end_lineno or 0) + 1)}
            case ast.Expr(value=ast.Constant(value=str())):
                lines -= {*range(node.lineno, (node.end_lineno or 0) + 1)}
    return lines


def size(step: str) -> int:
    return len(code_lines((FOLDER / f"{step}.py").read_text()))


def test_there_are_twelve_steps():
    assert [step[:2] for step in STEPS] == [f"{n:02}" for n in range(1, 13)]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_says_what_it_is_and_fits_the_page(step):
    text = (FOLDER / f"{step}.py").read_text()
    assert text.startswith(f'"""Step {int(step[:2])}: ')
    assert max(map(len, text.splitlines())) <= 79


@pytest.mark.parametrize(("before", "after"), list(pairwise(STEPS)))
def test_a_step_is_at_most_sixty_lines_longer(before, after):
    assert 0 < size(after) - size(before) <= 60


# -- step 1: a socket --


@from_step(1)
def test_a_request_is_answered(server):
    response = httpx.get(f"http://127.0.0.1:{server.port}/")
    assert (response.status_code, response.text) == (200, "Hello!\n")
    assert response.headers["content-length"] == "7"


@from_step(1)
@pytest.mark.parametrize(
    "fields", ["connection: close\nhost: test", "host: test"]
)
def test_a_connection_ends_with_the_answer_if_the_client_wants_it(
    server, fields
):
    version = "1.1" if "close" in fields else "1.0"
    answer = server.says(f"GET / HTTP/{version}\n{fields}\n\n")
    assert "Hello!\n" in answer


# -- step 2: asyncio.Protocol --


@from_step(2)
def test_a_silent_client_keeps_nobody_waiting(server):
    with server.connected():
        assert server.says(get()).endswith("Hello!\n")


@from_step(2)
def test_a_request_may_come_byte_by_byte(server):
    with server.connected() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in wire(get()):
            client.sendall(bytes([byte]))
        assert read(client).endswith("Hello!\n")


@from_step(2)
@pytest.mark.parametrize(
    "request_",
    ["nonsense\n\n", "GET /\n\n", "GET / HTTP/1.1 x\n\n", "\0 / HTTP/1.1\n\n"],
)
def test_what_is_no_http_is_refused(server, request_):
    answer = server.says(request_)
    assert answer.startswith("HTTP/1.1 400 Bad Request\r\n")
    assert "connection: close" in answer


@from_step(2)
def test_a_head_without_end_is_refused(server):
    with server.connected() as client:
        client.sendall(b"GET / HTTP/1.1\r\nx: " + 70_000 * b"x")
        assert read(client, "\r\n\r\n")[:12] in (
            "HTTP/1.1 400",
            "HTTP/1.1 431",
        )


# -- step 3: h11 --


@from_step(3)
def test_a_connection_is_kept_for_the_next_request(server):
    with server.connected() as client:
        for _ in range(3):
            client.sendall(wire("GET / HTTP/1.1\nhost: test\n\n"))
            assert read(client, "Hello!\n").startswith("HTTP/1.1 200 OK")


@from_step(3)
def test_requests_that_come_at_once_are_answered_in_order(server):
    one = "GET / HTTP/1.1\nhost: test\n\n"
    other = get("/", method="HEAD")
    answer = server.says(one + one + other)
    assert answer.count("HTTP/1.1 200 OK") == 3
    assert answer.count("Hello!") == 2


@from_step(3)
def test_head_has_no_content(server):
    answer = server.says(get("/", method="HEAD"))
    assert "content-length: 7\r\n" in answer
    assert answer.endswith("\r\n\r\n")


@from_step(3)
@pytest.mark.parametrize(
    "content",
    [
        "content-length: 5\n\n12345",
        "transfer-encoding: chunked\n\n5\n12345\n0\n\n",
    ],
)
def test_content_is_not_taken_for_the_next_request(server, content):
    post = f"POST / HTTP/1.1\nhost: test\n{content}"
    answer = server.says(post + get())
    assert answer.count("HTTP/1.1 ") == 2
    assert answer.endswith("Hello!\n")


@from_step(3)
def test_a_client_that_waits_to_be_told_to_go_on_is_told(server):
    with server.connected() as client:
        client.sendall(
            wire(
                "POST / HTTP/1.1\nhost: test\ncontent-length: 1\n"
                "expect: 100-continue\n\n"
            )
        )
        # To go on, or not to.
        assert read(client, "\r\n\r\n")[:12] in (
            "HTTP/1.1 100",
            "HTTP/1.1 405",
        )


# -- step 4: ASGI --


@pytest.mark.slow
@pytest.mark.parametrize("step", since(4))
def test_starlette_runs_on_it_unchanged(step):
    with started("tests/steps/starlette_app.py", step, "0") as starlette:
        url = f"http://127.0.0.1:{starlette.port}"
        with httpx.Client(base_url=url) as client:
            assert client.get("/").text == "GET 0\n"
            assert client.post("/", content=b"12345").text == "POST 5\n"
            assert client.get("/numbers").text == "0\n1\n2\n"
            assert client.get("/nowhere").status_code == 404


@pytest.mark.slow
@pytest.mark.parametrize("step", since(4))
def test_an_application_is_told_that_its_client_has_left(step):
    with started("tests/steps/starlette_app.py", step, "0") as starlette:
        with starlette.connected() as client:
            client.sendall(wire(get("/waits")))
        starlette.prints("http.disconnect")


@pytest.mark.slow
@pytest.mark.parametrize("step", since(4))
def test_an_application_that_does_it_wrong_harms_nobody_else(step):
    with started("tests/steps/broken_app.py", step, "0") as broken:
        for path in ("/raises", "/returns", "/body-first"):
            assert broken.says(get(path)).startswith("HTTP/1.1 500 ")
        assert broken.says(get("/twice")).endswith("content\r\n0\r\n\r\n")
        half = broken.says(get("/half"))
        assert half.endswith("content")
        if step >= "08":
            # The head waits for the content.
            assert broken.says(get("/start-only")).startswith("HTTP/1.1 500 ")


# -- step 5: an App --


@application_from(5)
def test_a_view_gives_text(program):
    response = httpx.get(f"http://127.0.0.1:{program.port}/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.text == "Hello!\n"


@application_from(5)
def test_a_view_that_fails_is_a_500_and_the_connection_goes_on(program):
    with httpx.Client() as client:
        url = f"http://127.0.0.1:{program.port}"
        assert client.get(f"{url}/fails").status_code == 500
        assert client.get(f"{url}/nowhere").status_code == 404
        assert client.get(f"{url}/").status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("step", since(5))
def test_the_app_runs_on_uvicorn_unchanged(step):
    with started("tests/steps/on_uvicorn.py", step) as uvicorn:
        response = httpx.get(f"http://127.0.0.1:{uvicorn.port}/")
        assert (response.status_code, response.text) == (200, "Hello!\n")
        assert response.headers["server"] == "uvicorn"
        nowhere = httpx.get(f"http://127.0.0.1:{uvicorn.port}/nowhere")
        assert nowhere.status_code == 404


# -- step 6: a router --


@application_from(6)
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/user/ann", "user 'ann'"),
        ("/user/a%20b", "user 'a b'"),
        ("/user/%C3%A4", "user 'ä'"),
        ("/post/7", "post 7"),
        ("/post/007", "post 7"),
        ("/file/a", "file 'a'"),
        ("/file/a/b.c", "file 'a/b.c'"),
        ("/post/new", "new"),
    ],
)
def test_a_rule_matches(program, path, text):
    response = httpx.get(f"http://127.0.0.1:{program.port}{path}")
    assert (response.status_code, response.text) == (200, text)


@application_from(6)
@pytest.mark.parametrize(
    "path", ["/user/", "/user/a/b", "/post/x", "/post/-1", "/files/a", "//"]
)
def test_a_path_that_no_rule_matches_is_not_found(program, path):
    assert program.says(get("/user/a")).startswith("HTTP/1.1 200 OK")
    assert program.says(get(path)).startswith("HTTP/1.1 404 Not Found")


@application_from(6)
def test_a_method_that_no_rule_of_the_path_has_is_not_allowed(program):
    answer = program.says(get("/post/7", method="PATCH"))
    assert answer.startswith("HTTP/1.1 405 Method Not Allowed")
    assert "allow: DELETE, GET, HEAD, PUT\r\n" in answer


# -- step 7: contexts --


@application_from(7)
def test_two_requests_at_a_time_do_not_mix(program):
    with program.connected() as one, program.connected() as two:
        for client, path in ((one, "one"), (two, "two")):
            client.sendall(
                wire(
                    f"POST /echo/{path} HTTP/1.1\nhost: test\n"
                    "content-length: 2\n\n"
                )
            )
        two.sendall(b"22")
        assert "/echo/two 22" in read(two, "22")
        one.sendall(b"11")
        assert "/echo/one 11" in read(one, "11")


@application_from(7)
def test_a_generator_sees_the_request(program):
    with program.connected() as client:
        client.sendall(
            wire("POST /parts/x HTTP/1.1\nhost: test\ncontent-length: 2\n\n")
        )
        client.sendall(b"1")
        assert read(client, "/parts/x 1").startswith("HTTP/1.1 200 OK")
        client.sendall(b"2")
        read(client, "/parts/x 2")


@application_from(7)
def test_hooks_run_before_in_order_and_after_in_reverse(program):
    url = f"http://127.0.0.1:{program.port}"
    response = httpx.get(f"{url}/hooked")
    assert response.text == "['first', 'second']"
    assert response.headers["x-order"] == "io"
    assert httpx.get(f"{url}/nowhere").headers["x-order"] == "io"
    assert httpx.get(f"{url}/private").text == "no entry"


# -- step 8: bodies --


@pytest.mark.slow
@pytest.mark.parametrize("step", since(8))
def test_an_upload_that_nobody_reads_waits_at_the_client(step):
    with started(APPLICATION, step, "0") as program:
        assert "200 OK" in program.says(get())
        before = program.memory
        with program.connected() as client:
            client.sendall(
                wire(
                    "POST /stuck HTTP/1.1\nhost: test\n"
                    f"content-length: {32 * MIB}\n\n"
                )
            )
            program.prints("stuck")
            client.settimeout(0.1)
            with pytest.raises(TimeoutError):
                client.sendall(bytes(32 * MIB))
            assert program.memory - before < 2 * MIB


@pytest.mark.slow
@pytest.mark.parametrize("step", since(8))
def test_a_large_upload_needs_no_memory(step):
    with started(APPLICATION, step, "0") as program:
        assert "200 OK" in program.says(get())
        before = program.memory
        with program.connected() as client:
            client.sendall(
                wire(
                    "POST /upload HTTP/1.1\nhost: test\n"
                    f"content-length: {200 * MIB}\n\n"
                )
            )
            most = 0
            for _ in range(200):
                client.sendall(bytes(MIB))
                most = max(most, program.memory - before)
            assert f"{200 * MIB} bytes" in read(client, "bytes")
        assert most < 2 * MIB


@pytest.mark.slow
@pytest.mark.parametrize("step", since(8))
def test_a_client_that_does_not_read_stops_the_generator(step):
    with started(APPLICATION, step, "0") as program:
        with program.connected() as client:
            client.sendall(wire(get(f"/zeros/{64 * MIB}")))
            read(client, "\r\n\r\n")
            wait_until_still(lambda: program.says(get("/yielded")))
            yielded = program.says(get("/yielded")).rpartition("\n")[2]
            assert int(yielded) < 16 * MIB
        program.prints("generator closed")


def wait_until_still(look) -> None:
    """Return when two looks in a row have found the same."""
    until = time.monotonic() + TIMEOUT
    before = None
    while (found := look()) != before and time.monotonic() < until:
        before = found


@application_from(8)
def test_content_is_asked_for_when_the_view_wants_it(program):
    expect = "content-length: 2\nexpect: 100-continue"
    with program.connected() as client:
        client.sendall(
            wire(f"POST /upload HTTP/1.1\nhost: test\n{expect}\n\n")
        )
        assert read(client, "\r\n\r\n").startswith("HTTP/1.1 100")
        client.sendall(b"12")
        assert "2 bytes" in read(client, "bytes")
    with program.connected() as client:
        client.sendall(wire(f"POST / HTTP/1.1\nhost: test\n{expect}\n\n"))
        answer = read(client)
        assert answer.startswith("HTTP/1.1 405")
        assert "connection: close" in answer


@application_from(8)
def test_a_content_that_is_too_large_for_one_piece_is_refused(program):
    url = f"http://127.0.0.1:{program.port}/echo/x"
    assert httpx.post(url, content=bytes(MIB)).status_code == 200
    assert httpx.post(url, content=bytes(MIB + 1)).status_code == 413


# -- step 9: WebSocket --


@application_from(9)
def test_a_websocket_echoes(program):
    url = f"ws://127.0.0.1:{program.port}/talk"
    with connect(url, compression=None) as client:
        for message in ("text", b"bytes", "", 100_000 * "x", 70_000 * b"x"):
            client.send(message)
            assert client.recv() == message
        client.send(["in ", "three ", "parts"])
        assert client.recv() == "in three parts"
        assert client.ping().wait(TIMEOUT)
    assert client.close_code == 1000
    program.prints("left with 1000")


@application_from(9)
def test_a_view_may_close_a_websocket(program):
    url = f"ws://127.0.0.1:{program.port}/talk"
    with connect(url, compression=None) as client:
        client.send("bye")
        with pytest.raises(ConnectionClosed) as caught:
            client.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 4000
    program.prints("left with ")


@application_from(9)
def test_a_websocket_whose_view_fails_is_closed(program):
    url = f"ws://127.0.0.1:{program.port}/crash"
    with connect(url, compression=None) as client:
        with pytest.raises(ConnectionClosed) as caught:
            client.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1011


@application_from(9)
def test_a_websocket_without_a_view_is_refused(program):
    with pytest.raises(InvalidStatus) as caught:
        connect(f"ws://127.0.0.1:{program.port}/nowhere")
    assert caught.value.response.status_code == 403


@application_from(9)
def test_a_frame_that_breaks_the_rules_ends_the_websocket(program):
    with program.connected() as client:
        client.sendall(
            wire(
                "GET /talk HTTP/1.1\nhost: test\nupgrade: websocket\n"
                "connection: upgrade\nsec-websocket-version: 13\n"
                "sec-websocket-key: AQIDBAUGBwgJCgsMDQ4PEC==\n\n"
            )
        )
        assert read(client, "\r\n\r\n").startswith("HTTP/1.1 101 ")
        client.sendall(b"\x81\x01x")  # without a mask
        frame = read(client).encode("latin-1")
        assert (frame[0], int.from_bytes(frame[2:4], "big")) == (0x88, 1002)
    program.prints("left with 1002")


# -- step 10: HTTP/2 --


class Client:
    """The other side of HTTP/2: h2 again, on a blocking socket."""

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire
        self.h2 = h2.connection.H2Connection()
        self.h2.initiate_connection()

    def ask(self, number: int, path: str, method: str = "GET") -> None:
        head = [
            (":method", method),
            (":path", path),
            (":scheme", "http"),
            (":authority", "test"),
        ]
        self.h2.send_headers(number, head, end_stream=method == "GET")
        self.flush()

    def flush(self) -> None:
        self.wire.sendall(self.h2.data_to_send())

    def events(self) -> Iterator[h2.events.Event]:
        """Yield what happens; give windows back, as a browser does."""
        while data := self.wire.recv(65536):
            for event in self.h2.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    self.h2.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
                yield event
            self.flush()

    def until(self, kind: type[h2.events.Event], count: int = 1):
        """Return what happens up to the last of so many events."""
        seen = []
        for event in self.events():
            seen.append(event)
            count -= isinstance(event, kind)
            if not count:
                break
        return seen


def frames(wire: socket.socket) -> Iterator[Frame]:
    """Yield the frames that come, up to the end."""
    with wire.makefile("rb") as stream:
        while head := stream.read(9):
            frame, size = Frame.parse_frame_header(memoryview(head))
            frame.parse_body(memoryview(stream.read(size)))
            yield frame


@pytest.fixture
def http2(program) -> Iterator[Client]:
    with program.connected() as wire:
        client = Client(wire)
        client.flush()
        yield client


@application_from(10)
def test_http_2_is_spoken_with_who_knows_it(program):
    with httpx.Client(http1=False, http2=True) as client:
        response = client.get(f"http://127.0.0.1:{program.port}/user/ann")
    assert response.http_version == "HTTP/2"
    assert response.text == "user 'ann'"


@application_from(10)
def test_responses_take_turns(program, http2):
    numbers = range(1, 41, 2)
    for number in numbers:
        http2.ask(number, "/zeros/100000")
    seen = http2.until(h2.events.StreamEnded, len(numbers))
    sizes = dict.fromkeys(numbers, 0)
    turns = []
    for event in seen:
        if isinstance(event, h2.events.DataReceived):
            sizes[event.stream_id] += len(event.data)
            turns.append(event.stream_id)
    assert set(sizes.values()) == {100_000}
    last_of_first = len(turns) - turns[::-1].index(1)
    assert set(numbers) <= set(turns[:last_of_first])


@application_from(10)
def test_a_stream_that_is_not_read_stalls_no_other(program, http2):
    http2.ask(1, "/stuck", "POST")
    program.prints("stuck")
    http2.until(h2.events.SettingsAcknowledged)
    for _ in range(3):
        http2.h2.send_data(1, bytes(16384))
    http2.h2.send_data(1, bytes(16383))  # all that its window allows
    http2.flush()
    http2.ask(3, "/upload", "POST")
    for _ in range(8):
        while http2.h2.local_flow_control_window(3) < 16384:
            http2.until(h2.events.WindowUpdated)
        http2.h2.send_data(3, bytes(16384))
        http2.flush()
    http2.h2.end_stream(3)
    http2.flush()
    seen = http2.until(h2.events.StreamEnded)
    assert {event.stream_id for event in seen if hasattr(event, "data")} == {3}
    assert http2.h2.local_flow_control_window(1) == 0


@application_from(10)
def test_a_client_that_gives_a_stream_up_is_heard(program, http2):
    http2.ask(1, f"/zeros/{64 * MIB}")
    http2.until(h2.events.DataReceived)
    http2.h2.reset_stream(1)
    http2.ask(3, "/user/ann")
    seen = http2.until(h2.events.StreamEnded)
    assert seen[-1].stream_id == 3
    program.prints("generator closed")


@application_from(10)
def test_a_frame_that_breaks_the_rules_ends_the_connection(program, http2):
    http2.wire.sendall(b"\0\0\1\0\1\0\0\0\0" + b"x")  # DATA on stream 0
    *_, last = frames(http2.wire)
    assert isinstance(last, GoAwayFrame)
    assert last.error_code == ErrorCodes.PROTOCOL_ERROR


# -- step 11: a life --


@pytest.mark.slow
@pytest.mark.parametrize("step", since(11))
def test_an_application_starts_before_and_stops_after(step):
    with started("tests/steps/starlette_app.py", step, "0") as starlette:
        assert starlette.stop() == "stopping\n"
        assert starlette.popen.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("step", since(11))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_open_request_is_answered_before_the_end(step, number):
    with started(APPLICATION, step, "0") as program:
        with program.connected() as client, program.connected() as idle:
            client.sendall(wire("GET /slow HTTP/1.1\nhost: test\n\n"))
            program.prints("slow")
            program.popen.send_signal(number)
            answer = read(client)
            assert answer.endswith("slow, but here")
            assert "connection: close" in answer
            assert read(idle) == ""
        assert program.popen.wait(TIMEOUT) == 0


@pytest.mark.slow
@pytest.mark.parametrize("step", since(11))
def test_an_open_stream_of_http_2_is_finished_before_the_end(step):
    with started(APPLICATION, step, "0") as program:
        with program.connected() as wire:
            client = Client(wire)
            client.ask(1, "/slow")
            program.prints("slow")
            program.popen.send_signal(signal.SIGTERM)
            kinds = [type(frame) for frame in frames(wire)]
            # h2 itself would take nothing after a GOAWAY.
            assert kinds[-4:] == [
                GoAwayFrame,
                HeadersFrame,
                DataFrame,
                DataFrame,
            ]
        assert program.popen.wait(TIMEOUT) == 0


@pytest.mark.slow
@pytest.mark.parametrize("step", since(11))
def test_a_request_that_does_not_end_is_ended_after_a_second(step):
    with started(APPLICATION, step, "0") as program:
        with program.connected() as client:
            client.sendall(wire(get("/stuck", method="POST")))
            program.prints("stuck")
            began = time.monotonic()
            program.stop()
            assert 0.9 < time.monotonic() - began < 2.5
        assert program.popen.returncode == 0


# -- step 12: TLS, and loose ends --


@pytest.mark.slow
@pytest.mark.parametrize("step", since(12))
def test_an_application_that_cannot_start_is_not_served(step):
    with pytest.raises(AssertionError, match="was not printed"):
        with started("tests/steps/startup_fails.py", step, "0"):
            pass


@pytest.mark.slow
@pytest.mark.parametrize("step", since(12))
def test_a_websocket_is_told_that_the_server_goes_away(step):
    with started(APPLICATION, step, "0") as program:
        url = f"ws://127.0.0.1:{program.port}/talk"
        with connect(url, compression=None) as client:
            client.send("here")
            assert client.recv() == "here"
            program.popen.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as caught:
                client.recv()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001


@pytest.mark.slow
@pytest.mark.parametrize("step", since(12))
def test_a_stream_after_the_last_is_refused(step):
    with started(APPLICATION, step, "0") as program:
        with program.connected() as wire:
            client = Client(wire)
            client.ask(1, "/slow")
            program.prints("slow")
            program.popen.send_signal(signal.SIGTERM)
            seen = frames(wire)
            assert any(isinstance(frame, GoAwayFrame) for frame in seen)
            client.ask(3, "/")
            answers = [
                (type(frame), frame.stream_id)
                for frame in seen
                if frame.stream_id
            ]
    assert (RstStreamFrame, 3) in answers
    assert (HeadersFrame, 1) in answers
    assert (HeadersFrame, 3) not in answers


@application_from(12)
def test_a_client_that_says_goodbye_ends_its_streams(program, http2):
    http2.ask(1, f"/zeros/{64 * MIB}")
    http2.until(h2.events.DataReceived)
    http2.wire.sendall(GoAwayFrame(0).serialize())
    program.prints("generator closed")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secure(authority, tmp_path_factory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("tls")
    files = [str(folder / "certificate.pem"), str(folder / "key.pem")]
    certificate = authority.issue_cert("localhost")
    certificate.cert_chain_pems[0].write_to_path(files[0])
    certificate.private_key_pem.write_to_path(files[1])
    with started(APPLICATION, STEPS[11], "0", *files) as program:
        yield program


def context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize(
    ("http2", "version"), [(False, "HTTP/1.1"), (True, "HTTP/2")]
)
def test_the_client_picks_the_protocol(secure, authority, http2, version):
    with httpx.Client(http2=http2, verify=context(authority)) as client:
        for _ in range(2):
            response = client.get(f"https://localhost:{secure.port}/user/ann")
            assert response.http_version == version
            assert response.text == "user 'ann'"


def test_a_websocket_is_spoken_on_the_same_port(secure, authority):
    url = f"wss://localhost:{secure.port}/talk"
    with connect(url, ssl=context(authority), compression=None) as client:
        client.send("over TLS")
        assert client.recv() == "over TLS"


@application_from(12)
def test_the_preface_may_come_byte_by_byte(program):
    with program.connected() as wire:
        client = Client(wire)
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in client.h2.data_to_send():
            wire.sendall(bytes([byte]))
        client.ask(1, "/user/ann")
        assert client.until(h2.events.StreamEnded)
