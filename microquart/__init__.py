"""The public names: those of Quart, ``install_as_quart`` and ``trace``."""

from typing import Any

from markupsafe import Markup, escape

from microquart.app import Quart
from microquart.blueprints import Blueprint
from microquart.config import Config
from microquart.ctx import (
    after_this_request,
    copy_current_app_context,
    copy_current_request_context,
    copy_current_websocket_context,
    has_app_context,
    has_request_context,
    has_websocket_context,
)
from microquart.globals import current_app, g, request, session, websocket
from microquart.helpers import (
    abort,
    flash,
    get_flashed_messages,
    get_template_attribute,
    make_push_promise,
    make_response,
    redirect,
    send_file,
    send_from_directory,
    stream_with_context,
    url_for,
)
from microquart.json import jsonify
from microquart.signals import (
    appcontext_popped,
    appcontext_pushed,
    appcontext_tearing_down,
    before_render_template,
    got_request_exception,
    got_websocket_exception,
    message_flashed,
    request_finished,
    request_started,
    request_tearing_down,
    signals_available,
    template_rendered,
    websocket_finished,
    websocket_started,
    websocket_tearing_down,
)
from microquart.templating import (
    render_template,
    render_template_string,
    stream_template,
    stream_template_string,
)
from microquart.typing import ResponseReturnValue
from microquart.wrappers.request import Request
from microquart.wrappers.response import Response
from microquart.wrappers.websocket import Websocket

__all__ = [
    "Blueprint",
    "Config",
    "Markup",
    "Quart",
    "Request",
    "Response",
    "ResponseReturnValue",
    "Websocket",
    "abort",
    "after_this_request",
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "before_render_template",
    "copy_current_app_context",
    "copy_current_request_context",
    "copy_current_websocket_context",
    "current_app",
    "escape",
    "flash",
    "g",
    "get_flashed_messages",
    "get_template_attribute",
    "got_request_exception",
    "got_websocket_exception",
    "has_app_context",
    "has_request_context",
    "has_websocket_context",
    "jsonify",
    "make_push_promise",
    "make_response",
    "message_flashed",
    "redirect",
    "render_template",
    "render_template_string",
    "request",
    "request_finished",
    "request_started",
    "request_tearing_down",
    "send_file",
    "send_from_directory",
    "session",
    "signals_available",
    "stream_template",
    "stream_template_string",
    "stream_with_context",
    "template_rendered",
    "url_for",
    "websocket",
    "websocket_finished",
    "websocket_started",
    "websocket_tearing_down",
]

trace: Any  # brought in when it is first asked for


def __getattr__(name: str) -> object:
    if name == "trace":
        from microquart.xray.tracing import trace

        return trace
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def install_as_quart() -> None:
    """Have ``import quart`` give this package; say so before you import it.

    Raises:
        RuntimeError: Quart itself has been imported.
    """
    from microquart import as_quart

    as_quart.install_as_quart()
