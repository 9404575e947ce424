"""HEAD, then GET, of an application that knows only GET."""

import asyncio

from microquart.asgi import Receive, Scope, Send
from microquart.learn.clients import Server, lines


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"Hello!"})


async def main() -> None:
    client = Server(app).client()
    for method in ("HEAD", "GET"):
        answer = await client.says(lines(f"{method} / HTTP/1.1", "Host: a"))
        head, _, content = answer.partition(b"\r\n\r\n")
        print(f"{method}: {head.splitlines()[0].decode()}")
        print(f"behind the head: {content!r}\n")


if __name__ == "__main__":
    asyncio.run(main())
