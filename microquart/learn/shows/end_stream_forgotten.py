"""An answer over HTTP/2."""

import asyncio

from microquart import Quart
from microquart.learn.clients import Server

app = Quart(__name__)


@app.get("/")
async def greet() -> str:
    return "Hello!\n"


async def main() -> None:
    client = await Server(app).h2_client()
    number = await client.asks("/")
    print(client.content(number).decode())
    print("this is", "all" if client.ended(number) else "not all")


if __name__ == "__main__":
    asyncio.run(main())
