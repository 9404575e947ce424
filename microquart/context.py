"""The context: what is current while a view runs, in one context variable.

There is one class.  A context holds a request, or a websocket, or neither:
then it is an application's alone.  The proxies (``request``, ``g``, …) are
made of it for users; the package itself passes it from hand to hand.

A context may be pushed inside another.  What the inner one lacks is sought
outwards, so in ``async with app.app_context()`` a view still sees its
request.  A request's context inside one of the same application shares its
``g``, and leaves the end of the application's context to that one.
"""

import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from math import inf
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeAlias, TypeVar

from anyio import CancelScope, current_effective_deadline

from microquart import mistakes
from microquart.routing import MapAdapter
from microquart.sessions import (
    SecureCookieSessionInterface,
    SessionApplication,
    SessionInterface,
    SessionMixin,
    is_lazy,
)
from microquart.signals import (
    announce,
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    request_tearing_down,
    websocket_tearing_down,
)
from microquart.wrappers.request import Request
from microquart.wrappers.response import Response
from microquart.wrappers.websocket import Websocket

F = TypeVar("F", bound=Callable[..., Any])
AsyncFunction: TypeAlias = Callable[..., Coroutine[Any, Any, Any]]
Conversation: TypeAlias = Request | Websocket

# A key of the scope: the test client wants to look at the context later.
KEPT = "microquart.preserve_context"

_MISSING: Any = object()


class AppGlobals:
    """What ``g`` is: a place for anything, as long as a context lasts."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or the default if nothing has set it."""
        return self.__dict__.get(name, default)

    def pop(self, name: str, default: Any = _MISSING) -> Any:
        """Remove and return an attribute.

        Raises:
            KeyError: nothing has set it, and there is no default.
        """
        if default is _MISSING:
            return self.__dict__.pop(name)
        return self.__dict__.pop(name, default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return an attribute; set it first if nothing has."""
        return self.__dict__.setdefault(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    # Asked only for what is not there.
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"g has no {name!r}: nothing has set it here")

    def __setattr__(self, name: str, value: Any) -> None:
        self.__dict__[name] = value

    def __repr__(self) -> str:
        return f"<g of {', '.join(sorted(self)) or 'nothing'}>"


Hook: TypeAlias = tuple[object, AsyncFunction]

# Who listens to the end of a context: blinker keeps these dictionaries.
_LISTENERS = tuple(
    signal.receivers
    for signal in (
        request_tearing_down,
        websocket_tearing_down,
        appcontext_tearing_down,
        appcontext_popped,
    )
)


@dataclass(slots=True)
class Way:
    """What applies to one rule, gathered when a request first asks for it.

    A hook is the user's function and what is awaited in its place.  Hooks
    stand in the order in which they run.  A flag that is False spares a
    stage that would do nothing.
    """

    run_view: AsyncFunction
    automatic_options: bool = False
    value_preprocessors: list[Callable[..., object]] = field(
        default_factory=list
    )
    before: list[Hook] = field(default_factory=list)
    view: object = None
    after: list[Hook] = field(default_factory=list)
    teardown: list[AsyncFunction] = field(default_factory=list)
    preprocesses: bool = True
    finalizes: bool = True
    ends_quietly: bool = False  # no teardown function of any kind


class Application(SessionApplication, Protocol):
    """What the floors below the application may ask of it."""

    @property
    def app_ctx_globals_class(self) -> type[Any]: ...

    @property
    def session_interface(self) -> SessionInterface: ...

    @property
    def response_class(self) -> type[Response]: ...

    def ensure_async(self, func: Callable[..., Any]) -> AsyncFunction: ...

    def create_url_adapter(
        self, request: Conversation | None
    ) -> MapAdapter | None: ...

    def match_request(self, ctx: "Context", asked: Conversation) -> None: ...

    def do_teardown_request(
        self, exc: BaseException | None, request_context: "Context | None"
    ) -> Coroutine[Any, Any, None]: ...

    def do_teardown_websocket(
        self, exc: BaseException | None, websocket_context: "Context | None"
    ) -> Coroutine[Any, Any, None]: ...

    def do_teardown_appcontext(
        self, exc: BaseException | None
    ) -> Coroutine[Any, Any, None]: ...


class Context:
    """One request, one websocket, or an application by itself.

    ``push()`` makes it current in this task, ``pop()`` tears it down; so
    does ``async with``.  Parts that a request may not need are made when
    somebody looks at them: ``g``, ``session``, ``url_adapter``.
    """

    conversation: Conversation  # the request, or the websocket
    request: Request | None = None
    websocket: Websocket | None = None
    way: Way | None = None
    preserved = False  # left pushed, for the test client or a debugger
    after_functions: list[Callable[..., Any]] | None = None
    flashes: list[tuple[str, str]] | None = None
    # The hook or error handler whose value became the response.
    answered_by: tuple[str, object] | None = None

    _g: Any = None
    _url_adapter: MapAdapter | None = None
    _original: "Context | None" = None  # of a copy

    def __init__(
        self,
        app: Application,
        request_websocket: Conversation | None = None,
        session: SessionMixin | None = None,
    ) -> None:
        self.app = app
        if isinstance(request_websocket, Request):
            self.conversation = self.request = request_websocket
        elif request_websocket is not None:
            self.conversation = self.websocket = request_websocket
        self.opened_session = session
        # One for each time that it was pushed: what it was pushed over.
        self._tokens: list[Token[Context]] = []

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.request_websocket!r}>"

    @property
    def request_websocket(self) -> Conversation | None:
        """The request, or the websocket; None in an application's own."""
        return self.websocket if self.request is None else self.request

    @property
    def pushed(self) -> bool:
        """Whether it is current, or below one that is."""
        return bool(self._tokens)

    # -- what is made when somebody looks --

    @property
    def outer(self) -> "Context | None":
        """The context that was current when this one was pushed."""
        old = self._tokens[0].old_value if self._tokens else None
        return old if isinstance(old, Context) else None

    @property
    def owner(self) -> bool:
        """Whether the application's context begins and ends with this."""
        if self.request_websocket is None:
            return True
        outer = self.outer
        return outer is None or outer.app is not self.app

    @property
    def g(self) -> Any:
        """The ``g`` of this context; of the original's, in a copy of it."""
        if self._g is None:
            if self._original is not None:
                self._g = self._original.g
            elif self.owner or self.outer is None:
                self._g = self.app.app_ctx_globals_class()
            else:
                self._g = self.outer.g
        return self._g

    @property
    def url_adapter(self) -> MapAdapter | None:
        """What builds URLs here; None: no request, and no SERVER_NAME."""
        if self._url_adapter is None:
            self._url_adapter = self.app.create_url_adapter(
                self.request_websocket
            )
        return self._url_adapter

    @property
    def session(self) -> SessionMixin:
        """The session, which a cookie's is read for now.

        Raises:
            RuntimeError: another interface's is opened by ``push()``.
        """
        if self.opened_session is None:
            self.opened_session = self._load_session()
        return self.opened_session

    @session.setter
    def session(self, value: SessionMixin) -> None:
        self.opened_session = value

    def bind(self) -> MapAdapter:
        """Return the adapter where there has to be one."""
        adapter = self.url_adapter
        if adapter is None:
            raise RuntimeError("there is no URL adapter for this context")
        return adapter

    def copy(self) -> Self:
        """Return another context with the same request, session and g."""
        twin = type(self)(
            self.app, self.request_websocket, self.opened_session
        )
        twin._original = self
        twin._url_adapter = self._url_adapter
        twin.flashes = self.flashes
        twin.way = self.way
        return twin

    def copy_of_app(self) -> Self:
        """Return an application's own context with the same g."""
        twin = type(self)(self.app)
        twin._original = self
        return twin

    # -- pushing and popping --

    async def __aenter__(self) -> Self:
        await self.push()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.auto_pop(error)

    async def push(self) -> None:
        """Make it current; open the session, find the rule."""
        self.enter()
        try:
            if appcontext_pushed.receivers and self.owner:
                await announce(appcontext_pushed, self.app)
            if self.request_websocket is not None and self._original is None:
                if not is_lazy(self.app.session_interface):
                    await self.open_session()
                self.match_request()
        except BaseException:
            self.leave()
            raise

    def enter(self) -> None:
        """Make it current: the part of ``push()`` that waits for nothing."""
        self._tokens.append(current.set(self))

    def leave(self) -> None:
        """Let the outer context be current again: the last of ``pop()``."""
        current.reset(self._tokens.pop())

    async def open_session(self) -> None:
        """Ask the session interface, unless there is a session already."""
        if self.opened_session is None:
            interface = self.app.session_interface
            ensure_async = self.app.ensure_async
            self.opened_session = await ensure_async(interface.open_session)(
                self.app, self.request_websocket
            )
            if self.opened_session is None:
                self.opened_session = await interface.make_null_session(
                    self.app
                )

    def match_request(self) -> None:
        """Set ``url_rule`` and ``view_args``, or the routing exception.

        Override it to find the rule in another way.
        """
        self.app.match_request(self, self.conversation)

    async def auto_pop(self, exc: BaseException | None) -> None:
        """Pop it, unless somebody wants to look at it later."""
        if self.request_websocket is not None and self._is_kept(exc):
            self.preserved = True
        else:
            await self.pop(exc)

    async def pop(self, exc: BaseException | None = _MISSING) -> None:
        """Tear down, and let the outer context be current again.

        ``exc`` is what ended the request; left out, what is being handled.

        Raises:
            ExceptionGroup: what the teardown functions raised; all have run.
        """
        if not self.pushed:
            raise AssertionError(f"popped {self!r}, which is not pushed")
        if exc is _MISSING:
            exc = sys.exc_info()[1]
        owner = self.owner
        try:
            if len(self._tokens) == 1 and self.has_an_end():
                await self._end(exc, owner)
        finally:
            found = current.get(None)
            self.leave()
            if found is not self:
                raise AssertionError(f"popped {self!r}, current was {found!r}")
        if owner and appcontext_popped.receivers:
            await announce(appcontext_popped, self.app)

    def has_an_end(self) -> bool:
        """Tell whether popping it does anything but to leave it."""
        if self.way is None or not self.way.ends_quietly or any(_LISTENERS):
            return True
        asked = self.conversation
        return KEPT in asked.scope or bool(asked.uploads)

    # -- inside --

    def _load_session(self) -> SessionMixin:
        if self._original is not None:
            return self._original.session
        interface = self.app.session_interface
        if interface.lazy and isinstance(
            interface, SecureCookieSessionInterface
        ):
            return interface.load(self.app, self.conversation)
        raise RuntimeError("the session is opened when the context is pushed")

    def _is_kept(self, exc: BaseException | None) -> bool:
        scope: Mapping[str, object] = self.conversation.scope
        if scope.get(KEPT):
            return True
        return exc is not None and bool(
            self.app.config["PRESERVE_CONTEXT_ON_EXCEPTION"]
        )

    async def _end(self, exc: BaseException | None, owner: bool) -> None:
        if current_effective_deadline() > -inf and (
            exc is None or isinstance(exc, Exception)
        ):
            await self._tear_down(exc, owner)
        else:
            # Cancelled, although a view in a thread has not heard of it: in
            # a scope of anyio's the next await would raise again, and the
            # user's database connection would never be given back.
            with CancelScope(shield=True):
                await self._tear_down(exc, owner)

    async def _tear_down(self, exc: BaseException | None, owner: bool) -> None:
        failures = Failures()
        if self.request is not None:
            with failures:
                await self.app.do_teardown_request(exc, self)
            if self._original is None:
                with failures:
                    await self.request.close()
        elif self.websocket is not None:
            with failures:
                await self.app.do_teardown_websocket(exc, self)
        if owner:
            with failures:
                await self.app.do_teardown_appcontext(exc)
        failures.raise_any()


class Failures:
    """Keeps what several blocks raise, so that each of them is run."""

    def __init__(self) -> None:
        self.errors: list[Exception] = []

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if isinstance(error, ExceptionGroup):
            self.errors.extend(error.exceptions)
        elif isinstance(error, Exception):
            self.errors.append(error)
        return isinstance(error, Exception)

    def raise_any(self) -> None:
        if self.errors:
            raise ExceptionGroup("errors while tearing down", self.errors)


current: ContextVar[Context] = ContextVar("microquart.context")


# -- the current context --


def context_with(part: Literal["request", "websocket"]) -> Context | None:
    """Return the innermost context that has a request, or a websocket."""
    ctx = current.get(None)
    while ctx is not None and getattr(ctx, part) is None:
        ctx = ctx.outer
    return ctx


def conversation_context() -> Context | None:
    """Return the innermost context that is not an application's alone."""
    ctx = current.get(None)
    while ctx is not None and ctx.request_websocket is None:
        ctx = ctx.outer
    return ctx


def has_app_context() -> bool:
    """Tell whether there is a current application."""
    return current.get(None) is not None


def has_request_context() -> bool:
    """Tell whether there is a current request."""
    return context_with("request") is not None


def has_websocket_context() -> bool:
    """Tell whether there is a current websocket."""
    return context_with("websocket") is not None


def the_context(
    part: Literal["app", "request", "websocket"], wanted: str = ""
) -> Context:
    """Return the current context of a kind.

    Raises:
        RuntimeError: there is none here; the text says why, if it can.
    """
    ctx = current.get(None) if part == "app" else context_with(part)
    if ctx is None:
        otherwise = f"Not within a{'n' * (part == 'app')} {part} context"
        raise RuntimeError(mistakes.no_context(wanted or part, otherwise))
    return ctx


def the_conversation_context(wanted: str) -> Context:
    """Return the context of the current request or websocket.

    Raises:
        RuntimeError: there is none here; the text says why, if it can.
    """
    ctx = conversation_context()
    if ctx is None:
        otherwise = "Not within a request nor websocket context"
        raise RuntimeError(mistakes.no_context(wanted, otherwise))
    return ctx
