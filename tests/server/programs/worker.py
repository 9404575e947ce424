"""An application that tells which process it is, and has bad habits."""

import os
import signal
import sys
import time

import anyio

from microquart.asgi import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            continue
    else:
        await send({"type": "http.response.start", "status": 200})
        await request(scope["path"], receive, send)


async def lifespan(receive: Receive, send: Send) -> None:
    await receive()
    if os.environ.get("FAIL") == "startup":
        await send(
            {"type": "lifespan.startup.failed", "message": "no database"}
        )
        return
    if os.environ.get("FAIL") == "hang":
        print("starting", file=sys.stderr)
        await anyio.sleep_forever()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    print(f"shutdown of {os.getpid()}", file=sys.stderr)
    await send({"type": "lifespan.shutdown.complete"})


async def request(path: str, receive: Receive, send: Send) -> None:
    match path:
        case "/slow":
            await receive()
            await anyio.sleep(0.5)
        case "/read":
            while (await receive()).get("more_body"):
                continue
        case "/block":
            time.sleep(0.3)  # noqa: ASYNC251 (that is the bad habit)
        case "/hang":
            signal.pause()
        case "/orphan":
            # Its parent, a shell, ends at once.
            shell = ["sh", "-c", "sleep 0.1 >/dev/null 2>&1 &"]
            await anyio.run_process(shell)
        case "/events":
            while True:
                await part(send, b"data: x\n\n")
                await anyio.sleep(0.1)
    await part(send, b"%d" % os.getpid(), more=False)


async def part(send: Send, body: bytes, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
