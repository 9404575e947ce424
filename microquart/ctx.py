"""Quart's name for the context; here one class stands for all three."""

from microquart.context import (
    AppGlobals,
    Context,
    after_this_request,
    after_this_websocket,
    copy_current_app_context,
    copy_current_request_context,
    copy_current_websocket_context,
    has_app_context,
    has_request_context,
    has_websocket_context,
)

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
