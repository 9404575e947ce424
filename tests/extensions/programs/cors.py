"""quart-cors: an application, a route, a websocket, exemptions."""

import asyncio
import re
from datetime import timedelta

from quart import Blueprint, Quart, websocket
from quart.testing import WebsocketResponseError
from quart_cors import cors, cors_exempt, route_cors, websocket_cors

app = Quart(__name__)
# Ours refuses another site's websocket by itself; here quart-cors is to.
app.config["WEBSOCKET_ALLOWED_ORIGINS"] = "*"
app.config["QUART_CORS_MAX_AGE"] = timedelta(minutes=5).seconds


@app.get("/open")
@route_cors()
async def public():
    return "open"


@app.post("/closed")
@route_cors(
    allow_origin=["https://a.example", re.compile(r"https://\w+\.b\.example")],
    allow_headers=["X-Colour", "Content-Type"],
    allow_methods=["POST"],
    allow_credentials=True,
    expose_headers=["X-Colour", "X-Size"],
    max_age=timedelta(hours=1),
)
async def closed():
    return {"closed": True}, 201


@app.get("/without")
async def without():
    return "without"


@app.websocket("/ws")
@websocket_cors(allow_origin="https://a.example")
async def ws():
    await websocket.send("hello")


part = cors(Blueprint("part", __name__), allow_origin="https://part.example")


@part.get("/part")
async def in_part():
    return "part"


app.register_blueprint(part)

whole = cors(Quart("whole"), allow_origin=["https://a.example"])
whole.config["WEBSOCKET_ALLOWED_ORIGINS"] = "*"


@whole.get("/")
async def index():
    return "index"


@whole.get("/exempt")
@cors_exempt
async def exempt():
    return "exempt"


@whole.websocket("/ws")
async def whole_ws():
    await websocket.send("hello")


FIELDS = ("access-control", "vary", "allow")


async def show(client, method, path, **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await client.open(path, method=method, headers=fields)
    text = await response.get_data(as_text=True)
    print(
        method,
        path,
        response.status_code,
        text if response.status_code < 400 else "",
    )
    for name, value in sorted(response.headers.items(), key=str):
        if name.lower().startswith(FIELDS):
            values = sorted(part.strip() for part in value.split(","))
            print("  ", name.lower(), values)


async def talk(client, origin):
    try:
        async with client.websocket(
            "/ws", headers={"Origin": origin}
        ) as connection:
            print("websocket", origin, await connection.receive())
    except WebsocketResponseError as error:
        print("websocket", origin, error.response.status_code)


async def main():
    client = app.test_client()
    preflight = {"Access_Control_Request_Headers": "X-Colour, X-Taste"}
    for path in ("/open", "/closed", "/without", "/part"):
        method = "POST" if path == "/closed" else "GET"
        for origin in (
            "https://a.example",
            "https://x.b.example",
            "https://part.example",
        ):
            await show(client, method, path, Origin=origin)
            await show(
                client,
                "OPTIONS",
                path,
                Origin=origin,
                Access_Control_Request_Method=method,
                **preflight,
            )
        await show(client, method, path)
    await talk(client, "https://a.example")
    await talk(client, "https://b.example")
    client = whole.test_client()
    for path in ("/", "/exempt", "/nowhere"):
        await show(client, "GET", path, Origin="https://a.example")
        await show(client, "GET", path, Origin="https://b.example")
    await talk(client, "https://a.example")
    await talk(client, "https://b.example")


asyncio.run(main())
