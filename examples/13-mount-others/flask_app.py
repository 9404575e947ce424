"""Flask: WSGI, so each request has a thread (a2wsgi has ten)."""

from a2wsgi import WSGIMiddleware
from flask import Flask, url_for

flask = Flask(__name__)


@flask.get("/hello/<name>")
def hello(name: str) -> dict[str, str]:
    link = url_for("hello", name="Bob")
    return {"hello": name, "by": "Flask", "link": link}


app = WSGIMiddleware(flask)
