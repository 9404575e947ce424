"""Functions that are told of each request."""

from quart import Quart, request_finished
from quart.signals import signals_available

app = Quart(__name__)
finished = []

if not signals_available:
    raise RuntimeError("pip install blinker")


def finished_request(sender, response, **extra):
    finished.append((sender.name, response.status))


request_finished.connect(finished_request)


@app.route("/api")
async def my_service():
    return {"Hello": "World", "finished": len(finished)}
