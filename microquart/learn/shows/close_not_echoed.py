"""A client that closes its WebSocket."""

import asyncio

from wsproto.events import CloseConnection

from microquart import Quart, websocket
from microquart.learn.clients import Server

app = Quart(__name__)


@app.websocket("/")
async def talk() -> None:
    while True:
        await websocket.send(await websocket.receive())


async def main() -> None:
    client = await Server(app).websocket()
    heard = await client.says(CloseConnection(1000, "that was all"))
    print("close:", heard or "the end, and no close frame: 1006")


if __name__ == "__main__":
    asyncio.run(main())
