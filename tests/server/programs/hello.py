"""The smallest application of all, which also tells what it has loaded."""

import sys

from microquart import Quart

app = Quart(__name__)


@app.get("/")
async def hello():
    return {"hello": "world"}


@app.get("/modules")
async def modules():
    return sorted(sys.modules)
