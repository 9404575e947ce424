"""For the exercise drain-forgotten."""

import asyncio

from microquart import Quart
from microquart.learn.clients import lines, same, serving


async def _answer(seconds: float) -> bytes:
    app = Quart(__name__)
    begun = asyncio.Event()
    done = asyncio.Event()

    @app.get("/")
    async def view() -> str:
        begun.set()
        await done.wait()
        return "done"

    async with serving(app) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(lines("GET / HTTP/1.1", "Host: a"))
        await begun.wait()
        server.stop()
        asyncio.get_running_loop().call_later(seconds, done.set)
        answer = await reader.read()
        writer.close()
    return answer


async def an_answer_on_its_way_is_finished() -> None:
    same((await _answer(0.2))[-4:], b"done")


async def so_is_one_that_takes_longer() -> None:
    same((await _answer(0.6))[-4:], b"done")
