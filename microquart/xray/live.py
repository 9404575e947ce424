"""The live page of X-ray, and the server that it comes from.

It listens on a port of its own: an attack on the application's pages finds
the page on another origin, and the page does not trace itself.  Its loop has
a thread of its own, too: the page lives while the application's loop is
blocked, and shows that.

Who has not the token of its address gets nothing, and neither does a page of
another site: Host names this machine, which no rebound name does, and Origin
is this server.  It answers GET and one WebSocket, and executes nothing.
"""

import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hmac import compare_digest
from importlib.resources import files

import anyio
from anyio.abc import TaskStatus
from anyio.from_thread import start_blocking_portal

from microquart.app import Quart
from microquart.exceptions import abort
from microquart.globals import request, websocket
from microquart.server.serve import serve
from microquart.server.settings import Settings, stopping_soon
from microquart.wrappers import Response
from microquart.xray.exports import jsonl
from microquart.xray.feed import Feed
from microquart.xray.listings import listing
from microquart.xray.places import place_of
from microquart.xray.tracer import Tracer

TICK = 0.05  # seconds between two looks at what is new

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
FIELDS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # The address is the key: no link may carry it away.
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?")
EDITOR = "vscode://file{path}:{line}"

Judge = Callable[[str], bool]


def new_token() -> str:
    """Return 128 bits by chance, as a part of a URL."""
    return secrets.token_urlsafe(16)


def make_page(tracer: Tracer, feed: Feed, token: str, is_ours: Judge) -> Quart:
    """Return the application of the page.

    ``is_ours`` tells of a Host whether it is this server's.
    """
    page = Quart("microquart.xray", static_folder=None)

    async def guard() -> None:
        here = request if request else websocket
        host = here.headers.get("Host", "")
        if not is_ours(host):
            abort(403, "X-ray is for this machine alone")
        if here.method != "GET":
            abort(405)
        given = (here.view_args or {}).get("token", "")
        if not compare_digest(str(given).encode(), token.encode()):
            abort(404)
        if websocket and here.headers.get("Origin") not in origins(host):
            abort(403, "another site's page asks")

    async def protect(response: Response) -> Response:
        response.headers.update(FIELDS)
        return response

    page.before_request(guard)
    page.before_websocket(guard)
    page.after_request(protect)

    for path, name in (("", "index.html"), ("page.js", ""), ("page.css", "")):
        serve_file(page, path, name or path)

    @page.websocket("/<token>/feed")
    async def follow(token: str) -> None:
        with feed.viewer() as viewer:
            await websocket.send(jsonl.dumped(head_of(tracer)))
            while True:
                for message in viewer.messages():
                    await websocket.send(message)
                await anyio.sleep(TICK)

    @page.get("/<token>/source")
    async def source(token: str) -> dict[str, object]:
        where = request.args.get("at", "")
        if not where:
            name, way = request.args.get("name", ""), request.args.get("dir")
            where = place_of(name, way or "", tracer.trio) or ""
        # Only what is in the trace: nobody reads other files by this.
        elif not any(record.src == where for record in tracer.records):
            abort(404)
        found = listing(where)
        return found if found is not None else abort(404)

    return page


def serve_file(page: Quart, path: str, name: str) -> None:
    kind = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
    mimetype = kind[name.rpartition(".")[2]]

    async def view(token: str) -> Response:
        text = files("microquart.xray").joinpath("page", name).read_text()
        return Response(text, mimetype=mimetype)

    page.add_url_rule(f"/<token>/{path}", name, view, methods=["GET"])


def is_loopback(host: str) -> bool:
    """Tell whether a Host names this machine, whatever the port.

    In a container the port outside is another one.
    """
    return LOOPBACK.fullmatch(host) is not None


def origins(host: str) -> tuple[str, str]:
    return f"http://{host}", f"https://{host}"


def head_of(tracer: Tracer) -> dict[str, object]:
    editor = os.environ.get("MICROQUART_EDITOR", EDITOR)
    return {**tracer.head(), "editor": editor}


# -- the server --


@contextmanager
def serving(tracer: Tracer, token: str, port: int = 0) -> Iterator[str]:
    """Serve the page while the block lasts; yield its address.

    Raises:
        BindError: the port is taken.
    """
    feed = Feed(tracer)
    tracer.sinks.append(feed)
    page = make_page(tracer, feed, token, lambda host: host in hosts)
    hosts: set[str] = set()
    with start_blocking_portal("asyncio") as portal:
        stop = portal.call(anyio.Event)
        task, port = portal.start_task(listen, page, port, stop)
        hosts.update(
            f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")
        )
        try:
            yield f"http://127.0.0.1:{port}/{token}/"
        finally:
            portal.call(stop.set)
            task.result()
            tracer.sinks.remove(feed)


async def listen(
    page: Quart,
    port: int,
    stop: anyio.Event,
    *,
    task_status: TaskStatus[int],
) -> None:
    settings = Settings(bind=(f"127.0.0.1:{port}",), access_log=False)

    def ready(urls: list[str]) -> None:
        task_status.started(int(urls[0].rpartition(":")[2]))

    await serve(
        page,
        stopping_soon(settings),
        shutdown_trigger=stop.wait,
        ready=ready,
    )
