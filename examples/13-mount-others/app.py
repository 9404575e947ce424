"""Applications of five frameworks on one server, each below a prefix."""

import django_app
import fastapi_app
import flask_app
import starlette_app

from microquart import Quart, url_for
from microquart.middleware import DispatcherMiddleware

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>mount others</title>
<style>body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem }</style>
<h1>One server</h1>
<ul>
<li><a href="/hello/Ada">microquart</a>
<li><a href="/starlette/hello/Ada">Starlette</a>
<li><a href="/fastapi/hello/Ada">FastAPI</a>,
  and <a href="/fastapi/docs">what it says of itself</a>
<li><a href="/django/hello/Ada">Django</a>
<li><a href="/flask/hello/Ada">Flask</a>
</ul>
"""

home = Quart(__name__)


@home.get("/")
async def index() -> str:
    return PAGE


@home.get("/hello/<name>")
async def hello(name: str) -> dict[str, str]:
    link = url_for("hello", name="Bob")
    return {"hello": name, "by": "microquart", "link": link}


# Each has its own lifespan; they start in this order, and stop in reverse.
app = DispatcherMiddleware(
    {
        "/starlette": starlette_app.app,
        "/fastapi": fastapi_app.app,
        "/django": django_app.app,
        "/flask": flask_app.app,
        "": home,
    }
)
