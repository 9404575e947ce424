"""The signals: their names, and who is called."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from blinker import NamedSignal

from microquart import signals
from microquart.signals import announce, request_finished
from microquart.threads import is_async, run_sync

NAMES = [
    "appcontext_popped",
    "appcontext_pushed",
    "appcontext_tearing_down",
    "before_render_template",
    "got_background_exception",
    "got_request_exception",
    "got_serving_exception",
    "got_websocket_exception",
    "message_flashed",
    "request_finished",
    "request_started",
    "request_tearing_down",
    "template_rendered",
    "websocket_finished",
    "websocket_received",
    "websocket_sent",
    "websocket_started",
    "websocket_tearing_down",
]


class Application:
    def __init__(self) -> None:
        self.wrapped: list[object] = []

    def ensure_async(
        self, func: Callable[..., Any]
    ) -> Callable[..., Coroutine[Any, Any, Any]]:
        self.wrapped.append(func)
        return func if is_async(func) else run_sync(func)


@pytest.mark.parametrize("name", NAMES)
def test_a_signal_of_quart_is_there(name: str) -> None:
    signal = getattr(signals, name)
    assert isinstance(signal, NamedSignal)
    assert signal.name == name.replace("_", "-")


def test_signals_are_available() -> None:
    assert signals.signals_available is True


async def test_receivers_may_be_plain_or_async() -> None:
    called = []

    def plain(sender: Application, response: str) -> None:
        called.append((sender, f"plain {response}"))

    async def waiting(sender: Application, response: str) -> None:
        called.append((sender, f"async {response}"))

    app = Application()
    with (
        request_finished.connected_to(plain),
        request_finished.connected_to(waiting, app),
    ):
        await announce(request_finished, app, response="ok")
    assert sorted(text for _, text in called) == ["async ok", "plain ok"]
    assert {sender for sender, _ in called} == {app}
    assert plain in app.wrapped


async def test_a_receiver_of_another_application_is_not_called() -> None:
    async def never(sender: Application) -> None:
        raise AssertionError(sender)

    mine, other = Application(), Application()
    with request_finished.connected_to(never, other):
        await announce(request_finished, mine)
