"""Clients that ask again and again, in threads, and count every request."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import h2.config
import h2.connection
import h2.events

GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
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
        connection = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True)
        )
        connection.initiate_connection()
        while not load.enough.is_set() and streams(load, client, connection):
            pass


def streams(
    load: Load,
    client: socket.socket,
    connection: h2.connection.H2Connection,
) -> bool:
    """Ask on some streams; return whether others may follow."""
    fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "x"),
        (":path", load.path.decode()),
    ]
    wanted = set()
    for _ in range(AT_ONCE):
        number = connection.get_next_available_stream_id()
        connection.send_headers(number, fields, end_stream=True)
        wanted.add(number)
    last = None
    try:
        client.sendall(connection.data_to_send())
        while wanted:
            data = client.recv(65536)
            if not data:
                break
            for event in connection.receive_data(data):
                match event:
                    case h2.events.StreamEnded():
                        wanted.discard(event.stream_id or 0)
                        load.got()
                    case h2.events.ConnectionTerminated():
                        last = event.last_stream_id or 0
                        wanted = {each for each in wanted if each <= last}
            client.sendall(connection.data_to_send())
    except OSError as error:
        load.missed(f"{error!r}: {len(wanted)} streams after GOAWAY {last}")
        return False
    if wanted:
        load.missed(f"closed: {len(wanted)} streams after GOAWAY {last}")
    return last is None and not wanted


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
