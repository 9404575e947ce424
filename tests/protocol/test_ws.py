"""WebSockets in conversation, each rule on both carriers."""

import itertools
import os

import pytest
from wsproto.events import CloseConnection, Ping, Pong
from wsproto.extensions import PerMessageDeflate

from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.protocol.stream import Service
from microquart.protocol.ws import WebSocketStream
from tests.protocol.clients import H1Socket, H2Socket, accept
from tests.protocol.conversation import nothing

KIB = 1024
ACCEPT = {"type": "websocket.accept"}
CLOSE = {"type": "websocket.close"}


@pytest.fixture(params=[H1Socket, H2Socket], ids=["h1", "h2"])
def socket(request):
    """The class of a client on one of the carriers."""
    return request.param


def says(*messages, failed=None):
    """Return the application that sends these messages, and may return."""

    def answer(stream):
        for message in messages:
            stream.send(message)
        if failed is not None:
            stream.end(failed)

    return answer


def tell(client, *messages):
    """Let the application send these messages."""
    for message in messages:
        client.stream.send(message)
    client.exchange()


def text(data):
    return {"type": "websocket.send", "text": data}


def disconnect(code, reason=""):
    return {"type": "websocket.disconnect", "code": code, "reason": reason}


# -- the handshake ----------------------------------------------------------


def test_the_scope_says_what_was_asked(socket):
    client = socket(
        accept,
        (b"sec-websocket-protocol", b"chat, superchat"),
        (b"sec-websocket-protocol", b"last"),
        (b"x-y", b"\xe9"),
        service=Service(root_path="/api", state={"pool": 1}),
    )
    scope = client.stream.scope
    assert (b"x-y", b"\xe9") in scope["headers"]
    expected = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": client.http_version,
        "scheme": "ws",
        "path": "/api/chat",
        "raw_path": b"/api/chat",
        "query_string": b"a=b",
        "root_path": "/api",
        "client": ("192.0.2.1", 1234),
        "server": ("192.0.2.2", 80),
        "subprotocols": ["chat", "superchat", "last"],
        "state": {"pool": 1},
    }
    assert {name: scope[name] for name in expected} == expected
    assert set(scope["extensions"]) == {
        "websocket.http.response",
        "microquart.disconnect",
    }


def test_accept_answers_the_handshake(socket):
    client = socket(
        says(
            {
                "type": "websocket.accept",
                "subprotocol": "chat",
                "headers": [
                    (b"X-A", b"1"),
                    (b"X-A", b"2"),
                    (b"Upgrade", b"x"),
                ],
            }
        ),
        (b"sec-websocket-protocol", b"chat"),
        service=Service(fields=[(b"server", b"microquart")]),
    )
    assert client.status == client.stream.status
    assert client.field(b"sec-websocket-protocol") == b"chat"
    assert client.field(b"server") == b"microquart"
    assert [line for line in client.head if line[0] == b"x-a"] == [
        (b"x-a", b"1"),
        (b"x-a", b"2"),
    ]


def test_the_key_is_answered_over_http_1():
    client = H1Socket()
    assert client.status == 101
    assert client.head == [
        (b"upgrade", b"websocket"),
        (b"connection", b"Upgrade"),
        (b"sec-websocket-accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ]


def test_there_is_no_key_over_http_2():
    client = H2Socket()
    assert client.status == 200
    assert client.head == [(b":status", b"200")]


def test_a_subprotocol_that_was_not_offered_is_refused(socket):
    client = socket(nothing)
    with pytest.raises(UnexpectedMessage, match="was not offered"):
        tell(client, {"type": "websocket.accept", "subprotocol": "chat"})


def test_a_field_that_splits_the_handshake_is_not_sent(socket):
    client = socket(nothing)
    fields = [(b"a", b"b\r\nc: d")]
    with pytest.raises(UnexpectedMessage):
        tell(client, {"type": "websocket.accept", "headers": fields})
    client.stream.end(True)
    client.exchange()
    assert client.stream.status == 500


def handshake(*lines, target=b"/", method=b"GET", version=b"1.1"):
    first = b"%b %b HTTP/%b" % (method, target, version)
    return b"\r\n".join([first, *lines, b"", b""])


HOST = b"Host: x"
WANTS = (HOST, b"Upgrade: websocket", b"Connection: Upgrade")
V13 = b"Sec-WebSocket-Version: 13"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


class Raw(H1Socket):
    """A client that sends a handshake of its own."""

    def __init__(self, data, **limits):
        self.data = data
        super().__init__(nothing, **limits)

    def open(self):
        self.raw, raw = lambda _: raw(self.data), self.raw
        super().open()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (handshake(*WANTS, KEY), 426),
        (handshake(*WANTS, KEY, b"Sec-WebSocket-Version: 8"), 426),
        (handshake(*WANTS, KEY, V13, V13), 426),
        (handshake(*WANTS, V13), 400),
        (handshake(*WANTS, V13, KEY, KEY), 400),
        (handshake(*WANTS, V13, b"Sec-WebSocket-Key: "), 400),
        (handshake(*WANTS, V13, b"Sec-WebSocket-Key: short"), 400),
        (handshake(*WANTS, V13, b"Sec-WebSocket-Key: %b" % (b"!" * 24)), 400),
        (handshake(*WANTS, V13, KEY, b"Content-Length: 5") + b"hello", 400),
        (handshake(*WANTS, V13, KEY, b"Transfer-Encoding: chunked"), 400),
    ],
)
def test_a_handshake_that_is_none_is_refused(data, status):
    client = Raw(data)
    assert client.status == status
    assert client.stream is None
    assert client.connection.closing
    if status == 426:
        assert client.field(b"sec-websocket-version") == b"13"


@pytest.mark.parametrize(
    "data",
    [
        handshake(*WANTS, KEY, V13, method=b"POST"),
        handshake(HOST, b"Upgrade: websocket", KEY, V13),
        handshake(
            HOST, b"Upgrade: websocket", b"Connection: x-upgrade", KEY, V13
        ),
        handshake(HOST, b"Upgrade: h2c", b"Connection: Upgrade", KEY, V13),
        handshake(*WANTS, KEY, V13, version=b"1.0"),
    ],
)
def test_what_asks_for_no_upgrade_is_a_request(data):
    assert Raw(data).stream.scope["type"] == "http"


def test_websockets_can_be_turned_off():
    client = Raw(
        handshake(*WANTS, KEY, V13), service=Service(websockets=False)
    )
    assert client.stream.scope["type"] == "http"
    client = H2Socket(service=Service(websockets=False))
    assert client.status == 501


def test_a_handshake_of_another_version_is_refused_over_http_2():
    assert H2Socket(accept, (b"sec-websocket-version", b"12")).status == 400


# -- a refusal --------------------------------------------------------------


def test_close_before_accept_is_403(socket):
    client = socket(says(CLOSE))
    assert client.status == client.stream.status == 403
    assert client.take() == [{"type": "websocket.connect"}, disconnect(1006)]


@pytest.mark.parametrize(("failed", "status"), [(False, 403), (True, 500)])
def test_an_application_that_never_accepts_refuses(socket, failed, status):
    assert socket(says(failed=failed)).status == status


def test_a_connection_goes_on_after_a_refusal():
    client = H1Socket(says(CLOSE))
    client.connection.receive_data(handshake(HOST))
    assert client.connection.opened()[0].scope["type"] == "http"


def refuse(*parts, status=401, fields=()):
    start = {
        "type": "websocket.http.response.start",
        "status": status,
        "headers": list(fields),
    }
    bodies = [
        {
            "type": "websocket.http.response.body",
            "body": part,
            "more_body": part is not parts[-1],
        }
        for part in parts
    ]
    return [start, *bodies]


@pytest.mark.parametrize(
    "parts", [[b"no"], [b"n", b"o"], [b"no", b""], [b"", b"no"]]
)
def test_a_refusal_can_be_a_whole_response(socket, parts):
    fields = [(b"X-A", b"b"), (b"Content-Length", b"99")]
    client = socket(says(*refuse(*parts, fields=fields)))
    assert client.status == 401
    assert client.field(b"x-a") == b"b"
    if socket is H2Socket:
        assert client.client.content(client.number) == b"no"
        assert client.ended
    elif len(parts) == 1:
        assert client.field(b"content-length") == b"2"
        assert client.early == b"no"
    else:
        assert client.field(b"transfer-encoding") == b"chunked"
        assert client.field(b"content-length") is None
        assert client.early.endswith(b"0\r\n\r\n")
    assert client.stream.sent == 2


def test_a_refusal_that_is_not_finished_does_not_look_whole(socket):
    client = socket(says(*refuse(b"n", b"o")[:2], failed=False))
    assert client.status == 401
    assert client.ended
    if socket is H2Socket:
        assert client.client.reset_code(client.number) is not None


@pytest.mark.parametrize("status", [101, 199, 1000, "200", None, True])
def test_a_status_that_is_none_is_refused(socket, status):
    client = socket(nothing)
    with pytest.raises(UnexpectedMessage, match="status"):
        tell(client, *refuse(b"", status=status))


# -- the table --------------------------------------------------------------

MESSAGES = {
    "websocket.accept": ACCEPT,
    "websocket.send": text("x"),
    "websocket.close": CLOSE,
    "websocket.http.response.start": refuse()[0],
    "websocket.http.response.body": {"type": "websocket.http.response.body"},
    "websocket.http.response.body+": {
        "type": "websocket.http.response.body",
        "more_body": True,
    },
    "http.response.start": {"type": "http.response.start", "status": 200},
    "websocket.sned": {"type": "websocket.sned"},
}
WAYS = {
    "waiting": [],
    "open": [ACCEPT],
    "closing": [ACCEPT, CLOSE],
    "denying": refuse(),
    "done": refuse(b""),
}


def test_the_ways_lead_to_every_state():
    states = {
        state
        for pair in WebSocketStream.ORDER.items()
        for state in pair[0][:1]
    }
    states |= set(WebSocketStream.ORDER.values())
    assert states == set(WAYS)


@pytest.mark.parametrize(
    ("state", "kind"), [*itertools.product(WAYS, MESSAGES)]
)
def test_a_message_is_taken_where_the_table_has_it(socket, state, kind):
    client = socket(says(*WAYS[state]))
    assert client.stream.state == state
    target = WebSocketStream.ORDER.get((state, kind))
    if target is None:
        with pytest.raises(UnexpectedMessage):
            tell(client, MESSAGES[kind])
        assert client.stream.state == state
    else:
        tell(client, MESSAGES[kind])
        assert client.stream.state == target


# -- messages ---------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [0, 1, 125, 126, 127, 65_535, 65_536, 300_000]
)
def test_messages_of_any_size_go_both_ways(socket, size):
    client = socket()
    client.take()
    client.binary(bytes(size))
    assert client.take() == [
        {"type": "websocket.receive", "bytes": bytes(size)}
    ]
    client.text("x" * size)
    assert client.take() == [{"type": "websocket.receive", "text": "x" * size}]
    tell(
        client,
        {"type": "websocket.send", "bytes": bytes(size)},
        text("x" * size),
    )
    assert client.messages == [bytes(size), "x" * size]


def test_the_application_is_connected_first(socket):
    client = socket(nothing)
    assert client.take() == [{"type": "websocket.connect"}]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "websocket.send"},
        {"type": "websocket.send", "text": None, "bytes": None},
        {"type": "websocket.send", "text": "x", "bytes": b"x"},
        {"type": "websocket.send", "text": b"x"},
        {"type": "websocket.send", "bytes": "x"},
        {"type": "websocket.send", "text": 5},
        {"type": "websocket.send", "text": "\ud800"},
    ],
)
def test_a_message_that_is_none_is_refused(socket, message):
    client = socket()
    with pytest.raises(UnexpectedMessage):
        tell(client, message)
    tell(client, text("still here"))
    assert client.messages == ["still here"]


def test_fragments_are_put_together(socket):
    client = socket()
    client.text("Gr", finished=False)
    client.text("", finished=False)
    client.send(Ping(b"!"))
    assert client.of(Pong) == [Pong(b"!")]
    client.text("üße")
    assert client.received()[1:] == ["Grüße"]


def test_a_character_may_be_split(socket):
    client = socket()
    client.raw(frame(1, "ü".encode()[:1], fin=False))
    client.raw(frame(0, "ü".encode()[1:]))
    assert client.received()[1:] == ["ü"]


def test_messages_come_in_order(socket):
    client = socket()
    for number in range(500):
        client.text(str(number))
    assert client.received()[1:] == [str(number) for number in range(500)]


def test_frames_in_one_packet_with_the_handshake_are_kept():
    client = Raw(
        handshake(*WANTS, KEY, V13) + frame(1, b"early") + frame(9, b"?")
    )
    client.take()
    assert client.stream.take() is None
    tell(client, ACCEPT)
    assert client.received() == ["early"]


def test_frames_before_accept_are_kept():
    client = H2Socket(nothing)
    client.raw(frame(1, b"early"))
    assert client.received() == ["websocket.connect"]
    tell(client, ACCEPT)
    assert client.received() == ["early"]


# -- control frames ---------------------------------------------------------


def frame(opcode, payload=b"", fin=True, masked=True, rsv=0):
    """Return the bytes of a client's frame."""
    first = bytes([fin << 7 | rsv << 4 | opcode])
    size = len(payload)
    mark = masked << 7
    if size < 126:
        head = bytes([mark | size])
    elif size < 65536:
        head = bytes([mark | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([mark | 127]) + size.to_bytes(8, "big")
    return first + head + bytes(4) * masked + payload


def test_a_ping_is_answered_and_wakes_nobody(socket):
    client = socket()
    client.take()
    client.woken = 0
    client.send(Ping(b"payload"))
    assert client.of(Pong) == [Pong(b"payload")]
    assert client.woken == 0
    assert client.stream.take() is None


def test_a_pong_nobody_asked_for_is_ignored(socket):
    client = socket()
    client.take()
    client.send(Pong(b"x"))
    assert client.take() == []


@pytest.mark.parametrize(
    ("event", "code", "reason"),
    [
        (CloseConnection(1000), 1000, ""),
        (CloseConnection(1001, "bye"), 1001, "bye"),
        (CloseConnection(3999), 3999, ""),
        (CloseConnection(None), 1005, ""),
    ],
)
def test_a_close_of_the_client_is_echoed_and_told(socket, event, code, reason):
    client = socket()
    client.text("last words")
    client.send(event)
    assert client.closed == code
    assert client.ended
    assert client.received()[1] == "last words"
    assert client.stream.take() == disconnect(code, reason)
    with pytest.raises(ClientDisconnected) as caught:
        tell(client, text("too late"))
    assert (caught.value.code, caught.value.reason) == (code, reason)
    client.stream.end(False)


def test_a_close_is_echoed_although_the_application_takes_nothing(socket):
    client = socket()
    client.text("unread")
    client.close()
    assert client.closed == 1000
    assert client.ended


@pytest.mark.parametrize(
    ("message", "code", "reason"),
    [
        (CLOSE, 1000, None),
        ({"type": "websocket.close", "code": 4000, "reason": "x"}, 4000, "x"),
        (
            {"type": "websocket.close", "code": 1001, "reason": None},
            1001,
            None,
        ),
    ],
)
def test_a_close_of_the_application_is_sent(socket, message, code, reason):
    client = socket()
    tell(client, message)
    (event,) = client.of(CloseConnection)
    assert (event.code, event.reason or None) == (code, reason)
    assert not client.ended  # the echo is waited for
    assert client.stream.take() == {"type": "websocket.connect"}
    assert client.stream.take() is None
    client.send(event.response())
    assert client.ended
    assert client.stream.take() == disconnect(code, reason or "")
    client.stream.end(False)


def test_a_long_reason_is_cut_to_what_a_frame_can_have(socket):
    client = socket()
    tell(client, {"type": "websocket.close", "reason": "ü" * 100})
    (event,) = client.of(CloseConnection)
    assert event.reason == "ü" * 61


@pytest.mark.parametrize(
    "code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, "1000"]
)
def test_a_close_code_that_must_not_be_sent_is_refused(socket, code):
    client = socket()
    with pytest.raises(UnexpectedMessage, match="close code"):
        tell(client, {"type": "websocket.close", "code": code})


def test_what_comes_after_the_applications_close_is_dropped(socket):
    client = socket()
    client.text("before")
    tell(client, CLOSE)
    client.raw(frame(1, b"after"))
    client.raw(frame(8, b"\x03\xe8"))
    assert client.take() == [{"type": "websocket.connect"}, disconnect(1000)]


@pytest.mark.parametrize(("failed", "code"), [(False, 1000), (True, 1011)])
def test_an_application_that_returns_closes(socket, failed, code):
    client = socket(says(ACCEPT, failed=failed))
    assert client.closed == code
    client.close(code)
    assert client.ended


def test_a_client_that_does_not_close_in_time_is_cut_off(socket):
    client = socket(says(ACCEPT, CLOSE))
    client.at(9.9)
    assert not client.ended
    client.at(10.0)
    assert client.ended
    assert client.take() == [{"type": "websocket.connect"}, disconnect(1006)]


# -- departures -------------------------------------------------------------


@pytest.mark.parametrize("answer", [nothing, accept])
def test_a_client_that_vanishes_is_1006(socket, answer):
    client = socket(answer)
    left = []
    client.stream.watch(lambda *why: left.append(why))
    client.vanish()
    assert left == [(1006, "")]
    assert client.take() == [{"type": "websocket.connect"}, disconnect(1006)]
    with pytest.raises(ClientDisconnected):
        tell(client, ACCEPT if answer is nothing else text("x"))
    client.stream.end(True)


def test_the_end_of_the_input_without_a_close_is_1006():
    client = H1Socket()
    client.connection.receive_data(b"")
    assert client.connection.closed
    assert client.take()[1] == disconnect(1006)
    client = H2Socket()
    client.client.send(client.number, b"", end=True)
    assert client.ended
    assert client.take()[1] == disconnect(1006)


def test_the_disconnect_stays_if_the_application_asks_again(socket):
    client = socket()
    client.close()
    client.take()
    assert client.take() == client.take() == [disconnect(1000)]


def test_two_sides_that_close_at_once_agree(socket):
    client = socket()
    client.stream.send({"type": "websocket.close", "code": 4001})
    client.close(4002)
    assert client.ended
    assert client.take()[1] == disconnect(4002)


def test_over_http_2_both_sides_end_their_stream():
    client = H2Socket()
    client.close()
    assert client.client.ended(client.number)
    assert not client.connection.idle
    client.client.send(client.number, b"", end=True)
    assert client.connection.idle
    assert client.client.reset_code(client.number) is None


def test_over_http_2_the_client_need_not_end_its_side():
    client = H2Socket()
    client.close()
    client.at(2.0)
    assert client.connection.idle
    assert client.client.reset_code(client.number) == 0


# -- what is no WebSocket ---------------------------------------------------

ERRORS = {
    "unmasked": (frame(1, b"x", masked=False), 1002),
    "unknown opcode": (frame(3), 1002),
    "unknown control opcode": (frame(11), 1002),
    "reserved bits": (frame(1, b"x", rsv=4), 1002),
    "long ping": (frame(9, bytes(126)), 1002),
    "fragmented ping": (frame(9, fin=False), 1002),
    "stray continuation": (frame(0, b"x"), 1002),
    "interleaved": (frame(1, b"x", fin=False) + frame(1, b"y"), 1002),
    "a length that is too long": (b"\x81\xfe\x00\x05\0\0\0\0hello", 1002),
    "a length of 64 bits": (b"\x81\xff\x80" + bytes(7) + bytes(4), 1002),
    "half a close code": (frame(8, b"\x03"), 1002),
    "close code 999": (frame(8, b"\x03\xe7"), 1002),
    "close code 1005": (frame(8, b"\x03\xed"), 1002),
    "close code 1006": (frame(8, b"\x03\xee"), 1002),
    "close code 1015": (frame(8, b"\x03\xf7"), 1002),
    "close code 1016": (frame(8, b"\x03\xf8"), 1002),
    "close code 5000": (frame(8, b"\x13\x88"), 1002),
    "a reason that is no text": (frame(8, b"\x03\xe8\xff"), 1007),
    "no text": (frame(1, b"\xff"), 1007),
    "half a character": (frame(1, b"\xc3"), 1007),
    "a surrogate": (frame(1, b"\xed\xa0\x80"), 1007),
    "no text, in fragments": (
        frame(1, b"\xc3", fin=False) + frame(0, b"x"),
        1007,
    ),
}


@pytest.mark.parametrize(("raw", "code"), ERRORS.values(), ids=ERRORS.keys())
def test_what_is_against_the_rules_is_closed(socket, raw, code):
    client = socket()
    client.raw(raw)
    assert client.closed == code
    assert client.ended
    (_, message) = client.take()
    assert (message["type"], message["code"]) == ("websocket.disconnect", code)
    with pytest.raises(ClientDisconnected):
        tell(client, text("x"))
    client.stream.end(False)


@pytest.mark.parametrize(
    "raw", [raw for raw, _ in ERRORS.values()], ids=ERRORS.keys()
)
def test_what_is_against_the_rules_after_a_close_ends_it(socket, raw):
    client = socket(says(ACCEPT, CLOSE))
    client.raw(raw)
    assert client.ended
    assert client.take()[1]["type"] == "websocket.disconnect"


def test_what_came_before_an_error_is_answered_before_it_is_told(socket):
    client = socket()
    client.raw(frame(1, b"fine") + frame(3) + frame(1, b"too late"))
    assert client.closed is None
    client.take()
    assert client.closed == 1002
    assert client.received() == ["websocket.disconnect"]
    client = socket()
    client.stream.take()
    client.raw(frame(1, b"fine") + frame(3))
    assert client.stream.take()["text"] == "fine"
    tell(client, text("answer"))
    assert client.messages == ["answer"]
    assert client.stream.take()["code"] == 1002


def test_an_error_is_told_although_nobody_takes_what_came_before(socket):
    client = socket()
    client.raw(frame(1, b"fine") + frame(3))
    client.at(1.9)
    assert client.closed is None
    client.at(2.0)
    assert client.closed == 1002
    assert client.ended


# -- limits -----------------------------------------------------------------


@pytest.mark.parametrize(
    "frames",
    [
        [frame(2, bytes(1001))],
        [frame(2, bytes(1001))[:8]],  # what is announced is enough
        [frame(2, bytes(600), fin=False), frame(0, bytes(401))],
        [frame(2, bytes(600), fin=False), frame(0, bytes(401), fin=False)[:8]],
        [frame(1, b"x" * 1000, fin=False), frame(0, b"x")],
    ],
)
def test_a_message_that_is_too_large_is_closed(socket, frames):
    client = socket(ws_max_message_size=1000)
    for data in frames:
        client.raw(data)
    assert client.closed == 1009
    assert client.ended
    assert client.take()[1] == disconnect(1009, "the message is too large")


@pytest.mark.parametrize(
    "frames",
    [
        [frame(2, bytes(1000))],
        [
            frame(2, bytes(600), fin=False),
            frame(9, bytes(125)),
            frame(0, bytes(400)),
        ],
    ],
)
def test_a_message_of_just_the_limit_passes(socket, frames):
    client = socket(ws_max_message_size=1000)
    client.take()
    for _ in range(2):
        for data in frames:
            client.raw(data)
        assert client.received() == [bytes(1000)]


def test_a_message_has_so_many_fragments(socket):
    client = socket(ws_max_fragments=10)
    for count in range(9):
        client.raw(frame(0 if count else 1, b"x", fin=False))
    client.raw(frame(0, b"x"))
    assert client.received()[1:] == ["x" * 10]
    for count in range(10):
        client.raw(frame(0 if count else 1, b"", fin=False))
    assert client.closed is None
    client.raw(frame(0))
    assert client.closed == 1009


def test_a_message_has_any_number_of_fragments_that_are_not_small(socket):
    client = socket(ws_max_fragments=10)
    for count in range(100):
        client.raw(frame(0 if count else 1, b"x" * 64, fin=False))
    client.raw(frame(0))
    assert client.received()[1:] == ["x" * 6400]


def test_half_a_message_may_grow_beyond_the_window(socket):
    client = socket()
    for number in range(20):
        client.raw(frame(0 if number else 2, bytes(32 * KIB), fin=False))
    client.raw(frame(0, b"x"))
    assert client.received()[1:] == [bytes(20 * 32 * KIB) + b"x"]


def flood(client, data, count=10_000):
    """Send until the server takes no more; return how often it did."""
    for number in range(count):
        if client.stuck:
            return number
        client.raw(data)
    return count


@pytest.mark.parametrize("size", [0, 100, 10_000])
def test_whole_messages_that_nobody_takes_stop_the_reading(socket, size):
    client = socket()
    data = frame(1, b"x" * size)
    some = 1 + 1000 // len(data)
    count = flood(client, data * some) * some
    assert count * len(data) <= 64 * KIB + 2 * len(data * some)
    # What did not fit into the window comes when there is place.
    assert client.received()[1:] + client.received() == ["x" * size] * count
    assert not client.stuck
    assert flood(client, data) > 0


def test_a_ping_behind_unread_messages_is_still_answered(socket):
    client = socket()
    client.raw(frame(1, bytes(1000)) * 10)
    client.send(Ping(b"x"))
    assert client.of(Pong)


def test_pongs_that_nobody_reads_stop_the_reading():
    client = H1Socket()
    for _ in range(1000):
        client.connection.receive_data(frame(9, b"x"))
        if client.connection.paused:
            break
    assert client.connection.paused
    client.connection.data_to_send()
    assert not client.connection.paused


def test_a_client_that_does_not_read_blocks_the_application():
    client = H2Socket()
    client.client.reads = False
    sent = 0
    while not client.stream.blocked:
        tell(client, {"type": "websocket.send", "bytes": bytes(10_000)})
        sent += 10_000
    assert sent <= 128 * KIB + 10_000
    client.client.h2.increment_flow_control_window(2**20)
    client.client.h2.increment_flow_control_window(2**20, client.number)
    client.exchange()
    assert not client.stream.blocked
    assert sum(map(len, client.messages)) == sent


# -- compression ------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {
            "client_no_context_takeover": True,
            "server_no_context_takeover": True,
        },
        {"client_max_window_bits": 9, "server_max_window_bits": 9},
        {"client_max_window_bits": 15, "server_max_window_bits": 15},
    ],
)
def test_messages_are_compressed_both_ways(socket, parameters):
    client = socket(deflate=PerMessageDeflate(**parameters))
    client.take()
    for size in (0, 1, 1000, 100_000):
        client.text("x" * size)
        client.send(Ping(b"in between"))
        client.binary(b"y" * size)
        assert client.received() == ["x" * size, b"y" * size]
        tell(client, text("z" * size))
    assert client.messages == ["z" * size for size in (0, 1, 1000, 100_000)]
    assert client.stream.sent < 2_000


def test_a_ping_within_a_compressed_message_does_no_harm(socket):
    client = socket(deflate=PerMessageDeflate())
    client.text("a" * 1000, finished=False)
    client.raw(frame(9, b"plain"))
    client.text("b" * 1000)
    assert client.received()[1:] == ["a" * 1000 + "b" * 1000]


@pytest.mark.parametrize("takeover", [False, True])
def test_a_stray_continuation_after_a_compressed_message_is_refused(
    socket, takeover
):
    client = socket(
        deflate=PerMessageDeflate(client_no_context_takeover=not takeover)
    )
    client.text("x" * 1000)
    client.received()
    client.raw(frame(0, b"stray"))
    assert client.closed == 1002


def test_without_an_offer_nothing_is_compressed(socket):
    client = socket()
    assert client.field(b"sec-websocket-extensions") is None
    tell(client, text("x" * 1000))
    assert client.stream.sent == 1004


def test_compression_can_be_turned_off(socket):
    client = socket(deflate=PerMessageDeflate(), ws_compression=False)
    assert client.field(b"sec-websocket-extensions") is None


@pytest.mark.parametrize("size", [999, 1000])
@pytest.mark.parametrize("random", [False, True])
def test_a_compressed_message_of_the_limit_passes(socket, size, random):
    data = os.urandom(size) if random else bytes(size)
    client = socket(deflate=PerMessageDeflate(), ws_max_message_size=1000)
    client.binary(data)
    assert client.received()[1:] == [data]


@pytest.mark.parametrize("size", [1001, 1002, 100_000, 5_000_000])
def test_a_message_that_inflates_too_far_is_closed(socket, size):
    client = socket(deflate=PerMessageDeflate(), ws_max_message_size=1000)
    client.binary(bytes(size))
    assert client.closed == 1009


def test_fragments_that_inflate_too_far_are_closed(socket):
    client = socket(deflate=PerMessageDeflate(), ws_max_message_size=1000)
    client.binary(bytes(600), finished=False)
    client.binary(bytes(401))
    assert client.closed == 1009


def test_compressed_messages_that_nobody_takes_stop_the_decoding(socket):
    client = socket(deflate=PerMessageDeflate(), ws_max_message_size=2**18)
    for _ in range(20):
        client.binary(bytes(2**18))
    held = sum(len(message["bytes"]) for message, _ in client.stream._inbox)
    assert held == 2**18
    assert client.received()[1:] == [bytes(2**18)] * 20


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (frame(1, b"\xff\xff\xff", rsv=4), 1007),
        (frame(1, b"x", fin=False) + frame(0, b"y", rsv=4), 1002),
        (frame(9, b"x", rsv=4), 1002),
        (frame(1, b"x", rsv=2), 1002),
    ],
)
def test_what_cannot_be_inflated_is_closed(socket, raw, code):
    client = socket(deflate=PerMessageDeflate())
    client.raw(raw)
    assert client.closed == code


def test_a_deflate_stream_may_end_within_a_message(socket):
    client = socket(deflate=PerMessageDeflate())
    # RFC 7692 7.2.3.4: BFINAL is set, and a byte 0 follows.
    client.raw(frame(1, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", rsv=4))
    client.raw(frame(1, b"\xf2\x48\xcd\xc9\xc9\x07\x00", rsv=4))
    assert client.received()[1:] == ["Hello", "Hello"]


# -- time -------------------------------------------------------------------


def test_the_server_pings(socket):
    client = socket()
    client.at(19.9)
    assert not client.of(Ping)
    client.at(20.0)
    (ping,) = client.of(Ping)
    client.send(ping.response())
    client.at(39.9)
    assert len(client.of(Ping)) == 1
    client.at(40.0)
    assert len(client.of(Ping)) == 2


def test_a_dead_peer_is_found(socket):
    client = socket()
    client.at(20.0)
    client.at(39.9)
    assert not client.stream.gone
    client.at(40.0)
    assert client.ended
    assert client.take()[1] == disconnect(1006)


def test_who_still_speaks_is_not_dead(socket):
    client = socket()
    client.at(20.0)
    client.connection.now = 35.0
    client.text("busy")
    client.take()
    client.at(54.9)
    assert not client.stream.gone
    client.at(55.0)
    assert client.stream.gone


def test_a_slow_application_is_not_the_peers_fault(socket):
    client = socket()
    client.at(20.0)
    flood(client, frame(1, b"x" * 10_000))  # the pong is behind it
    client.at(100.0)
    assert not client.stream.gone
    client.connection.now = 101.0
    client.take()
    client.at(102.0)
    client.send(client.of(Ping)[0].response())
    assert not client.stream.gone


def test_pings_can_be_turned_off(socket):
    client = socket(ws_ping_interval=None)
    client.at(1000.0)
    assert not client.of(Ping)
    assert not client.ended


def test_a_websocket_outlives_the_keep_alive_time(socket):
    client = socket(ws_ping_interval=None)
    client.at(10_000.0)
    client.text("here")
    assert client.received()[1:] == ["here"]


def test_an_application_has_all_the_time_to_accept(socket):
    client = socket(nothing)
    client.at(1000.0)
    tell(client, ACCEPT)
    assert not client.stream.gone


# -- the end of the server --------------------------------------------------


def test_shutdown_closes_with_1001(socket):
    client = socket()
    client.connection.shutdown()
    client.exchange()
    assert client.closed == 1001
    assert not client.ended
    with pytest.raises(ClientDisconnected):
        tell(client, text("x"))
    client.close(1001)
    assert client.ended
    assert client.take()[1] == disconnect(1001)
    client.stream.end(False)


def test_shutdown_does_not_wait_for_a_dead_peer(socket):
    client = socket()
    client.connection.shutdown()
    client.at(10.0)
    assert client.ended


def test_one_that_is_accepted_after_shutdown_is_closed_at_once(socket):
    client = socket(nothing)
    client.connection.shutdown()
    client.exchange()
    tell(client, ACCEPT)
    assert client.stream.state == "open"
    if socket is H2Socket:
        assert client.closed == 1001
