"""A client that asks whether it may send, before it sends."""

import asyncio

from microquart import Quart, request
from microquart.learn.clients import Server, lines

app = Quart(__name__)


@app.post("/")
async def upload() -> str:
    content = await request.get_data(as_text=False)
    return f"{len(content)} bytes have come\n"


async def main() -> None:
    client = Server(app).client()
    answer = await client.says(
        lines(
            "POST / HTTP/1.1",
            "Host: a",
            "Content-Length: 5",
            "Expect: 100-continue",
        )
    )
    print("asked whether to send, and heard:", answer.decode() or "nothing")
    if answer:
        print((await client.says(b"hello")).decode())


if __name__ == "__main__":
    asyncio.run(main())
