"""A message that a client sends in three frames."""

import asyncio

from wsproto.events import TextMessage

from microquart import Quart, websocket
from microquart.learn.clients import Server

app = Quart(__name__)


@app.websocket("/")
async def talk() -> None:
    while True:
        print("the view has received:", await websocket.receive())


async def main() -> None:
    client = await Server(app).websocket()
    await client.says(
        TextMessage("Decide without waiting, ", message_finished=False),
        TextMessage("wait without ", message_finished=False),
        TextMessage("deciding."),
    )


if __name__ == "__main__":
    asyncio.run(main())
