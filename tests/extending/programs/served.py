"""Serves with a protocol of the user's, named on the command line.

python served.py NAME MODULE:CLASS [SETTING=VALUE ...] [trace=yes]
"""

import sys
from importlib import import_module
from pathlib import Path

from microquart import Quart, request
from microquart.server.serve import run
from microquart.server.settings import Settings
from microquart.server.shells import Shells
from microquart.xray.install import install
from microquart.xray.tracer import Tracer

app = Quart(__name__)


@app.get("/hello")
async def hello():
    version = request.scope["http_version"]
    return f"hello {request.args.get('name')} by {version}\n"


@app.post("/echo")
async def echo():
    return await request.get_data()


def traced(server: Shells) -> None:
    install(Tracer(None), server=server)


if __name__ == "__main__":
    name, what, *given = sys.argv[1:]
    module, _, kind = what.partition(":")
    values = dict(each.split("=", 1) for each in given)
    for file in ("certfile", "keyfile"):
        if file in values:
            values[file] = Path(values[file])
    made = traced if values.pop("trace", "") else None
    settings = Settings(bind=("127.0.0.1:0",)).with_values(**values)
    protocols = {name: getattr(import_module(module), kind)}
    sys.exit(run(app, settings, made, protocols))
