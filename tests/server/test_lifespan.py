"""Startup before the first request, shutdown after the last."""

import anyio
import pytest

from microquart.asgi import Receive, Scope, Send
from microquart.server.lifespan import Lifespan, StartupFailed
from microquart.server.serve import serve
from microquart.server.settings import Settings
from tests.server.applications import answer, hello
from tests.server.running import running

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """An application that notes what it is told, and says what it likes."""

    def __init__(self, startup: str = "complete", shutdown: str = "complete"):
        self.startup, self.shutdown = startup, shutdown
        self.told: list[str] = []

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.told.append(scope["type"])
        if scope["type"] == "http":
            await answer(send, scope["state"]["pool"])
            return
        assert scope["type"] == "lifespan"
        scope["state"]["pool"] = b"a pool"
        for phase in "startup", "shutdown":
            message = await receive()
            self.told.append(message["type"])
            what = getattr(self, phase)
            if what == "raises":
                raise ValueError("no database")
            await send(
                {
                    "type": f"lifespan.{phase}.{what}",
                    **({"message": "no database"} if what == "failed" else {}),
                }
            )


async def test_startup_and_shutdown_stand_round_the_requests():
    app = App()
    async with running(app) as server:
        heard = await server.says(GET, b"a pool")
    assert heard.endswith(b"a pool")
    assert app.told == [
        "lifespan",
        "lifespan.startup",
        "http",
        "lifespan.shutdown",
    ]


@pytest.mark.parametrize("mode", ["auto", "on"])
async def test_a_startup_that_fails_ends_the_server(mode):
    app = App("failed")
    with pytest.raises(StartupFailed, match="no database"):
        await serve(app, Settings(bind=("127.0.0.1:0",), lifespan=mode))


async def test_a_startup_that_raises_ends_the_server_if_lifespan_is_on():
    app = App("raises")
    with pytest.raises(StartupFailed, match="ValueError: no database"):
        await serve(app, Settings(bind=("127.0.0.1:0",), lifespan="on"))


async def test_an_application_without_lifespan_is_served_all_the_same():
    async with running(hello) as server:
        assert await server.says(GET, b"hello")


async def test_an_application_that_returns_at_once_is_served():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send)

    async with running(app) as server:
        assert await server.says(GET, b"hello")


async def test_with_lifespan_off_the_application_hears_nothing_of_it():
    told = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        told.append(scope["type"])
        await answer(send)

    async with running(app, lifespan="off") as server:
        assert await server.says(GET, b"hello")
    assert told == ["http"]


async def test_a_startup_has_its_time():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await anyio.sleep_forever()

    with pytest.raises(StartupFailed, match=r"longer than 0\.05 s"):
        await serve(app, Settings(bind=("127.0.0.1:0",), startup_timeout=0.05))


@pytest.mark.parametrize("shutdown", ["failed", "raises"])
async def test_a_shutdown_that_fails_is_logged_and_ends_the_server(
    shutdown, caplog
):
    async with running(App(shutdown=shutdown)) as server:
        await server.says(GET, b"a pool")
    assert "no database" in caplog.text


async def test_a_shutdown_has_its_time(caplog):
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await anyio.sleep_forever()

    async with running(app, shutdown_timeout=0.05):
        pass
    assert "shutdown took longer than 0.05 s" in caplog.text


async def test_a_message_out_of_order_is_an_error_of_the_application():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.shutdown.complete"})

    async with Lifespan(app, {}, "on") as lifespan:
        with pytest.raises(StartupFailed, match="while the lifespan is"):
            await lifespan.startup(1.0)
