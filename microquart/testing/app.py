"""An application under test that has been started, and will be stopped."""

from types import TracebackType
from typing import Any, Protocol, Self

import anyio

from microquart.asgi import (
    LifespanScope,
    Receive,
    ReceiveMessage,
    Scope,
    Send,
    SendMessage,
)
from microquart.testing.background import Background, Mailbox
from microquart.testing.client import QuartClient

# Seconds that the hooks of startup, and those of shutdown, may take.
DEFAULT_TIMEOUT = 6


class LifespanError(Exception):
    """The application could not start, or could not stop."""


class Startable(Protocol):
    """What is asked of the application."""

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None: ...

    def test_client(self) -> QuartClient: ...


class TestApp:
    """Runs ``before_serving`` and the like, as a server does.

    ::

        async with app.test_app() as test_app:
            response = await test_app.test_client().get("/")
    """

    __test__ = False  # for pytest: this is no test

    def __init__(
        self,
        app: Startable,
        startup_timeout: float = DEFAULT_TIMEOUT,
        shutdown_timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        self.app = app
        self.startup_timeout = startup_timeout
        self.shutdown_timeout = shutdown_timeout
        self.state: dict[str, Any] = {}
        self._to_app: Mailbox[ReceiveMessage] = Mailbox()
        self._started = anyio.Event()
        self._stopped = anyio.Event()
        self._problem: str | None = None

    def test_client(self) -> QuartClient:
        """Return a client whose requests find the lifespan's state."""
        client = self.app.test_client()
        client.state = self.state
        return client

    async def startup(self) -> None:
        """Start the application.

        Raises:
            LifespanError: it says that it has failed.
            TimeoutError: it says nothing.
        """
        self._task = Background(self._call)
        self._to_app.put({"type": "lifespan.startup"})
        await self._answer(self._started, self.startup_timeout, "start up")

    async def shutdown(self) -> None:
        """Stop the application; it raises what startup() may raise."""
        self._to_app.put({"type": "lifespan.shutdown"})
        await self._answer(self._stopped, self.shutdown_timeout, "shut down")
        await self._task.end()

    async def __aenter__(self) -> Self:
        await self.startup()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.shutdown()

    async def _answer(
        self, event: anyio.Event, timeout: float, what: str
    ) -> None:
        with anyio.move_on_after(timeout):
            await event.wait()
        if not event.is_set():
            self._task.cancel()
            raise TimeoutError(
                f"the application did not {what} in {timeout} s"
            )
        if self._problem is not None:
            self._task.cancel()
            await self._task.end()
            raise LifespanError(f"it could not {what}: {self._problem}")
        if self._task.done:
            await self._task.end()

    async def _call(self) -> None:
        scope: LifespanScope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        try:
            await self.app(scope, self._to_app.get, self._asgi_send)
        finally:
            self._started.set()
            self._stopped.set()

    async def _asgi_send(self, message: SendMessage) -> None:
        match message["type"]:
            case "lifespan.startup.complete":
                self._started.set()
            case "lifespan.shutdown.complete":
                self._stopped.set()
            case "lifespan.startup.failed":
                self._problem = message.get("message", "")
                self._started.set()
            case "lifespan.shutdown.failed":
                self._problem = message.get("message", "")
                self._stopped.set()
