"""A session opened, and saved again, on behalf of a test."""

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Protocol, runtime_checkable

import anyio

from microquart.context import AsyncFunction, Context
from microquart.sessions import SessionInterface, SessionMixin
from microquart.testing.background import Background
from microquart.wrappers.response import Response


@runtime_checkable
class SessionHolder(Protocol):
    """What a transaction asks of the application."""

    @property
    def session_interface(self) -> SessionInterface: ...

    @property
    def response_class(self) -> type[Response]: ...

    def ensure_async(self, func: Any) -> AsyncFunction: ...

    def test_request_context(
        self, path: str, **options: Any
    ) -> AbstractAsyncContextManager[Context]: ...


class Transaction:
    """Opens a session in a request's context and saves it at the end.

    The context is current in a task of its own: in the block the test has
    the context that it had before.
    """

    def __init__(
        self, app: SessionHolder, context: AbstractAsyncContextManager[Context]
    ) -> None:
        self.app = app
        self.context = context
        self.session: SessionMixin | None = None
        self.set_cookies: list[str] = []
        self.url = ""
        self._opened = anyio.Event()
        self._left = anyio.Event()
        self._abandoned = False

    async def __aenter__(self) -> SessionMixin:
        self._task = Background(self._run)
        await self._opened.wait()
        if self.session is None:
            await self._task.end()
            raise RuntimeError("no session: has the application a secret_key?")
        return self.session

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._abandoned = exc_value is not None
        self._left.set()
        await self._task.end()

    async def _run(self) -> None:
        try:
            async with self.context as ctx:
                await self._open_and_save(ctx)
        finally:
            self._opened.set()

    async def _open_and_save(self, ctx: Context) -> None:
        interface = self.app.session_interface
        open_session = self.app.ensure_async(interface.open_session)
        session = await open_session(self.app, ctx.request)
        self.session = session
        self._opened.set()
        if session is None:
            return
        await self._left.wait()
        if self._abandoned or interface.is_null_session(session):
            return
        response = self.app.response_class(b"")
        save_session = self.app.ensure_async(interface.save_session)
        await save_session(self.app, session, response)
        self.set_cookies = response.headers.getlist("set-cookie")
        self.url = "" if ctx.request is None else ctx.request.url
