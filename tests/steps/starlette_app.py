"""A program: an unchanged Starlette application on the server of a step.

python starlette_app.py STEP PORT
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route


async def index(request: Request) -> PlainTextResponse:
    body = await request.body()
    return PlainTextResponse(f"{request.method} {len(body)}\n")


async def numbers(request: Request) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for number in range(3):
            yield f"{number}\n"
            await asyncio.sleep(0)

    return StreamingResponse(lines())


async def waits(request: Request) -> PlainTextResponse:
    """Return when the client has left, which it will not see."""
    await request.body()
    message = await request.receive()
    print(message["type"], flush=True)
    return PlainTextResponse("")


@asynccontextmanager
async def life(app: Starlette) -> AsyncIterator[None]:
    print("starting", flush=True)
    yield
    print("stopping", flush=True)


app = Starlette(
    routes=[
        Route("/", index, methods=["GET", "POST"]),
        Route("/numbers", numbers),
        Route("/waits", waits),
    ],
    lifespan=life,
)


if __name__ == "__main__":
    step = import_module(sys.argv[1])
    asyncio.run(step.serve(app, int(sys.argv[2])))
