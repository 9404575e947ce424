"""How long the application may take for one HTTP request.

Stands before the application as ASGI, and only if a time is set.  The answer
leaves when that has passed, and not when the application has cleaned up: a
function in a thread cannot be stopped, and its client waits no longer for it.
"""

from logging import getLogger

import anyio

from microquart.asgi import (
    ASGIApplication,
    HTTPResponseStart,
    HTTPScope,
    Receive,
    Scope,
    Send,
    SendMessage,
)
from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.server.log import described
from microquart.server.quota import FIELDS, refuse

logger = getLogger("microquart.server")

# The connection could carry no other request before the call has ended.
LAST = [*FIELDS, (b"connection", b"close")]


class Deadline:
    """So many seconds for each HTTP request, and one clock for them all."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # Until when each may take; they come to their ends in this order.
        self._open: dict[Answer, float] = {}
        self._one_is_open = anyio.Event()

    def around(self, app: ASGIApplication) -> ASGIApplication:
        """Return the application, with its time."""

        async def in_time(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            answer = Answer(scope, receive, send)
            self._open[answer] = anyio.current_time() + self._seconds
            self._one_is_open.set()
            try:
                with answer.call:
                    await app(scope, receive, answer.send)
            finally:
                self._open.pop(answer, None)
                if answer.ended is not None:
                    with anyio.CancelScope(shield=True):
                        await answer.ended.wait()

        return in_time

    async def run(self) -> None:
        """End those whose time has passed, for as long as the server runs."""
        async with anyio.create_task_group() as group:
            while True:
                while not self._open:
                    self._one_is_open = anyio.Event()
                    await self._one_is_open.wait()
                answer, end = next(iter(self._open.items()))
                await anyio.sleep_until(end)
                if self._open.pop(answer, None) is not None:
                    group.start_soon(answer.end, self._seconds)


class Answer:
    """What the application says, as long as it has the time."""

    def __init__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        # It leaves with the first content, so until then a 503 is possible.
        self._start: HTTPResponseStart | None = None
        self._begun = False
        self.call = anyio.CancelScope()
        self.ended: anyio.Event | None = None  # once its time has passed

    async def send(self, message: SendMessage) -> None:
        """Send a message of the application (ASGI)."""
        if self.ended is not None:
            raise ClientDisconnected
        start = self._start
        if start is None and message["type"] == "http.response.start":
            self._start = message
            return
        if start is not None and not self._begun:
            self._begun = True
            await self._send(start)
        await self._send(message)

    async def end(self, seconds: float) -> None:
        """Cancel the call, and answer in its place."""
        self.ended = anyio.Event()
        self.call.cancel()
        try:
            done = "cut" if self._begun else await self._refuse()
        finally:
            self.ended.set()
        logger.warning(
            "%s: %s took more than %g s",
            done,
            described(self._scope),
            seconds,
        )

    async def _refuse(self) -> str:
        try:
            await refuse(self._scope, self._receive, self._send, LAST)
        except (ClientDisconnected, UnexpectedMessage):
            return "cancelled"
        return "answered 503"
