"""What is attacked: it reads, answers for ever, waits, and counts."""

import gc
from collections import Counter

from microquart.asgi import Receive, Scope, Send
from tests.server.applications import answer
from tests.server.programs import echoes

CHUNK = b"x" * 64 * 1024

asked: Counter[str] = Counter()  # paths
running: Counter[bytes] = Counter()  # calls that run, by their query string


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        raise NotImplementedError(scope["type"])
    asked[scope["path"]] += 1
    running[scope["query_string"]] += 1
    try:
        if scope["type"] == "websocket":
            await echoes.app(scope, receive, send)
        else:
            await request(scope["path"], scope["query_string"], receive, send)
    finally:
        running[scope["query_string"]] -= 1


async def request(
    path: str, query: bytes, receive: Receive, send: Send
) -> None:
    match path:
        case "/read":
            await answer(send, b"%d" % await size(receive))
        case "/wait":
            while (await receive())["type"] != "http.disconnect":
                continue
        case "/large":
            await answer(send, CHUNK)
        case "/size":
            await answer(send, bytes(int(query)))
        case "/endless":
            await endless(send)
        case "/asked":
            await answer(send, b"%d" % asked["/" + query.decode()])
        case "/collect":
            # Cycles of what has ended wait for this, which is no leak.
            await answer(send, b"%d" % gc.collect())
        case "/running":
            # It does not count itself.
            await answer(send, b"%d" % (running[query] - 1))
        case _:
            await answer(send)


async def size(receive: Receive) -> int:
    """Read the content; return its size."""
    count = 0
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        count += len(message.get("body", b""))
        more = message.get("more_body", False)
    return count


async def endless(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})
    while True:
        await send(
            {"type": "http.response.body", "body": CHUNK, "more_body": True}
        )
