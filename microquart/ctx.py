"""Contexts as users meet them: who is there, what is left to do in one."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, TypeVar

from microquart.context import (
    AppGlobals,
    AsyncFunction,
    Context,
    has_app_context,
    has_request_context,
    has_websocket_context,
    the_context,
)

F = TypeVar("F", bound=Callable[..., Any])

# Quart has three classes, and a name of its own for that of g.
AppContext = RequestContext = WebsocketContext = Context
_AppCtxGlobals = AppGlobals

__all__ = [
    "AppContext",
    "RequestContext",
    "WebsocketContext",
    "_AppCtxGlobals",
    "after_this_request",
    "after_this_websocket",
    "copy_current_app_context",
    "copy_current_request_context",
    "copy_current_websocket_context",
    "has_app_context",
    "has_request_context",
    "has_websocket_context",
]


def after_this_request(func: F) -> F:
    """Call ``func`` with the response of the current request, and only it.

    ::

        @after_this_request
        def remember(response):
            response.set_cookie("seen", "yes")
            return response
    """
    return _after_this("request", func)


def after_this_websocket(func: F) -> F:
    """Call ``func`` after the current websocket.

    It gets the response, or None if the websocket was accepted.
    """
    return _after_this("websocket", func)


def _after_this(part: Literal["request", "websocket"], func: F) -> F:
    ctx = the_context(part)
    if ctx.after_functions is None:
        ctx.after_functions = []
    ctx.after_functions.append(func)
    return func


# -- for work that outlives the context --


def copy_current_app_context(func: Callable[..., Any]) -> AsyncFunction:
    """Return ``func`` so that it runs in the application's context of now."""
    return _within(the_context("app").copy_of_app(), func)


def copy_current_request_context(func: Callable[..., Any]) -> AsyncFunction:
    """Return ``func`` so that it runs in the request's context of now."""
    return _within(the_context("request").copy(), func)


def copy_current_websocket_context(func: Callable[..., Any]) -> AsyncFunction:
    """Return ``func`` so that it runs in the websocket's context of now."""
    return _within(the_context("websocket").copy(), func)


def _within(ctx: Context, func: Callable[..., Any]) -> AsyncFunction:
    run = ctx.app.ensure_async(func)

    @wraps(func)
    async def within(*args: Any, **kwargs: Any) -> Any:
        # Of each call its own: two may run at once.
        async with ctx.copy():
            return await run(*args, **kwargs)

    return within
