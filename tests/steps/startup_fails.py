"""A program: an App whose startup fails.

python startup_fails.py STEP PORT
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

step = import_module(sys.argv[1])
app = step.App()


@asynccontextmanager
async def life() -> AsyncIterator[None]:
    raise OSError("the database is not there")
    yield


app.lifespan = life
asyncio.run(step.serve(app, int(sys.argv[2])))
