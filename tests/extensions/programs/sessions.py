"""quart-session: sessions in a store, here a dictionary instead of Redis."""

import asyncio
import logging

from quart import Quart, send_file, session
from quart_session import Session

logging.disable()


class Store:
    """What quart-session asks of a client of Redis."""

    def __init__(self):
        self.values = {}

    async def get(self, key):
        return self.values.get(key)

    async def setex(self, name, value, time):
        print("  kept for", time)
        self.values[name] = value

    async def delete(self, key):
        self.values.pop(key, None)


def make(store, **config):
    app = Quart(__name__)
    app.secret_key = "not so secret"
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=store, **config)
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    Session(app)

    @app.get("/put/<value>")
    async def put(value):
        session["value"] = value
        session["pair"] = (1, b"bytes")
        return "put"

    @app.get("/get")
    async def get():
        return {
            "value": session.get("value"),
            "pair": repr(session.get("pair")),
        }

    @app.get("/clear")
    async def clear():
        session.clear()
        session.modified = True
        return "cleared"

    @app.get("/file")
    async def file():
        session["file"] = True
        return await send_file(__file__, conditional=False)

    return app


async def show(client, path):
    response = await client.get(path)
    text = await response.get_data(as_text=True)
    print(path, response.status_code, text if path != "/file" else "")
    for cookie in response.headers.getlist("Set-Cookie"):
        name, _, rest = cookie.partition("=")
        print(
            "  ",
            name,
            sorted(part.split("=")[0] for part in rest.split("; ")[1:]),
        )


async def main():
    for config in ({}, {"SESSION_PROTECTION": True}):
        print(config)
        store = Store()
        app = make(store, **config)
        client = app.test_client()
        for path in (
            "/get",
            "/put/a",
            "/get",
            "/file",
            "/put/b",
            "/get",
            "/clear",
            "/get",
        ):
            await show(client, path)
        print(len(store.values))
        await show(client, "/put/c")
        await show(app.test_client(), "/get")
        forged = app.test_client()
        forged.set_cookie("localhost", "session", "forged")
        await show(forged, "/get")
    app = Quart("null")
    app.config["SESSION_TYPE"] = "null"
    Session(app)
    async with app.test_app():
        print(type(app.session_interface).__name__)


asyncio.run(main())
