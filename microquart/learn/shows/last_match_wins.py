"""Two views with the same rule."""

import asyncio

from microquart import Quart
from microquart.learn.clients import Server, lines

app = Quart(__name__)


@app.get("/pages/<name>")
async def page(name: str) -> str:
    return f"this is the page {name}\n"


@app.get("/pages/<name>")
async def late_comer(name: str) -> str:
    return f"this is somebody else, with {name}\n"


async def main() -> None:
    client = Server(app).client()
    answer = await client.says(lines("GET /pages/home HTTP/1.1", "Host: a"))
    print(answer.decode())


if __name__ == "__main__":
    asyncio.run(main())
