"""Two requests, one after another, on one connection."""

import asyncio

from microquart import Quart
from microquart.learn.clients import Server, lines

app = Quart(__name__)


@app.get("/<name>")
async def greet(name: str) -> str:
    return f"Hello {name}!\n"


async def main() -> None:
    client = Server(app).client()
    for name in ("Ada", "Grace"):
        request = lines(f"GET /{name} HTTP/1.1", "Host: a")
        answer = await client.says(request)
        print(f"GET /{name} was answered by {len(answer)} bytes")
        print(answer.decode())


if __name__ == "__main__":
    asyncio.run(main())
