"""A name for each request: X-Request-ID, in the log and in the response.

A client, or a proxy in front, may have given one already.
"""

import os
import re
from itertools import count

from microquart.asgi import (
    ASGIApplication,
    FieldList,
    Receive,
    Scope,
    Send,
    SendMessage,
)
from microquart.server.log import request_id

FIELD = b"x-request-id"
_GIVEN = re.compile(rb"[\w.:+/=@-]{1,128}").fullmatch


def named(app: ASGIApplication) -> ASGIApplication:
    """Return the application, each of its requests with a name.

    It has it in ``scope["state"]["request_id"]``, its log records in the
    context variable ``microquart.server.log.request_id``.
    """
    # Unique among workers and restarts; the end counts.
    prefix, numbers = os.urandom(4).hex(), count(1)

    async def with_name(scope: Scope, receive: Receive, send: Send) -> None:
        name = given(scope) or f"{prefix}-{next(numbers)}"
        request_id.set(name)
        scope.setdefault("state", {})["request_id"] = name
        field = (FIELD, name.encode())

        async def send_named(message: SendMessage) -> None:
            if (
                message["type"] == "http.response.start"
                or message["type"] == "websocket.accept"
                or message["type"] == "websocket.http.response.start"
            ):
                message = message.copy()
                message["headers"] = [*message.get("headers", ()), field]
            await send(message)

        await app(scope, receive, send_named)

    return with_name


def given(scope: Scope) -> str:
    """Return the name that a request came with, if it is a harmless one."""
    fields: FieldList = []
    if scope["type"] != "lifespan":
        fields = list(scope["headers"])
    for name, value in fields:
        if name == FIELD and _GIVEN(value):
            return value.decode()
    return ""
