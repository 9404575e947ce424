"""A program: ASGI applications that do it wrong, each at its path.

python broken_app.py STEP PORT
"""

import asyncio
import sys
from importlib import import_module
from typing import Any

step = import_module(sys.argv[1])
START = {"type": "http.response.start", "status": 200}
BODY = {"type": "http.response.body", "body": b"content"}


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        raise RuntimeError("lifespan is not known here")
    match scope["path"]:
        case "/raises":
            raise ValueError("on purpose")
        case "/returns":
            return
        case "/body-first":
            await send(BODY)
        case "/twice":
            await send(START)
            await send(BODY)
            await send(BODY)
        case "/half":
            await send({**START, "headers": [(b"content-length", b"14")]})
            await send({**BODY, "more_body": True})
        case "/start-only":
            await send(START)


asyncio.run(step.serve(app, int(sys.argv[2])))
