"""Starlette: a lifespan, and what it leaves for the views."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    """What is yielded is the state of all requests; here they are counted."""
    yield {"visits": []}


async def hello(request: Request) -> JSONResponse:
    request.state.visits.append(request.path_params["name"])
    return JSONResponse(
        {
            "hello": request.path_params["name"],
            "by": "Starlette",
            "link": request.url_for("hello", name="Bob").path,
            "visits": len(request.state.visits),
        }
    )


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/hello/{name}", hello, name="hello"),
        WebSocketRoute("/echo", echo),
    ],
)
