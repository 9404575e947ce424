"""The server of the live page: who gets it, and what it tells."""

import json

import anyio
import anyio.from_thread
import anyio.to_thread
import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from microquart import Quart
from microquart.xray import live
from microquart.xray.apart import Apart, Prefixed
from microquart.xray.exports import jsonl
from microquart.xray.feed import SHOWN, Feed
from microquart.xray.install import install
from microquart.xray.record import Record
from microquart.xray.redaction import Redactor
from microquart.xray.tracer import Tracer
from tests.server.running import WATCHERS, running

TOKEN = "t" * 22
HERE = "tests/xray/test_live.py:1"


@pytest.fixture
def tracer():
    return Tracer(Redactor())


@pytest.fixture
def feed(tracer):
    feed = Feed(tracer, limit=10)
    tracer.sinks.append(feed)
    return feed


@pytest.fixture
def page(tracer, feed):
    return live.make_page(tracer, feed, TOKEN, live.is_loopback)


def test_a_token_has_128_bits():
    assert len(live.new_token()) == 22
    assert live.new_token() != live.new_token()


# -- who gets it --


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "text/html; charset=utf-8"),
        ("page.js", "text/javascript; charset=utf-8"),
        ("page.css", "text/css; charset=utf-8"),
    ],
)
async def test_the_page_is_three_files(page, name, kind):
    async with running(page) as server, httpx.AsyncClient() as client:
        response = await client.get(f"{server.url}/{TOKEN}/{name}")
    assert response.status_code == 200
    assert response.headers["content-type"] == kind
    policy = response.headers["content-security-policy"]
    assert policy.startswith(
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "connect-src 'self'"
    )
    assert "unsafe" not in policy
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1:8001", True),
        ("localhost:8001", True),
        ("[::1]:8001", True),
        ("localhost", True),
        ("evil.example:8001", False),
        ("127.0.0.1.evil.example", False),
        ("localhost:8001@evil.example", False),
        ("", False),
    ],
)
def test_a_host_is_this_machine_or_not(host, is_ours):
    assert live.is_loopback(host) is is_ours


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("GET", f"/{TOKEN}/", "rebound.example:80", 403),
        ("GET", f"/{'u' * 22}/", "localhost", 404),
        ("GET", f"/{TOKEN}x/page.js", "localhost", 404),
        ("GET", f"/{TOKEN}/../page.js", "localhost", 404),
        ("GET", f"/{TOKEN}/source?at=/etc/passwd:1", "localhost", 404),
        ("GET", "/", "localhost", 404),
        ("HEAD", f"/{TOKEN}/", "localhost", 405),
        ("OPTIONS", f"/{TOKEN}/", "localhost", 405),
        ("POST", f"/{TOKEN}/", "localhost", 405),
        ("DELETE", f"/{TOKEN}/source", "localhost", 405),
    ],
)
async def test_others_get_nothing(page, method, path, host, status):
    async with running(page) as server:
        said = await server.says(
            f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
    assert said.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-security-policy: default-src 'none'" in said


@pytest.mark.parametrize(
    ("token", "origin", "status"),
    [
        (TOKEN, "http://evil.example", 403),
        (TOKEN, "null", 403),
        (TOKEN, None, 403),
        ("u" * 22, "ours", 404),
    ],
)
async def test_another_sites_page_gets_no_feed(page, token, origin, status):
    async with running(page) as server:
        if origin == "ours":
            origin = server.url
        with pytest.raises(InvalidStatus) as refused:
            await listened(server.url, token, origin, 1)
    assert refused.value.response.status_code == status


# -- what it tells --


async def listened(url, token, origin, messages):
    """Return what the feed says first."""

    def listen():
        feed = f"{url.replace('http', 'ws')}/{token}/feed"
        with connect(feed, origin=origin) as socket:
            said = "".join(socket.recv() for _ in range(messages))
        return [json.loads(line) for line in said.splitlines()]

    return await anyio.to_thread.run_sync(listen)


async def test_the_feed_begins_with_what_is_kept(page, tracer):
    for number in range(3):
        tracer.emit("net.close", data={"error": f"{number}"})
    async with running(page) as server:
        head, *records = await listened(server.url, TOKEN, server.url, 2)
    assert head["xray"] == 1
    assert [record["data"]["error"] for record in records] == ["0", "1", "2"]


async def test_the_head_says_which_editor_opens_a_line(page, monkeypatch):
    monkeypatch.setenv("MICROQUART_EDITOR", "cursor://file{path}:{line}")
    async with running(page) as server:
        [head] = await listened(server.url, TOKEN, server.url, 1)
    assert head["editor"] == "cursor://file{path}:{line}"


async def test_the_feed_goes_on_with_what_happens(page, tracer, feed):
    async with running(page) as server:
        arrived = []

        async def listen():
            arrived.extend(await listened(server.url, TOKEN, server.url, 2))

        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            while not feed.viewers:
                await anyio.lowlevel.checkpoint()
            tracer.emit("net.close", data={"error": "now"})
    assert arrived[1]["data"] == {"error": "now"}
    assert arrived[1]["seq"] == 0


async def test_a_page_that_leaves_is_forgotten(page, feed):
    async with running(page) as server:
        await listened(server.url, TOKEN, server.url, 1)
        while feed.viewers:
            await anyio.lowlevel.checkpoint()


def lines(viewer):
    said = "".join(viewer.messages())
    return [json.loads(line) for line in said.splitlines()]


def test_a_slow_page_is_told_how_many_it_missed(tracer, feed):
    with feed.viewer() as viewer:
        for _ in range(25):
            tracer.emit("net.close")
        *records, dropped = lines(viewer)
        assert [record["seq"] for record in records] == list(range(15, 25))
        assert dropped == {"dropped": 15}
        assert lines(viewer) == []
    assert len(tracer.records) == 25


def test_no_record_is_told_twice(tracer, feed):
    tracer.emit("net.close")
    with feed.viewer() as viewer:
        tracer.emit("net.close")
        # It came while what is kept was looked at.
        viewer.append(tracer.records[0])
        assert [record["seq"] for record in lines(viewer)] == [0, 1]


def test_of_a_long_read_the_page_is_shown_the_beginning(tracer, feed):
    with feed.viewer() as viewer:
        tracer.emit("asgi.send", raw=bytes(100))
        record = Record(1, 0, "I", "net.recv", raw=bytes(SHOWN + 1))
        viewer.append(record)
        told = [
            jsonl.record_of(line)
            for m in viewer.messages()
            for line in m.splitlines()
        ]
    assert len(told[1].raw or b"") == SHOWN
    assert len(record.raw or b"") == SHOWN + 1


# -- sources --


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (HERE, 200),
        ("tests/xray/test_live.py:2", 404),  # not in the trace
        ("/etc/passwd:1", 404),
        ("nowhere.py:1", 404),
        ("", 404),
    ],
)
async def test_only_lines_that_the_trace_names_are_shown(
    page, tracer, at, status
):
    for src in (HERE, "/etc/passwd:1", "nowhere.py:1"):
        tracer.emit("user.call", src=src)
    async with running(page) as server, httpx.AsyncClient() as client:
        url = f"{server.url}/{TOKEN}/source"
        response = await client.get(url, params={"at": at})
    assert response.status_code == status
    if status == 200:
        told = response.json()
        assert told["path"] == __file__
        assert told["first"] == told["line"] == 1
        assert told["lines"][0] == '"""' + __doc__.splitlines()[0] + '"""'


@pytest.mark.parametrize(
    ("name", "way", "file"),
    [
        ("h1.event", "in", "protocol/h1.py"),
        ("asgi.send", "out", "server/asyncio_shell.py"),
        ("user.call", "", None),
        ("/etc/passwd:1", "in", None),
        ("..", "", None),
    ],
)
async def test_an_event_without_a_line_leads_to_the_code_that_it_is_of(
    page, name, way, file
):
    async with running(page) as server, httpx.AsyncClient() as client:
        url = f"{server.url}/{TOKEN}/source"
        response = await client.get(url, params={"name": name, "dir": way})
    assert response.status_code == (404 if file is None else 200)
    if file is not None:
        told = response.json()
        assert told["place"] == f"microquart/{file}:{told['line']}"
        assert told["book"][0]["title"]


# -- a port of its own --


async def test_the_page_has_a_thread_and_a_port_of_its_own(tracer):
    def look():
        with live.serving(tracer, TOKEN) as url:
            assert url.startswith("http://127.0.0.1:")
            assert len(tracer.sinks) == 2
            response = httpx.get(url)
            other = httpx.get(url, headers={"host": "127.0.0.1:1"})
        return response.status_code, other.status_code, len(tracer.sinks)

    # Our loop is blocked meanwhile: nobody needs it.
    assert look() == (200, 403, 1)


# -- below a path of the application --


@pytest.fixture
def one_port(tracer):
    """An application that has the page below a path."""
    app = Quart(__name__)

    @app.get("/")
    async def index():
        return "index"

    feed = Feed(tracer)
    page = live.make_page(tracer, feed, TOKEN, live.is_loopback)
    tracer.sinks[:] = [Apart("/_xray", [*tracer.sinks, feed])]

    def watch(shells):
        install(tracer, server=shells)
        shells.app = Prefixed(tracer, "/_xray", page, shells.app)

    WATCHERS.append(watch)
    yield app
    WATCHERS.remove(watch)


async def test_below_a_path_the_page_does_not_trace_itself(one_port, tracer):
    async with running(one_port) as server:
        url = f"{server.url}/_xray"
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}/{TOKEN}/")).status_code == 200
            assert (await client.get(server.url)).text == "index"
            assert (await client.get(f"{url}s/")).status_code == 404
            assert (await client.get(f"{url}/wrong/")).status_code == 404
        await listened(url, TOKEN, server.url, 2)
        kept = len(tracer.records)
        await listened(url, TOKEN, server.url, 2)
    targets = {
        record.data["target"]
        for record in tracer.records
        if record.name == "asgi.app" and record.ph == "B"
    }
    assert targets == {"/", "/_xrays/"}
    told = [record for record in tracer.records[kept:] if record.req]
    assert told == []


async def test_below_a_path_http2_is_kept_apart_too(one_port, tracer):
    async with running(one_port) as server:
        async with httpx.AsyncClient(http1=False, http2=True) as client:
            response = await client.get(f"{server.url}/_xray/{TOKEN}/page.js")
            assert response.http_version == "HTTP/2"
            await client.get(server.url)
    told = [record for record in tracer.records if record.req]
    assert {record.stream for record in told} == {3}
