"""Two hooks before a request, and two after it."""

import asyncio

from microquart import Quart, Response
from microquart.learn.clients import Server, lines

app = Quart(__name__)


@app.before_request
async def open_transaction() -> None:
    print("open the transaction")


@app.after_request
async def close_transaction(response: Response) -> Response:
    print("close the transaction")
    return response


@app.before_request
async def write_the_log() -> None:
    print("  write a line into it")


@app.after_request
async def write_the_end(response: Response) -> Response:
    print("  write the last line into it")
    return response


@app.get("/")
async def view() -> str:
    print("    the view")
    return ""


async def main() -> None:
    await Server(app).client().says(lines("GET / HTTP/1.1", "Host: a"))


if __name__ == "__main__":
    asyncio.run(main())
