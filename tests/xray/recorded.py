"""A small application, and the traces of conversations with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.to_thread
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamEnded
from websockets.sync.client import connect

from microquart import Quart, Response, abort, websocket
from microquart.xray.trace import Trace
from microquart.xray.tracing import trace
from tests.server.running import Running, hear, running


def make_app() -> Quart:
    app = Quart(__name__)

    @app.before_request
    async def load_user() -> None:
        pass

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.get("/users/<int:id>")
    async def user(id: int) -> dict[str, int]:
        return {"id": id}

    @app.post("/users/<int:id>")
    async def change(id: int) -> tuple[str, int]:
        return "changed", 201

    @app.get("/gone")
    async def gone() -> str:
        abort(410)

    @app.get("/broken")
    async def broken() -> str:
        raise ZeroDivisionError

    @app.websocket("/chat")
    async def chat() -> None:
        while True:
            await websocket.send(await websocket.receive())

    @app.after_request
    async def no_store(response: Response) -> Response:
        return response

    @app.teardown_request
    async def close_db(error: BaseException | None) -> None:
        pass

    return app


@asynccontextmanager
async def traced() -> AsyncIterator[tuple[Running, Trace]]:
    """Run the application on a server; both halves are traced."""
    async with running(make_app()) as server:
        with trace(server.shells) as t:
            yield server, t
            await anyio.wait_all_tasks_blocked()


async def over_http1() -> Trace:
    """Trace a GET, a POST and a 404 on one connection."""
    async with traced() as (server, t):
        await server.says(
            b"GET /users/7 HTTP/1.1\r\nHost: localhost\r\n\r\n"
            b"POST /users/7 HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Length: 4\r\n\r\nabcd"
            b"GET /users/x HTTP/1.1\r\nHost: localhost\r\n"
            b"Connection: close\r\n\r\n"
        )
    return t


async def over_http2() -> Trace:
    """Trace a GET and a POST on one connection."""
    async with traced() as (server, t):
        client = H2Connection(H2Configuration(header_encoding="utf-8"))
        client.initiate_connection()
        for stream, method in ((1, "GET"), (3, "POST")):
            fields = [
                (":method", method),
                (":scheme", "http"),
                (":authority", "localhost"),
                (":path", "/users/7"),
                ("cookie", "a=b"),
            ]
            client.send_headers(stream, fields, end_stream=method == "GET")
        client.send_data(3, b"abcd", end_stream=True)
        async with await server.connect() as socket:
            ended = 0
            while ended < 2:
                await socket.send(client.data_to_send())
                events = client.receive_data(await socket.receive())
                ended += sum(isinstance(e, StreamEnded) for e in events)
            client.close_connection()
            await socket.send(client.data_to_send())
            await hear(socket)
    return t


async def over_websocket() -> Trace:
    """Trace a text and some bytes, both ways."""

    def talk(server: Running) -> None:
        url = f"ws://127.0.0.1:{server.port}/chat"
        with connect(url, compression=None) as socket:
            for message in ("hello", b"\0\1"):
                socket.send(message)
                socket.recv()

    async with traced() as (server, t):
        await anyio.to_thread.run_sync(talk, server)
    return t
