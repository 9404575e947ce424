from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from notes import note
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import (
    JSONResponse,
    PlainTextResponse,
    StreamingResponse,
)
from starlette.routing import Route


async def text(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def json(request: Request) -> JSONResponse:
    return JSONResponse({"hello": "world"})


async def stream(request: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}\n"

    return StreamingResponse(parts())


async def upload(request: Request) -> PlainTextResponse:
    size = 0
    async for part in request.stream():
        size += len(part)
    return PlainTextResponse(str(size))


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    note("started")
    yield
    note("stopped")


app = Starlette(
    routes=[
        Route("/text", text),
        Route("/json", json),
        Route("/stream", stream),
        Route("/upload", upload, methods=["POST"]),
    ],
    lifespan=lifespan,
)
