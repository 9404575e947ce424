"""A trace as text."""

import io
import re

import pytest

from microquart.xray import story
from microquart.xray.record import Record
from microquart.xray.trace import Trace
from microquart.xray.tracing import trace
from tests.xray.recorded import make_app, over_http1, over_http2


async def told(path: str) -> Trace:
    app = make_app()
    with trace(app) as t:
        await app.test_client().get(path)
    return t


def live(t: Trace, level: int, **options: object) -> list[str]:
    """Return the lines of a console, record by record."""
    lines: list[str] = []
    console = story.Console(lines.append, level, **options)
    for record in t:
        console(record)
    console.close()
    return "".join(lines).splitlines()


async def test_a_request_is_one_line() -> None:
    t = await told("/users/7")
    (line,) = live(t, 0)
    assert line == story.told(t, 0)
    assert line.startswith("r1 GET /users/7  HTTP/1.1  200  9 B  ")
    assert " │ " in line
    assert " ▏app " in line


async def test_what_went_wrong_first_is_a_second_line() -> None:
    _, wrong = live(await told("/broken"), 0)
    assert wrong.startswith("   ! broken raised ZeroDivisionError, tests/")


async def test_each_request_of_a_connection_is_told_once() -> None:
    t = await over_http1()
    lines = [line for line in live(t, 0) if not line.startswith(" ")]
    # What is pipelined begins within the last send of the one before.
    assert sorted(line[:2] for line in lines) == ["r1", "r2", "r3"]
    lines = live(await over_http2(), 0)
    assert sorted(line[:2] for line in lines) == ["r1", "r2"]
    assert sum("HTTP/2 s1" in line for line in lines) == 1


@pytest.mark.parametrize(
    ("level", "layers"),
    [
        (1, {"asgi", "route", "user"}),
        (2, {"asgi", "app", "ctx", "h2", "net", "route", "task", "user"}),
        (
            3,
            {"asgi", "app", "ctx", "h2", "net", "route", "task", "timer"}
            | {"user"},
        ),
    ],
)
async def test_each_level_tells_more(level: int, layers: set[str]) -> None:
    text = story.told(await over_http2(), level)
    line = re.compile(r"^ *\d+\.\d{3} +(?:\+\S+)? +(?:c1)? +(?:r\d)? +(\w+)")
    found = [match[1] for match in map(line.match, text.splitlines()) if match]
    assert set(found) == layers
    assert ("GET /users/7" in text) is True
    assert ("http.response.body" in text) is (level > 1)
    assert ("HEADERS stream=1" in text) is (level > 2)
    assert (":path: /users/7   (literal" in text) is (level > 2)


async def test_what_begins_and_ends_at_once_is_one_line() -> None:
    t = await told("/")
    folded, followed = str(t).splitlines(), live(t, 1)
    assert sum("view index" in line for line in folded) == 1
    assert sum("view index" in line for line in followed) == 2


async def test_a_console_can_tell_only_some_layers() -> None:
    lines = live(await told("/"), 1, only=["user"])
    assert lines
    assert all(" user " in line for line in lines)


def test_control_characters_cannot_reach_the_terminal() -> None:
    record = Record(
        0, 0, "I", "h1.event", data={"target": "/\x1b[31m\r\n\x9bé"}
    )
    (line,) = live(Trace([record]), 2)
    assert line.endswith("target=/\\x1b[31m\\r\\n\\x9bé")


def test_lines_are_cut_at_the_width_and_coloured_by_layer() -> None:
    record = Record(0, 0, "I", "h1.event", data={"target": "a" * 90})
    plain = live(Trace([record]), 2, width=60)
    assert len(plain[0]) == 60
    coloured = live(Trace([record]), 2, width=60, colour=True)
    assert coloured == [f"\x1b[36m{plain[0]}\x1b[0m"]


def test_no_colours_in_a_pipe_or_with_no_color(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert story.Console.on(Terminal()).teller.colour
    assert story.Console.on(Terminal()).teller.width is not None
    assert not story.Console.on(io.StringIO()).teller.colour
    assert story.Console.on(io.StringIO()).teller.width is None
    monkeypatch.setenv("NO_COLOR", "1")
    assert not story.Console.on(Terminal()).teller.colour


@pytest.mark.parametrize("level", [1, 2, 3])
async def test_each_brace_is_closed(level: int) -> None:
    t = await over_http1()
    for lines in (story.told(t, level).splitlines(), live(t, level)):
        opened = sum(
            bool(re.search(r" {(  \S+:\d+)?$", line)) for line in lines
        )
        closed = sum(bool(re.search(r" } \w", line)) for line in lines)
        assert opened == closed > 0


async def test_what_has_ended_is_forgotten() -> None:
    console = story.Console([].append, 1)
    for record in await over_http1():
        console(record)
    assert console.teller.begun == console.teller.depth == {}
