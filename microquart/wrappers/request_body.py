"""The body of a request: pulled from the server, when somebody wants it.

No task reads ahead.  Each piece is one ``receive()``, and until it is asked
for the server keeps the client waiting.  What counts against the limit is
what has come, whatever was announced and in whichever way it is read.
"""

import asyncio
import sys
import types
from collections.abc import Awaitable, Generator
from os.path import basename
from time import monotonic
from typing import Any, NamedTuple, Protocol, TypeVar

from anyio import fail_after

from microquart.asgi import Receive, ReceiveMessage
from microquart.exceptions import RequestEntityTooLarge, RequestTimeout
from microquart.http.errors import ClientDisconnected, UnexpectedMessage
from microquart.wrappers.base import RequestSettings, Turn

T = TypeVar("T")


class Bounds(NamedTuple):
    """What a body may be; None: unknown, or without a limit."""

    announced: int | None  # bytes
    most: int | None  # bytes
    timeout: float | None  # seconds


class Sender(Protocol):
    """What a body asks of its request."""

    settings: RequestSettings
    _receive: Receive

    def bounds(self) -> Bounds: ...

    def client_left(self) -> None: ...


class Body:
    """To be awaited, for all of it, or to be iterated, for piece after piece.

    ::

        data = await request.body

        async for chunk in request.body:
            ...

    What has been awaited is kept and can be had again, both ways.  What was
    iterated over is gone: awaiting it raises a RuntimeError that says where.

    Raises:
        RequestEntityTooLarge: it is longer than ``max_content_length``.
        RequestTimeout: it was waited for longer than ``body_timeout``: all
            in all when awaited, for one piece when iterated.
        ClientDisconnected: the client left before its end.
    """

    # What takes pieces away, when this is iterated over.
    reader = "async for ... in request.body"

    _whole: bytes | None = None
    _given = False  # the whole, in this iteration
    _taken = ""  # who took what is not kept
    _size = 0  # bytes that have come
    _waited = 0.0  # seconds
    _refused = False

    def __init__(self, request: Sender) -> None:
        # None when no more comes.  It cuts the cycle of references, so that
        # a large body goes at once when its request does.
        self._request: Sender | None = request
        self._debug = request.settings.debug
        # Has come, and nobody has taken it.  A list of tiny pieces would be
        # twenty times as large.
        self._kept = bytearray()
        self._turn = Turn()

    # -- as a view sees it --

    def __await__(self) -> Generator[Any, Any, bytes]:
        return self.read().__await__()

    def __aiter__(self) -> "Body":
        if self._request is None and self._taken:
            raise self._gone()
        self._given = False
        return self

    async def __anext__(self) -> bytes:
        if self._whole is not None:
            if self._given or not self._whole:
                raise StopAsyncIteration
            self._given = True
            return self._whole
        self._waited = 0.0
        if self._kept:
            chunk = bytes(self._kept)
            self._kept.clear()
        elif not (chunk := await self._pull()):
            raise StopAsyncIteration
        if not self._taken:
            self._take(self.reader)
        return chunk

    async def read(self) -> bytes:
        """Return all of it."""
        if self._whole is None:
            await self.keep(None)
        if self._whole is None:
            raise self._gone()
        return self._whole

    # -- as the request sees it --

    @property
    def taken(self) -> bool:
        """Whether some of it is no longer here."""
        return bool(self._taken)

    async def keep(self, size: int | None) -> None:
        """Read so many bytes (None: all), and keep them for whoever asks."""
        async with self._turn:
            while self._whole is None and not self._taken:
                if size is not None and self._size > size:
                    return
                data = await self._pull()
                if self._request is None and not self._kept:
                    self._whole = data
                    return
                self._kept += data
                if self._request is None:
                    self._whole = bytes(self._kept)
                    self._kept.clear()

    def drop(self) -> None:
        """Do not keep what was read."""
        if self._whole:
            self._whole = None
            self._take("get_data(cache=False)")

    # -- inside --

    def _take(self, taker: str) -> None:
        self._taken = taker + (f", {user_line()}" if self._debug else "")

    def _gone(self) -> RuntimeError:
        return RuntimeError(
            f"the body has been consumed by {self._taken}: keep what you "
            "read, or await request.get_data() first, which keeps it"
        )

    async def _pull(self) -> bytes:
        """Return what comes next, or nothing at the end."""
        while (request := self._request) is not None:
            announced, most, timeout = request.bounds()
            if self._refused or (most is not None and (announced or 0) > most):
                raise RequestEntityTooLarge
            message = await self._message(request, timeout)
            if message["type"] == "http.disconnect":
                request.client_left()
                raise ClientDisconnected
            if message["type"] != "http.request":
                raise UnexpectedMessage(f"{message['type']!r} in a body")
            data = message.get("body", b"")
            self._size += len(data)
            if most is not None and self._size > most:
                self._refused = True  # for good: these bytes are not kept
                raise RequestEntityTooLarge
            if not message.get("more_body", False):
                self._request = None
            if data:
                return data
        return b""

    async def _message(
        self, request: Sender, timeout: float | None
    ) -> ReceiveMessage:
        if timeout is None:
            return await request._receive()
        began = monotonic()
        try:
            return await within(timeout - self._waited, request._receive())
        except TimeoutError:
            raise RequestTimeout from None
        finally:
            self._waited += monotonic() - began


async def within(seconds: float, message: Awaitable[T]) -> T:
    """Await a message, which is mostly there, for so many seconds at most.

    A timer would cost more than all the rest of a small body.  So asyncio
    gets none before the first step has shown that there is something to wait
    for.  On trio a scope cannot be put round what has begun.

    Raises:
        TimeoutError: it has not come.
    """
    if not _on_asyncio():
        with fail_after(seconds):
            return await message
    steps = message.__await__()
    try:
        first = next(steps)
    except StopIteration as done:
        value: T = done.value
        return value
    async with asyncio.timeout(seconds):
        return await _resume(first, steps)


@types.coroutine
def _resume(
    first: Any, steps: Generator[Any, Any, T]
) -> Generator[Any, Any, T]:
    """Go on with an awaitable that waits for ``first``."""
    while True:
        try:
            yield first
        except BaseException as error:
            try:
                first = steps.throw(error)
            except StopIteration as done:
                value: T = done.value
                return value
        else:
            return (yield from steps)


def _on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def user_line() -> str:
    """Return the line of the user's that led here, as ``app.py:7``."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] != "microquart":
            return f"{basename(frame.f_code.co_filename)}:{frame.f_lineno}"
        frame = frame.f_back
    return "unknown line"
