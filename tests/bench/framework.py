"""What one request costs inside a framework, without a server.

    python tests/bench/framework.py [--requests 300] [--calls] [NAME ...]

Each application answers N and 2N requests in a process of its own under
valgrind's cachegrind (Debian's package valgrind); the difference, divided by
N, is the instructions of one.  With ``--calls`` the Python and C calls of one
request are counted instead, which needs no valgrind.  The scope offers the
extension of our own server.  Nothing is asserted: the table is to be read.

Rows: json; int, a converter; post, 1 KB of JSON; stream, three pieces; last,
the last of 500 routes.  Columns: the applications.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

from microquart.asgi import (
    ASGIApplication,
    HTTPScope,
    ReceiveMessage,
    SendMessage,
)

BODY = json.dumps({"text": "x" * 1000}).encode()
CASES = {
    "json": ("GET", "/json"),
    "int": ("GET", "/users/7"),
    "post": ("POST", "/notes"),
    "stream": ("GET", "/stream"),
    "last": ("GET", "/r499"),
}
FIELDS = [
    (b"host", b"127.0.0.1:8000"),
    (b"user-agent", b"bench"),
    (b"accept", b"*/*"),
]
SENT_FIELDS = [
    *FIELDS,
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(BODY)),
]


# -- the applications --


def bare() -> ASGIApplication:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = json.dumps({"hello": "world"}).encode()
        fields = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        start = {
            "type": "http.response.start",
            "status": 200,
            "headers": fields,
        }
        await send(start)
        await send({"type": "http.response.body", "body": body})

    return app


async def pieces() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"piece"


def with_views(kind: Callable[..., Any], request: Any) -> Any:
    """Return an application of Quart's model, microquart's or Quart's."""
    app = kind("bench", static_folder=None)

    @app.get("/json")
    async def answer() -> Any:
        return {"hello": "world"}

    @app.get("/users/<int:id>")
    async def user(id: int) -> Any:
        return {"id": id}

    @app.post("/notes")
    async def note() -> Any:
        return {"size": len((await request.get_json())["text"])}

    @app.get("/stream")
    async def stream() -> Any:
        return pieces()

    for number in range(500):
        app.add_url_rule(f"/r{number}", f"r{number}", answer)
    return app


def microquart() -> ASGIApplication:
    from microquart import Quart, request

    app: ASGIApplication = with_views(Quart, request)
    return app


def quart() -> ASGIApplication:
    from quart import Quart, request

    app: ASGIApplication = with_views(Quart, request)
    return app


def starlette() -> ASGIApplication:
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, StreamingResponse
    from starlette.routing import Route

    async def answer(request: Any) -> Any:
        return JSONResponse({"hello": "world"})

    async def user(request: Any) -> Any:
        return JSONResponse({"id": request.path_params["id"]})

    async def note(request: Any) -> Any:
        return JSONResponse({"size": len((await request.json())["text"])})

    async def stream(request: Any) -> Any:
        return StreamingResponse(pieces())

    routes = [
        Route("/json", answer),
        Route("/users/{id:int}", user),
        Route("/notes", note, methods=["POST"]),
        Route("/stream", stream),
        *(Route(f"/r{number}", answer) for number in range(500)),
    ]
    app: Any = Starlette(routes=routes)
    return app


APPLICATIONS = {f.__name__: f for f in (bare, microquart, starlette, quart)}


# -- one request --


def scope_of(case: str) -> HTTPScope:
    method, path = CASES[case]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": list(SENT_FIELDS if method == "POST" else FIELDS),
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
        "extensions": {"microquart.disconnect": {"watch": lambda leave: None}},
    }


async def request(app: ASGIApplication, case: str) -> None:
    """Make one request, as a server would that has all of it."""
    gone = asyncio.Event()
    body = BODY if CASES[case][0] == "POST" else b""
    inbox: list[ReceiveMessage] = [
        {"type": "http.request", "body": body, "more_body": False}
    ]
    sent: list[SendMessage] = []

    async def receive() -> ReceiveMessage:
        if inbox:
            return inbox.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: SendMessage) -> None:
        sent.append(message)

    await app(scope_of(case), receive, send)
    assert sent[0]["type"] == "http.response.start", sent
    assert sent[0]["status"] == 200, sent


# -- counting --


def instructions(name: str, case: str, times: int) -> int:
    """Count what N requests execute, the start-up included."""
    done = subprocess.run(
        [
            *("valgrind", "--tool=cachegrind", "--cache-sim=no"),
            "--cachegrind-out-file=/dev/null",
            *(
                sys.executable,
                __file__,
                "--run",
                str(times),
                "--case",
                case,
                name,
            ),
        ],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    found = re.search(r"I *refs: *([\d,]+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1].replace(",", ""))


async def repeat(name: str, case: str, times: int) -> None:
    app = APPLICATIONS[name]()
    for _ in range(times):
        await request(app, case)


async def calls(name: str, case: str) -> Counter[str]:
    """Count the calls of one request, when all that is lazy has been made."""
    app = APPLICATIONS[name]()
    for _ in range(10):
        await request(app, case)
    count: Counter[str] = Counter()

    def note(frame: object, event: str, argument: object) -> None:
        count[event] += 1

    sys.setprofile(note)
    try:
        await request(app, case)
    finally:
        sys.setprofile(None)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--calls", action="store_true")
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--run", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.names or list(APPLICATIONS)
    if options.run:
        asyncio.run(repeat(names[0], options.case, options.run))
        return
    print(" " * 8, *(f"{name:>12}" for name in names))
    for case in [options.case] if options.case else CASES:
        cells = [cell(name, case, options) for name in names]
        print(f"{case:8}", *(f"{text:>12}" for text in cells), flush=True)


def cell(name: str, case: str, options: argparse.Namespace) -> str:
    if name == "bare" and case != "json":
        return ""
    if options.calls:
        count = asyncio.run(calls(name, case))
        return f"{count['call']} + {count['c_call']}"
    once = instructions(name, case, options.requests)
    twice = instructions(name, case, 2 * options.requests)
    return f"{(twice - once) // options.requests:,}"


if __name__ == "__main__":
    main()
