from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, StreamingResponse
from notes import note


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    note("started")
    yield
    note("stopped")


app = FastAPI(lifespan=lifespan)


@app.get("/text", response_class=PlainTextResponse)
async def text() -> str:
    return "hello"


@app.get("/json")
async def json() -> dict[str, str]:
    return {"hello": "world"}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def parts() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}\n"

    return StreamingResponse(parts())


@app.post("/upload", response_class=PlainTextResponse)
async def upload(request: Request) -> str:
    size = 0
    async for part in request.stream():
        size += len(part)
    return str(size)
