"""A chat: rooms of WebSockets, in which nobody waits for a slow one."""

from datetime import UTC, datetime
from typing import Any

import anyio
from rooms import Member, Room, Rooms

from microquart import (
    Quart,
    abort,
    current_app,
    render_template,
    websocket,
)

NAME, TEXT = 30, 500  # characters
# Close codes (RFC 6455, section 7.4, and IANA's registry).
BAD_DATA, TRY_AGAIN_LATER = 1007, 1013

app = Quart(__name__)
app.extensions["rooms"] = Rooms()


@app.get("/")
async def index() -> str:
    return await render_template("index.html", text=TEXT, name=NAME)


@app.websocket("/rooms/<string(maxlength=30):room>")
async def chat(room: str) -> None:
    """Be in a room until either side has enough."""
    name = websocket.args.get("name", "").strip()
    if not 0 < len(name) <= NAME:
        abort(400)  # before the handshake: the client gets a response
    rooms: Rooms = current_app.extensions["rooms"]
    await websocket.accept()
    with rooms.entered(room) as (here, member):
        here.say(told(name, "has come", event=True))
        try:
            await converse(name, here, member)
        finally:
            here.say(told(name, "has left", event=True))


async def converse(name: str, room: Room, member: Member) -> None:
    """Send and receive at the same time, until one of them ends."""
    async with anyio.create_task_group() as group:

        async def send() -> None:
            async for message in member.messages():
                await websocket.send_json(message)

        async def receive() -> None:
            while text := text_of(await websocket.receive()):
                room.say(told(name, text))
            await end(BAD_DATA, f"a text has 1 to {TEXT} characters")

        async def watch() -> None:
            await member.too_slow.wait()
            await end(TRY_AGAIN_LATER, "you are too slow for this room")

        async def end(code: int, reason: str) -> None:
            # Who does not read will not read this either.
            with anyio.move_on_after(1):
                await websocket.close(code, reason)
            group.cancel_scope.cancel()

        group.start_soon(send)
        group.start_soon(receive)
        group.start_soon(watch)


def text_of(data: str | bytes) -> str:
    text = data.strip() if isinstance(data, str) else ""
    return text if len(text) <= TEXT else ""


def told(name: str, text: str, event: bool = False) -> dict[str, Any]:
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {"name": name, "text": text, "event": event, "at": at}
