"""What holds for a request on either protocol, as one test over both."""

import h2.events
import h11
import pytest

from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.protocol.stream import Service
from tests.protocol.clients import H2Client, request
from tests.protocol.conversation import (
    Conversation,
    body,
    hello,
    nothing,
    start,
)

DISCONNECT = {"type": "http.disconnect"}


class Over1:
    """One request over HTTP/1.1."""

    def __init__(
        self, answer, method=b"GET", fields=(), content=b"", **options
    ):
        self.client = Conversation(answer, **options)
        lines = [b"%b /p?q HTTP/1.1" % method, b"host: x"]
        lines += [b"%b: %b" % line for line in fields]
        if content:
            lines.append(b"content-length: %d" % len(content))
        self.reader = h11.Connection(h11.CLIENT)
        self.reader.send(
            h11.Request(method=method, target="/", headers=[("host", "x")])
        )
        self.reader.send(h11.EndOfMessage())
        self.head, self.content, self.whole = None, b"", False
        self.read(self.client.says(b"\r\n".join([*lines, b"", b""]) + content))

    @property
    def stream(self):
        return self.client.stream

    def settle(self):
        self.read(self.client.hears())

    def read(self, data):
        if data:
            self.reader.receive_data(data)
        while (event := self.reader.next_event()) not in (
            h11.NEED_DATA,
            h11.PAUSED,
        ):
            match event:
                case h11.Response():
                    self.head = event.status_code, event.headers.raw_items()
                case h11.Data():
                    self.content += event.data
                case h11.EndOfMessage():
                    self.whole = True
                    return
                case h11.ConnectionClosed():
                    return

    def lose(self):
        self.client.connection.lost()


class Over2:
    """One request over HTTP/2."""

    def __init__(
        self, answer, method=b"GET", fields=(), content=b"", **options
    ):
        self.client = H2Client(answer, **options)
        lines = request(method, *fields, path=b"/p?q")
        if content:
            lines.append((b"content-length", b"%d" % len(content)))
        self.number = self.client.request(lines=lines, end=not content)
        if content:
            self.client.send(self.number, content, end=True)

    @property
    def stream(self):
        return self.client.stream

    def settle(self):
        self.client.exchange()

    @property
    def head(self):
        events = self.client.of(self.number, h2.events.ResponseReceived)
        if not events:
            return None
        (_, status), *fields = events[0].headers
        return int(status), fields

    @property
    def content(self):
        return self.client.content(self.number)

    @property
    def whole(self):
        return self.client.ended(self.number)

    def lose(self):
        self.client.connection.lost()


@pytest.fixture(params=[Over1, Over2], ids=["h1", "h2"])
def over(request):
    return request.param


def says(*messages, failed=False):
    def answer(stream):
        for message in messages:
            stream.send(message)
        stream.end(failed)

    return answer


def names(asked):
    return [name.lower() for name, _ in asked.head[1]]


def test_a_request_is_answered(over):
    asked = over(hello)
    assert asked.head[0] == asked.stream.status == 200
    assert asked.content == b"hello"
    assert asked.whole
    assert asked.stream.sent == 5


def test_the_scope_is_the_same_but_for_the_version(over):
    scope = dict(over(nothing, fields=[(b"a", b"b")]).stream.scope)
    assert (
        scope.pop("http_version")
        == {"Over1": "1.1", "Over2": "2"}[over.__name__]
    )
    assert set(scope.pop("extensions")) == {
        "http.response.trailers",
        "http.response.early_hint",
        "microquart.disconnect",
    }
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "method": "GET",
        "scheme": "http",
        "path": "/p",
        "raw_path": b"/p",
        "query_string": b"q",
        "root_path": "",
        "headers": [(b"host", b"x"), (b"a", b"b")],
        "client": ("192.0.2.1", 1234),
        "server": ("192.0.2.2", 80),
    }


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_the_content_comes_with_its_end(over, content):
    asked = over(nothing, b"POST", content=content)
    message = {"type": "http.request", "body": content, "more_body": False}
    assert asked.stream.take() == message
    assert asked.stream.take() is None


@pytest.mark.parametrize(
    ("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)]
)
def test_what_has_no_content_has_none(over, method, status):
    asked = over(says(start(status), body(b"hello")), method)
    assert asked.head[0] == status
    assert asked.content == b""
    assert asked.whole


def test_fields_of_the_connection_are_not_the_applications(over):
    fields = [
        (b"Transfer-Encoding", b"chunked"),
        (b"Keep-Alive", b"x"),
        (b"X", b"y"),
    ]
    asked = over(says(start(200, *fields), body(b"hello")))
    assert asked.content == b"hello"
    assert b"keep-alive" not in names(asked)
    assert b"transfer-encoding" not in names(asked)
    assert b"x" in names(asked)


def test_the_servers_fields_are_added_once(over):
    service = Service(fields=[(b"server", b"microquart"), (b"date", b"now")])
    asked = over(
        says(start(200, (b"Server", b"mine")), body(b"")), service=service
    )
    fields = [(name.lower(), value) for name, value in asked.head[1]]
    assert (b"server", b"mine") in fields
    assert (b"date", b"now") in fields
    assert names(asked).count(b"server") == 1


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\0b", "text", None])
def test_a_value_that_cannot_be_sent_is_a_500(over, value):
    asked = over(nothing)
    with pytest.raises(UnexpectedMessage):
        asked.stream.send(start(200, (b"a", value)))
    asked.stream.end(True)
    asked.settle()
    assert asked.head[0] == 500
    assert asked.whole


def test_an_application_that_fails_or_says_nothing_is_a_500(over):
    for failed in (True, False):
        asked = over(says(failed=failed))
        assert (asked.head[0], asked.whole) == (500, True)


def test_an_answer_that_is_cut_off_does_not_look_whole(over):
    asked = over(nothing)
    asked.stream.send(start())
    asked.stream.send(body(b"hel", more=True))
    asked.settle()
    asked.stream.end(True)
    asked.settle()
    assert asked.content == b"hel"
    assert not asked.whole


@pytest.mark.parametrize("parts", [[b"hell"], [b"hello!"], [b"hel", b"lo!"]])
def test_content_of_another_length_than_announced_is_refused(over, parts):
    asked = over(nothing)
    asked.stream.send(start(200, (b"content-length", b"5")))
    *firsts, last = parts
    for part in firsts:
        asked.stream.send(body(part, more=True))
    with pytest.raises(UnexpectedMessage, match="content-length"):
        asked.stream.send(body(last))
    asked.stream.end(True)
    asked.settle()
    if firsts:
        assert not asked.whole
    else:  # nothing of it has left
        assert asked.head[0] == 500
    assert len(asked.content) < 5 or asked.head[0] == 500


def test_trailers_are_sent(over):
    asked = over(
        says(
            {"type": "http.response.start", "status": 200, "trailers": True},
            body(b"hello"),
            {"type": "http.response.trailers", "headers": [(b"x", b"y")]},
        )
    )
    assert asked.content == b"hello"
    assert asked.whole


def test_a_departure_is_a_disconnect(over):
    asked = over(nothing)
    left = []
    asked.stream.watch(lambda: left.append(1))
    asked.lose()
    assert left == [1]
    assert asked.stream.take() == DISCONNECT
    with pytest.raises(ClientDisconnected):
        asked.stream.send(start())
    asked.stream.end(True)


def test_after_the_answer_there_is_a_disconnect_to_hear(over):
    assert over(hello).stream.take() == DISCONNECT


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([(b"a", b"b")] * 129, 431),
        ([(b"a", b"b" * 1100)] * 30, 431),
        ([(b"expect", b"tea")], 417),
    ],
)
def test_what_cannot_be_served_is_answered(over, fields, status):
    asked = over(nothing, fields=fields)
    assert asked.head[0] == status
    assert asked.whole
