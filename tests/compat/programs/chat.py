"""A chat: each message goes to every websocket that is open."""

import asyncio

from quart import Quart, render_template_string, websocket

app = Quart(__name__)


class Broker:
    def __init__(self):
        self.connections = set()

    async def publish(self, message):
        for connection in self.connections:
            await connection.put(message)

    async def subscribe(self):
        connection = asyncio.Queue()
        self.connections.add(connection)
        try:
            while True:
                yield await connection.get()
        finally:
            self.connections.remove(connection)


broker = Broker()


@app.get("/")
async def index():
    return await render_template_string(
        "{{ n }} here", n=len(broker.connections)
    )


async def _receive():
    while True:
        await broker.publish(await websocket.receive())


@app.websocket("/ws")
async def ws():
    try:
        task = asyncio.ensure_future(_receive())
        async for message in broker.subscribe():
            await websocket.send(message)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
