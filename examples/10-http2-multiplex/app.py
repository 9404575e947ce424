"""A hundred tiles, fetched over HTTP/1.1 and over HTTP/2, side by side."""

from collections.abc import AsyncGenerator
from functools import partial
from urllib.parse import urlsplit

import anyio

from microquart import Quart, Response, abort, render_template, request
from microquart.server.serve import serve
from microquart.server.settings import Certificates, Settings

SIDE = 10  # tiles

app = Quart(__name__)
app.config.update(
    OTHER_PORT=8001,  # where only HTTP/1.1 is spoken
    DELAY=0.05,  # seconds that the server needs for a tile
)
app.config.from_prefixed_env()


class Overseer:
    """Sees how a server fares; without one it tells the log and systemd."""

    def __init__(self) -> None:
        self.urls: list[str] = []
        self.listening = anyio.Event()

    def ready(self, urls: list[str]) -> None:
        self.urls = urls
        self.listening.set()

    def stopping(self) -> None: ...

    def beat(self) -> None: ...


@app.while_serving
async def other_server() -> AsyncGenerator[None, None]:
    """Serve the same tiles on another port, to clients that know no HTTP/2.

    A server is a coroutine: it runs beside whatever else there is.
    """
    settings = Settings(
        bind=(f"127.0.0.1:{app.config['OTHER_PORT']}",),
        https=True,
        lifespan="off",
        access_log=False,
    )
    certificates = Certificates(settings)
    assert certificates.context is not None
    # A browser speaks HTTP/2 where TLS has agreed on it (RFC 9113, 3.2).
    certificates.context.set_alpn_protocols(["http/1.1"])
    stop, overseer = anyio.Event(), Overseer()
    async with anyio.create_task_group() as group:
        group.start_soon(
            partial(
                serve,
                app,
                settings,
                certificates=certificates,
                shutdown_trigger=stop.wait,
                overseer=overseer,
            )
        )
        await overseer.listening.wait()
        app.extensions["other_port"] = urlsplit(overseer.urls[0]).port
        yield
        stop.set()


@app.get("/")
async def index() -> str:
    return await render_template(
        "index.html", side=SIDE, other_port=app.extensions["other_port"]
    )


@app.get("/tiles/<int:number>.svg")
async def tile(number: int) -> Response:
    """A piece of a picture, with the version that has brought it."""
    if number >= SIDE**2:
        abort(404)
    await anyio.sleep(app.config["DELAY"])
    hue = 200 + 8 * (number % SIDE) - 4 * (number // SIDE)
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">'
        f'<rect width="40" height="40" fill="hsl({hue} 55% 45%)"/>'
        '<text x="20" y="25" text-anchor="middle" fill="#fff" '
        f'font-family="sans-serif">{request.http_version}</text></svg>'
    )
    response = Response(svg, mimetype="image/svg+xml")
    response.cache_control.no_store = True
    # Lets the page of the first server see how the second one's came.
    response.headers["timing-allow-origin"] = "*"
    return response
