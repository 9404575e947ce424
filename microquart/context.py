"""The context: what is current while a view runs, in one context variable.

There is one class.  A context holds a request, or a websocket, or neither:
then it is an application's alone.  The proxies (``request``, ``g``, …) are
made of it for users; the package itself passes it from hand to hand.

A context may be pushed inside another.  What the inner one lacks is sought
outwards, so in ``async with app.app_context()`` a view still sees its
request.  A request's context inside one of the same application shares its
``g``, and leaves its end to that one.
"""

import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextvars import ContextVar, Token
from functools import wraps
from types import TracebackType
from typing import Any, Literal, ParamSpec, Protocol, Self, TypeVar

from anyio import CancelScope

from microquart import mistakes
from microquart.exceptions import HTTPException
from microquart.routing import MapAdapter
from microquart.sessions import (
    SecureCookieSessionInterface,
    SessionApplication,
    SessionInterface,
    SessionMixin,
)
from microquart.signals import announce, appcontext_popped, appcontext_pushed
from microquart.wrappers.request import Request
from microquart.wrappers.response import Response
from microquart.wrappers.websocket import Websocket

P = ParamSpec("P")
F = TypeVar("F", bound=Callable[..., Any])
AsyncFunction = Callable[..., Coroutine[Any, Any, Any]]

# A key of the scope: the test client wants to look at the context later.
KEPT = "microquart.preserve_context"

_MISSING: Any = object()


class AppGlobals:
    """What ``g`` is: a place for anything, as long as a context lasts."""

    def get(self, name: str, default: Any = None) -> Any:
        return self.__dict__.get(name, default)

    def pop(self, name: str, default: Any = _MISSING) -> Any:
        if default is _MISSING:
            return self.__dict__.pop(name)
        return self.__dict__.pop(name, default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        return self.__dict__.setdefault(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    # Only for what is not there; it tells a type checker of what is.
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"g has no {name!r}: nobody has set it here")

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    def __repr__(self) -> str:
        return f"<g {sorted(self.__dict__)}>"


class Way:
    """What applies to one endpoint, gathered when it is first asked for.

    ``names``: the blueprint and those around it, innermost first.  The hooks
    are in the order in which they run and may all be awaited.
    """

    names: tuple[str, ...] = ()


class Application(SessionApplication, Protocol):
    """What the floors below the application may ask of it."""

    @property
    def app_ctx_globals_class(self) -> type[Any]: ...

    @property
    def session_interface(self) -> SessionInterface: ...

    @property
    def preserved_context(self) -> "Context | None": ...

    def ensure_async(self, func: Callable[..., Any]) -> AsyncFunction: ...

    def create_url_adapter(
        self, request: Request | Websocket | None
    ) -> MapAdapter | None: ...

    async def do_teardown_request(
        self, exc: BaseException | None, request_context: "Context | None"
    ) -> None: ...

    async def do_teardown_websocket(
        self, exc: BaseException | None, websocket_context: "Context | None"
    ) -> None: ...

    async def do_teardown_appcontext(
        self, exc: BaseException | None
    ) -> None: ...
