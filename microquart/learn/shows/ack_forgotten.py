"""A large upload over HTTP/2."""

import asyncio

from microquart import Quart, request
from microquart.learn.clients import Server

SIZE = 200_000

app = Quart(__name__)


@app.post("/")
async def upload() -> str:
    content = await request.get_data(as_text=False)
    return f"{len(content)} bytes have come\n"


async def main() -> None:
    client = await Server(app).h2_client()
    number = await client.asks("/", "POST")
    sent = await client.uploads(number, SIZE)
    print(f"{sent} of {SIZE} bytes could be sent")
    print("the answer:", client.content(number).decode() or "none")


if __name__ == "__main__":
    asyncio.run(main())
