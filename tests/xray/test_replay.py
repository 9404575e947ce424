"""The same bytes give the same records and the same output."""

import asyncio

import anyio
import anyio.lowlevel
import httpx
import pytest

from microquart import Quart
from microquart.xray.clients import Asked, H1Client, H2Client
from microquart.xray.diff import diff
from microquart.xray.inprocess import converse, hosted
from microquart.xray.install import install
from microquart.xray.redaction import Redactor
from microquart.xray.replay import (
    CannotReplay,
    outputs,
    same_output,
    whole,
)
from microquart.xray.trace import Trace, load
from microquart.xray.tracing import trace
from tests.server.conftest import Certificates
from tests.server.running import running
from tests.xray import recorded
from tests.xray.conversing import CLIENTS, make_app, trace_of

BODY = b'{"name": "Ada"}'


@pytest.mark.parametrize("name", CLIENTS)
def test_a_replay_is_as_the_recording(name):
    seen = trace_of(CLIENTS[name]())
    again = seen.replay(make_app())
    assert list(map(str, diff(seen, again))) == []
    assert outputs(seen) == outputs(again)


@pytest.mark.parametrize("name", CLIENTS)
def test_two_replays_are_the_same(name):
    seen = trace_of(CLIENTS[name]())
    one, two = seen.replay(make_app()), seen.replay(make_app())
    assert diff(one, two) == []
    assert outputs(one) == outputs(two)


TALKS = [recorded.over_http1, recorded.over_http2, recorded.over_websocket]


@pytest.mark.parametrize("record", TALKS)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_a_server_with_sockets_has_seen_is_replayed(
    record, anyio_backend
):
    seen = await record()
    again = seen.replay(recorded.make_app())
    assert list(map(str, diff(seen, again))) == []
    assert same_output(seen, again)


# Streams of HTTP/2 run at the same time, and trio chooses by chance.
@pytest.mark.parametrize(
    "record", [recorded.over_http1, recorded.over_websocket]
)
async def test_whichever_loop_it_was_the_output_is_the_same(record):
    seen = await record()
    assert same_output(seen, seen.replay(recorded.make_app()))


def test_a_file_is_replayed(tmp_path):
    seen = trace_of(H2Client(Asked("POST", "/", content=BODY)))
    seen.save(tmp_path / "x.jsonl", bodies=True)
    again = load(tmp_path / "x.jsonl").replay(make_app())
    assert diff(seen, again) == []
    assert outputs(seen) == outputs(again)


@pytest.mark.parametrize("client", [H1Client, H2Client])
def test_a_body_that_was_left_out_is_as_long(tmp_path, client):
    seen = trace_of(client(Asked("POST", "/length", content=BODY)))
    seen.save(tmp_path / "x.jsonl")
    lean = load(tmp_path / "x.jsonl")
    again = lean.replay(make_app())
    assert diff(seen, again) == []
    assert same_output(lean, again)


def test_what_was_secret_is_secret_again():
    fields = [("x-mine", "12345")]
    client = H1Client(Asked("GET", "/?mine=67890", fields))
    seen = trace_of(client, redactor=Redactor(["x-mine"], ["mine"]))
    again = seen.replay(make_app())
    assert diff(seen, again) == []
    [told] = [v for k, v in again.requests[0].headers if k == "x-mine"]
    assert told.startswith("<redacted 5 B")


def test_another_answer_is_a_difference():
    app = Quart(__name__, static_folder=None)

    @app.get("/")
    async def index():
        return "Hello"

    seen = trace_of(H1Client(Asked("GET", "/")))
    again = seen.replay(app)
    assert not same_output(seen, again)
    # It tried fewer rules, and that is all that a record tells.
    assert {
        each.before.name if each.before else ""
        for each in diff(seen, again)
        if each.after is None
    } == {"route.try"}


def test_each_frame_can_come_alone():
    seen = trace_of(H2Client(Asked("GET", "/")))
    slow = seen.replay(make_app(), slow=True)
    reads = [
        record.data["len"] for record in slow if record.name == "net.recv"
    ]
    assert reads[0] == len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    frames = [
        9 + record.data["len"]
        for record in slow
        if record.name == "h2.frame" and record.dir == "in"
    ]
    assert reads[1:] == frames
    assert same_output(seen, slow)


async def test_a_trace_without_the_start_is_replayed_without_it():
    async with recorded.traced() as (server, seen):
        await server.says(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
    again = seen.replay(recorded.make_app())
    assert {"lifespan.startup", "lifespan.shutdown"}.isdisjoint(
        record.name for record in again
    )
    assert diff(seen, again) == []


def test_what_time_has_ended_ends_at_the_same_place():
    async def record():
        tracer = whole(Redactor())
        async with hosted(make_app()) as host:
            taps = install(tracer, server=host.server)
            wire = host.connect()
            await converse(wire, H1Client(Asked("GET", "/")))
            host.server.sweep(asyncio.get_running_loop().time() + 1000)
            await host.idle()
            taps.remove()
        return Trace(tracer.records, tracer.head())

    seen = asyncio.run(record())
    assert "timer.fire" in {each.name for each in seen}
    assert diff(seen, seen.replay(make_app())) == []


def test_a_connection_that_broke_breaks_again():
    async def record():
        tracer = whole(Redactor())
        async with hosted(make_app()) as host:
            taps = install(tracer, server=host.server)
            wire = host.connect()
            wire.feed(b"GET /forever HTTP/1.1\r\nhost: a\r\n\r\n")
            await anyio.wait_all_tasks_blocked()
            wire.lose(ConnectionResetError())
            await host.idle()
            taps.remove()
        return Trace(tracer.records, tracer.head())

    seen = asyncio.run(record())
    [end] = [each for each in seen if each.name == "net.close"]
    assert end.data["error"] == "the peer has gone"
    assert list(map(str, diff(seen, seen.replay(make_app())))) == []


async def test_an_application_alone_cannot_be_replayed():
    app = make_app()
    with trace(app) as seen:
        await app.test_client().get("/")
    with pytest.raises(CannotReplay, match="record a server"):
        seen.replay(app)


def test_octets_are_needed():
    seen = trace_of(H1Client(Asked("GET", "/")))
    for record in seen:
        record.raw = None
    with pytest.raises(CannotReplay, match="no octets"):
        seen.replay(make_app())


def test_nothing_is_left_in_the_application():
    app = make_app()
    seen = trace_of(H1Client(Asked("GET", "/")), app)
    before = vars(app).keys()
    seen.replay(app)
    assert vars(app).keys() == before
    assert app.overrides("ensure_async") is False


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_was_said_over_tls_is_replayed(
    tmp_path, http2, anyio_backend
):
    certificates = Certificates(tmp_path)
    names = ("h2", "http/1.1") if http2 else ("http/1.1",)
    settings = {
        "certfile": certificates.certfile,
        "keyfile": certificates.keyfile,
    }
    verify = certificates.client_context(*names)
    async with running(recorded.make_app(), **settings) as server:
        with trace(server.shells) as seen:
            async with httpx.AsyncClient(http2=http2, verify=verify) as client:
                url = f"https://localhost:{server.port}/users/7"
                async with anyio.create_task_group() as group:
                    for method in ("GET", "POST", "PUT"):
                        group.start_soon(client.request, method, url)
            while server.shells.open:
                await anyio.lowlevel.checkpoint()
    again = seen.replay(recorded.make_app())
    assert list(map(str, diff(seen, again))) == []
    assert same_output(seen, again)
