"""Development: a loop that was blocked is told, how long and where."""

import re
import sys
import time
import urllib.request
from collections.abc import Iterator

import anyio
import pytest

from microquart.asgi import Receive, Scope, Send
from microquart.server.watchdog import BLOCKED, Watchdog, called, seen
from tests.server.applications import answer, http
from tests.server.process import Process, started
from tests.server.running import running

LOOPS = ["asyncio", "uvloop", "trio"]


def here() -> str:
    return seen(sys._getframe())


def caller() -> str:
    return called(sys._getframe(1))


def test_the_place_is_the_users_line_and_what_it_calls():
    place = here()
    assert re.fullmatch(r"tests/server/test_watchdog\.py:\d+ \(seen\)", place)


def test_a_call_is_named_as_the_source_has_it():
    names = {"of": [caller]}
    assert caller() == "caller"
    assert names["of"][0]() == "names['of'][0]"
    assert (
        # Over some lines, and with a word that is not ASCII: größer.
        max(
            "größer",
            caller(),
        )
        == "größer"
    )


def test_what_is_no_call_has_no_name():
    class Sum:
        def __add__(self, other: object) -> str:
            return called(sys._getframe(1))

    assert Sum() + 1 == ""


def test_without_source_there_is_a_line_at_least():
    names = {"called": called, "sys": sys}
    exec("def f():\n    return called(sys._getframe())\nname = f()", names)
    assert names["name"] == ""


async def test_a_loop_that_turns_is_not_told(caplog):
    with anyio.move_on_after(3 * BLOCKED):
        await Watchdog("asyncio.sleep").run()
    assert caplog.text == ""


def blocked(caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    return (record.getMessage() for record in caplog.records)


@pytest.mark.slow
async def test_a_loop_that_was_blocked_is_told(caplog):
    async with anyio.create_task_group() as group:
        group.start_soon(Watchdog("asyncio.sleep").run)
        await anyio.wait_all_tasks_blocked()
        time.sleep(2 * BLOCKED)  # noqa: ASYNC251 (it is what is told)
        await anyio.sleep(0.1)
        group.cancel_scope.cancel()
    (line,) = blocked(caplog)
    assert re.fullmatch(
        r"loop blocked \d+ ms in tests/server/test_watchdog\.py:\d+ "
        r"\(time\.sleep\); use await asyncio\.sleep or a def view",
        line,
    )


@pytest.mark.slow
async def test_a_loop_that_is_still_blocked_is_told_once(caplog):
    async with anyio.create_task_group() as group:
        group.start_soon(Watchdog("asyncio.sleep", still=0.1).run)
        await anyio.wait_all_tasks_blocked()
        time.sleep(0.4)  # noqa: ASYNC251 (it is what is told)
        lines = list(blocked(caplog))
        group.cancel_scope.cancel()
    assert len(lines) == 1
    assert lines[0].startswith("loop blocked for 0.1 s so far in tests/")


def test_somebody_who_debugs_is_not_told():
    inside = {"__name__": "pdb", "here": here}
    exec("def trace(): return here()", inside)
    assert inside["trace"]() == ""


def told(server: Process, path: str) -> str:
    url = f"http://127.0.0.1:{server.port}{path}"
    with urllib.request.urlopen(url, timeout=10) as response:
        response.read()
    return server.wait_for("loop blocked")


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_a_view_that_blocks_is_told(loop):
    sleep = "trio" if loop == "trio" else "asyncio"
    options = ("--debug", "--no-access-log", "--loop", loop)
    with started("blocking.py", *options) as server:
        for path, place, advice in (
            (
                "/sleep",
                "14 (time.sleep)",
                f"use await {sleep}.sleep or a def view",
            ),
            ("/inner", "30 (sleep)", f"use await {sleep}.sleep or a def view"),
            ("/compute", "1", "await it, or use a def view or run_in_thread"),
            ("/comprehension", "22 (sleep)", "use await"),
        ):
            line = told(server, path)
            assert f" ms in blocking.py:{place}" in line
            assert f"; {advice}" in line
            milliseconds = int(re.search(r"blocked ([\d,]+) ms", line)[1])
            assert 480 < milliseconds < 2000
        assert server.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "options"), [("/shortly", ("--debug",)), ("/sleep", ())]
)
def test_nothing_is_told_of_a_moment_nor_in_production(path, options):
    with started("blocking.py", "--no-access-log", *options) as server:
        url = f"http://127.0.0.1:{server.port}{path}"
        with urllib.request.urlopen(url, timeout=10) as response:
            response.read()
        assert server.stop() == 0
    assert "blocked" not in server.said


@pytest.mark.parametrize(
    ("limit", "is_told"), [(0.06, True), (0.2, False), (None, False)]
)
async def test_how_long_is_long_is_a_setting(
    limit, is_told, loop_name, caplog
):
    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        time.sleep(0.12)  # noqa: ASYNC251 (it is what is told)
        await answer(send)

    async with running(app, debug=True, blocked_loop=limit) as server:
        await server.says(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"hello")
        await anyio.sleep(0.03)  # more than a turn
    assert ("(time.sleep)" in caplog.text) is is_told
