"""The answer of apps.py from a view of Quart."""

from quart import Quart

app = Quart(__name__)


@app.get("/json")
async def json() -> dict[str, str]:
    return {"hello": "world"}
