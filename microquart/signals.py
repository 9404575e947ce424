"""The signals: what happens in the application, for whoever listens.

A receiver gets the application as sender and the rest by keyword; it may be
plain or async.  ``if signal.receivers`` costs nothing next to sending, so
nobody sends to an empty room.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from blinker import NamedSignal, Namespace

# Flask had a time when blinker was optional, and programs still ask.
signals_available = True

_signals = Namespace()

# -- templates: template=, context= --
before_render_template = _signals.signal("before-render-template")
template_rendered = _signals.signal("template-rendered")

# -- requests: response= when finished, exc= when torn down,
#    exception= when it failed --
request_started = _signals.signal("request-started")
request_finished = _signals.signal("request-finished")
request_tearing_down = _signals.signal("request-tearing-down")
got_request_exception = _signals.signal("got-request-exception")

# -- websockets: the same, and the message itself as sender's argument --
websocket_started = _signals.signal("websocket-started")
websocket_received = _signals.signal("websocket-received")
websocket_sent = _signals.signal("websocket-sent")
websocket_finished = _signals.signal("websocket-finished")
websocket_tearing_down = _signals.signal("websocket-tearing-down")
got_websocket_exception = _signals.signal("got-websocket-exception")

# -- the application's life: exception= --
got_background_exception = _signals.signal("got-background-exception")
got_serving_exception = _signals.signal("got-serving-exception")

# -- contexts: exc= when torn down --
appcontext_pushed = _signals.signal("appcontext-pushed")
appcontext_popped = _signals.signal("appcontext-popped")
appcontext_tearing_down = _signals.signal("appcontext-tearing-down")

# -- flash(): message=, category= --
message_flashed = _signals.signal("message-flashed")


class Sender(Protocol):
    """What sending asks of the application."""

    def ensure_async(
        self, func: Callable[..., Any]
    ) -> Callable[..., Coroutine[Any, Any, Any]]: ...


async def announce(
    signal: NamedSignal, sender: Sender, **values: object
) -> None:
    """Call every receiver of a signal, plain ones in a thread."""
    if signal.receivers:
        await signal.send_async(
            sender, _sync_wrapper=sender.ensure_async, **values
        )
