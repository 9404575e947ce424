"""For the exercise pong-forgotten."""

from wsproto.events import CloseConnection, Ping, TextMessage

from microquart import Quart, websocket
from microquart.learn.clients import Server, kinds, same


def _app() -> Quart:
    app = Quart(__name__)

    @app.websocket("/")
    async def talk() -> None:
        while True:
            await websocket.send(await websocket.receive())

    return app


async def a_ping_is_answered_with_its_own_payload() -> None:
    client = await Server(_app()).websocket()
    heard = await client.says(Ping(b"abc"))
    same([vars(event) for event in heard], [{"payload": b"abc"}])


async def each_ping_is_answered() -> None:
    client = await Server(_app()).websocket()
    heard = await client.says(Ping(b"1"), Ping(b"2"), Ping(b"3"))
    same(kinds(heard), ["Pong", "Pong", "Pong"])


async def a_ping_between_two_pieces_of_a_message_is_answered() -> None:
    client = await Server(_app()).websocket()
    heard = await client.says(
        TextMessage("a", message_finished=False), Ping(), TextMessage("b")
    )
    same(kinds(heard), ["Pong", "TextMessage"])


async def after_the_close_nothing_is_answered() -> None:
    client = await Server(_app()).websocket()
    same(kinds(await client.says(CloseConnection(1000))), ["CloseConnection"])
