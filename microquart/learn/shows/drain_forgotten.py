"""A server that is told to stop while it answers."""

import asyncio

from microquart import Quart
from microquart.learn.clients import lines, serving

app = Quart(__name__)
begun = asyncio.Event()
done = asyncio.Event()


@app.get("/")
async def report() -> str:
    begun.set()
    await done.wait()
    return "the report\n"


async def main() -> None:
    async with serving(app) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(lines("GET / HTTP/1.1", "Host: a"))
        await begun.wait()
        print("the view is at work; now Ctrl-C")
        server.stop()
        asyncio.get_running_loop().call_later(0.2, done.set)
        answer = await reader.read()
        print("the client hears:", answer.decode() or "nothing")
        writer.close()


if __name__ == "__main__":
    asyncio.run(main())
