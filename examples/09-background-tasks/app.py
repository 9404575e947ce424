"""Work that nobody waits for: after a response, and again and again."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
from outbox import Outbox

from microquart import Quart, abort, current_app, request, url_for
from microquart.exceptions import ServiceUnavailable

app = Quart(__name__)
app.config.update(
    FOLDER=Path(app.instance_path) / "sent",
    SECONDS=2.0,  # that a mail takes
    PERIOD=10.0,  # seconds between two reports
    MOST=100,  # mails under way; beyond: 503
    # Seconds that tasks get at a stop, before they are cancelled; less than
    # what the server gives for all of it (--shutdown-timeout).
    BACKGROUND_TASK_SHUTDOWN_TIMEOUT=4.0,
)
app.config.from_prefixed_env()


@app.before_serving
async def start() -> None:
    app.extensions["outbox"] = Outbox(
        Path(app.config["FOLDER"]), app.config["SECONDS"]
    )
    app.add_background_task(every, app.config["PERIOD"], report)


def outbox() -> Outbox:
    found: Outbox = current_app.extensions["outbox"]
    return found


@app.post("/mails")
async def post() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Promise to send a mail: 202, and where it says what became of it."""
    if outbox().waiting >= app.config["MOST"]:
        raise ServiceUnavailable(retry_after=10)
    mail = await request.get_json()
    to = mail.get("to") if isinstance(mail, dict) else None
    if not isinstance(to, str):
        abort(422, "A mail needs a text “to”.")
    number = outbox().promise()
    # Begins now, and runs on when this request has been answered.
    app.add_background_task(outbox().send, number, to)
    where = url_for("show", number=number)
    return {"number": number}, 202, {"location": where}


@app.get("/mails/<int:number>")
async def show(number: int) -> dict[str, str]:
    return {"state": outbox().states.get(number) or abort(404)}


async def report() -> None:
    states = list(outbox().states.values())
    sent = states.count("sent")
    app.logger.info("%d of %d mails are sent", sent, len(states))


async def every(seconds: float, action: Callable[[], Awaitable[None]]) -> None:
    """Do something again and again, until the server stops.

    One time that fails is logged, and is not the last.
    """
    stop = app.shutdown_event
    assert stop is not None  # it is there as soon as the application starts
    while not stop.is_set():
        with anyio.move_on_after(seconds):
            await stop.wait()
        try:
            await action()
        except Exception:
            app.logger.exception("%s failed", action.__name__)
