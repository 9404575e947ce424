"""A dashboard: figures of this process, sent to the page as they come up."""

import os
from collections.abc import AsyncGenerator, AsyncIterator

import anyio
from feed import Feed

from microquart import Quart, Response, current_app, render_template, request

PING = 15  # seconds of silence, after which proxies may think it is over

app = Quart(__name__)
app.config["INTERVAL"] = 1.0  # seconds between two events
app.config.from_prefixed_env()


@app.while_serving
async def serving() -> AsyncGenerator[None, None]:
    app.extensions["feed"] = Feed()
    app.extensions["readers"] = 0
    async with anyio.create_task_group() as group:
        group.start_soon(measure, app)
        group.start_soon(close_in_time, app)
        yield
        group.cancel_scope.cancel()


async def measure(app: Quart) -> None:
    """Publish the figures, again and again."""
    interval: float = app.config["INTERVAL"]
    while True:
        began = anyio.current_time()
        await anyio.sleep(interval)
        late = anyio.current_time() - began - interval
        app.extensions["feed"].publish(
            {
                "load": round(os.getloadavg()[0], 2),
                "late": round(late * 1000, 1),
                "readers": app.extensions["readers"],
            }
        )


async def close_in_time(app: Quart) -> None:
    """End the streams when the server is told to stop.

    They would never end by themselves, and be cut when its patience does.
    """
    if (stopping := app.state.get("microquart.shutdown")) is not None:
        await stopping.wait()
        app.extensions["feed"].close()


@app.get("/")
async def index() -> str:
    return await render_template("index.html")


@app.get("/events")
async def events() -> Response:
    """What comes after the last event that the client has, without end."""
    last = request.headers.get("last-event-id", 0, type=int)
    response = Response(stream(last), mimetype="text/event-stream")
    response.cache_control.no_store = True
    response.timeout = None
    return response


async def stream(last: int) -> AsyncIterator[str]:
    feed: Feed = current_app.extensions["feed"]
    current_app.extensions["readers"] += 1
    try:
        yield "retry: 1000\n\n"  # the browser comes back after so many ms
        while not feed.closed:
            with anyio.move_on_after(PING) as waiting:
                await feed.wait(last)
            if waiting.cancelled_caught:
                yield ": still here\n\n"
            for event in feed.after(last):
                yield str(event)
                last = event.id
    finally:
        # Whatever the end is: the client has left, or the server stops.
        current_app.extensions["readers"] -= 1
