"""A client that says: this is my last request."""

import asyncio

from microquart import Quart
from microquart.learn.clients import Server, lines

app = Quart(__name__)


@app.get("/")
async def greet() -> str:
    return "Hello!\n"


async def main() -> None:
    client = Server(app).client()
    request = lines("GET / HTTP/1.1", "Host: a", "Connection: close")
    print((await client.says(request)).decode())
    print("the connection is", "closed" if client.closed else "open")


if __name__ == "__main__":
    asyncio.run(main())
