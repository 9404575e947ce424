"""For the exercise global-instead-of-contextvar."""

import asyncio

from microquart import Quart, g, has_request_context, request
from microquart.learn.clients import Server, lines, quiet, same


def _app(door: asyncio.Event) -> Quart:
    app = Quart(__name__)

    @app.get("/<name>")
    async def view(name: str) -> str:
        g.name = name
        await door.wait()
        return f"{request.path} {g.name}"

    return app


async def each_view_sees_its_own_request() -> None:
    door = asyncio.Event()
    server = Server(_app(door))
    clients = {name: server.client() for name in "abc"}
    for name, client in clients.items():
        await client.says(lines(f"GET /{name} HTTP/1.1", "Host: a"))
    door.set()
    await quiet()
    answers = [client.heard[-4:] for client in clients.values()]
    same(answers, [b"/a a", b"/b b", b"/c c"])


async def outside_of_a_view_there_is_no_request() -> None:
    client = Server(_app(asyncio.Event())).client()
    await client.says(lines("GET /a HTTP/1.1", "Host: a"))
    same(has_request_context(), False)


async def an_inner_context_gives_way_to_the_outer_one() -> None:
    app = _app(asyncio.Event())
    async with app.test_request_context("/outer"):
        async with app.test_request_context("/inner"):
            same(request.path, "/inner")
        same(request.path, "/outer")
    same(has_request_context(), False)
