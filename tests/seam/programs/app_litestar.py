from collections.abc import AsyncIterator

from litestar import Litestar, Request, get, post
from litestar.response import Stream
from notes import note


@get("/text", media_type="text/plain", sync_to_thread=False)
def text() -> str:
    return "hello"


@get("/json", sync_to_thread=False)
def json() -> dict[str, str]:
    return {"hello": "world"}


@get("/stream", sync_to_thread=False)
def stream() -> Stream:
    async def parts() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}\n"

    return Stream(parts())


@post("/upload", media_type="text/plain", status_code=200)
async def upload(request: Request) -> str:
    size = 0
    async for part in request.stream():
        size += len(part)
    return str(size)


app = Litestar(
    [text, json, stream, upload],
    on_startup=[lambda: note("started")],
    on_shutdown=[lambda: note("stopped")],
    request_max_body_size=None,
)
