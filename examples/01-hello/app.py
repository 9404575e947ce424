"""What a view can return: text, HTML and JSON."""

from typing import Any

from microquart import Quart, escape, request

app = Quart(__name__)


@app.get("/")
async def index() -> str:
    """Text is HTML, unless you say otherwise."""
    return """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>hello</title>
<h1>Hello</h1>
<p><a href="/hello/Ada">/hello/Ada</a> is text,
<a href="/api/hello?name=Ada&amp;times=2">/api/hello?name=Ada&amp;times=2</a>
is JSON.
"""


@app.get("/hello/<name>")
async def hello(name: str) -> tuple[str, dict[str, str]]:
    """A part of the path is an argument; the second value has fields."""
    return f"Hello, {name}\n", {"content-type": "text/plain"}


@app.get("/page/<name>")
async def page(name: str) -> str:
    """What comes from outside is escaped before it stands in HTML."""
    return f"<!doctype html>\n<title>hello</title>\n<h1>{escape(name)}</h1>\n"


@app.get("/api/hello")
async def api() -> dict[str, Any]:
    """A dictionary is JSON; what does not read as a number counts as none."""
    name = request.args.get("name", "world")
    times = request.args.get("times", 1, type=int)
    return {"hello": [name] * min(times, 10)}


@app.post("/api/hello")
async def create() -> tuple[dict[str, Any], int]:
    """A body is awaited; one that is no JSON is answered 400 or 415."""
    return {"received": await request.get_json()}, 201
