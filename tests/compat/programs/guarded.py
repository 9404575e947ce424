"""Websockets for those who know the password, each with its own name."""

from functools import wraps
from secrets import compare_digest

from quart import Quart, abort, websocket

app = Quart(__name__)
log = []


def auth_required(func):
    @wraps(func)
    async def wrapper(*args, **kwargs):
        auth = websocket.authorization
        if (
            auth is not None
            and auth.type == "basic"
            and compare_digest(auth.password, "secret")
        ):
            return await func(*args, **kwargs)
        abort(401)

    return wrapper


@app.before_websocket
async def opened():
    log.append(f"{websocket.path} opened")


@app.websocket("/ws/<name>")
@auth_required
async def ws(name):
    await websocket.accept(headers={"X-Name": name})
    await websocket.send(f"hello {name}")
    while True:
        data = await websocket.receive_json()
        if data.get("end"):
            await websocket.close(1000)
            return
        await websocket.send_json(name=name, got=data)


@app.after_websocket
async def closed(response):
    log.append(getattr(response, "status_code", "closed"))
    return response
