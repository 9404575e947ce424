"""HTTP/1.1 in conversation: what a client says, and what it hears."""

import h11
import pytest

from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.protocol.stream import HTTPStream, Service
from tests.protocol.conversation import (
    Conversation,
    body,
    nothing,
    start,
    taken,
)

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


def post(content: bytes, *fields: bytes) -> bytes:
    lines = [b"POST / HTTP/1.1", b"Host: x", *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + content


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def read(answer: bytes, method: str = "GET") -> tuple[h11.Response, bytes]:
    """Read one answer as a client does."""
    client = h11.Connection(h11.CLIENT)
    client.send(
        h11.Request(method=method, target="/", headers=[("Host", "x")])
    )
    client.send(h11.EndOfMessage())
    client.receive_data(answer)
    client.receive_data(b"")
    content = b""
    response = None
    while True:
        event = client.next_event()
        if isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            content += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert response is not None
            return response, content


# -- requests ---------------------------------------------------------------


def test_a_get_is_answered():
    assert Conversation().says(GET) == OK


@pytest.mark.parametrize("cut", [1, 2, 7, 1000])
def test_the_way_the_bytes_are_cut_does_not_matter(cut):
    client = Conversation(nothing)
    client.says(post(b"hello", b"Content-Length: 5"), cut)
    assert taken(client.stream) == b"hello"


def test_the_scope_says_what_was_asked():
    client = Conversation(service=Service(state={"pool": 1}))
    client.says(
        b"GET /caf%C3%A9%2Fx?a=%20b HTTP/1.1\r\nHost: x\r\nX-Y:  \xe9 \r\n\r\n"
    )
    scope = dict(client.stream.scope)
    del scope["extensions"]
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
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


def test_each_scope_has_a_copy_of_the_state():
    service = Service(state={"pool": 1})
    client = Conversation(service=service)
    client.says(GET + GET)
    first, second = (stream.scope["state"] for stream in client.streams)
    assert first is not second
    assert first is not service.state


def test_what_an_application_puts_into_a_scope_is_in_no_other():
    client = Conversation()
    client.says(GET + GET)
    first, second = (stream.scope for stream in client.streams)
    watches = [
        scope["extensions"]["microquart.disconnect"]["watch"].__self__
        for scope in (first, second)
    ]
    assert watches == client.streams
    first["extensions"]["mine"] = first["asgi"]["mine"] = {}
    assert "mine" not in second["extensions"]
    assert "mine" not in second["asgi"]
    client.says(GET)
    third = client.streams[2].scope
    assert "mine" not in third["extensions"]
    assert "mine" not in third["asgi"]


def test_the_path_includes_the_root_path():
    client = Conversation(service=Service(root_path="/api"))
    client.says(GET)
    scope = client.stream.scope
    assert scope["root_path"] == "/api"
    assert scope["path"] == "/api/"
    assert scope["raw_path"] == b"/api/"


@pytest.mark.parametrize(
    ("target", "path", "query", "host"),
    [
        (b"/", b"/", b"", b"x"),
        (b"/a/../b", b"/a/../b", b"", b"x"),
        (b"/?", b"/", b"", b"x"),
        (b"//e", b"//e", b"", b"x"),
        (b"http://other:81/p?q", b"/p", b"q", b"other:81"),
        (b"http://other", b"/", b"", b"other"),
        (b"HTTP://other?q", b"/", b"q", b"other"),
    ],
)
def test_a_target_is_taken_apart(target, path, query, host):
    client = Conversation()
    client.says(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    scope = client.stream.scope
    assert scope["raw_path"] == path
    assert scope["query_string"] == query
    assert (b"host", host) in scope["headers"]


def test_an_asterisk_is_for_options_alone():
    client = Conversation()
    client.says(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.stream.scope["path"] == "*"


def test_a_path_that_is_no_utf8_is_replaced_and_kept_raw():
    client = Conversation()
    client.says(b"GET /%ff HTTP/1.1\r\nHost: x\r\n\r\n")
    assert client.stream.scope["path"] == "/\ufffd"
    assert client.stream.scope["raw_path"] == b"/%ff"


def test_an_empty_line_before_a_request_is_ignored():
    assert Conversation().says(b"\r\n" + GET) == OK


def test_pipelined_requests_are_answered_in_order():
    targets = [b"/1", b"/2", b"/3"]
    requests = b"".join(GET.replace(b"/ ", t + b" ") for t in targets)
    client = Conversation(nothing)
    client.says(requests)
    for number in range(3):
        assert len(client.streams) == number + 1
        stream = client.stream
        assert stream.scope["raw_path"] == targets[number]
        stream.send(start(200, (b"content-length", b"1")))
        stream.send(body(b"%d" % number))
        stream.end(False)
        assert client.hears().endswith(b"%d" % number)


def test_http_1_0_is_answered_without_chunks_and_closed():
    def stream_it(stream: HTTPStream) -> None:
        stream.send(start())
        stream.send(body(b"a", more=True))
        stream.send(body(b"b"))
        stream.end(False)

    client = Conversation(stream_it)
    answer = client.says(b"GET / HTTP/1.0\r\n\r\n")
    assert answer.endswith(b"\r\n\r\nab")
    assert b"chunked" not in answer
    assert client.stream.scope["http_version"] == "1.0"
    assert client.connection.closed


# -- content ----------------------------------------------------------------

CHUNKED = post(
    b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\n",
    b"Transfer-Encoding: chunked",
)


@pytest.mark.parametrize("cut", [1, 2, 3, 5, 8, 1000])
def test_chunks_are_decoded_and_trailers_dropped(cut):
    client = Conversation(nothing)
    client.says(CHUNKED + GET, cut)
    assert taken(client.stream) == b"hello!"
    client.stream.send(start(204))
    client.stream.send(body())
    client.stream.end(False)
    client.settle()
    assert len(client.streams) == 2


def test_content_arrives_in_messages_as_it_comes():
    client = Conversation(nothing)
    client.says(post(b"he", b"Content-Length: 5"))
    assert client.stream.take() == {
        "type": "http.request",
        "body": b"he",
        "more_body": True,
    }
    assert client.stream.take() is None
    client.says(b"llo")
    assert client.stream in client.woken
    assert client.stream.take() == {
        "type": "http.request",
        "body": b"llo",
        "more_body": False,
    }


def test_a_request_without_content_has_one_empty_message():
    client = Conversation(nothing)
    client.says(GET)
    assert client.stream.take() == {
        "type": "http.request",
        "body": b"",
        "more_body": False,
    }
    assert client.stream.take() is None


def test_reading_stops_when_the_application_does_not_take():
    client = Conversation(nothing, body_unread=10)
    client.says(post(b"123456789", b"Content-Length: 30"))
    assert not client.connection.paused
    client.says(b"0")
    assert client.connection.paused
    client.stream.take()
    assert not client.connection.paused


def test_reading_stops_when_pipelined_requests_wait():
    client = Conversation(nothing, body_unread=10)
    client.says(GET)
    client.says(GET)
    assert client.connection.paused


def test_100_continue_is_sent_when_the_application_asks():
    client = Conversation(nothing)
    heard = client.says(
        post(b"", b"Content-Length: 5", b"Expect: 100-continue")
    )
    assert heard == b""
    assert client.stream.take() is None
    assert client.hears() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.says(b"hello")
    assert taken(client.stream) == b"hello"


def test_no_100_is_sent_when_the_answer_comes_without_asking():
    client = Conversation()
    heard = client.says(
        post(b"", b"Content-Length: 5", b"Expect: 100-continue")
    )
    assert heard.startswith(b"HTTP/1.1 200 OK")
    # The client may send its content now, or not: nobody could tell.
    assert b"connection: close" in heard


# -- responses --------------------------------------------------------------


def test_head_and_first_content_leave_together():
    client = Conversation(nothing)
    client.says(GET)
    client.stream.send(start())
    assert client.hears() == b""
    client.stream.send(body(b"a", more=True))
    assert client.hears().endswith(b"1\r\na\r\n")


def test_content_of_unknown_length_is_chunked():
    def stream_it(stream: HTTPStream) -> None:
        stream.send(start())
        stream.send(body(b"a", more=True))
        stream.send(body(b"", more=True))
        stream.send(body(b"b"))
        stream.end(False)

    response, content = read(Conversation(stream_it).says(GET))
    assert (b"transfer-encoding", b"chunked") in list(response.headers)
    assert content == b"ab"


def test_content_that_comes_whole_gets_its_length():
    def at_once(stream: HTTPStream) -> None:
        stream.send(start())
        stream.send(body(b"abc"))
        stream.end(False)

    response, _ = read(Conversation(at_once).says(GET))
    assert (b"content-length", b"3") in list(response.headers)


def test_framing_fields_of_the_application_are_left_to_us():
    def framed(stream: HTTPStream) -> None:
        stream.send(start(200, (b"Transfer-Encoding", b"chunked")))
        stream.send(body(b"a", more=True))
        stream.send(body())
        stream.end(False)

    answer = Conversation(framed).says(GET)
    assert answer.lower().count(b"transfer-encoding") == 1
    assert read(answer)[1] == b"a"


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)]
)
def test_some_answers_have_no_content(method, status):
    def with_content(stream: HTTPStream) -> None:
        stream.send(start(status, (b"content-length", b"5")))
        stream.send(body(b"he", more=True))
        stream.send(body(b"llo"))
        stream.end(False)

    client = Conversation(with_content)
    request = GET.replace(b"GET", method.encode())
    answer = client.says(request)
    assert answer.endswith(b"\r\n\r\n")
    assert (b"content-length" in answer) == (status != 204)
    assert not client.connection.closed
    client.answer = nothing
    client.says(GET)
    assert len(client.streams) == 2


def test_an_early_hint_leaves_before_the_response():
    client = Conversation(nothing)
    client.says(GET)
    client.stream.send(
        {
            "type": "http.response.early_hint",
            "links": [b"</a.css>; rel=preload"],
        }
    )
    assert client.hears() == (
        b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n"
    )


def test_trailers_end_a_chunked_response():
    def with_trailers(stream: HTTPStream) -> None:
        stream.send({**start(), "trailers": True})
        stream.send(body(b"a"))
        stream.send(
            {"type": "http.response.trailers", "headers": [(b"x", b"y")]}
        )
        stream.end(False)

    answer = Conversation(with_trailers).says(GET)
    assert answer.endswith(b"1\r\na\r\n0\r\nx: y\r\n\r\n")


def test_date_and_server_are_those_of_the_service_unless_set():
    def own_server(stream: HTTPStream) -> None:
        stream.send(start(200, (b"Server", b"mine")))
        stream.send(body())
        stream.end(False)

    service = Service(fields=[(b"date", b"D"), (b"server", b"S")])
    answer = Conversation(own_server, service).says(GET)
    assert b"\r\ndate: D\r\n" in answer
    assert b"\r\nserver: mine\r\n" in answer
    assert b"server: S" not in answer


@pytest.mark.parametrize("who", ["client", "application"])
def test_close_is_answered_with_close(who):
    def answer(stream: HTTPStream) -> None:
        stream.send(start(200, (b"connection", b"close")))
        stream.send(body())
        stream.end(False)

    client = Conversation(answer) if who == "application" else Conversation()
    close = b"Connection: close\r\n" if who == "client" else b""
    heard = client.says(GET[:-2] + close + b"\r\n")
    assert heard.lower().count(b"connection: close") == 1
    assert client.connection.closed


def test_nothing_is_answered_after_close():
    client = Conversation()
    last = GET[:-2] + b"Connection: close\r\n\r\n"
    heard = client.says(last + GET)
    assert heard.count(b"HTTP/1.1") == 1
    assert len(client.streams) == 1
    assert client.connection.closing


def test_a_connection_ends_after_so_many_requests():
    client = Conversation(max_requests_per_connection=2)
    assert b"connection: close" not in client.says(GET)
    assert b"connection: close" in client.says(GET)


# -- what the application does wrong ----------------------------------------


@pytest.mark.parametrize(
    "sent", [[], [start()], [start(200, (b"content-length", b"5"))]]
)
@pytest.mark.parametrize("failed", [False, True])
def test_an_application_that_ends_too_early_is_a_500(sent, failed):
    def broken(stream: HTTPStream) -> None:
        for message in sent:
            stream.send(message)
        stream.end(failed)

    client = Conversation(broken)
    assert status_of(client.says(GET)) == 500
    client.answer = nothing
    client.says(GET)
    assert len(client.streams) == 2


@pytest.mark.parametrize("fields", [[], [(b"content-length", b"5")]])
def test_content_that_breaks_off_does_not_look_whole(fields):
    def broken(stream: HTTPStream) -> None:
        stream.send(start(200, *fields))
        stream.send(body(b"he", more=True))
        stream.end(True)

    client = Conversation(broken)
    with pytest.raises(h11.RemoteProtocolError):
        read(client.says(GET))
    assert client.connection.closed


def test_content_longer_than_its_length_is_not_sent():
    client = Conversation(nothing)
    client.says(GET)
    client.stream.send(start(200, (b"content-length", b"3")))
    client.stream.send(body(b"ab", more=True))
    with pytest.raises(UnexpectedMessage, match="longer"):
        client.stream.send(body(b"cde"))
    client.stream.end(True)
    assert client.hears().endswith(b"\r\n\r\nab")
    assert client.connection.closed


def test_content_shorter_than_its_length_closes():
    client = Conversation(nothing)
    client.says(GET)
    client.stream.send(start(200, (b"content-length", b"3")))
    client.stream.send(body(b"a", more=True))
    with pytest.raises(UnexpectedMessage, match="shorter"):
        client.stream.send(body(b"b"))
    client.stream.end(True)
    assert client.connection.closed


@pytest.mark.parametrize(
    "message",
    [
        start("200"),
        start(True),
        start(101),
        start(200, (b"a b", b"c")),
        start(200, (b"a", b"b\r\nc: d")),
        start(200, (b"a", b"b\0")),
        start(200, ("a", "b")),
        start(200, (b"a", b"b", b"c")),
        start(200, (b"content-length", b"+5")),
        start(200, (b"content-length", b"5"), (b"content-length", b"5")),
        {"type": "http.response.start", "status": 200, "headers": 3},
        {"type": "http.nonsense"},
        {"type": "websocket.accept"},
    ],
)
def test_a_malformed_message_is_refused_and_answered_with_500(message):
    client = Conversation(nothing)
    client.says(GET)
    with pytest.raises(UnexpectedMessage):
        client.stream.send(message)
    client.stream.end(True)
    heard = client.hears()
    assert status_of(heard) == 500
    assert b"c: d" not in heard


def test_a_body_that_is_no_bytes_is_refused():
    client = Conversation(nothing)
    client.says(GET)
    client.stream.send(start())
    with pytest.raises(UnexpectedMessage, match="a str"):
        client.stream.send(body("hello"))


def test_headers_may_be_any_iterable_or_left_out():
    def generated(stream: HTTPStream) -> None:
        stream.send(
            {
                "type": "http.response.start",
                "status": 299,
                "headers": (
                    pair for pair in [(b"a", b"\xe9\tz"), (b"b", b"")]
                ),
            }
        )
        stream.send({"type": "http.response.body"})
        stream.end(False)

    response, _ = read(Conversation(generated).says(GET))
    assert response.status_code == 299
    assert list(response.headers)[:2] == [(b"a", b"\xe9\tz"), (b"b", b"")]


# -- what the client does wrong ---------------------------------------------

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(*case[1:], id=case[0])
        for case in [
            ("no HTTP at all", b"\x16\x03\x01\x02", 400),
            ("bare LF", b"GET / HTTP/1.1\nHost: x\n\n", 400),
            ("bare LF in a field", HEAD + b"A: b\nC: d\r\n\r\n", 400),
            ("bare CR in a field", HEAD + b"A: b\rC: d\r\n\r\n", 400),
            ("NUL in a field", HEAD + b"A: \0\r\n\r\n", 400),
            ("folded field", HEAD + b"A: b\r\n c\r\n\r\n", 400),
            ("space before the colon", HEAD + b"A : b\r\n\r\n", 400),
            ("no field name", HEAD + b": b\r\n\r\n", 400),
            ("no colon", HEAD + b"A\r\n\r\n", 400),
            ("8 bits in a name", HEAD + b"\xe9: b\r\n\r\n", 400),
            ("no host", b"GET / HTTP/1.1\r\nA: b\r\n\r\n", 400),
            ("no field", b"GET / HTTP/1.1\r\n\r\n", 400),
            ("two hosts", HEAD + b"Host: x\r\n\r\n", 400),
            ("host of a user", b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400),
            ("host with path", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
            ("list of hosts", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
            ("method", b"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            ("space in target", b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            ("no slash", b"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            ("fragment", b"GET /#a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            ("GET *", b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            ("user info", b"GET http://a@b/ HTTP/1.1\r\nHost: x\r\n\r\n", 400),
            (
                "8 bits in target",
                b"GET /\xe9 HTTP/1.1\r\nHost: x\r\n\r\n",
                400,
            ),
            ("HTTP/0.9", b"GET /\r\n\r\n", 400),
            ("HTTP/2.0", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
            ("HTTP/1.2", b"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505),
            ("http/1.1", b"GET / http/1.1\r\nHost: x\r\n\r\n", 400),
            ("CONNECT", b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 501),
            ("expectation", HEAD + b"Expect: 200-ok\r\n\r\n", 417),
            ("long target", b"GET /" + b"a" * 9000, 414),
            (
                "whole long target",
                HEAD.replace(b"/ ", b"/" + b"a" * 9000 + b" ") + b"\r\n",
                414,
            ),
            ("large field", HEAD + b"A: " + b"a" * 40000, 431),
            (
                "whole large field",
                HEAD + b"A: " + b"a" * 40000 + b"\r\n\r\n",
                431,
            ),
            ("many fields", HEAD + b"A: b\r\n" * 128 + b"\r\n", 431),
            (
                "both lengths",
                HEAD
                + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                400,
            ),
            (
                "two lengths",
                HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
                400,
            ),
            (
                "same length twice",
                HEAD + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
                400,
            ),
            ("list of lengths", HEAD + b"Content-Length: 1, 1\r\n\r\n", 400),
            ("+1", HEAD + b"Content-Length: +1\r\n\r\n", 400),
            ("0x1", HEAD + b"Content-Length: 0x1\r\n\r\n", 400),
            ("1_0", HEAD + b"Content-Length: 1_0\r\n\r\n", 400),
            ("superscript", HEAD + b"Content-Length: \xb2\r\n\r\n", 400),
            ("no length", HEAD + b"Content-Length:\r\n\r\n", 400),
            (
                "5,000 digits",
                HEAD + b"Content-Length: " + b"1" * 5000 + b"\r\n\r\n",
                400,
            ),
            ("gzip", HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501),
            (
                "gzip, chunked",
                HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
                501,
            ),
            ("xchunked", HEAD + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
            (
                "chunked twice",
                HEAD + 2 * b"Transfer-Encoding: chunked\r\n" + b"\r\n",
                400,
            ),
            (
                "NBSP chunked",
                HEAD + b"Transfer-Encoding: \xa0chunked\r\n\r\n",
                501,
            ),
            (
                "chunked in 1.0",
                b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
                400,
            ),
        ]
    ],
)
@pytest.mark.parametrize("cut", [None, 1])
def test_what_could_be_read_in_two_ways_is_refused(request_, status, cut):
    if cut and len(request_) > 500:
        cut = 500
    client = Conversation()
    heard = client.says(request_, cut)
    assert status_of(heard) == status
    assert not client.streams
    assert b"connection: close" in heard.lower()
    assert client.connection.closing
    # Nothing that follows is executed.
    assert client.says(GET) == b""
    assert not client.streams


@pytest.mark.parametrize(
    "chunks",
    [
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5_0\r\nhello",
        b"\r\n",
        b"g\r\n",
        b"11111111111111111\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5;a\rb\r\nhello\r\n0\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n",
        b"0\r\n a\r\n\r\n",
        b"0\r\na : b\r\n\r\n",
        b"0\r\nA: b\n\r\n",
        b"0\r\nA: \0\r\n\r\n",
        b"0\r\n" + b"a: b\r\n" * 200 + b"\r\n",
    ],
)
@pytest.mark.parametrize("cut", [None, 1])
def test_malformed_chunks_end_the_connection(chunks, cut):
    client = Conversation(nothing)
    heard = client.says(post(chunks, b"Transfer-Encoding: chunked"), cut)
    assert status_of(heard) in (400, 431)
    assert client.connection.closing
    # The application does not get content that looks whole.
    assert client.stream.take() == {"type": "http.disconnect"}
    with pytest.raises(ClientDisconnected):
        client.stream.send(start())
    assert client.says(GET) == b""


def test_chunk_extensions_are_limited_in_all():
    client = Conversation(nothing, max_chunk_extensions=100)
    chunk = b"1;" + b"a" * 30 + b"\r\nx\r\n"
    heard = client.says(post(chunk * 5, b"Transfer-Encoding: chunked"))
    assert status_of(heard) == 400


def test_malformed_chunks_cut_an_answer_that_has_begun():
    client = Conversation(nothing)
    client.says(post(b"", b"Transfer-Encoding: chunked"))
    client.stream.send(start())
    client.stream.send(body(b"a", more=True))
    client.says(b"x\r\n")
    assert client.connection.closed


# -- early answers ----------------------------------------------------------


def test_a_short_rest_of_the_content_is_read_and_the_connection_kept():
    client = Conversation()
    heard = client.says(post(b"he", b"Content-Length: 5"))
    assert heard == OK
    assert not client.connection.closing
    assert client.says(b"llo" + GET) == OK


def test_a_long_rest_of_the_content_closes_the_connection_gently():
    client = Conversation(linger_bytes=10)
    heard = client.says(post(b"he", b"Content-Length: 50"))
    assert b"connection: close" in heard
    assert client.connection.closing
    assert not client.connection.closed
    client.says(b"12345678901")
    assert client.connection.closed


def test_endless_content_is_not_read_for_ever():
    client = Conversation(linger_bytes=10)
    client.says(post(b"1\r\na\r\n", b"Transfer-Encoding: chunked"))
    for _ in range(20):
        client.says(b"1\r\na\r\n")
    assert client.connection.closing


# -- departures -------------------------------------------------------------


def test_the_end_of_input_between_requests_closes():
    client = Conversation()
    client.says(GET)
    client.says(b"")
    assert client.connection.closed


def test_a_half_closed_client_gets_its_answer():
    client = Conversation(nothing)
    client.says(GET)
    client.says(b"")
    assert not client.connection.closed
    client.stream.send(start(200, (b"content-length", b"0")))
    client.stream.send(body())
    assert status_of(client.hears()) == 200
    assert client.connection.closed


def test_a_half_closed_client_gets_all_its_answers():
    client = Conversation(nothing)
    client.says(GET + GET)
    client.says(b"")
    for _ in range(2):
        client.stream.send(start(204))
        client.stream.send(body())
        client.stream.end(False)
        assert status_of(client.hears()) == 204
    assert client.connection.closed


def test_a_half_close_counts_as_a_departure_after_a_while():
    gone = []
    client = Conversation(nothing)
    client.says(GET)
    client.stream.watch(lambda: gone.append(True))
    client.connection.now = 10.0
    client.says(b"")
    client.connection.expire(10.2)
    assert not gone
    client.connection.expire(10.3)
    assert gone == [True]
    assert client.stream.take() == {"type": "http.disconnect"}


@pytest.mark.parametrize("how", ["lost", "end of input"])
def test_a_client_that_leaves_within_its_content_has_gone(how):
    gone = []
    client = Conversation(nothing)
    client.says(post(b"he", b"Content-Length: 5"))
    client.stream.watch(lambda: gone.append(True))
    if how == "lost":
        client.connection.lost()
    else:
        client.says(b"")
    assert gone == [True]
    assert client.stream.take() == {"type": "http.disconnect"}
    client.stream.watch(lambda: gone.append(False))
    assert gone == [True, False]


def test_sending_to_a_client_that_has_gone_raises():
    client = Conversation(nothing)
    client.says(GET)
    client.connection.lost()
    with pytest.raises(ClientDisconnected) as caught:
        client.stream.send(start())
    assert isinstance(caught.value, OSError)


def test_after_the_response_receive_gives_disconnect():
    client = Conversation()
    client.says(GET)
    assert client.stream.take() == {"type": "http.disconnect"}
    assert client.stream in client.woken


def test_nobody_is_told_of_a_departure_after_the_end():
    gone = []
    client = Conversation()
    client.says(GET)
    client.stream.watch(lambda: gone.append(True))
    client.connection.lost()
    assert not gone


# -- time -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "status"), [(b"", 0), (b"GET / HT", 408)], ids=["silent", "slow"]
)
def test_a_head_has_to_come_in_time(said, status):
    client = Conversation()
    client.says(said) if said else None
    client.connection.expire(9.9)
    assert not client.connection.closed
    client.connection.expire(10.0)
    assert status_of(client.hears()) == status
    assert client.connection.closed or client.connection.closing


def test_a_later_head_has_its_time_from_its_first_byte():
    client = Conversation()
    client.says(GET)
    client.connection.now = 50.0
    client.says(GET[:5])
    client.connection.now = 55.0
    client.says(GET[5:10])
    client.hears()
    client.connection.expire(59.9)
    assert client.hears() == b""
    client.connection.expire(60.0)
    assert status_of(client.hears()) == 408


def test_progress_does_not_extend_the_time_of_a_head():
    client = Conversation()
    for second in range(10):
        client.connection.now = float(second)
        client.says(GET[second : second + 1])
    client.connection.expire(10.0)
    assert status_of(client.hears()) == 408


def test_an_idle_connection_is_closed():
    client = Conversation()
    client.connection.now = 5.0
    client.says(GET)
    client.connection.expire(79.9)
    assert not client.connection.closed
    client.connection.expire(80.0)
    assert client.connection.closed


def test_a_request_that_runs_is_not_idle():
    client = Conversation(nothing)
    client.says(GET)
    client.connection.expire(1000.0)
    assert not client.connection.closed


def test_content_has_to_come_while_it_is_waited_for():
    client = Conversation(nothing)
    client.says(post(b"", b"Content-Length: 5"))
    client.connection.expire(100.0)
    assert not client.connection.closing  # nobody asked for it
    client.stream.take()
    client.connection.expire(130.0)
    assert status_of(client.hears()) == 408


def drip(client, seconds, drop=b"x"):
    """Send a little each second; return when the client was given up."""
    client.stream.take()
    for second in range(seconds):
        client.connection.now = float(second)
        client.says(drop)
        while client.stream.take():
            pass
        client.connection.expire(second + 0.9)
        if client.stream.gone:
            return second
    return None


def counted(**limits):
    client = Conversation(nothing, **limits)
    client.says(post(b"", b"Content-Length: 10000"))
    return client


def chunked(**limits):
    client = Conversation(nothing, **limits)
    client.says(post(b"", b"Transfer-Encoding: chunked"))
    return client


def test_content_has_a_least_rate():
    client = counted()
    assert drip(client, 20) == 11
    assert status_of(client.hears()) == 408
    assert client.connection.closing


def test_chunks_have_a_least_rate_of_what_is_in_them():
    client = chunked()
    drop = b"1;%b\r\nx\r\n" % (b"e" * 240)
    assert drip(client, 20, drop) == 11
    assert status_of(client.hears()) == 408


def test_content_at_the_least_rate_is_let_in():
    client = counted()
    assert drip(client, 40, b"x" * 240) is None


def test_content_has_no_least_rate_if_there_is_none():
    assert drip(counted(body_min_rate=None), 40) is None


def test_content_that_nobody_waits_for_may_trickle():
    client = counted()
    for second in range(40):
        client.connection.now = float(second)
        client.says(b"x")
        client.connection.expire(second + 0.9)
    assert not client.stream.gone


def test_an_answer_that_has_begun_is_cut_off_when_the_content_trickles():
    client = counted()
    client.stream.send(start())
    client.stream.send(body(b"a", more=True))
    client.hears()
    assert drip(client, 20) == 11
    assert client.hears() == b""
    assert client.connection.closed


def test_the_next_request_has_a_pace_of_its_own():
    client = chunked()
    assert drip(client, 11, b"1\r\nx\r\n") is None
    client.says(b"0\r\n\r\n")
    client.stream.take()
    client.stream.send(start(204))
    client.stream.send(body())
    client.says(post(b"", b"Content-Length: 10000"))
    client.stream.take()
    client.connection.expire(12.0)
    assert not client.stream.gone


def test_after_the_last_chunk_the_application_may_take_its_time():
    client = chunked()
    client.stream.take()
    client.says(b"0\r\n\r\n")
    client.stream.take()
    client.connection.expire(1000.0)
    assert not client.stream.gone


def test_what_was_dropped_for_one_request_is_not_counted_for_another():
    client = Conversation(linger_bytes=10)
    client.says(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n")
    client.says(b"12345678")
    client.says(
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n12345678"
    )
    assert client.connection.closing
    assert not client.connection.closed


def test_lingering_ends():
    client = Conversation()
    client.says(b"nonsense\r\n\r\n")
    assert not client.connection.closed
    client.connection.expire(2.0)
    assert client.connection.closed


def test_a_limit_that_is_none_never_expires():
    client = Conversation(header_timeout=None, keep_alive_timeout=None)
    client.connection.expire(1e9)
    client.says(GET)
    client.connection.expire(2e9)
    assert not client.connection.closed


# -- the end of the server --------------------------------------------------


def test_a_stopping_server_answers_the_open_request_and_closes():
    client = Conversation(nothing)
    client.says(GET)
    client.connection.shutdown()
    client.stream.send(start(204))
    client.stream.send(body())
    assert b"connection: close" in client.hears()
    assert client.connection.closed


def test_a_stopping_server_keeps_an_idle_connection_for_a_request_on_its_way():
    client = Conversation()
    client.says(GET)
    client.connection.shutdown()
    client.connection.expire(0.4)
    assert not client.connection.closed
    assert b"connection: close" in client.says(GET)
    assert client.connection.closed


def test_a_stopping_server_closes_idle_connections_after_a_short_while():
    client = Conversation()
    client.says(GET)
    client.connection.shutdown()
    client.connection.expire(0.5)
    assert client.connection.closed


def test_a_stop_in_mid_response_still_closes():
    client = Conversation(nothing)
    client.says(GET)
    client.stream.send(start())
    client.stream.send(body(b"a", more=True))
    client.connection.shutdown()
    client.stream.send(body())
    client.hears()
    client.connection.expire(0.5)
    assert client.connection.closed
