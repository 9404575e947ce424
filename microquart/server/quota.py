"""How many requests a server takes: at once, and in its life.

Stands before the application as ASGI, and only if one of the limits is set.
"""

from logging import getLogger

import anyio

from microquart.asgi import (
    ASGIApplication,
    FieldList,
    Receive,
    Scope,
    Send,
)
from microquart.server.settings import Settings

logger = getLogger("microquart.server")

RETRY_AFTER = b"1"  # seconds
BODY = b"Service Unavailable"
FIELDS: FieldList = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"retry-after", RETRY_AFTER),
]


class Quota:
    """Counts requests and WebSockets.

    ``spent`` is set when there have been as many as ``max_requests``, and
    some more, so that workers do not all end at the same time.
    """

    def __init__(self, settings: Settings) -> None:
        self.spent = anyio.Event()
        self.allowed = settings.max_requests
        if self.allowed is not None:
            import random

            self.allowed += random.randint(0, settings.max_requests_jitter)
        self._limit = settings.limit_concurrency
        self._open = self._seen = 0

    def around(self, app: ASGIApplication) -> ASGIApplication:
        """Return the application, with the counting before it."""
        if self._limit is None and self.allowed is None:
            return app

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if self._limit is not None and self._open >= self._limit:
                logger.warning(
                    "answered 503: %d requests are open", self._open
                )
                await refuse(scope, receive, send)
                return
            self._count()
            try:
                await app(scope, receive, send)
            finally:
                self._open -= 1

        return counted

    def _count(self) -> None:
        self._open += 1
        self._seen += 1
        if self._seen == self.allowed:
            logger.info("stopping: %d requests are enough", self._seen)
            self.spent.set()


async def refuse(
    scope: Scope, receive: Receive, send: Send, fields: FieldList = FIELDS
) -> None:
    """Answer 503, and say when to come again."""
    if scope["type"] == "websocket":
        await receive()
        await send(
            {
                "type": "websocket.http.response.start",
                "status": 503,
                "headers": fields,
            }
        )
        await send({"type": "websocket.http.response.body", "body": BODY})
        return
    await send(
        {"type": "http.response.start", "status": 503, "headers": fields}
    )
    await send({"type": "http.response.body", "body": BODY})
