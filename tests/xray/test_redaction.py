"""What is secret reaches no sink and no export."""

from collections.abc import Awaitable, Callable

import anyio
import pytest
from hyperframe.frame import GoAwayFrame

from microquart import Quart, Response, request, websocket
from microquart.xray import story
from microquart.xray.exports import html
from microquart.xray.exports.forms import FORMS
from microquart.xray.record import Record
from microquart.xray.redaction import PREVIEW, Redactor
from microquart.xray.trace import Trace
from microquart.xray.tracing import trace
from tests.server.running import Running, hear, running
from tests.xray import planted
from tests.xray.test_exports import PAGE


def shown(record: Record) -> Record:
    return Redactor(salt=b"salt").record(record)


def record(name: str, **data: object) -> Record:
    return Record(0, 0, "I", name, data=data)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/a?x=1&token=abc&y=2", "/a?x=1&token=MARK&y=2"),
        ("/a?Access-Token=abc#z", "/a?Access-Token=MARK#z"),
        ("/a?%74oken=abc", "/a?%74oken=MARK"),
        ("/a?user[password]=abc", "/a?user[password]=MARK"),
        ("/a?x=1;sig=abc", "/a?x=1;sig=MARK"),
        ("http://abc@localhost/", "http://MARK@localhost/"),
        ("http://localhost?x=1&at=http://host", None),
        ("no rule for /a?code=abc", "no rule for /a?code=MARK"),
        ("token=abc", "token=MARK"),
        ("/a?monkey=abc&x=@", None),
        ("", None),
    ],
)
def test_secret_parts_of_a_text_are_marked(
    before: str, after: str | None
) -> None:
    after = before if after is None else after
    mark = Redactor(salt=b"salt").mark("abc")
    data = shown(record("h1.event", target=before)).data
    assert data == {"target": after.replace("MARK", mark)}


def test_a_mark_tells_whether_two_secrets_are_the_same() -> None:
    redactor = Redactor()
    one, other = redactor.mark("secret-1"), redactor.mark("secret-2")
    assert one.startswith("<redacted 8 B #")
    assert one == redactor.mark("secret-1")
    assert one != other
    assert one != Redactor().mark("secret-1")


def test_what_is_marked_is_not_marked_again() -> None:
    once = shown(record("h1.event", headers=[["cookie", "a"]])).data
    assert shown(record("h1.event", **once)).data == once


def test_fields_are_marked_by_name() -> None:
    headers = [["Cookie", "abc"], ["accept", "*/*"], ["location", "/?key=abc"]]
    mark = Redactor(salt=b"salt").mark("abc")
    assert shown(record("asgi.app", headers=headers)).data["headers"] == [
        ["Cookie", mark],
        ["accept", "*/*"],
        ["location", f"/?key={mark}"],
    ]


def test_more_names_can_be_given() -> None:
    redactor = Redactor(fields=["X-Mine"], keys=["pin"])
    pairs = [["x-mine", "abc"], ["referer", "/?pin=abc"]]
    data = redactor.record(record("h1.event", headers=pairs)).data
    assert "abc" not in str(data)
    assert "x-mine" in redactor.names


def test_the_octets_of_a_secret_field_of_hpack_are_hidden() -> None:
    field = {"octets": "0a0b", "name": "cookie", "value": "a", "how": "x"}
    hpack = [field, {**field, "name": "accept"}]
    first, second = map(
        dict, as_list(shown(record("h2.frame", hpack=hpack)).data["hpack"])
    )
    assert first["octets"] == "----"
    assert str(first["value"]).startswith("<redacted 1 B")
    assert second == hpack[1]


def as_list(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


@pytest.mark.parametrize(
    ("kind", "pieces", "left"),
    [
        (
            "application/x-www-form-urlencoded",
            [b"a=1&code=x y"],
            b"a=1&code=***",
        ),
        (
            "application/json",
            [b'{"to', b'ken": "a', b'b"}'],
            b'{"token": "**"}',
        ),
        ("multipart/form-data", [b"--a"], b"***"),
        ("text/plain", [b"a" * 5000], b"a" * PREVIEW),
    ],
)
def test_previews_of_bodies(
    kind: str, pieces: list[bytes], left: bytes
) -> None:
    redactor = Redactor()
    begin = record("asgi.app", at="server", headers=[["Content-Type", kind]])
    begin.ph = "B"
    redactor.record(begin)
    whole = b""
    for piece in pieces:
        message = record(
            "asgi.receive", at="server", message="http.request", len=len(piece)
        )
        message.dir, message.raw = "in", piece[:PREVIEW]
        whole += redactor.record(message).raw or b""
    assert whole == left


def test_messages_of_websockets_are_looked_into_one_by_one() -> None:
    redactor = Redactor()
    for _ in range(2):
        message = record(
            "asgi.send", at="server", message="websocket.send", len=14
        )
        message.dir, message.raw = "out", b'{"token":"ab"}'
        assert redactor.record(message).raw == b'{"token":"**"}'


# -- eight secrets, and every way out --


def planting() -> Quart:
    """An application that says back what it is told, and more."""
    app = Quart(__name__)

    @app.route("/<path:path>", methods=["GET", "POST"])
    async def answer(path: str) -> Response:
        await request.form
        response = Response(
            planted.filled(planted.JSON), content_type="application/json"
        )
        response.location = f"/in?code={planted.SECRETS['query']}"
        response.set_cookie("session", planted.SECRETS["set-cookie"])
        return response

    @app.websocket("/live")
    async def live() -> None:
        while True:
            await websocket.send(await websocket.receive())

    return app


async def by_http1(server: Running) -> None:
    requests = planted.http1_requests()
    last = requests.rindex(b"\r\n")
    refused = requests[:last] + b"Connection: close\r\n\r\n"
    userinfo = planted.filled("http://user:{userinfo}@localhost")
    for asked in (refused, refused.replace(userinfo, b"")):
        await server.says(asked)
        for size in (50, 150, 250):
            async with await server.connect() as client:
                await client.send(asked[:size])
                await client.send_eof()  # in the middle of a head
                await hear(client)


async def by_http2(server: Running) -> None:
    await server.says(planted.http2()[0] + GoAwayFrame(0).serialize())


async def by_websocket(server: Running) -> None:
    data, _ = planted.websocket()
    head = data.index(b"\r\n\r\n") + 4
    async with await server.connect() as client:
        await client.send(data[:head])
        await hear(client, b"\r\n\r\n")
        await client.send(data[head:])
        await hear(client)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("talk", "layer"),
    [(by_http1, "h1"), (by_http2, "h2"), (by_websocket, "ws")],
)
@pytest.mark.parametrize("bodies", [False, True])
async def test_no_secret_reaches_a_sink_or_an_export(
    talk: Callable[[Running], Awaitable[None]], layer: str, bodies: bool
) -> None:
    async with running(planting()) as server:
        with trace(server.shells) as t:
            await talk(server)
            await anyio.wait_all_tasks_blocked()
    assert layer in {record.layer for record in t}
    assert {"user", "net"} <= {record.layer for record in t}
    for name, octets in ways_out(t, bodies).items():
        assert not planted.found(octets), name


def ways_out(t: Trace, bodies: bool) -> dict[str, bytes]:
    lines: list[str] = []
    console = story.Console(lines.append, level=3)
    for each in t:
        console(each)
    texts = {
        "records": repr(t[:]),
        "console": "".join(lines),
        "text": story.told(t, 3),
        "line a request": story.told(t, 0),
    }
    return {
        **{name: text.encode() for name, text in texts.items()},
        "octets": b"\n".join(each.raw or b"" for each in t),
        **{form: t.export(form, bodies) for form in FORMS if form != "html"},
        "HTML": html.inlined(
            PAGE, "", "", t.export("jsonl", bodies).decode()
        ).encode(),
    }
