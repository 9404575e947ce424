"""Websocket: a conversation that a view leads."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, TypeAlias

from anyio import Event
from anyio.lowlevel import checkpoint

from microquart.asgi import (
    Receive,
    ReceiveMessage,
    Send,
    SendMessage,
    WebSocketScope,
)
from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.http.headers import Headers, Source
from microquart.wrappers.base import (
    BaseRequestWebsocket,
    RequestSettings,
    Turn,
)

Data: TypeAlias = str | bytes
Told: TypeAlias = Callable[[Data], Awaitable[object]]

# A view that only sends lets so much be read ahead for it; then the client
# waits, and is no longer watched.
AHEAD = 64 * 1024  # bytes
AHEAD_MESSAGES = 256

# A view that sends without a pause lets others run after so many messages.
IN_A_ROW = 8

# The client is gone and has not said why (RFC 6455, 7.1.5 and 7.4.1).
LOST = 1006
