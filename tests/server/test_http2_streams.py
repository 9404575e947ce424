"""HTTP/2 stream by stream: each its own answer, its own end, its own pace."""

import anyio
import h2.events
import httpx
import pytest

from microquart.asgi import Receive, Scope, Send
from tests.server.applications import answer, echo, hello, http
from tests.server.h2client import talking
from tests.server.programs.echoes import app as echoes
from tests.server.running import no_more, running

RESET = h2.events.StreamReset
DATA = h2.events.DataReceived


@pytest.fixture(params=["clear", "TLS"])
def carrier(request, certificates) -> dict[str, object]:
    """Settings of a server that speaks HTTP/2 by the preface, or by ALPN."""
    if request.param == "clear":
        return {}
    return {
        "certfile": certificates.certfile,
        "keyfile": certificates.keyfile,
        "client_context": certificates.client_context("h2"),
    }


class Waits:
    """An application whose streams wait until their clients have left."""

    def __init__(self) -> None:
        self.called = anyio.Semaphore(0)
        self.gone: list[str] = []
        self.news = anyio.Semaphore(0)

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "http":
            raise NotImplementedError(scope["type"])
        if scope["path"] == "/":
            await answer(send)
            return
        self.called.release()
        while (await receive())["type"] != "http.disconnect":
            continue
        self.gone.append(scope["path"])
        self.news.release()


async def test_the_scope_says_what_was_asked(loop_name, carrier):
    seen: list[Scope] = []

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await answer(send)

    async with running(app, **carrier) as server:
        async with talking(server) as client:
            number = await client.ask("/caf%C3%A9?a=%20", method="PROPFIND")
            await client.answer(number)
    (scope,) = seen
    assert scope["type"] == "http"
    assert scope["http_version"] == "2"
    assert scope["method"] == "PROPFIND"
    assert scope["path"] == "/café"
    assert scope["raw_path"] == b"/caf%C3%A9"
    assert scope["query_string"] == b"a=%20"
    assert scope["scheme"] == ("https" if carrier else "http")
    assert (b"host", b"x") in scope["headers"]


async def test_a_stream_is_sent_as_it_is_made(loop_name, carrier):
    go_on = anyio.Event()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send(
            {"type": "http.response.body", "body": b"a", "more_body": True}
        )
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"b"})

    async with running(app, **carrier) as server:
        async with talking(server) as client:
            number = await client.ask()
            assert (await client.until(DATA, number)).data == b"a"
            go_on.set()
            assert (await client.answer(number))[1] == b"b"


async def test_head_has_the_fields_of_get(loop_name):
    async with running(hello) as server:
        async with talking(server) as client:
            number = await client.ask(method="HEAD")
            fields, content = await client.answer(number)
    assert (fields["content-length"], content) == ("5", b"")


async def test_fields_stay_apart_and_those_of_the_connection_stay_here(
    loop_name,
):
    fields = [(b"set-cookie", b"a"), (b"set-cookie", b"b")]
    fields += [(b"connection", b"close"), (b"keep-alive", b"5")]

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": fields}
        )
        await send({"type": "http.response.body"})

    async with running(app) as server:
        async with talking(server) as client:
            number = await client.ask()
            head = await client.until(h2.events.ResponseReceived, number)
    names = [name for name, _ in head.headers]
    assert names.count("set-cookie") == 2
    assert {"connection", "keep-alive"}.isdisjoint(names)


# -- ends --


async def test_a_reset_is_a_departure_of_that_stream_alone(loop_name, carrier):
    app = Waits()
    async with running(app, **carrier) as server:
        async with talking(server) as client:
            gone = await client.ask("/gone")
            await client.ask("/stays")
            await app.called.acquire()
            await app.called.acquire()
            await client.reset(gone)
            with anyio.fail_after(0.5):
                await app.news.acquire()
            assert app.gone == ["/gone"]
            assert (await client.answer(await client.ask()))[1] == b"hello"
        with anyio.fail_after(0.5):
            await app.news.acquire()


async def test_a_connection_that_is_lost_is_a_departure_of_every_stream(
    loop_name, carrier
):
    app = Waits()
    async with running(app, **carrier) as server:
        async with talking(server) as client:
            for number in range(5):
                await client.ask(f"/{number}")
                await app.called.acquire()
        with anyio.fail_after(0.8):
            for _ in range(5):
                await app.news.acquire()
    assert len(app.gone) == 5


@pytest.mark.parametrize("begun", [False, True])
async def test_an_error_concerns_one_stream(loop_name, begun):
    """Before the answer it is a 500; within it the stream is reset."""

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/":
            await answer(send)
            return
        if begun:
            await send({"type": "http.response.start", "status": 200})
            await send(
                {"type": "http.response.body", "body": b"a", "more_body": True}
            )
        raise ValueError("no such luck")

    async with running(app) as server:
        async with talking(server) as client:
            number = await client.ask("/fails")
            if begun:
                reset = await client.until(RESET, number)
                assert reset.error_code == 2  # INTERNAL_ERROR
            else:
                assert (await client.answer(number))[0][":status"] == "500"
            assert (await client.answer(await client.ask()))[1] == b"hello"


async def test_an_answer_before_the_content_ends_the_stream_alone(loop_name):
    async with running(hello) as server:
        async with talking(server) as client:
            number = await client.ask("/", method="POST", end=False)
            assert (await client.answer(number))[1] == b"hello"
            # It does not know yet, and sends on.
            await client.carrier.send(b"\0\0\5\0\0\0\0\0\1hello")
            assert (await client.answer(await client.ask()))[1] == b"hello"


async def test_what_is_no_http_2_ends_that_connection_alone(loop_name):
    async with running(hello) as server:
        async with talking(server) as client, talking(server) as other:
            await client.ask()
            await client.carrier.send(b"\xff" * 100)
            goodbye = await client.until(h2.events.ConnectionTerminated)
            assert goodbye.error_code != 0
            assert (await other.answer(await other.ask()))[1] == b"hello"


async def test_a_stream_too_many_is_refused_and_the_others_go_on(loop_name):
    """Those that were reset count while their application runs."""
    go_on = anyio.Event()

    @http
    async def stays(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/stays":
            await go_on.wait()
        await answer(send)

    async with running(stays, h2_max_concurrent_streams=2) as server:
        async with talking(server) as client:
            # Only who knows the limit has to keep to it.
            await client.answer(await client.ask())
            first = await client.ask("/stays")
            second = await client.ask("/stays")
            await client.reset(first)
            refused = await client.ask()
            reset = await client.until(RESET, refused)
            assert reset.error_code == 7  # REFUSED_STREAM
            go_on.set()
            assert (await client.answer(second))[1] == b"hello"
            assert (await client.answer(await client.ask()))[1] == b"hello"


# -- windows --


async def test_a_stream_that_is_not_read_holds_up_no_other(loop_name, carrier):
    """Neither an upload that no application takes, nor a client that does
    not open its window."""
    size = 16_000

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        match scope["path"]:
            case "/upload":
                await anyio.sleep_forever()
            case "/endless":
                await send({"type": "http.response.start", "status": 200})
                while True:
                    await send(
                        {
                            "type": "http.response.body",
                            "body": bytes(size),
                            "more_body": True,
                        }
                    )
            case _:
                await echo(scope, receive, send)

    async with running(
        app, cancel_timeout=0, graceful_timeout=0, **carrier
    ) as server:
        async with talking(server) as client:
            stuck = await client.ask("/upload", method="POST", end=False)
            while client.h2.local_flow_control_window(stuck) >= size:
                await client.send(stuck, bytes(size))
            # Nothing is read of this one: its window closes.
            client.h2.update_settings({4: 0})
            await client.flush()
            await client.until(h2.events.SettingsAcknowledged)
            await client.ask("/endless")
            client.h2.update_settings({4: 65_535})
            await client.flush()
            for _ in range(20):
                number = await client.ask(method="POST", end=False)
                while client.h2.local_flow_control_window(number) < size:
                    await client.read()
                await client.send(number, bytes(size), end=True)
                content = (await client.answer(number))[1]
                assert len(content) == size


# -- what else ASGI has --


async def test_trailers_and_an_early_hint_are_sent(loop_name):
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert "http.response.trailers" in scope["extensions"]
        await send(
            {"type": "http.response.early_hint", "links": [b"</a.css>"]}
        )
        await send(
            {"type": "http.response.start", "status": 200, "trailers": True}
        )
        await send({"type": "http.response.body", "body": b"hello"})
        await send(
            {"type": "http.response.trailers", "headers": [(b"x-sum", b"5")]}
        )

    async with running(app) as server:
        async with talking(server) as client:
            number = await client.ask()
            hint = await client.until(
                h2.events.InformationalResponseReceived, number
            )
            assert (":status", "103") in hint.headers
            assert (await client.answer(number))[1] == b"hello"
            trailers = await client.until(h2.events.TrailersReceived, number)
            assert trailers.headers == [("x-sum", "5")]


async def test_a_websocket_over_http_2_echoes(loop_name, carrier):
    async with running(echoes, **carrier) as server:
        async with talking(server) as client:
            await client.until(h2.events.RemoteSettingsChanged)
            number = await client.ask(
                "/",
                (":protocol", "websocket"),
                ("sec-websocket-version", "13"),
                method="CONNECT",
                end=False,
            )
            head = await client.until(h2.events.ResponseReceived, number)
            assert (":status", "200") in head.headers
            await client.send(number, b"\x81\x85\0\0\0\0hello")
            assert (await client.until(DATA, number)).data == b"\x81\x05hello"


@pytest.mark.slow
async def test_an_idle_connection_is_closed(loop_name, carrier):
    async with running(hello, keep_alive_timeout=0.2, **carrier) as server:
        async with talking(server) as client:
            await client.answer(await client.ask())
            goodbye = await client.until(h2.events.ConnectionTerminated)
            assert goodbye.error_code == 0
            assert await no_more(client.carrier)


async def test_a_connection_has_so_many_requests_and_loses_none(
    loop_name, certificates
):
    ports = set()

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["http_version"] == "2"
        ports.add(scope["client"])
        await answer(send)

    async with running(
        app,
        max_requests_per_connection=4,
        certfile=certificates.certfile,
        keyfile=certificates.keyfile,
    ) as server:
        async with httpx.AsyncClient(
            http2=True,
            verify=certificates.client_context("h2"),
            base_url=f"https://localhost:{server.port}",
        ) as client:
            for _ in range(10):
                assert (await client.get("/")).text == "hello"
    assert len(ports) == 3


async def test_who_does_not_read_our_answers_is_not_read(loop_name):
    """PINGs, each of which would be answered."""
    async with running(hello, h2_idle_frame_budget=(10**9, 10**9)) as server:
        async with talking(server) as client, talking(server) as other:
            ping = b"\0\0\x08\x06\0\0\0\0\0" + bytes(8)
            with anyio.move_on_after(0.3) as scope:
                while True:
                    await client.carrier.send(ping * 10_000)
            assert scope.cancelled_caught
            assert (await other.answer(await other.ask()))[1] == b"hello"
