"""The application's life: startup before the first request, shutdown last."""

from logging import getLogger
from types import TracebackType
from typing import Any, ClassVar, Self

import anyio

from microquart.asgi import (
    ASGIApplication,
    LifespanScope,
    ReceiveMessage,
    SendMessage,
)
from microquart.http.errors import MicroquartError, UnexpectedMessage

logger = getLogger("microquart.server")


class StartupFailed(MicroquartError):
    """The application cannot start, and says why."""


class Lifespan:
    """One call of the application with a lifespan scope.

    Used as a context: the application runs meanwhile.  An application that
    does not know lifespan, because it raises or returns before it has said
    anything, is served all the same, unless ``mode`` is "on".
    """

    ORDER: ClassVar = {
        ("starting", "lifespan.startup.complete"): "running",
        ("starting", "lifespan.startup.failed"): "failed",
        ("stopping", "lifespan.shutdown.complete"): "stopped",
        ("stopping", "lifespan.shutdown.failed"): "stopped",
    }

    def __init__(
        self, app: ASGIApplication, state: dict[str, Any], mode: str
    ) -> None:
        self.app = app
        self.mode = mode
        self.state = "starting"
        self.message = ""
        self.error: Exception | None = None
        self._scope: LifespanScope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": state,
        }
        self._asked: list[ReceiveMessage] = []
        self._news = anyio.Event()
        self._group = anyio.create_task_group()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The block's own error is not this group's: it passes as it is.
        self._group.cancel_scope.cancel()
        await self._group.__aexit__(None, None, None)

    async def startup(self, timeout: float) -> None:
        """Have the application start.

        Raises:
            StartupFailed: it said so, raised, or took too long.
        """
        if self.mode == "off":
            self.state = "unsupported"
            return
        self._group.start_soon(self._run)
        self._tell({"type": "lifespan.startup"})
        with anyio.move_on_after(timeout):
            await self._until("running", "failed", "unsupported")
        if self.state == "starting":
            raise StartupFailed(f"startup took longer than {timeout:g} s")
        if self.state == "failed":
            raise StartupFailed(
                self.message or "the application's startup failed"
            ) from self.error

    async def shutdown(self, timeout: float) -> None:
        """Have the application end; what it cannot say in time is lost."""
        if self.state != "running":
            return
        self.state = "stopping"
        self._tell({"type": "lifespan.shutdown"})
        with anyio.move_on_after(timeout):
            await self._until("stopped", "unsupported")
        if self.state == "stopping":
            logger.warning("shutdown took longer than %g s", timeout)
        if self.message:
            logger.error("the application's shutdown failed: %s", self.message)

    # -- as the application sees it --

    async def _receive(self) -> ReceiveMessage:
        while not self._asked:
            await self._wait()
        return self._asked.pop(0)

    async def _send(self, message: SendMessage) -> None:
        kind = message["type"]
        try:
            self.state = self.ORDER[self.state, kind]
        except KeyError:
            raise UnexpectedMessage(
                f"{kind!r} while the lifespan is {self.state}"
            ) from None
        if (
            message["type"] == "lifespan.startup.failed"
            or message["type"] == "lifespan.shutdown.failed"
        ):
            self.message = message.get("message", "") or kind
        self._ring()

    # -- inside --

    async def _run(self) -> None:
        try:
            await self.app(self._scope, self._receive, self._send)
        except Exception as error:
            self._failed(error)
        if self.state == "starting":
            self.state = "unsupported"
        elif self.state == "stopping":
            self.state = "stopped"
        self._ring()

    def _failed(self, error: Exception) -> None:
        if self.state == "starting" and self.mode == "on":
            self.state, self.error = "failed", error
            self.message = f"{type(error).__name__}: {error}"
        elif self.state == "starting":
            logger.debug("the application does not know lifespan: %r", error)
        elif self.state != "failed":
            logger.exception("the application's lifespan failed")

    def _tell(self, message: ReceiveMessage) -> None:
        self._asked.append(message)
        self._ring()

    def _ring(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    async def _wait(self) -> None:
        await self._news.wait()

    async def _until(self, *states: str) -> None:
        while self.state not in states:
            await self._wait()
