"""A client of a WebSocket that asks whether the server is there."""

import asyncio

from wsproto.events import Ping

from microquart import Quart, websocket
from microquart.learn.clients import Server

app = Quart(__name__)


@app.websocket("/")
async def talk() -> None:
    while True:
        await websocket.send(await websocket.receive())


async def main() -> None:
    client = await Server(app).websocket()
    print("ping:", await client.says(Ping(b"are you there?")) or "no answer")


if __name__ == "__main__":
    asyncio.run(main())
