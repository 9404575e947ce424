"""Views that block the loop, each in its way."""

import time
from time import sleep

from microquart.asgi import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    match scope["path"]:
        case "/sleep":
            time.sleep(0.5)  # noqa: ASYNC251 (what the watchdog is for)
        case "/inner":
            rest()
        case "/compute":
            until = time.monotonic() + 0.5
            while time.monotonic() < until:
                pass
        case "/comprehension":
            [sleep(seconds) for seconds in (0.3, 0.2)]  # noqa: ASYNC251
        case "/shortly":
            time.sleep(0.01)  # noqa: ASYNC251
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"ok"})


def rest() -> None:
    sleep(
        0.5,
    )
