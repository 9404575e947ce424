"""For the exercise close-not-echoed."""

from wsproto.events import CloseConnection

from microquart import Quart, websocket
from microquart.learn.clients import Server, kinds, same


def _app(closes: bool) -> Quart:
    app = Quart(__name__)

    @app.websocket("/")
    async def talk() -> None:
        await websocket.accept()
        if closes:
            await websocket.close(1000)
        while True:
            await websocket.receive()

    return app


async def a_close_frame_is_answered_by_a_close_frame() -> None:
    client = await Server(_app(False)).websocket()
    heard = await client.says(CloseConnection(1000))
    same(kinds(heard), ["CloseConnection"])


async def it_has_the_code_of_the_other_one() -> None:
    client = await Server(_app(False)).websocket()
    heard = await client.says(CloseConnection(3001))
    same([vars(event).get("code") for event in heard], [3001])


async def the_connection_is_closed_then() -> None:
    client = await Server(_app(False)).websocket()
    await client.says(CloseConnection(1000))
    same(client.client.closed, True)


async def who_has_closed_first_sends_no_second_close_frame() -> None:
    client = await Server(_app(True)).websocket()
    client.ws.receive_data(client.client.heard.partition(b"\r\n\r\n")[2])
    same(kinds(client.ws.events()), ["CloseConnection"])
    same(await client.client.says(client.ws.send(CloseConnection(1000))), b"")
