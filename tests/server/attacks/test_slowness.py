"""Clients that send or read slowly, or not at all, a crowd of each kind.

All attack at the same time, and for as long as they are let: the server has
to end each of them, with the words that it has for it.
"""

import os
import select
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial

import pytest

from microquart.protocol.frames import DATA, HEADERS, WINDOW_UPDATE, build
from tests.server.attacks import h2, ws
from tests.server.attacks.siege import TIMEOUT, say, siege, until

CROWD = 3
PACE = 0.05  # seconds between two drops
SIP = 2000  # bytes
INITIAL_WINDOW = 4  # the number of this setting

POST = b"POST /read?b HTTP/1.1\r\nHost: x\r\n"
LONG = POST + b"Content-Length: 100000\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass
class Slow:
    """A way to send slowly, and what is to be heard at the end."""

    start: bytes
    drop: bytes
    verdict: Callable[[bytes], bool]


def nothing(heard: bytes) -> bool:
    return heard == b""


def answered_408(heard: bytes) -> bool:
    return heard.startswith(b"HTTP/1.1 408 ")


def left(heard: bytes) -> bool:
    return h2.farewell(heard) == 0


def given_up(heard: bytes) -> bool:
    return h2.resets(heard) == {1: 0}  # after a 408


SLOW = {
    "silence": Slow(b"", b"", nothing),
    "half a head": Slow(b"GET / HT", b"", answered_408),
    "slow head": Slow(b"GET /", b"a", answered_408),
    "slow fields": Slow(
        b"GET / HTTP/1.1\r\nHost: x\r\n", b"A: b\r\n", answered_408
    ),
    "no content": Slow(LONG, b"", answered_408),
    "slow content": Slow(LONG, b"x", answered_408),
    "slow chunks": Slow(CHUNKED, b"1;a=b\r\nx\r\n", answered_408),
    "half a preface": Slow(h2.PREFACE[:10], b"", nothing),
    "half a head, h2": Slow(
        h2.PREFACE + build(HEADERS, 0, 1, h2.block("/")), b"", left
    ),
    "slow head, h2": Slow(h2.PREFACE + b"\0\x20\0\1\5\0\0\0\1", b"\x82", left),
    "no content, h2": Slow(
        h2.PREFACE + h2.request(1, "/read?b", False), b"", given_up
    ),
    "slow content, h2": Slow(
        h2.PREFACE + h2.request(1, "/read?b", False),
        build(DATA, 0, 1, b"x"),
        given_up,
    ),
}


def drip(client: socket.socket, slow: Slow) -> bytes:
    """Send a drop after the other until it is over; return what was heard."""
    client.sendall(slow.start)
    heard = b""
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        if select.select([client], [], [], PACE)[0]:
            try:
                data = client.recv(65536)
            except ConnectionResetError:
                data = b""  # a drop came after the end
            heard += data
            if not data or given_up(heard):
                return heard
        else:
            with suppress(ConnectionError):
                client.sendall(slow.drop)
    raise AssertionError(f"not ended after {heard!r}")


@pytest.mark.slow
def test_whoever_sends_slowly_is_ended(target):
    with siege(target), ExitStack() as stack:
        with ThreadPoolExecutor(CROWD * len(SLOW)) as pool:
            drips = {}
            for name, slow in SLOW.items():
                clients = [
                    stack.enter_context(target.connect()) for _ in range(CROWD)
                ]
                act = partial(drip, slow=slow)
                drips[name] = pool.map(act, clients)
            for name, crowd in drips.items():
                for heard in crowd:
                    assert SLOW[name].verdict(heard), (name, heard)
        assert target.until_ended("b")


ENDLESS = b"GET /endless?r HTTP/1.1\r\nHost: x\r\n\r\n"
WIDE = (
    h2.PREFACE
    + h2.setting(INITIAL_WINDOW, 2**31 - 1)
    + build(WINDOW_UPDATE, 0, 0, (2**30).to_bytes(4, "big"))
)
FLOOD = ws.frame(ws.FIN | ws.BINARY, os.urandom(60_000)) * 500

NUMBERS = range(1, 40, 2)
NO_WINDOW = (
    h2.PREFACE
    + h2.setting(INITIAL_WINDOW, 0)
    + b"".join(h2.request(number, "/endless?w") for number in NUMBERS)
)
READERS = {
    "nothing": ENDLESS,
    "nothing of many answers": b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 999,
    "nothing, h2": WIDE
    + b"".join(h2.request(number, "/endless?r") for number in NUMBERS),
    "nothing, WebSocket": ws.HANDSHAKE % b"r" + FLOOD,
}


# Linux takes 2.8 MB for one who does not read: of some of these answers
# a little is left, which is no reason to stop an application, nor to wait.
LITTLE = [
    b"GET /size?%d HTTP/1.0\r\n\r\n" % size
    for size in range(2_790_000, 2_900_000, 20_000)
]


def ask(client: socket.socket, data: bytes) -> None:
    """Send this, or as much of it as is taken, and read nothing."""
    with suppress(OSError):
        client.sendall(data)


def sip(client: socket.socket, enough: threading.Event) -> None:
    client.sendall(ENDLESS)
    with suppress(ConnectionError):
        while not enough.wait(PACE) and client.recv(SIP):
            pass


@pytest.mark.slow
def test_whoever_reads_slowly_is_ended(target):
    enough = threading.Event()
    crowd = CROWD * (len(READERS) + 1)
    with siege(target), ThreadPoolExecutor(crowd) as pool:
        before = target.descriptors
        asked = int(target.ask("/asked?large"))
        with ExitStack() as stack:
            stack.callback(enough.set)
            for _ in range(CROWD):
                for data in READERS.values():
                    client = stack.enter_context(target.connect(4096))
                    pool.submit(ask, client, data)
                client = stack.enter_context(target.connect(4096))
                pool.submit(sip, client, enough)
            for data in LITTLE:
                stack.enter_context(target.connect(4096)).sendall(data)
            windowless = stack.enter_context(target.connect())
            windowless.sendall(NO_WINDOW)
            # The clients are still there, and would read on.
            assert target.until_ended("r")
            assert target.until_ended("w")
            # This one has read all that it was sent: it may stay.
            heard = say(windowless, h2.GOODBYE)
            assert h2.resets(heard) == dict.fromkeys(NUMBERS, h2.CANCEL)
            assert until(lambda: target.descriptors <= before)
        # Answers that nobody reads are not made.
        assert int(target.ask("/asked?large")) - asked < CROWD * 99
