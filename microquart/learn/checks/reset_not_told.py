"""For the exercise reset-not-told."""

import asyncio

from microquart import Quart
from microquart.learn.clients import Server, same


def _app(said: list[str]) -> Quart:
    app = Quart(__name__)

    @app.get("/<name>")
    async def view(name: str) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            said.append(name)
            raise
        return ""

    return app


async def a_view_is_cancelled_when_its_client_resets_the_stream() -> None:
    said: list[str] = []
    client = await Server(_app(said)).h2_client()
    await client.resets(await client.asks("/first"))
    same(said, ["first"])


async def a_view_of_another_stream_goes_on() -> None:
    said: list[str] = []
    client = await Server(_app(said)).h2_client()
    first = await client.asks("/first")
    await client.asks("/second")
    await client.resets(first)
    same(said, ["first"])
