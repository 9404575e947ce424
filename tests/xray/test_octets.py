"""Raw octets keep their length and their meaning, without the secrets."""

from collections.abc import Callable

import h2.config
import h2.connection
import h2.events
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microquart.xray.octets import Talk
from microquart.xray.secrecy import Secrets
from tests.xray import planted

PREVIEW = 4096


def shown(
    inward: bytes,
    outward: bytes = b"",
    size: int = 10**6,
    bodies: int | None = PREVIEW,
) -> tuple[bytes, bytes]:
    """Return what is shown of both directions, cut into chunks."""
    talk = Talk(Secrets(), bodies)
    requests, responses = (
        b"".join(
            side.feed(data[at : at + size]) for at in range(0, len(data), size)
        )
        for side, data in (
            (talk.sides["in"], inward),
            (talk.sides["out"], outward),
        )
    )
    assert len(requests) == len(inward)
    assert len(responses) == len(outward)
    return requests, responses


CONVERSATIONS: dict[str, Callable[[], tuple[bytes, bytes]]] = {
    "HTTP/1.1": lambda: (planted.http1_requests(), planted.http1_responses()),
    "HTTP/2": planted.http2,
}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10**6])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_no_secret_is_left_however_the_octets_are_cut(
    name: str, size: int
) -> None:
    inward, outward = CONVERSATIONS[name]()
    assert planted.found(inward + outward)
    requests, responses = shown(inward, outward, size)
    assert not planted.found(requests)
    assert not planted.found(responses)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10**6])
def test_no_secret_is_left_in_a_websocket(size: int) -> None:
    inward, outward = planted.websocket()
    assert planted.found(inward) == [
        "authorization",
        "cookie",
        "query",
    ]
    talk = Talk(Secrets(), PREVIEW)
    head = inward.index(b"\r\n\r\n") + 4
    start = talk.sides["in"].feed(inward[:head])
    responses = b"".join(
        talk.sides["out"].feed(outward[at : at + size])
        for at in range(0, len(outward), size)
    )
    rest = inward[head:]
    frames = b"".join(
        talk.sides["in"].feed(rest[at : at + size])
        for at in range(0, len(rest), size)
    )
    assert not planted.found(start)
    assert not planted.found(responses)
    assert b'"name": "you"' in responses
    first = unmasked(frames[6:36], frames[2:6])
    assert first == planted.filled(planted.JSON)[:30].replace(
        planted.SECRETS["json"].encode()[:3], b"***"
    )
    assert planted.SECRETS["json"].encode()[4:] not in unmasked(
        frames[52:], frames[48:52]
    )


def unmasked(payload: bytes, key: bytes) -> bytes:
    return bytes(o ^ key[i % 4] for i, o in enumerate(payload))


@pytest.mark.parametrize("size", [1, 2, 5, 31])
def test_of_http1_the_way_it_is_cut_changes_nothing(size: int) -> None:
    # But an authority that is cut off may be user and password.
    inward, outward = (
        octets.replace(b"://", b":..")
        for octets in CONVERSATIONS["HTTP/1.1"]()
    )
    assert shown(inward, outward, size) == shown(inward, outward)


def test_only_the_values_of_secrets_are_overwritten() -> None:
    requests, _ = shown(
        b"GET /a?token=abc&x=1 HTTP/1.1\r\nCookie: abc\r\n"
        b"Origin: http://localhost\r\n\r\n"
    )
    assert requests == (
        b"GET /a?token=***&x=1 HTTP/1.1\r\nCookie: ***\r\n"
        b"Origin: http://localhost\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("head", "body", "left"),
    [
        (
            "application/x-www-form-urlencoded",
            b"a=1&password=a b;c",
            b"a=1&password=*****",
        ),
        (
            "application/x-www-form-urlencoded",
            b"api%5Fkey=x&b=2",
            b"api%5Fkey=*&b=2",
        ),
        (
            "application/json",
            b'{"apiKey": "a\\"b", "n": 1}',
            b'{"apiKey": "****", "n": 1}',
        ),
        (
            "application/json",
            b'{"code": 123, "token":null}',
            b'{"code": ***, "token":****}',
        ),
        (
            "text/plain",
            b"see /x/?sig=abc now",
            b"see /x/?sig=*** now",
        ),
        ("multipart/form-data; boundary=x", b"--x\r\n", b"*****"),
    ],
)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_keys_in_bodies(
    head: str, body: bytes, left: bytes, size: int
) -> None:
    start = f"POST / HTTP/1.1\r\nContent-Type: {head}\r\n"
    start += f"Content-Length: {len(body)}\r\n\r\n"
    requests, _ = shown(start.encode() + body, size=size)
    assert requests == start.encode() + left


def test_a_coded_body_is_not_shown() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    assert shown(b"", head + b"zipped")[1] == head + b"******"


def test_a_body_is_shown_up_to_a_length() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 5000\r\n\r\n"
    requests, _ = shown(head + b"a" * 5000 + b"GET /next", size=900)
    assert requests == head + b"a" * 4096 + b"*" * 904 + b"GET /next"
    requests, _ = shown(head + b"a" * 5000, bodies=None)
    assert requests == head + b"a" * 5000


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked",
        b"Content-Length: 3\r\nContent-Length: 4",
        b"Content-Length: x",
        b"Transfer-Encoding: chunked\r\nA: b\r\n\r\nzz\r\n",
    ],
)
def test_what_cannot_be_framed_is_overwritten(framing: bytes) -> None:
    head = b"POST / HTTP/1.1\r\n" + framing
    head += b"" if framing.endswith(b"\n") else b"\r\n\r\n"
    requests, _ = shown(head + b"abcCookie: x\r\n")
    assert requests == head + b"*" * 14


def test_what_does_not_end_is_not_followed() -> None:
    endless = b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000
    requests, _ = shown(endless, size=10_000)
    assert requests.endswith(b"*" * 40_000)
    body = b"HTTP/1.1 200 OK\r\n\r\n" + b'{"token": "' + b"x" * 200_000
    _, responses = shown(b"", body + b'", "n": 1}', 10_000, bodies=None)
    assert b"x" * 10 not in responses


def test_after_a_gap_nothing_is_shown() -> None:
    talk = Talk(Secrets(), None)
    side = talk.sides["in"]
    assert side.take(b"GET", (0, 3)) == b"GET"
    assert side.take(b"Cookie: a", (5, 9)) == b"*" * 9


def test_the_response_to_head_has_no_body() -> None:
    _, responses = shown(
        b"HEAD / HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\n\r\n",
    )
    assert responses.endswith(b"Set-Cookie: *\r\n\r\n")


@pytest.mark.parametrize(
    ("status", "shown_after"),
    [(None, b"*" * 9), (b"400 Bad Request", b"GET / HTTP")],
)
def test_what_follows_an_upgrade_waits_for_the_answer(
    status: bytes | None, shown_after: bytes
) -> None:
    talk = Talk(Secrets(), PREVIEW)
    talk.sides["in"].feed(b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
    if status is not None:
        head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
        talk.sides["out"].feed(head)
    after = talk.sides["in"].feed(b"GET / HTTP/1.1\r\n")
    assert after.startswith(shown_after)


def test_a_folded_line_of_a_secret_is_secret() -> None:
    requests, _ = shown(b"GET / HTTP/1.1\r\nCookie: a\r\n bcd\r\nX: y\r\n\r\n")
    assert requests.endswith(b"Cookie: *\r\n****\r\nX: y\r\n\r\n")


def test_another_reader_of_http2_finds_the_same_but_the_secrets() -> None:
    inward, outward = planted.http2()
    requests, responses = shown(inward, outward)
    for side, data, masked in (
        (False, inward, requests),
        (True, outward, responses),
    ):
        before, after = heard(data, side), heard(masked, side)
        assert len(before) == len(after)
        for (name, value), (shown_name, shown_value) in zip(
            before, after, strict=True
        ):
            assert name == shown_name
            assert len(value) == len(shown_value)
            if not planted.found(value):
                assert value == shown_value


def heard(data: bytes, client: bool) -> list[tuple[bytes, bytes]]:
    """Return the fields that h2 reads, and the contents."""
    config = h2.config.H2Configuration(
        client_side=client,
        header_encoding=None,
        validate_inbound_headers=False,
    )
    reader = h2.connection.H2Connection(config)
    reader.initiate_connection()
    if client:
        for stream in (1, 3, 5):
            reader.send_headers(stream, planted.http2_fields()[:4])
    pairs: list[tuple[bytes, bytes]] = []
    for event in reader.receive_data(data):
        match event:
            case (
                h2.events.RequestReceived(headers=headers)
                | h2.events.ResponseReceived(headers=headers)
            ):
                pairs += headers
            case h2.events.DataReceived(data=content):
                pairs.append((b"", content))
    return pairs


BEGINNINGS = [
    (b"", b""),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\0\4\0\0\0\0\0"),
    (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x50\1\x24\0\0\0\1",
        b"\0\0\x50\1\4\0\0\0\1",
    ),
    (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1"),
    (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 101 Switching\r\n\r\n"),
]


@settings(max_examples=50)
@given(
    st.sampled_from(BEGINNINGS),
    st.lists(st.binary(max_size=40), max_size=8),
    st.lists(st.binary(max_size=40), max_size=8),
)
def test_whatever_comes_keeps_its_length(
    beginning: tuple[bytes, bytes], inward: list[bytes], outward: list[bytes]
) -> None:
    talk = Talk(Secrets(), PREVIEW)
    for side, first, pieces in (
        (talk.sides["in"], beginning[0], inward),
        (talk.sides["out"], beginning[1], outward),
    ):
        for piece in (first, *pieces):
            assert len(side.feed(piece)) == len(piece)


def test_a_line_that_was_harmless_is_secret_behind_one_that_is():
    secrets = Secrets()
    head = b"GET / HTTP/1.1\r\na: b\r\n c\r\n\r\n"
    assert Talk(secrets, None).sides["in"].feed(head * 2) == head * 2
    folded = b"GET / HTTP/1.1\r\nCookie: b\r\n c\r\na: b\r\n\r\n"
    shown = Talk(secrets, None).sides["in"].feed(folded)
    assert shown == folded.replace(b": b\r\n c", b": *\r\n**", 1)


def test_what_is_remembered_has_a_bound():
    secrets = Secrets()
    side = Talk(secrets, None).sides["in"]
    for number in range(3000):
        side.feed(b"GET /%d HTTP/1.1\r\n\r\n" % number)
    assert len(secrets.lines) <= 1024
    side.feed(b"GET /%b HTTP/1.1\r\n\r\n" % (b"x" * 1000))
    assert max(map(len, secrets.lines)) <= 256


def test_no_secret_is_remembered():
    secrets = Secrets()
    side = Talk(secrets, None).sides["in"]
    side.feed(
        b"GET /?token=sesame HTTP/1.1\r\nCookie: sesame\r\nx: "
        b"http://me:sesame@a/\r\n\r\n"
    )
    assert b"sesame" not in b"".join(secrets.lines)
