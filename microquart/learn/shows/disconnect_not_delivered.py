"""A long poll whose client leaves."""

import asyncio

from microquart.asgi import Receive, Scope, Send
from microquart.learn.clients import Server, lines


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        print("the application hears:", message["type"])
        if message["type"] == "http.disconnect":
            return


async def main() -> None:
    client = Server(app).client()
    await client.says(lines("GET /news HTTP/1.1", "Host: a"))
    print("the client leaves")
    await client.leaves()
    print("now all is quiet")


if __name__ == "__main__":
    asyncio.run(main())
