"""Floods and bombs over HTTP/2: each ends its connection, and no other."""

import pytest

from microquart.protocol.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    build,
)
from tests.server.attacks import h2
from tests.server.attacks.siege import siege

PROTOCOL_ERROR = 1
FRAME_SIZE_ERROR = 6
STREAMS = range(1, 401, 2)


def reset(number):
    return build(RST_STREAM, 0, number, bytes(4))


def grow(number, size):
    return build(WINDOW_UPDATE, 0, number, size.to_bytes(4, "big"))


def after_each_request(frame):
    """Return requests whose application waits, each with a frame after it."""
    return b"".join(h2.request(n, "/wait?x") + frame(n) for n in STREAMS)


def unfinished(*continuations):
    """Return a header block that has no end."""
    return build(HEADERS, END_STREAM, 1, h2.block("/")) + b"".join(
        build(CONTINUATION, 0, 1, block) for block in continuations
    )


FLOODS = {
    # CVE-2023-44487
    "rapid reset": (after_each_request(reset), h2.CALM),
    # CVE-2025-8671: the server is made to reset, in six ways.
    "window of nothing": (
        after_each_request(lambda n: grow(n, 0)),
        PROTOCOL_ERROR,
    ),
    "window too large": (
        after_each_request(lambda n: grow(n, 2**31 - 1)),
        h2.CALM,
    ),
    "data after the end": (
        after_each_request(lambda n: build(DATA, 0, n, b"x")),
        h2.CALM,
    ),
    "head after the end": (
        after_each_request(lambda n: h2.request(n, "/")),
        h2.CALM,
    ),
    "short priority": (
        after_each_request(lambda n: build(PRIORITY, 0, n, b"x")),
        FRAME_SIZE_ERROR,
    ),
    "priority of oneself": (
        after_each_request(
            lambda n: build(PRIORITY, 0, n, n.to_bytes(4, "big") + b"x")
        ),
        PROTOCOL_ERROR,
    ),
    # CVE-2024-27316 and others
    "endless head": (unfinished(*[b"\x82"] * 2000), h2.CALM),
    "endless large head": (unfinished(*[bytes(16_000)] * 100), h2.CALM),
    "empty continuations": (unfinished(*[b""] * 2000), h2.CALM),
    # CVE-2019-9512, -9515, -9518, -9511, -9513
    "PING": (build(PING, 0, 0, bytes(8)) * 2000, h2.CALM),
    "SETTINGS": (build(SETTINGS, 0, 0, b"") * 2000, h2.CALM),
    "many settings": (build(SETTINGS, 0, 0, bytes(6) * 2000), h2.CALM),
    "empty DATA": (
        h2.request(1, "/read", False) + build(DATA, 0, 1, b"") * 2000,
        h2.CALM,
    ),
    "small windows": (grow(0, 1) * 2000, h2.CALM),
    "priorities": (
        b"".join(build(PRIORITY, 0, n, bytes(5)) for n in range(1, 4001, 2)),
        h2.CALM,
    ),
    "unknown frames": (build(0xBE, 0, 0, b"") * 2000, h2.CALM),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_its_connection_with_a_reason(target, name):
    flood, code = FLOODS[name]
    with siege(target):
        for _ in range(5):
            assert h2.farewell(target.says(h2.PREFACE + flood)) == code
        assert target.until_ended("x")


# A field goes into the table, and each byte after it repeats the field.
BOMBS = {
    "large fields": b"\x40\x01a\x7f\x81\x1d" + b"v" * 3840,
    "small fields": b"\x40\x01a\x01v",  # CVE-2026-49975
    "cookie crumbs": b"\x60\x01v",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_block_that_unpacks_to_a_large_head_is_refused(target, name):
    block = h2.block("/") + BOMBS[name] + b"\xbe" * 16_000
    bomb = build(HEADERS, END_STREAM | END_HEADERS, 1, block[:16_384])
    with siege(target):
        for _ in range(20):
            heard = target.says(h2.PREFACE + bomb + h2.GOODBYE)
            assert h2.farewell(heard) == h2.CALM
