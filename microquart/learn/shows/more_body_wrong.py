"""An upload that comes in two parts."""

import asyncio

from microquart import Quart, request
from microquart.learn.clients import Server, lines

app = Quart(__name__)


@app.post("/")
async def upload() -> str:
    content = await request.get_data(as_text=False)
    return f"the view has read {content!r}\n"


async def main() -> None:
    client = Server(app).client()
    head = lines("POST / HTTP/1.1", "Host: a", "Content-Length: 10")
    await client.says(head + b"12345")
    await client.says(b"67890")
    print(client.heard.decode())


if __name__ == "__main__":
    asyncio.run(main())
