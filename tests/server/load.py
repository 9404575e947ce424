"""Clients that ask again and again, in threads, and count every request."""

import re
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from hpack import Encoder
from hyperframe.frame import (
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
TIMEOUT = 10.0  # seconds without an answer, which is one that was lost
AT_ONCE = 5  # requests on one HTTP/2 connection


class Load:
    """What has been asked, and what became of it.

    A request is lost if a server took its connection and did not answer, nor
    say (GOAWAY) that it was not looked at.
    """

    def __init__(self, port: int, path: str) -> None:
        self.port = port
        self.path = path.encode()
        self.answered = 0
        self.lost: list[str] = []
        self.enough = threading.Event()
        self._warm = threading.Semaphore(0)
        self._lock = threading.Lock()

    def wait_for(self, count: int) -> None:
        """Wait until so many requests have been answered."""
        for _ in range(count):
            assert self._warm.acquire(timeout=TIMEOUT)

    def got(self, count: int = 1) -> None:
        with self._lock:
            self.answered += count
        self._warm.release(count)

    def missed(self, reason: str) -> None:
        with self._lock:
            self.lost.append(reason)

    def connections(self) -> Iterator[socket.socket]:
        """Yield connections until there is nobody to connect to."""
        while not self.enough.is_set():
            try:
                client = socket.create_connection(
                    ("127.0.0.1", self.port), TIMEOUT
                )
            except ConnectionRefusedError:
                return
            with client:
                yield client


def ask_once(load: Load) -> None:
    """HTTP/1.1, a connection for each request."""
    for client in load.connections():
        ask(load, client)


def ask_on(load: Load) -> None:
    """HTTP/1.1, on the same connection while that is kept."""
    for client in load.connections():
        while not load.enough.is_set() and ask(load, client):
            pass


def ask(load: Load, client: socket.socket) -> bool:
    """Ask; return whether another request may follow."""
    heard = b""
    try:
        client.sendall(GET % load.path)
        while not whole(heard):
            data = client.recv(65536)
            if not data:
                load.missed(f"closed after {heard!r}")
                return False
            heard += data
    except OSError as error:
        load.missed(f"{error!r} after {heard!r}")
        return False
    load.got()
    return b"connection: close" not in heard


def whole(heard: bytes) -> bool:
    """Tell whether this is all of a response that has a Content-Length."""
    head, end, content = heard.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(end and length and len(content) >= int(length[1]))


def ask_at_once(load: Load) -> None:
    """HTTP/2, several requests at once."""
    for client in load.connections():
        client.sendall(PREFACE + SettingsFrame(0).serialize())
        first = 1
        while not load.enough.is_set() and streams(load, client, first):
            first += 2 * AT_ONCE


def streams(load: Load, client: socket.socket, first: int) -> bool:
    """Ask on some streams; return whether others may follow."""
    # Frames by hand: h2 hears nothing more after a GOAWAY.
    wanted = set(range(first, first + 2 * AT_ONCE, 2))
    last = None
    try:
        client.sendall(b"".join(requests(load.path, wanted)))
        while wanted:
            frame = next_frame(client)
            match frame:
                case GoAwayFrame():
                    last = frame.last_stream_id
                    wanted = {each for each in wanted if each <= last}
                case PingFrame() | SettingsFrame() if not frame.flags:
                    client.sendall(echo_of(frame))
                case RstStreamFrame():
                    load.missed(f"stream {frame.stream_id} was reset")
                    wanted.discard(frame.stream_id)
                case Frame() if "END_STREAM" in frame.flags:
                    wanted.discard(frame.stream_id)
                    load.got()
    except OSError as error:
        load.missed(f"{error!r}: {len(wanted)} streams after GOAWAY {last}")
        return False
    return last is None


def requests(path: bytes, numbers: Iterable[int]) -> Iterator[bytes]:
    fields = [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"x"),
        (b":path", path),
    ]
    for number in sorted(numbers):
        block = Encoder().encode(fields)  # refers to no table of others
        frame = HeadersFrame(number, block)
        frame.flags |= {"END_HEADERS", "END_STREAM"}
        yield frame.serialize()


def echo_of(frame: PingFrame | SettingsFrame) -> bytes:
    if isinstance(frame, SettingsFrame):
        return SettingsFrame(0, flags=["ACK"]).serialize()
    return PingFrame(0, frame.opaque_data, flags=["ACK"]).serialize()


def next_frame(client: socket.socket) -> Frame:
    """Read a frame.

    Raises:
        OSError: the connection has ended.
    """
    frame, size = Frame.parse_frame_header(memoryview(exactly(client, 9)))
    frame.parse_body(memoryview(exactly(client, size)))
    return frame


def exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise ConnectionAbortedError("closed")
        data += more
    return data


WAYS = {"HTTP/1.1": ask_on, "one by one": ask_once, "HTTP/2": ask_at_once}


@contextmanager
def load_on(
    port: int, way: str, path: str = "/", clients: int = 4
) -> Iterator[Load]:
    """Have clients ask round a block, and wait for them after it.

    They end when they are refused, or when ``enough`` is set.
    """
    load = Load(port, path)
    threads = [
        threading.Thread(target=WAYS[way], args=(load,), daemon=True)
        for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    except BaseException:
        load.enough.set()
        raise
    finally:
        for thread in threads:
            thread.join(2 * TIMEOUT)
