"""For the exercise fragments-not-joined."""

from wsproto.events import BytesMessage, Event, TextMessage

from microquart import Quart, websocket
from microquart.learn.clients import Server, same


async def _received(*events: Event) -> list[str | bytes]:
    app = Quart(__name__)
    received: list[str | bytes] = []

    @app.websocket("/")
    async def talk() -> None:
        while True:
            received.append(await websocket.receive())

    client = await Server(app).websocket()
    await client.says(*events)
    return received


async def a_text_in_three_frames_is_one_message() -> None:
    parts = [
        TextMessage("a", message_finished=False),
        TextMessage("b", message_finished=False),
        TextMessage("c"),
    ]
    same(await _received(*parts), ["abc"])


async def the_next_message_has_nothing_of_it() -> None:
    parts = [TextMessage("a", message_finished=False), TextMessage("b")]
    same(await _received(*parts, TextMessage("c")), ["ab", "c"])


async def half_a_message_is_none() -> None:
    same(await _received(TextMessage("a", message_finished=False)), [])


async def bytes_are_joined_too() -> None:
    parts = [BytesMessage(b"a", message_finished=False), BytesMessage(b"b")]
    same(await _received(*parts), [b"ab"])
