"""A client that leaves while its view waits."""

import asyncio

from microquart import Quart
from microquart.learn.clients import Server, lines

app = Quart(__name__)


@app.before_request
async def take_connection() -> None:
    print("a connection to the database is taken")


@app.teardown_request
async def give_connection_back(error: BaseException | None) -> None:
    print("it is given back")


@app.get("/")
async def view() -> str:
    await asyncio.Event().wait()
    return ""


async def main() -> None:
    client = Server(app).client()
    await client.says(lines("GET / HTTP/1.1", "Host: a"))
    print("the client leaves")
    await client.leaves()
    print("now all is quiet")


if __name__ == "__main__":
    asyncio.run(main())
