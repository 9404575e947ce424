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
from microquart.http.errors import ClientDisconnected
from microquart.server.log import described
from microquart.server.quota import FIELDS, refuse

logger = getLogger("microquart.server")

# The connection could carry no other request before the call has ended.
LAST = [*FIELDS, (b"connection", b"close")]


def timed(app: ASGIApplication, seconds: float) -> ASGIApplication:
    """Return the application, with so many seconds for each HTTP request."""

    async def in_time(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        answer = Answer(scope, receive, send)
        failed: BaseException | None = None
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(answer.end_in, seconds, group.cancel_scope)
                await app(scope, receive, answer.send)
                group.cancel_scope.cancel()
        except BaseExceptionGroup as errors:
            # The clock raises nothing: it is what the application raised.
            (failed,) = errors.exceptions
        if failed is not None:
            raise failed

    return in_time


class Answer:
    """What the application says, as long as it has the time."""

    def __init__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        # It leaves with the first content, so until then a 503 is possible.
        self._start: HTTPResponseStart | None = None
        self._begun = False
        self._over = False

    async def send(self, message: SendMessage) -> None:
        """Send a message of the application (ASGI)."""
        if self._over:
            raise ClientDisconnected
        start = self._start
        if start is None and message["type"] == "http.response.start":
            self._start = message
            return
        if start is not None and not self._begun:
            self._begun = True
            await self._send(start)
        await self._send(message)

    async def end_in(self, seconds: float, call: anyio.CancelScope) -> None:
        """Wait for so long; then answer in its place, and cancel it."""
        await anyio.sleep(seconds)
        self._over = True
        call.cancel()
        done = "cut" if self._begun else await self._refuse()
        logger.warning(
            "%s: %s took more than %g s",
            done,
            described(self._scope),
            seconds,
        )

    async def _refuse(self) -> str:
        try:
            with anyio.CancelScope(shield=True):
                await refuse(self._scope, self._receive, self._send, LAST)
        except ClientDisconnected:
            return "cancelled"
        return "answered 503"
