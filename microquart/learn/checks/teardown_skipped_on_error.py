"""For the exercise teardown-skipped-on-error."""

import asyncio

from microquart import Quart
from microquart.learn.clients import Server, lines, same


def _app(said: list[str]) -> Quart:
    app = Quart(__name__)

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        said.append(type(error).__name__)

    @app.get("/<how>")
    async def view(how: str) -> str:
        if how == "waits":
            await asyncio.Event().wait()
        if how == "fails":
            raise LookupError(how)
        return ""

    return app


async def _asked(path: str) -> list[str]:
    said: list[str] = []
    client = Server(_app(said)).client()
    await client.says(lines(f"GET {path} HTTP/1.1", "Host: a"))
    await client.leaves()
    return said


async def teardown_runs_when_the_client_has_left() -> None:
    same(await _asked("/waits"), ["CancelledError"])


async def teardown_runs_when_all_is_well() -> None:
    same(await _asked("/works"), ["NoneType"])


async def teardown_runs_once_when_the_view_fails() -> None:
    same(len(await _asked("/fails")), 1)
