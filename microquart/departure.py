"""The client that leaves: how it is noticed, and how it ends a view.

A server that offers the extension ``microquart.disconnect`` calls back, which
costs nothing.  Other servers tell only who waits in ``receive()``: there a
task does, once nobody else will, and it is ended with the request.

The view is cancelled.  That cancellation stops here; one from outside passes.
On asyncio it is the task's own, as a scope of anyio's would cost more than
all the rest of a request.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import anyio

from microquart.asgi import HTTPScope, Receive, ReceiveMessage
from microquart.http.errors import ClientDisconnected
from microquart.wrappers.request import Request
from microquart.wrappers.websocket import Websocket

Conversation: TypeAlias = Request | Websocket
Task: TypeAlias = asyncio.Task[Any]
Work: TypeAlias = Coroutine[Any, Any, None]
# Calls what it is given when the client leaves.
Watch: TypeAlias = Callable[[Callable[..., object]], object]


def unwatched(leave: Callable[..., object]) -> None:
    """Be the watch where the server calls nobody."""


# -- on asyncio --


def is_over(conversation: Conversation, error: BaseException) -> bool:
    """Tell whether an error only says that the client has left."""
    if not conversation.gone:
        return False
    if not isinstance(error, asyncio.CancelledError):
        return isinstance(error, ClientDisconnected)
    task = cancelled_task(conversation)
    return task is not None and not task.uncancel()


async def absorb(conversation: Conversation) -> None:
    """Take up a cancellation of ours that has not arrived, or was caught."""
    task = cancelled_task(conversation)
    if task is None:
        return
    try:
        await asyncio.sleep(0)
    except asyncio.CancelledError:
        if task.uncancel():
            raise
    else:
        task.uncancel()


def cancelled_task(conversation: Conversation) -> Task | None:
    """Return the task to be uncancelled, once; on trio there is none."""
    running, conversation.runs_in = conversation.runs_in, None
    return None if isinstance(running, anyio.CancelScope) else running


def departure(conversation: Conversation) -> ClientDisconnected:
    """Take note that sending failed; return what ends the response."""
    conversation.runs_in = None  # the exception ends it, no cancellation
    conversation.client_left()
    return ClientDisconnected()


# -- on trio --


async def in_a_scope(conversation: Conversation, work: Work) -> None:
    """Await ``work`` where it can be cancelled without its task."""
    with anyio.CancelScope() as conversation.runs_in:
        await work


# -- asking for the departure --


class Inbox:
    """Messages of a server that tells only who asks, for two who ask.

    The request takes the content when the view wants it.  ``watch()`` takes
    what comes after the end of the content, which is the departure; and if
    ``ahead``, the first message too, as there will be no content.
    """

    def __init__(self, receive: Receive, ahead: bool) -> None:
        self._receive = receive
        self._ahead = ahead
        self._kept: deque[ReceiveMessage] = deque()
        self._reading = False
        self._complete = False
        self._news: anyio.Event | None = None

    async def receive(self) -> ReceiveMessage:
        """Return the next message, for the request."""
        while not self._kept:
            if not self._reading:
                return await self._read()
            await self._change()
        return self._kept.popleft()

    async def watch(self, leave: Callable[[], object]) -> None:
        """Call ``leave`` when the client has left."""
        while True:
            if self._reading or not (self._complete or self._ahead):
                await self._change()
                continue
            self._ahead = False
            message = await self._read()
            self._kept.append(message)
            if message["type"] == "http.disconnect":
                leave()
                return

    async def _read(self) -> ReceiveMessage:
        self._reading = True
        try:
            message = await self._receive()
        finally:
            self._reading = False
            self._tell()
        if not message.get("more_body", False):
            self._complete = True
        return message

    async def _change(self) -> None:
        if self._news is None:
            self._news = anyio.Event()
        await self._news.wait()

    def _tell(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None


def announces_body(scope: HTTPScope) -> bool:
    """Tell whether the head says that content follows."""
    return any(
        (name == b"content-length" and value.strip(b"0"))
        or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )


async def beside(watch: Work, work: Work) -> None:
    """Run ``watch`` beside ``work``, if that waits at all, and end it."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        await _beside_in_a_group(watch, work)
        return
    task: asyncio.Task[None] | None = None

    def start() -> None:
        nonlocal task
        task = loop.create_task(watch)

    soon = loop.call_soon(start)
    try:
        await work
    finally:
        soon.cancel()
        if task is None:
            watch.close()
        else:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()


async def _beside_in_a_group(watch: Work, work: Work) -> None:
    failure: Exception | None = None

    async def run() -> None:
        await watch

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        try:
            await work
        except Exception as error:
            failure = error
        group.cancel_scope.cancel()
    # Not as a group of one, which the application would not have raised.
    if failure is not None:
        raise failure
