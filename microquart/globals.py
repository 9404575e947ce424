"""The proxies: what is current, under names that can be imported.

``request`` is no request: it looks for the current one at each use.  They are
for users; in the package itself nothing reads a request from the air.  The
casts here are the one lie told to type checkers, and an honest one: whatever
is done to a proxy is done to what it stands for.
"""

from collections.abc import Callable
from typing import Any, cast

from microquart import json
from microquart.app import Quart
from microquart.context import (
    Context,
    current,
    the_context,
    the_conversation_context,
)
from microquart.json.provider import JSONProvider
from microquart.sessions import SessionMixin
from microquart.wrappers import response_fields
from microquart.wrappers.request import Request
from microquart.wrappers.websocket import Websocket


class Proxy:
    """Stands for what a function finds, at each use anew."""

    __slots__ = ("_find", "_name")

    def __init__(self, name: str, find: Callable[[], Any]) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_find", find)

    def _get_current_object(self) -> Any:
        """Return the object itself, to be kept or handed on."""
        return self._find()

    def __getattr__(self, name: str) -> Any:
        try:
            found = self._find()
        except RuntimeError as error:
            # Tools look at everything that a module has in it.
            if name.startswith("__"):
                raise AttributeError(name) from error
            raise
        return getattr(found, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._find(), name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._find(), name)

    @property
    def __class__(self) -> type[Any]:  # so that isinstance() holds
        try:
            return type(self._find())
        except RuntimeError:
            return Proxy

    @__class__.setter
    def __class__(self, value: type[Any]) -> None:
        raise AttributeError("the class of a proxy is that of its object")

    # Without a context a proxy can be asked whether there is something, and
    # can be shown.

    def __bool__(self) -> bool:
        try:
            return bool(self._find())
        except RuntimeError:
            return False

    def __repr__(self) -> str:
        try:
            return repr(self._find())
        except RuntimeError:
            return f"<{self._name}: outside of its context>"

    def __dir__(self) -> list[str]:
        try:
            return dir(self._find())
        except RuntimeError:
            return []


def _forward(name: str) -> Callable[..., Any]:
    # Python looks for these on the class, never by __getattr__.
    def forward(self: Proxy, *args: Any) -> Any:
        found = self._find()
        try:
            method = getattr(found, name)
        except AttributeError:
            kind = type(found).__name__
            raise TypeError(f"{kind!r} object has no {name}") from None
        return method(*args)

    forward.__name__ = name
    return forward


FORWARDED = (
    *("str", "format", "hash", "eq", "ne", "lt", "le", "gt", "ge"),
    *("call", "len", "iter", "next", "reversed", "contains"),
    *("getitem", "setitem", "delitem", "or", "ror", "ior"),
    *("enter", "exit", "aenter", "aexit", "aiter", "anext", "await"),
)
for _name in FORWARDED:
    setattr(Proxy, f"__{_name}__", _forward(f"__{_name}__"))


def _current_app() -> Any:
    ctx = current.get(None)
    return ctx.app if ctx is not None else the_context("app").app


def _g() -> Any:
    return the_context("app", "g").g


def _request() -> Any:
    ctx = current.get(None)
    if ctx is not None and ctx.request is not None:
        return ctx.request
    return the_context("request").request


def _websocket() -> Any:
    return the_context("websocket").websocket


def _session() -> Any:
    return the_conversation_context("session").session


current_app = cast(Quart, Proxy("current_app", _current_app))
g = cast(Any, Proxy("g", _g))
request = cast(Request, Proxy("request", _request))
session = cast(SessionMixin, Proxy("session", _session))
websocket = cast(Websocket, Proxy("websocket", _websocket))

# The contexts themselves, for extensions.
app_ctx = cast(Context, Proxy("app_ctx", lambda: the_context("app")))
request_ctx = cast(
    Context, Proxy("request_ctx", lambda: the_context("request"))
)
websocket_ctx = cast(
    Context, Proxy("websocket_ctx", lambda: the_context("websocket"))
)


def _provider() -> JSONProvider | None:
    ctx = current.get(None)
    return None if ctx is None else cast(Quart, ctx.app).json


json.ask(_provider)


def _cookie_size() -> int:
    ctx = current.get(None)
    if ctx is None:
        return response_fields.MAX_COOKIE_SIZE
    size: int = ctx.app.config["MAX_COOKIE_SIZE"]
    return size


response_fields.ask(_cookie_size)
