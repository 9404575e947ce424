"""Two clients at a time."""

import asyncio

from microquart import Quart, request
from microquart.learn.clients import Server, lines, quiet

app = Quart(__name__)
doors = {name: asyncio.Event() for name in ("Ada", "Grace")}


@app.get("/<name>")
async def greet(name: str) -> str:
    await doors[name].wait()
    return f"you are {name}; your request is for {request.path}\n"


async def main() -> None:
    server = Server(app)
    clients = {name: server.client() for name in doors}
    for name, client in clients.items():
        await client.says(lines(f"GET /{name} HTTP/1.1", "Host: a"))
    for name, client in clients.items():
        doors[name].set()
        await quiet()
        print(client.heard.rpartition(b"\r\n\r\n")[2].decode())


if __name__ == "__main__":
    asyncio.run(main())
