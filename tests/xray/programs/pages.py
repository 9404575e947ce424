"""What the live page is looked at with: routes, a skin, a WebSocket."""

from collections.abc import AsyncIterator

from microquart import Quart, Response, request, websocket
from microquart.asgi import ASGIApplication, Receive, Scope, Send, SendMessage

app = Quart(__name__)


class Stamp:
    def __init__(self, inner: ASGIApplication) -> None:
        self.inner = inner

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def send_stamped(message: SendMessage) -> None:
            if message["type"] == "http.response.start":
                message = message.copy()
                fields = message.get("headers", ())
                message["headers"] = [*fields, (b"x-stamp", b"42")]
            await send(message)

        await self.inner(scope, receive, send_stamped)


app.asgi_app = Stamp(app.asgi_app)


@app.before_request
async def load_user() -> None:
    pass


@app.route("/users/<int:id>", methods=["GET", "POST"])
async def user(id: int) -> dict[str, int]:
    await request.get_data()
    return {"id": id}


@app.get("/large/<int:pieces>")
async def large(pieces: int) -> AsyncIterator[bytes]:
    for _ in range(pieces):
        yield bytes(8000)


@app.get("/broken")
async def broken() -> str:
    raise ZeroDivisionError


@app.websocket("/echo")
async def echo() -> None:
    while True:
        await websocket.send(await websocket.receive())


@app.after_request
async def no_store(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
