from collections.abc import AsyncIterator

from notes import note
from quart import Quart, request

app = Quart(__name__)


@app.before_serving
async def started() -> None:
    note("started")


@app.after_serving
async def stopped() -> None:
    note("stopped")


@app.get("/text")
async def text() -> str:
    return "hello"


@app.get("/json")
async def json() -> dict[str, str]:
    return {"hello": "world"}


@app.get("/stream")
async def stream() -> AsyncIterator[str]:
    async def parts() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}\n"

    return parts()


@app.post("/upload")
async def upload() -> str:
    size = 0
    async for part in request.body:
        size += len(part)
    return str(size)
