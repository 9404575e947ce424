"""HTTP/2 under hypothesis: random but valid conversations, and junk."""

from collections.abc import Callable
from typing import Any

import h2.connection
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hypothesis import given, settings
from hypothesis import strategies as st

from microquart.protocol.frames import build
from microquart.protocol.h2 import H2Connection
from microquart.protocol.limits import Limits
from microquart.protocol.stream import Peer, Service
from tests.protocol.clients import PREFACE, H2Client, request
from tests.protocol.conversation import body, nothing, start

WINDOWS = st.sampled_from([0, 1, 10, 1000, 65_535, 2**30])
SIZES = st.sampled_from([0, 1, 100, 20_000])
WHICH = st.integers(0, 3)


def pattern(number: int, size: int) -> bytes:
    """Return content that tells its stream."""
    return (b"%d," % number * size)[:size]


class Talk(H2Client):
    """A client that asks, an application that answers, step by step."""

    def __init__(self) -> None:
        super().__init__(nothing, h2_initial_window=5000)
        self.sent: dict[int, bytes] = {}  # content of requests
        self.said: dict[int, bytes] = {}  # content of responses
        self.got: dict[int, bytes] = {}
        self.open: list[int] = []  # requests without an end
        self.reset_by_us: set[int] = set()
        self.reads = False

    # -- the client's steps --

    def ask(self, end: bool) -> None:
        number = self.request(lines=request(b"POST"), end=end)
        self.sent[number] = self.said[number] = self.got[number] = b""
        if not end:
            self.open.append(number)

    def upload(self, which: int, size: int, end: bool) -> None:
        if not self.open:
            return
        number = self.open[which % len(self.open)]
        window = min(self.h2.local_flow_control_window(number), 16_384)
        data = pattern(number, min(size, window))
        self.sent[number] += data
        self.send(number, data, end)
        if end:
            self.open.remove(number)

    def cancel(self, which: int) -> None:
        numbers = [n for n in self.sent if n not in self.reset_by_us]
        if not numbers:
            return
        number = numbers[which % len(numbers)]
        if self.ended(number) or self.reset_code(number) is not None:
            return
        self.reset_by_us.add(number)
        if number in self.open:
            self.open.remove(number)
        self.reset(number)

    def resize(self, window: int) -> None:
        self.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.exchange()

    def widen(self, which: int, size: int) -> None:
        numbers = [0, *(n for n in self.sent if self.alive(n))]
        number = numbers[which % len(numbers)]
        if number:
            self.h2.increment_flow_control_window(max(size, 1), number)
        else:
            self.h2.increment_flow_control_window(max(size, 1))
        self.exchange()

    def alive(self, number: int) -> bool:
        return (
            number not in self.reset_by_us
            and self.reset_code(number) is None
            and not (self.ended(number) and number not in self.open)
        )

    def probe(self) -> None:
        self.h2.ping(b"12345678")
        self.exchange()

    # -- the application's steps --

    def read(self, which: int) -> None:
        stream = self.pick(which)
        if stream is None or stream.gone or stream.state == "done":
            return
        message = stream.take()
        if message is not None and message["type"] == "http.request":
            self.got[stream.number] += message["body"]
        self.exchange()

    def answer_part(self, which: int, size: int, more: bool) -> None:
        stream = self.pick(which)
        if (
            stream is None
            or stream.gone
            or stream.blocked
            or stream.state == "done"
        ):
            return
        if stream.state == "waiting":
            stream.send(start())
        data = pattern(stream.number, size)
        self.said[stream.number] += data
        stream.send(body(data, more))
        if not more:
            stream.end(False)
            if stream.number in self.open:
                self.open.remove(stream.number)
        self.exchange()

    def pick(self, which: int) -> Any:
        numbers = sorted(self.streams)
        return self.streams[numbers[which % len(numbers)]] if numbers else None

    # -- what has to hold --

    def check(self) -> None:
        assert not self.connection.closing
        for number, said in self.said.items():
            content = self.content(number)
            assert said.startswith(content)
            unsent = len(said) - len(content)
            assert unsent <= 64 * 1024 + 20_000 or number in self.reset_by_us
            assert self.sent[number].startswith(self.got[number])

    def finish(self) -> None:
        """Let everything end, and see that nothing was lost."""
        self.resize(1_000_000)
        self.h2.increment_flow_control_window(10_000_000)
        self.exchange()
        for number, stream in self.streams.items():
            for _ in range(100):
                self.read(sorted(self.streams).index(number))
            if not (stream.gone or stream.state == "done"):
                assert self.got[number] == self.sent[number]
                self.answer_part(sorted(self.streams).index(number), 10, False)
            self.exchange()
            if not stream.gone and number not in self.reset_by_us:
                assert self.ended(number)
                assert self.content(number) == self.said[number]
        self.check()


Step = Callable[[Talk], None]


def step(
    name: str, *arguments: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    return st.tuples(st.just(name), st.tuples(*arguments))


STEPS = st.one_of(
    step("ask", st.booleans()),
    step("upload", WHICH, SIZES, st.booleans()),
    step("cancel", WHICH),
    step("resize", WINDOWS),
    step("widen", WHICH, SIZES),
    step("probe"),
    step("read", WHICH),
    step("answer_part", WHICH, SIZES, st.booleans()),
)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(st.lists(STEPS, max_size=30))
def test_whatever_is_said_in_order_arrives(steps):
    talk = Talk()
    talk.ask(False)
    for name, arguments in steps:
        getattr(talk, name)(*arguments)
        talk.check()
    talk.finish()


# -- junk -------------------------------------------------------------------

frame = st.builds(
    build,
    st.integers(0, 11),
    st.integers(0, 255),
    st.sampled_from([0, 1, 2, 3, 5, 7, 2**31 - 1]),
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [bytes(4), bytes(5), bytes(6), bytes(8), b"\x82\x86\x84\x41\x01x"]
        ),
    ),
)


def fed(data: bytes, cut: int) -> H2Connection:
    """Return a connection that has heard this, and whose calls have ended."""
    connection = H2Connection(Peer(), Service(limits=Limits()), 0.0)
    streams = []
    for at in range(0, len(data), cut):
        connection.receive_data(data[at : at + cut])
        for stream in connection.opened():
            streams.append(stream)
            stream.take()
            if stream.number % 4 == 1 and not stream.gone:
                stream.send(start())
                stream.send(body(b"x" * 100, more=stream.number % 8 == 1))
        connection.data_to_send()
    connection.expire(1.0)
    connection.receive_data(b"")
    connection.expire(2.0)
    for stream in streams:
        assert stream.gone or stream.state == "done"
        assert not stream.blocked
        stream.end(False)
    connection.data_to_send()
    return connection


SETTINGS = build(4, 0, 0, b"")


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(frame, max_size=12), st.sampled_from([1, 9, 1000]))
def test_no_frame_does_more_than_end_the_connection(frames, cut):
    connection = fed(PREFACE + SETTINGS + b"".join(frames), cut)
    assert connection.closed


@pytest.mark.slow
@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([1, 9, 1000]))
def test_no_bytes_do_more_than_end_the_connection(data, cut):
    assert fed(PREFACE + SETTINGS + data, cut).closed
    assert fed(data, cut).closed


def conversation() -> bytes:
    client = h2_client()
    client.send_headers(1, request(b"POST", (b"content-length", b"5")))
    client.send_data(1, b"hello", end_stream=True)
    client.send_headers(3, request(), end_stream=True)
    client.send_headers(5, request(b"POST"))
    client.send_data(5, b"x" * 50, pad_length=3)
    client.reset_stream(5)
    client.ping(bytes(8))
    client.increment_flow_control_window(1000)
    return client.data_to_send()


def h2_client() -> h2.connection.H2Connection:
    client = H2Client(begin=False).h2
    client.initiate_connection()
    return client


TALK = conversation()


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(TALK) - 1), st.integers(0, 255)),
        max_size=4,
    ),
    st.sampled_from([1, 9, 1000]),
)
def test_no_mutation_does_more_than_end_the_connection(changes, cut):
    data = bytearray(TALK)
    for at, byte in changes:
        data[at] = byte
    fed(bytes(data), cut)


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    b":method",
                    b":path",
                    b":authority",
                    b":scheme",
                    b"host",
                    b"a",
                    b"A",
                    b"te",
                    b":protocol",
                ]
            ),
            st.sampled_from(
                [
                    b"GET",
                    b"/",
                    b"x",
                    b"http",
                    b"CONNECT",
                    b"*",
                    b"",
                    b"a b",
                    b"\n",
                    b"websocket",
                    b"trailers",
                ]
            ),
        ),
        max_size=8,
    )
)
def test_a_head_is_served_or_refused_and_nothing_else(lines):
    client = H2Client()
    client.request(lines=lines or [(b":method", b"GET")])
    assert not client.connection.closing
    status, code = client.status(1), client.reset_code(1)
    assert status in (200, 400, 501) or code == ErrorCodes.PROTOCOL_ERROR
