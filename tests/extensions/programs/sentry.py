"""sentry-sdk: errors and requests are reported with their view's name."""

import asyncio
import logging

import sentry_sdk
from quart import Quart, websocket
from quart.testing import WebsocketResponseError
from sentry_sdk.integrations.quart import QuartIntegration

logging.disable()
told = []


def keep(event, hint):
    told.append(event)  # None: it is not sent


sentry_sdk.init(
    dsn="http://key@localhost/1",
    integrations=[QuartIntegration()],
    traces_sample_rate=1.0,
    before_send=keep,
    before_send_transaction=keep,
)
app = Quart(__name__)


@app.get("/broken/<int:number>")
async def broken(number):
    raise ValueError("async")


@app.get("/plain")
def plain():
    raise KeyError("plain")


@app.get("/fine")
async def fine():
    app.add_background_task(behind)
    return "fine"


async def behind():
    raise OSError("behind")


@app.websocket("/ws")
async def ws():
    websocket.headers["missing"]


async def main():
    async with app.test_app() as test_app:
        client = test_app.test_client()
        for path in ("/broken/1?a=b", "/plain", "/fine"):
            print(path, (await client.get(path)).status_code)
        try:
            async with client.websocket("/ws") as connection:
                await connection.receive()
        except WebsocketResponseError as error:
            print("websocket", error.response.status_code)
    for event in told:
        request = event.get("request", {})
        errors = event.get("exception", {"values": []})["values"]
        print(
            event.get("type"),
            event.get("transaction"),
            request.get("method"),
            request.get("url"),
            request.get("query_string"),
            [error["type"] for error in errors],
            [error["mechanism"]["type"] for error in errors],
        )


asyncio.run(main())
