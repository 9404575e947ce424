"""Malformed HTTP/2: it ends its stream or its connection, and no other.

The tables are those of the conversations in tests/protocol.
"""

from contextlib import ExitStack

from microquart.protocol import PREFACE
from microquart.protocol.frames import (
    DATA,
    END_STREAM,
    RST_STREAM,
    build,
)
from tests.protocol.clients import request
from tests.protocol.malformed import (
    ERRORS,
    IGNORED,
    LENGTHS,
    MALFORMED,
    PING_8,
    STREAM_ERRORS,
    TRAILERS,
    UNSERVED,
)
from tests.server.attacks import h2
from tests.server.attacks.siege import hear, siege

PROTOCOL_ERROR = 1
# Behind what is malformed: another request, and no more.
BEHIND = h2.request(3, "/") + h2.GOODBYE


def seen(lines):
    """Return a head whose path, if it is a good one, is counted."""
    return [
        (name, b"/malformed" if (name, value) == (b":path", b"/") else value)
        for name, value in lines
    ]


def post(*fields):
    return h2.head(1, request(b"POST", *fields, path=b"/read"), ended=False)


def content(pieces):
    """Return DATA frames, of which the last one ends the stream."""
    *others, last = pieces
    frames = [build(DATA, 0, 1, piece) for piece in others]
    return b"".join(frames) + build(DATA, END_STREAM, 1, last)


HEADS = {
    **MALFORMED,
    # Libraries of clients do not say this.
    "an interim status": [(b":status", b"100"), *request()],
}
RESET = {
    **{name: h2.head(1, seen(lines)) for name, lines in HEADS.items()},
    **{
        f"trailers: {lines[0]}": post()
        + build(DATA, 0, 1, b"hello")
        + h2.head(1, lines)
        for lines in TRAILERS
    },
    **{
        f"a length of {length}, and {pieces}": post(
            (b"content-length", length)
        )
        + content(pieces)
        for length, pieces in LENGTHS
    },
    "trailers in place of content": post((b"content-length", b"5"))
    + build(DATA, 0, 1, b"hell")
    + h2.head(1, [(b"x", b"y")]),
}


def outcome(heard):
    """Return how streams were answered, which were reset, and the end."""
    return h2.statuses(heard), h2.resets(heard), h2.farewell(heard)


def test_a_malformed_request_resets_its_stream_and_no_other(target):
    before = target.ask("/asked?malformed")
    with siege(target):
        found = {
            name: outcome(target.says(h2.PREFACE + frames + BEHIND))
            for name, frames in RESET.items()
        }
    assert found == dict.fromkeys(RESET, ({3: 200}, {1: PROTOCOL_ERROR}, 0))
    assert target.ask("/asked?malformed") == before == b"0"


def test_what_cannot_be_served_is_answered(target):
    with siege(target):
        found = [
            outcome(target.says(h2.PREFACE + h2.head(1, lines) + BEHIND))
            for lines, _ in UNSERVED
        ]
    assert found == [({1: status, 3: 200}, {}, 0) for _, status in UNSERVED]


def test_an_error_of_a_stream_resets_that_one(target):
    waits = h2.PREFACE + h2.request(1, "/wait?m")
    with siege(target):
        found = {
            name: outcome(target.says(waits + frames + BEHIND))
            for name, (frames, _) in STREAM_ERRORS.items()
        }
        assert target.until_ended("m")
    assert found == {
        name: ({3: 200}, {1: code}, 0)
        for name, (_, code) in STREAM_ERRORS.items()
    }


WAITS = h2.PREFACE + h2.request(1, "/wait?m", False)
FATAL = {
    name: (WAITS + frames, code) for name, (frames, code) in ERRORS.items()
}
FATAL["no preface"] = (
    b"INVALID CONNECTION PREFACE\r\n\r\n",
    PROTOCOL_ERROR,
)
FATAL["no settings after the preface"] = (PREFACE + PING_8, PROTOCOL_ERROR)


def test_an_error_of_the_connection_ends_it(target):
    """Its streams end with it, and nothing is answered but the goodbye."""
    with siege(target), ExitStack() as stack:
        clients = {
            name: stack.enter_context(target.connect()) for name in FATAL
        }
        for name, client in clients.items():
            client.sendall(FATAL[name][0])
        # The end of what is heard is the end of the connection: all wait
        # for it at the same time.
        found = {
            name: outcome(hear(client)) for name, client in clients.items()
        }
        assert target.until_ended("m")
    assert found == {name: ({}, {}, code) for name, (_, code) in FATAL.items()}


def test_what_means_nothing_is_ignored(target):
    leave = build(RST_STREAM, 0, 1, h2.CANCEL.to_bytes(4, "big"))
    with siege(target):
        found = [
            outcome(target.says(WAITS + frames + leave + BEHIND))
            for frames in IGNORED
        ]
        assert target.until_ended("m")
    assert found == [({3: 200}, {}, 0)] * len(IGNORED)
