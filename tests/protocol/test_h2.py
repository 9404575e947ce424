"""HTTP/2 in conversation: what a client asks, and what it hears."""

import h2.events
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.protocol import PREFACE, connect
from microquart.protocol.frames import (
    CONTINUATION,
    DATA,
    GOAWAY,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    build,
)
from microquart.protocol.h1 import H1Connection
from microquart.protocol.h2 import H2Connection
from microquart.protocol.stream import Peer, Service
from tests.protocol.clients import H2Client, frames_of, request
from tests.protocol.conversation import body, hello, nothing, start, taken
from tests.protocol.malformed import (
    ERRORS,
    IGNORED,
    KIB,
    LENGTHS,
    MALFORMED,
    PING_8,
    STREAM_ERRORS,
    TRAILERS,
    UNSERVED,
)

WINDOW = 64 * KIB - 1


def says(*messages):
    """Return the application that sends these messages and returns."""

    def answer(stream):
        for message in messages:
            stream.send(message)
        stream.end(False)

    return answer


def whole(data, *fields):
    return says(start(200, *fields), body(data))


# -- which protocol it is ---------------------------------------------------


@pytest.mark.parametrize(
    ("alpn", "first", "kind"),
    [
        ("h2", b"", H2Connection),
        ("http/1.1", b"", H1Connection),
        (None, PREFACE, H2Connection),
        (None, PREFACE + b"\0", H2Connection),
        (None, b"GET / HTTP/1.1\r\n", H1Connection),
        (None, b"P", type(None)),
        (None, PREFACE[:23], type(None)),
        (None, b"", type(None)),
        (None, b"PRI * HTTP/2.0\r\n\r\nXX", H1Connection),
        ("http/1.1", PREFACE, H1Connection),
        # What is neither: RFC 9113 3.4 speaks of it, RFC 9112 does not.
        (None, b"INVALID CONNECTION PREFACE\r\n\r\n", H2Connection),
        (None, b"GET / HTTQ/1.1\r\n", H1Connection),
        (None, b"GET x HTTP/1.1\r\n", H1Connection),
        (None, b"GET http://x/ \r\n", H1Connection),
        (None, b"OPTIONS * X\r\n", H1Connection),
        (None, b"INVALID CONNECTION PREF", H1Connection),
    ],
)
def test_alpn_or_the_preface_tells_the_protocol(alpn, first, kind):
    connection = connect(
        alpn, first, Peer(secure=alpn is not None), Service(), 0.0
    )
    assert type(connection) is kind


def test_prior_knowledge_can_be_turned_off():
    service = Service(prior_knowledge=False)
    connection = connect(None, PREFACE, Peer(), service, 0.0)
    assert isinstance(connection, H1Connection)


def test_over_tls_there_is_no_prior_knowledge():
    connection = connect(None, PREFACE, Peer(secure=True), Service(), 0.0)
    assert isinstance(connection, H1Connection)


# -- settings ---------------------------------------------------------------


def test_the_settings_are_on_the_first_flight():
    client = H2Client(begin=False)
    ((kind, frame),) = frames_of(client.connection.data_to_send())
    entries = [frame[at : at + 6] for at in range(9, len(frame), 6)]
    settings = {
        int.from_bytes(entry[:2], "big"): int.from_bytes(entry[2:], "big")
        for entry in entries
    }
    assert kind == SETTINGS
    assert settings[SettingCodes.MAX_CONCURRENT_STREAMS] == 100
    assert settings[SettingCodes.INITIAL_WINDOW_SIZE] == 65535
    assert settings[SettingCodes.MAX_HEADER_LIST_SIZE] == 32 * KIB
    assert settings[SettingCodes.ENABLE_CONNECT_PROTOCOL] == 1
    assert settings[SettingCodes.MAX_FRAME_SIZE] == 16 * KIB
    assert settings[SettingCodes.ENABLE_PUSH] == 0


def test_settings_that_nobody_knows_are_ignored():
    client = H2Client()
    for code in range(0x20, 0x420, 32):
        entries = b"".join(
            unknown.to_bytes(2, "big") + bytes(4)
            for unknown in range(code, code + 32)
        )
        client.says(build(SETTINGS, 0, 0, entries))
    assert client.status(client.request()) == 200
    assert len(client.connection.h2.remote_settings) < 10


def test_the_encoders_table_stays_small():
    client = H2Client(settings={SettingCodes.HEADER_TABLE_SIZE: 2**31})
    assert client.connection.h2.encoder.header_table_size == 4096
    assert client.status(client.request()) == 200


# -- requests ---------------------------------------------------------------


def test_a_get_is_answered():
    client = H2Client()
    number = client.request()
    assert client.head(number) == {b":status": b"200", b"content-length": b"5"}
    assert client.content(number) == b"hello"
    assert client.ended(number)


@pytest.mark.parametrize("cut", [1, 2, 7, 1000])
def test_the_way_the_bytes_are_cut_does_not_matter(cut):
    client = H2Client(nothing, begin=False)
    client.h2.initiate_connection()
    client.h2.send_headers(1, request(b"POST"))
    client.h2.send_data(1, b"hello", end_stream=True)
    data = client.h2.data_to_send()
    for at in range(0, len(data), cut):
        client.connection.receive_data(data[at : at + cut])
        client.settle()
    assert taken(client.stream) == b"hello"


def test_the_scope_says_what_was_asked():
    client = H2Client(service=Service(state={"pool": 1}))
    client.request(
        lines=request(b"GET", (b"x-y", b"\xe9"), path=b"/caf%C3%A9%2Fx?a=%20b")
    )
    scope = dict(client.stream.scope)
    assert set(scope.pop("extensions")) == {
        "http.response.trailers",
        "http.response.early_hint",
        "microquart.disconnect",
    }
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "2",
        "method": "GET",
        "scheme": "http",
        "path": "/café/x",
        "raw_path": b"/caf%C3%A9%2Fx",
        "query_string": b"a=%20b",
        "root_path": "",
        "headers": [(b"host", b"x"), (b"x-y", b"\xe9")],
        "client": ("192.0.2.1", 1234),
        "server": ("192.0.2.2", 80),
        "state": {"pool": 1},
    }
    assert scope["state"] is not client.service.state


def test_the_path_includes_the_root_path():
    client = H2Client(service=Service(root_path="/api"))
    client.request()
    scope = client.stream.scope
    assert scope["path"] == "/api/"
    assert scope["raw_path"] == b"/api/"


def test_the_authority_is_the_first_field_as_host():
    client = H2Client()
    client.request((b"a", b"b"), (b"host", b"x"))
    assert client.stream.scope["headers"] == [(b"host", b"x"), (b"a", b"b")]


def test_a_host_field_will_do_for_the_authority():
    client = H2Client()
    lines = [line for line in request() if line[0] != b":authority"]
    client.request(lines=[*lines, (b"a", b"b"), (b"host", b"y:1")])
    assert client.stream.scope["headers"] == [(b"host", b"y:1"), (b"a", b"b")]


def test_the_crumbs_of_a_cookie_are_joined():
    client = H2Client()
    client.request((b"cookie", b"a=b"), (b"x", b"y"), (b"cookie", b"c=d"))
    assert client.stream.scope["headers"] == [
        (b"host", b"x"),
        (b"x", b"y"),
        (b"cookie", b"a=b; c=d"),
    ]


def test_other_fields_stay_apart_and_in_order():
    client = H2Client()
    fields = [(b"x", b"1"), (b"y", b"2"), (b"x", b"3"), (b"te", b"trailers")]
    client.request(*fields)
    assert client.stream.scope["headers"][1:] == fields


def test_options_may_ask_for_the_server_itself():
    client = H2Client()
    assert (
        client.status(client.request(lines=request(b"OPTIONS", path=b"*")))
        == 200
    )
    assert client.stream.scope["path"] == "*"


@pytest.mark.parametrize("lines", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request_resets_its_stream_and_no_other(lines):
    client = H2Client()
    number = client.request(lines=lines)
    assert client.reset_code(number) == ErrorCodes.PROTOCOL_ERROR
    assert not client.streams
    assert client.status(client.request()) == 200


def test_an_interim_status_makes_a_request_malformed_too():
    client = H2Client()
    client.request()
    block = client.h2.encoder.encode([(b":status", b"100"), *request()])
    client.says(build(HEADERS, 5, 3, block))
    assert client.raw.endswith(build(RST_STREAM, 0, 3, b"\0\0\0\1"))
    assert not client.connection.closing


@pytest.mark.parametrize(("lines", "status"), UNSERVED)
@pytest.mark.parametrize("end", [True, False])
def test_what_cannot_be_served_is_answered(lines, status, end):
    client = H2Client()
    lines = [line for line in lines if line[0] != b":method"][:0] + lines
    number = client.request(lines=lines, end=end)
    assert client.status(number) == status
    assert client.ended(number)
    assert client.reset_code(number) == (None if end else ErrorCodes.NO_ERROR)
    assert not client.streams
    assert client.status(client.request()) == 200


def test_so_many_fields_are_served():
    client = H2Client()
    assert client.status(client.request(*[(b"a", b"b")] * 128)) == 200


def test_a_header_list_much_too_large_ends_the_connection():
    client = H2Client()
    client.request(*[(b"a", b"b" * 4000)] * 17)
    assert client.failed == ErrorCodes.ENHANCE_YOUR_CALM


def test_a_head_in_many_frames_is_one():
    client = H2Client()
    block = client.h2.encoder.encode(request(b"GET", (b"x", b"y" * 100)))
    pieces = [block[at : at + 10] for at in range(0, len(block), 10)]
    frames = [build(HEADERS, 1, 1, pieces[0])]
    frames += [build(CONTINUATION, 0, 1, piece) for piece in pieces[1:-1]]
    client.h2.send_headers(
        1, request(), end_stream=True
    )  # as if it had sent it
    client.h2.clear_outbound_data_buffer()
    client.says(b"".join(frames) + build(CONTINUATION, 4, 1, pieces[-1]))
    assert client.status(1) == 200


# -- content of requests ----------------------------------------------------


def test_content_reaches_the_application():
    client = H2Client(nothing)
    client.post(b"hello", (b"content-length", b"5"))
    assert client.stream.take() == {
        "type": "http.request",
        "body": b"hello",
        "more_body": False,
    }
    assert client.stream.take() is None


def test_content_comes_as_it_arrives():
    client = H2Client(nothing)
    number = client.post(b"one", end=False)
    assert client.stream.take()["body"] == b"one"
    assert client.stream.take() is None
    client.send(number, b"two")
    assert client.woken == [client.stream] * 2
    assert client.stream.take() == {
        "type": "http.request",
        "body": b"two",
        "more_body": True,
    }
    client.send(number, b"", end=True)
    assert client.stream.take()["more_body"] is False


def test_a_request_without_content_has_an_empty_message():
    client = H2Client(nothing)
    client.request()
    assert client.stream.take() == {
        "type": "http.request",
        "body": b"",
        "more_body": False,
    }


def test_trailers_end_the_content():
    client = H2Client(nothing)
    number = client.post(b"hello", end=False)
    client.h2.send_headers(number, [(b"x", b"y")], end_stream=True)
    client.exchange()
    assert taken(client.stream) == b"hello"


@pytest.mark.parametrize("trailers", TRAILERS)
def test_malformed_trailers_reset_the_stream(trailers):
    client = H2Client(nothing)
    number = client.post(b"hello", end=False)
    client.h2.send_headers(number, trailers, end_stream=True)
    client.exchange()
    assert client.reset_code(number) == ErrorCodes.PROTOCOL_ERROR
    assert client.stream.take() == {"type": "http.disconnect"}
    assert not client.connection.closing


@pytest.mark.parametrize(("length", "pieces"), LENGTHS)
def test_content_of_another_length_resets_the_stream(length, pieces):
    client = H2Client(nothing)
    number = client.post(b"", (b"content-length", length), end=False)
    for piece in pieces:
        if client.reset_code(number) is None:
            client.send(number, piece, end=piece is pieces[-1])
    assert client.reset_code(number) == ErrorCodes.PROTOCOL_ERROR
    assert client.stream.take() == {"type": "http.disconnect"}
    assert client.status(client.request()) is None
    assert not client.connection.closing


def test_trailers_do_not_make_up_for_content_that_is_missing():
    client = H2Client(nothing)
    number = client.post(b"hell", (b"content-length", b"5"), end=False)
    client.h2.send_headers(number, [(b"x", b"y")], end_stream=True)
    client.exchange()
    assert client.reset_code(number) == ErrorCodes.PROTOCOL_ERROR


def test_continue_is_said_when_the_application_asks():
    client = H2Client(nothing)
    number = client.post(b"", (b"expect", b"100-continue"), end=False)
    interim = h2.events.InformationalResponseReceived
    assert not client.of(number, interim)
    assert client.stream.take() is None
    assert client.stream.take() is None
    client.exchange()
    assert len(client.of(number, interim)) == 1


def test_continue_is_not_said_to_who_is_answered():
    client = H2Client()
    number = client.post(b"", (b"expect", b"100-continue"), end=False)
    assert not client.of(number, h2.events.InformationalResponseReceived)
    assert client.status(number) == 200


# -- windows, on the way in -------------------------------------------------


def fill(client, number, size=WINDOW):
    """Send so many bytes on a stream."""
    for at in range(0, size, 16 * KIB):
        client.h2.send_data(number, bytes(min(16 * KIB, size - at)))
    client.exchange()


def test_a_stream_that_is_not_read_stalls_no_other():
    client = H2Client(nothing)
    slow = client.post(end=False)
    fill(client, slow)
    assert client.h2.streams[slow].outbound_flow_control_window == 0
    # The connection has its window back, but for what is not worth a frame.
    assert client.h2.outbound_flow_control_window >= 48 * KIB
    other = client.post(end=False)
    fill(client, other, 32 * KIB)
    assert len(taken(client.stream)) == 32 * KIB


def test_taking_opens_the_window_again():
    client = H2Client(nothing)
    number = client.post(end=False)
    fill(client, number)
    assert len(client.stream.take()["body"]) == WINDOW
    client.exchange()
    assert client.h2.streams[number].outbound_flow_control_window == WINDOW


def test_a_long_upload_passes_through_a_small_window():
    total = 0

    def reader(stream):
        pass

    client = H2Client(reader, h2_initial_window=1000)
    number = client.post(end=False)
    while total < 100_000:
        size = client.h2.local_flow_control_window(number)
        assert size > 0
        client.send(number, bytes(size))
        total += len(client.stream.take()["body"])
        client.exchange()
    assert client.stream.take() is None


def test_padding_is_given_back_at_once():
    client = H2Client(nothing)
    number = client.post(end=False)
    for _ in range(1000):
        client.h2.send_data(number, b"x", pad_length=255)
        client.exchange()
    assert client.stream.unread == 1000
    assert client.h2.local_flow_control_window(number) > 16 * KIB


def test_ten_thousand_tiny_frames_hold_up_nothing():
    client = H2Client(lambda stream: stream.number == 1 or hello(stream))
    number = client.post(end=False)
    client.says(build(DATA, 0, number, b"x") * 10_000)
    assert client.status(client.request()) == 200
    assert len(client.streams[1].take()["body"]) == 10_000


def test_the_window_is_given_back_for_streams_that_are_dead():
    client = H2Client()
    for _ in range(20):
        number = client.h2.get_next_available_stream_id()
        client.h2.send_headers(number, request(b"POST"))
        for _ in range(3):
            client.h2.send_data(number, bytes(16 * KIB))
        client.exchange()
        assert client.status(number) == 200
        assert client.reset_code(number) == ErrorCodes.NO_ERROR
    assert client.h2.outbound_flow_control_window > 32 * KIB


def test_data_on_a_dead_stream_may_not_go_on_for_ever():
    client = H2Client()
    number = client.post(end=False)
    for _ in range(4):
        client.says(build(DATA, 0, number, bytes(16 * KIB)))
    assert client.failed == ErrorCodes.FLOW_CONTROL_ERROR


def test_data_beyond_the_window_is_an_error():
    client = H2Client(nothing)
    number = client.post(end=False)
    for _ in range(5):
        client.says(build(DATA, 0, number, bytes(16 * KIB)))
    assert client.failed == ErrorCodes.FLOW_CONTROL_ERROR
    assert client.stream.gone


# -- responses --------------------------------------------------------------


def test_a_response_in_parts_comes_as_it_is_made():
    client = H2Client(nothing)
    number = client.request()
    client.stream.send(start())
    client.exchange()
    assert client.status(number) is None
    client.stream.send(body(b"one", more=True))
    client.exchange()
    assert client.content(number) == b"one"
    assert not client.ended(number)
    client.stream.send(body(b"two"))
    client.exchange()
    assert client.content(number) == b"onetwo"
    assert client.ended(number)


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_content_has_none(status):
    client = H2Client(says(start(status), body(b"hello")))
    number = client.request()
    assert client.status(number) == status
    assert client.content(number) == b""
    assert client.ended(number)


def test_head_has_no_content():
    client = H2Client()
    number = client.request(lines=request(b"HEAD"))
    assert client.head(number)[b"content-length"] == b"5"
    assert client.content(number) == b""
    assert client.ended(number)


def test_fields_of_the_connection_do_not_go_out():
    client = H2Client(
        whole(
            b"hello",
            (b"Connection", b"close"),
            (b"Keep-Alive", b"x"),
            (b"Transfer-Encoding", b"chunked"),
            (b"Upgrade", b"h2c"),
            (b"X-Y", b"z"),
        )
    )
    assert client.head(client.request()) == {
        b":status": b"200",
        b"x-y": b"z",
        b"content-length": b"5",
    }


def test_fields_of_the_application_stay_apart_and_in_order():
    cookies = [(b"set-cookie", b"a=b"), (b"set-cookie", b"c=d")]
    client = H2Client(whole(b"", *cookies))
    (event,) = client.of(client.request(), h2.events.ResponseReceived)
    assert list(event.headers)[1:3] == cookies


def test_the_fields_of_the_server_are_added():
    client = H2Client(service=Service(fields=[(b"server", b"microquart")]))
    assert client.head(client.request())[b"server"] == b"microquart"


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\0"])
def test_a_field_that_splits_the_response_is_not_sent(value):
    client = H2Client(nothing)
    number = client.request()
    with pytest.raises(UnexpectedMessage):
        client.stream.send(start(200, (b"a", value)))
    client.stream.end(True)
    client.exchange()
    assert client.status(number) == 500


def test_an_early_hint_comes_before_the_response():
    client = H2Client(
        says(
            {"type": "http.response.early_hint", "links": [b"</a>", b"</b>"]},
            start(),
            body(b"hello"),
        )
    )
    number = client.request()
    (hint,) = client.of(number, h2.events.InformationalResponseReceived)
    assert hint.headers == [
        (b":status", b"103"),
        (b"link", b"</a>"),
        (b"link", b"</b>"),
    ]
    assert client.status(number) == 200


@pytest.mark.parametrize("fields", [[(b"x", b"y")], []])
@pytest.mark.parametrize("content", [b"hello", b"", bytes(100 * KIB)])
def test_trailers_end_the_response(fields, content):
    client = H2Client(
        says(
            {"type": "http.response.start", "status": 200, "trailers": True},
            body(content),
            {"type": "http.response.trailers", "headers": fields},
        )
    )
    number = client.request()
    assert client.content(number) == content
    assert client.ended(number)
    trailers = client.of(number, h2.events.TrailersReceived)
    assert [event.headers for event in trailers] == (
        [fields] if fields else []
    )


def test_what_streams_say_in_one_turn_leaves_in_one_write():
    client = H2Client(nothing)
    for _ in range(10):
        client.request()
    for stream in client.streams.values():
        hello(stream)
    kinds = [kind for kind, _ in frames_of(client.connection.data_to_send())]
    assert kinds == [HEADERS, DATA] * 10


# -- windows, on the way out ------------------------------------------------


@pytest.mark.parametrize("window", [1, 100, 65_535, 2**31 - 1])
@pytest.mark.parametrize("size", [0, 1, 65_536, 200_000])
def test_a_response_passes_through_any_window(window, size):
    client = H2Client(
        whole(bytes(size)), settings={SettingCodes.INITIAL_WINDOW_SIZE: window}
    )
    if size > 1000 and window < 1000:
        client.reads = False  # it takes a look at the first frame
    number = client.request()
    assert client.status(number) == 200
    if client.reads:
        assert len(client.content(number)) == size
        assert client.ended(number)
    else:
        assert len(client.content(number)) == window


def test_a_window_of_nothing_lets_the_head_pass():
    client = H2Client(
        whole(b"hello"), settings={SettingCodes.INITIAL_WINDOW_SIZE: 0}
    )
    number = client.request()
    assert client.status(number) == 200
    assert not client.ended(number)
    client.h2.increment_flow_control_window(5, number)
    client.exchange()
    assert client.content(number) == b"hello"
    assert client.ended(number)


def test_an_empty_response_needs_no_window():
    client = H2Client(
        says(start(), body(b"", more=True), body(b"")),
        settings={SettingCodes.INITIAL_WINDOW_SIZE: 0},
    )
    assert client.ended(client.request())


def test_settings_open_the_windows_of_open_streams():
    client = H2Client(
        whole(b"hello"), settings={SettingCodes.INITIAL_WINDOW_SIZE: 0}
    )
    client.reads = False
    number = client.request()
    client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 3})
    client.exchange()
    assert client.content(number) == b"hel"
    client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
    client.exchange()
    client.h2.increment_flow_control_window(3, number)
    client.exchange()
    assert client.content(number) == b"hel"  # it was in debt
    client.h2.increment_flow_control_window(2, number)
    client.exchange()
    assert client.content(number) == b"hello"


def held(stream, chunk=16 * KIB):
    """Send until the stream is blocked; return how much it has taken."""
    stream.send(start())
    size = 0
    while not stream.blocked:
        stream.send(body(bytes(chunk), more=True))
        size += chunk
    return size


@pytest.mark.parametrize("chunk", [100, 16 * KIB, 64 * KIB, 1024 * KIB])
def test_a_client_that_does_not_read_blocks_the_application(chunk):
    client = H2Client(nothing, settings={SettingCodes.INITIAL_WINDOW_SIZE: 0})
    client.request()
    size = held(client.stream, chunk)
    assert size < 64 * KIB + chunk


def test_a_window_that_opens_unblocks_the_application():
    client = H2Client(nothing, settings={SettingCodes.INITIAL_WINDOW_SIZE: 0})
    client.reads = False
    number = client.request()
    held(client.stream)
    client.exchange()
    client.woken.clear()
    client.h2.increment_flow_control_window(16 * KIB, number)
    client.exchange()
    assert client.stream.blocked
    client.h2.increment_flow_control_window(16 * KIB, number)
    client.exchange()
    assert not client.stream.blocked
    assert client.woken == [client.stream]


def test_all_streams_of_a_connection_share_a_limit():
    client = H2Client(nothing, settings={SettingCodes.INITIAL_WINDOW_SIZE: 0})
    client.reads = False
    streams = {client.request(): client.stream for _ in range(40)}
    sizes = [held(stream, 32 * KIB) for stream in streams.values()]
    assert sizes[:4] == [64 * KIB] * 4
    assert sizes[4:] == [32 * KIB] * 36
    client.exchange()
    client.woken.clear()
    *others, last = streams
    # Who has nothing more there may go on, whatever the others have.
    client.h2.increment_flow_control_window(32 * KIB - 1, last)
    client.exchange()
    assert streams[last].blocked
    client.h2.increment_flow_control_window(1, last)
    client.exchange()
    assert client.woken == [streams[last]]
    assert not streams[last].blocked
    for number in others:
        client.h2.increment_flow_control_window(64 * KIB, number)
    client.exchange()
    client.h2.increment_flow_control_window(4 * 1024 * KIB)
    client.exchange()
    assert not any(stream.blocked for stream in streams.values())


def test_a_stream_that_ends_makes_room_for_the_others():
    client = H2Client(nothing, settings={SettingCodes.INITIAL_WINDOW_SIZE: 0})
    client.reads = False
    streams = {client.request(): client.stream for _ in range(5)}
    for stream in streams.values():
        held(stream, 32 * KIB)
    *others, last = streams
    client.h2.increment_flow_control_window(16 * KIB, last)
    client.exchange()
    assert streams[last].blocked
    for number in others[:3]:
        client.h2.reset_stream(number)
    client.exchange()
    assert not streams[last].blocked


def test_streams_take_turns():
    client = H2Client(
        whole(bytes(60 * KIB)),
        settings={SettingCodes.INITIAL_WINDOW_SIZE: 2**20},
    )
    client.reads = False
    first = client.request()  # spends most of the connection's window
    second, third = client.request(), client.request()
    assert len(client.content(first)) == 60 * KIB
    client.h2.increment_flow_control_window(64 * KIB)
    client.exchange()
    sizes = [len(client.content(number)) for number in (second, third)]
    assert max(sizes) - min(sizes) <= 16 * KIB
    client.h2.increment_flow_control_window(64 * KIB)
    client.exchange()
    assert client.ended(second)
    assert client.ended(third)


def test_a_stream_whose_window_is_closed_holds_up_no_other():
    client = H2Client(whole(bytes(100 * KIB)))
    client.reads = False
    client.h2.increment_flow_control_window(1024 * KIB)
    stuck = client.request()
    assert len(client.content(stuck)) == WINDOW
    other = client.request()
    client.h2.increment_flow_control_window(64 * KIB, other)
    client.exchange()
    assert client.ended(other)
    assert not client.ended(stuck)


def test_frames_are_no_larger_than_the_client_allows():
    client = H2Client(
        whole(bytes(200 * KIB)),
        settings={
            SettingCodes.INITIAL_WINDOW_SIZE: 2**20,
            SettingCodes.MAX_FRAME_SIZE: 20_000,
        },
    )
    client.h2.increment_flow_control_window(2**20)
    number = client.request()
    sizes = {
        len(event.data) for event in client.of(number, h2.events.DataReceived)
    }
    assert max(sizes) == 20_000


def test_a_window_of_one_is_used_at_once_but_not_for_ever():
    client = H2Client(
        whole(bytes(3000)), settings={SettingCodes.INITIAL_WINDOW_SIZE: 0}
    )
    client.reads = False
    number = client.request()
    for size in range(1, 1200):
        client.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: size})
        client.connection.now += 0.02  # spares the budget of its frames
        client.exchange()
        if size == 1:
            assert client.content(number) == b"\0"
    tiny = client.of(number, h2.events.DataReceived)
    assert len(tiny) <= 1199
    assert not client.connection.closing


# -- ends -------------------------------------------------------------------


def test_a_reset_by_the_client_is_a_disconnect():
    client = H2Client(nothing)
    number = client.request()
    left = []
    client.stream.watch(lambda: left.append(1))
    client.woken.clear()
    client.reset(number)
    assert left == [1]
    assert client.woken == [client.stream]
    assert client.stream.take() == {"type": "http.disconnect"}
    with pytest.raises(ClientDisconnected):
        client.stream.send(start())
    client.stream.end(True)
    assert client.connection.data_to_send() == b""


def test_a_reset_ends_the_wait_for_a_window():
    client = H2Client(nothing, settings={SettingCodes.INITIAL_WINDOW_SIZE: 0})
    number = client.request()
    client.stream.send(start())
    client.stream.send(body(bytes(64 * KIB)))
    assert client.stream.blocked
    client.exchange()
    client.woken.clear()
    client.reset(number)
    assert not client.stream.blocked
    assert client.woken == [client.stream]


def test_an_application_that_fails_is_answered_with_500():
    client = H2Client(lambda stream: stream.end(True))
    number = client.request()
    assert client.status(number) == 500
    assert client.ended(number)


def test_an_application_that_fails_within_its_answer_resets_the_stream():
    def answer(stream):
        stream.send(start())
        stream.send(body(b"hel", more=True))
        stream.end(True)

    client = H2Client(answer)
    number = client.request()
    assert client.content(number) == b"hel"
    assert not client.ended(number)
    assert client.reset_code(number) == ErrorCodes.INTERNAL_ERROR
    assert client.connection.idle


def test_an_answer_before_the_content_is_whole_ends_the_stream():
    client = H2Client()
    number = client.post(b"some", end=False)
    assert client.status(number) == 200
    assert client.ended(number)
    assert client.reset_code(number) == ErrorCodes.NO_ERROR
    client.says(build(DATA, 0, number, b"more"))
    client.says(build(DATA, 1, number, b"more"))
    assert client.status(client.request()) == 200


def test_trailers_on_a_stream_that_is_dead_are_let_pass():
    client = H2Client()
    number = client.post(b"some", end=False)
    block = client.h2.encoder.encode([(b"x", b"y")])
    client.says(build(HEADERS, 5, number, block))
    assert client.status(client.request((b"x", b"y"))) == 200


@pytest.mark.parametrize("loss", ["lost", "end", "error"])
def test_a_connection_that_ends_is_a_disconnect_of_every_stream(loss):
    client = H2Client(nothing)
    client.request()
    client.post(end=False)
    client.woken.clear()
    if loss == "lost":
        client.connection.lost()
    elif loss == "end":
        client.connection.receive_data(b"")
        client.connection.expire(1.0)
    else:
        client.connection.receive_data(build(DATA, 0, 0, b""))
    client.settle()
    assert {stream.number for stream in client.woken} == {1, 3}
    for stream in client.streams.values():
        assert stream.take() == {"type": "http.disconnect"}
        stream.end(True)


def test_a_client_that_half_closes_gets_its_answer():
    client = H2Client(nothing)
    number = client.request()
    client.connection.receive_data(b"")
    assert not client.connection.closed
    hello(client.stream)
    client.exchange()
    assert client.status(number) == 200
    assert client.connection.closed


def test_a_client_that_says_goodbye_gets_its_answers():
    client = H2Client(nothing)
    number = client.request()
    client.says(build(GOAWAY, 0, 0, bytes(8)))
    hello(client.stream)
    client.exchange()
    assert client.status(number) == 200
    assert client.connection.closed


# -- errors of the peer -----------------------------------------------------


@pytest.mark.parametrize(("raw", "code"), ERRORS.values(), ids=ERRORS.keys())
def test_an_error_of_the_connection_ends_it(raw, code):
    client = H2Client(nothing)
    client.post(end=False)
    client.says(raw)
    assert client.failed == code
    assert client.stream.gone
    # What still comes is read for a while, then the connection closes.
    client.says(PING_8)
    assert not client.connection.closed
    client.at(10.0)
    assert client.connection.closed


@pytest.mark.parametrize(
    "first", [b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.1", PREFACE + PING_8]
)
def test_what_is_no_preface_ends_the_connection(first):
    client = H2Client(begin=False)
    client.connection.receive_data(first)
    *_, (kind, frame) = frames_of(client.connection.data_to_send())
    assert kind == GOAWAY
    assert frame[13:17] == b"\0\0\0\1"
    assert client.connection.closing


@pytest.mark.parametrize("raw", IGNORED)
def test_what_means_nothing_is_ignored(raw):
    client = H2Client(nothing)
    client.post(end=False)
    client.says(raw)
    assert not client.connection.closing
    assert not client.stream.gone


def test_a_ping_is_answered():
    client = H2Client()
    client.h2.ping(b"12345678")
    client.exchange()
    (ack,) = (
        event
        for event in client.events
        if isinstance(event, h2.events.PingAckReceived)
    )
    assert ack.ping_data == b"12345678"


@pytest.mark.parametrize(
    ("raw", "code"), STREAM_ERRORS.values(), ids=STREAM_ERRORS.keys()
)
def test_an_error_of_a_stream_resets_that_one(raw, code):
    client = H2Client(nothing)
    number, other = client.request(), client.post(end=False)
    client.says(raw)
    assert client.reset_code(number) == code
    assert client.streams[number].take() == {"type": "http.disconnect"}
    assert client.reset_code(other) is None
    assert not client.connection.closing


# -- how many at a time -----------------------------------------------------


def test_the_stream_that_is_one_too_many_is_refused():
    client = H2Client(nothing, h2_max_concurrent_streams=3)
    client.h2.remote_settings.max_concurrent_streams = 100
    client.h2.remote_settings.acknowledge()
    numbers = [client.request() for _ in range(5)]
    assert list(client.streams) == numbers[:3]
    codes = [client.reset_code(number) for number in numbers]
    assert codes == [
        None,
        None,
        None,
        ErrorCodes.REFUSED_STREAM,
        ErrorCodes.REFUSED_STREAM,
    ]
    hello(client.streams[1])
    client.exchange()
    assert client.request() in client.streams


def test_an_application_that_still_runs_keeps_its_place():
    client = H2Client(nothing, h2_max_concurrent_streams=3)
    for _ in range(3):
        client.reset(client.request())
    assert client.reset_code(client.request()) == ErrorCodes.REFUSED_STREAM
    client.streams[1].end(True)
    assert client.reset_code(client.request()) is None


def test_one_that_has_answered_makes_place():
    client = H2Client(
        lambda stream: (stream.send(start()), stream.send(body())),
        h2_max_concurrent_streams=3,
    )
    numbers = [client.request() for _ in range(7)]
    codes = [client.reset_code(number) for number in numbers]
    assert codes == [None] * 6 + [ErrorCodes.REFUSED_STREAM]


def test_one_whose_answer_waits_for_a_window_keeps_its_place():
    client = H2Client(
        lambda stream: (stream.send(start()), stream.send(body(b"x"))),
        settings={SettingCodes.INITIAL_WINDOW_SIZE: 0},
        h2_max_concurrent_streams=3,
    )
    client.h2.remote_settings.max_concurrent_streams = 100
    client.h2.remote_settings.acknowledge()
    codes = [client.reset_code(client.request()) for _ in range(4)]
    assert codes == [None] * 3 + [ErrorCodes.REFUSED_STREAM]


def test_more_streams_before_the_limit_is_known_are_no_offence():
    client = H2Client(nothing, h2_max_concurrent_streams=3, begin=False)
    client.h2.initiate_connection()
    for number in range(1, 200, 2):
        client.h2.send_headers(number, request(), end_stream=True)
    client.exchange()
    assert len(client.streams) == 3
    assert not client.connection.closing


# -- the end of the connection ----------------------------------------------

MAX = (2**31 - 1).to_bytes(4, "big")


def test_shutdown_lets_open_streams_finish_and_refuses_others():
    client = H2Client(nothing)
    number = client.request()
    client.connection.shutdown()
    client.exchange()
    assert client.goaways == [
        (0, MAX, b""),  # what is on the wire is still welcome
        (0, b"\0\0\0\1", b""),  # the client has heard it
    ]
    assert client.reset_code(client.request()) == ErrorCodes.REFUSED_STREAM
    assert not client.connection.closed
    hello(client.streams[number])
    client.exchange()
    assert client.status(number) == 200
    assert client.goaways[-1][0] == 0
    assert client.connection.closed


def test_a_request_on_the_wire_at_shutdown_is_served():
    client = H2Client()
    client.connection.shutdown()
    number = client.request()
    assert client.status(number) == 200
    assert client.connection.closed


def test_an_idle_connection_is_closed_soon_after_shutdown():
    client = H2Client()
    client.connection.shutdown()
    client.connection.data_to_send()  # the client does not answer
    client.at(0.4)
    assert not client.connection.closed
    client.at(0.5)
    assert client.connection.closed


def test_a_connection_serves_so_many_requests():
    client = H2Client(max_requests_per_connection=3)
    numbers = [client.request() for _ in range(3)]
    assert [client.status(number) for number in numbers] == [200] * 3
    assert client.goaways[0] == (0, MAX, b"")
    assert client.connection.closed


# -- time -------------------------------------------------------------------


def test_a_connection_is_closed_when_no_stream_is_open_for_long():
    client = H2Client(nothing)
    client.request()
    client.at(1000.0)
    hello(client.stream)
    client.exchange()
    client.at(1074.0)
    client.h2.ping(bytes(8))
    client.exchange()
    assert not client.connection.closed
    client.at(1075.0)
    assert client.goaways == [(0, b"\0\0\0\1", b"")]
    assert client.connection.closed


@pytest.mark.parametrize(
    "part",
    [
        b"",
        PREFACE[:10],
        PREFACE + build(SETTINGS, 0, 0, b"") + build(HEADERS, 1, 1, b"\x82"),
        PREFACE
        + build(SETTINGS, 0, 0, b"")
        + build(HEADERS, 5, 1, b"\x82")[:9],
        PREFACE + build(SETTINGS, 0, 0, b"") + b"\0",
    ],
)
def test_a_head_has_to_come_in_time(part):
    client = H2Client(begin=False)
    for at in range(len(part)):
        client.connection.receive_data(part[at : at + 1])
        client.connection.now += 0.1
    now = client.connection.now
    client.connection.expire(9.9)
    assert not client.connection.closed
    client.connection.expire(now + 10.0)
    assert client.connection.closed


def test_a_head_that_came_in_time_does_not_expire():
    client = H2Client(nothing)
    client.says(build(HEADERS, 1, 1, b"\x82\x86\x84\x41\x01x"))
    client.at(5.0)
    client.says(build(CONTINUATION, 4, 1, b""))
    client.at(20.0)
    assert not client.connection.closed
    assert not client.stream.gone


def test_content_has_to_come_in_time_if_it_is_waited_for():
    client = H2Client(nothing)
    number = client.post(end=False)
    client.at(100.0)
    assert client.stream.take() is None
    client.at(129.0)
    assert not client.stream.gone
    client.at(130.0)
    assert client.stream.gone
    assert client.status(number) == 408
    assert client.ended(number)


def test_a_response_that_has_begun_is_reset_if_the_content_does_not_come():
    client = H2Client(nothing)
    number = client.post(end=False)
    client.stream.send(start())
    client.stream.send(body(b"x", more=True))
    assert client.stream.take() is None
    client.at(30.0)
    assert client.reset_code(number) == ErrorCodes.CANCEL
    assert client.stream.gone


def drip(client, number, seconds):
    """Send a byte a second; return when the stream was given up."""
    for second in range(seconds):
        client.connection.now = float(second)
        client.send(number, b"x")
        while client.stream.take():
            pass
        client.at(second + 0.9)
        if client.stream.gone:
            return second
    return None


def test_content_has_a_least_rate():
    client = H2Client(nothing)
    number = client.post(end=False)
    assert client.stream.take() is None
    assert drip(client, number, 20) == 11


def test_content_has_no_least_rate_if_there_is_none():
    client = H2Client(nothing, body_min_rate=None)
    number = client.post(end=False)
    assert client.stream.take() is None
    assert drip(client, number, 40) is None


def test_a_stream_that_waits_for_a_window_for_too_long_is_given_up():
    client = H2Client(nothing, settings={SettingCodes.INITIAL_WINDOW_SIZE: 0})
    number = client.request()
    held(client.stream)
    client.at(29.0)
    assert not client.stream.gone
    client.at(30.0)
    assert client.reset_code(number) == ErrorCodes.CANCEL
    assert client.stream.gone
    assert not client.stream.blocked


def test_an_answer_has_a_least_rate():
    client = H2Client(nothing, settings={SettingCodes.INITIAL_WINDOW_SIZE: 0})
    client.reads = False
    number = client.request()
    held(client.stream)
    second = 0
    while not client.stream.gone:
        second += 1
        client.connection.now = float(second)
        client.h2.increment_flow_control_window(1, number)
        client.exchange()
        client.at(second + 0.1)
    assert second == 11


# -- floods -----------------------------------------------------------------


def until_failed(client, act, count):
    """Act so often; return how often it took until the connection ended."""
    for number in range(count):
        if client.connection.closing:
            return number
        act()
    return None


def test_resets_have_a_budget():
    client = H2Client(
        lambda stream: stream.end(False) if stream.gone else None
    )

    def reset():
        number = client.h2.get_next_available_stream_id()
        client.h2.send_headers(number, request(), end_stream=True)
        client.h2.reset_stream(number)
        client.exchange()

    assert until_failed(client, reset, 1000) == 101
    assert client.failed == ErrorCodes.ENHANCE_YOUR_CALM


def test_resets_within_the_budget_are_served():
    client = H2Client(nothing)
    for number in range(300):
        client.connection.now = number / 20
        client.reset(client.request())
        client.stream.end(True)
    assert not client.connection.closing


def test_errors_of_the_peer_have_a_budget():
    client = H2Client()
    assert (
        until_failed(client, lambda: client.request((b"A", b"")), 1000) == 21
    )
    assert client.failed == ErrorCodes.ENHANCE_YOUR_CALM


FLOODS = {
    "PING": PING_8,
    "SETTINGS": build(SETTINGS, 0, 0, b""),
    "PRIORITY": build(PRIORITY, 0, 1, b"\0\0\0\3\x10"),
    "unknown frames": build(0xBE, 0, 0, b""),
    "empty DATA": build(DATA, 0, 1, b""),
    "small WINDOW_UPDATE": build(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
    "GOAWAY": build(GOAWAY, 0, 0, bytes(8)),
}


@pytest.mark.parametrize("frame", FLOODS.values(), ids=FLOODS.keys())
def test_frames_that_bring_nothing_forward_have_a_budget(frame):
    client = H2Client(nothing)
    client.post(end=False)
    client.says(frame * 990)
    assert not client.connection.closing
    client.connection.now = 100.0
    client.says(frame * 1000)
    assert not client.connection.closing
    client.says(frame)
    assert client.failed == ErrorCodes.ENHANCE_YOUR_CALM


def test_small_window_updates_for_small_frames_are_no_flood():
    client = H2Client(nothing)
    number = client.request()
    client.reads = False
    client.stream.send(start())
    for _ in range(1100):
        client.stream.send(body(b"event\n", more=True))
        client.exchange()
        client.h2.increment_flow_control_window(6)
        client.h2.increment_flow_control_window(6, number)
        client.exchange()
    assert not client.connection.closing


@pytest.mark.parametrize(
    ("head", "continuation"),
    [
        (b"\x82", b"\x82"),
        (b"\x82", b""),
        (b"", b""),
        (bytes(16_000), bytes(16_000)),
    ],
)
def test_a_header_block_has_a_limit_of_frames_and_bytes(head, continuation):
    client = H2Client()
    client.says(build(HEADERS, 1, 1, head))
    act = lambda: client.says(build(CONTINUATION, 0, 1, continuation))  # noqa: E731
    assert until_failed(client, act, 100) <= 17
    assert client.failed == ErrorCodes.ENHANCE_YOUR_CALM


def test_reading_stops_while_answers_pile_up():
    client = H2Client()
    client.connection.receive_data(PING_8 * 256)
    assert not client.connection.paused
    client.connection.receive_data(PING_8)
    assert client.connection.paused
    client.connection.data_to_send()
    assert not client.connection.paused
