"""The lines of microquart that ran: in their order, as a page of code.

Lines are those that Python reports: each counts once, those of ``xray`` not
at all.  ``sys.monitoring`` reports them from Python 3.12 on, and a trace
function before.
"""

import linecache
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from microquart.asgi import ASGIApplication
from microquart.xray.clients import Client
from microquart.xray.inprocess import converse, hang_up, hosted

PACKAGE = Path(__file__).parents[1]

_OURS = f"{PACKAGE}/"
_XRAY = f"{PACKAGE / 'xray'}/"

# Parts of a function that have a code of their own.
_INNER = re.compile(
    r"\.<locals>\.<(listcomp|setcomp|dictcomp|genexpr|lambda)>"
)
_DEFINES = re.compile(r"\s*(async def|def|class)\b")


@dataclass
class Passage:
    """The lines of one function that ran."""

    path: str
    """As seen from the folder that the package is in."""
    name: str
    first: int
    """Where the function begins."""
    lines: set[int] = field(default_factory=set)


class Reading:
    """The passages, in the order in which their first lines ran."""

    def __init__(self) -> None:
        self._ran: dict[tuple[CodeType, int], None] = {}
        self._marked = 0

    def add(self, code: CodeType, line: int) -> None:
        self._ran.setdefault((code, line))

    def mark(self) -> None:
        """What has run so far belongs to it."""
        self._marked = len(self._ran)

    def cut(self) -> None:
        """Leave out what ran after the last mark."""
        self._ran = dict.fromkeys([*self._ran][: self._marked])

    @property
    def passages(self) -> list[Passage]:
        """The functions, each with its lines, as they first ran."""
        known: dict[tuple[str, str], Passage] = {}
        for code, line in self._ran:
            name = _INNER.sub("", code.co_qualname)
            key = code.co_filename, name
            if key not in known:
                path = Path(code.co_filename).relative_to(PACKAGE.parent)
                first = code.co_firstlineno
                known[key] = Passage(path.as_posix(), name, first)
            known[key].lines.add(line)
        return [*known.values()]

    @property
    def lines(self) -> int:
        return sum(self.files.values())

    @property
    def files(self) -> dict[str, int]:
        """How many lines there are of each file."""
        counts: dict[str, int] = {}
        for each in self.passages:
            counts[each.path] = counts.get(each.path, 0) + len(each.lines)
        return counts

    def __str__(self) -> str:
        return "\n".join(self._page())

    def _page(self) -> Iterator[str]:
        for passage in self.passages:
            yield f"# {passage.path}: {passage.name.replace('.<locals>', '')}"
            for number in sorted({*heads(passage), *passage.lines}):
                yield f"{number:5}  {source(passage.path, number)}"
            yield ""
        files = len(self.files)
        yield f"# {self.lines} lines of microquart, in {files} files"


def heads(passage: Passage) -> Iterator[int]:
    """Yield where a function is named: the line with its ``def``."""
    last = min(passage.lines)
    for number in range(passage.first, last):
        if _DEFINES.match(source(passage.path, number)):
            yield number
            return


def source(path: str, number: int) -> str:
    return linecache.getline(str(PACKAGE.parent / path), number).rstrip()


def is_read(path: str) -> bool:
    """Tell of a file whether its lines count."""
    return path.startswith(_OURS) and not path.startswith(_XRAY)


# -- recording --


class Traced:
    """Records by a trace function, in this thread and in new ones."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._before: Any = None

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        threading.settrace(self._called)
        sys.settrace(self._called)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)
        threading.settrace(self._before)

    def _called(self, frame: FrameType, event: str, _: object) -> Any:
        return self._ran if is_read(frame.f_code.co_filename) else None

    def _ran(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            self._reading.add(frame.f_code, frame.f_lineno)
        return self._ran


class Monitored:
    """Records by ``sys.monitoring`` (PEP 669), in all threads.

    Raises:
        ValueError: something else that measures coverage runs.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._monitoring: Any = vars(sys)["monitoring"]

    def __enter__(self) -> None:
        tool, line = self._tool
        self._monitoring.use_tool_id(tool, "microquart")
        self._monitoring.register_callback(tool, line, self._ran)
        self._monitoring.restart_events()
        self._monitoring.set_events(tool, line)

    def __exit__(self, *_: object) -> None:
        tool, line = self._tool
        self._monitoring.set_events(tool, 0)
        self._monitoring.register_callback(tool, line, None)
        self._monitoring.free_tool_id(tool)

    @property
    def _tool(self) -> tuple[int, int]:
        monitoring = self._monitoring
        return monitoring.COVERAGE_ID, monitoring.events.LINE

    def _ran(self, code: CodeType, line: int) -> object:
        if is_read(code.co_filename):
            self._reading.add(code, line)
        return self._monitoring.DISABLE  # each line is told once


def recording(reading: Reading) -> AbstractContextManager[None]:
    """Return what records lines while its block runs."""
    if sys.version_info >= (3, 12):
        return Monitored(reading)
    return Traced(reading)


async def read(
    app: ASGIApplication, make: Callable[[], Client], again: bool = False
) -> Reading:
    """Have an application answer; return the lines that ran for it, from the
    first byte of the request to the last of the response.

    With ``again`` it is asked twice, on one connection if that stays open,
    and the lines are those of the second time: what is made once, a
    connection or an endpoint's way, is there then.

    Raises:
        StartupFailed: the application could not start.
    """
    reading = Reading()
    async with hosted(app) as host:
        wire, client = host.connect(), make()
        if again:
            await converse(wire, client)
            if wire.is_closing():
                wire, client = host.connect(), make()
        wire.wrote = reading.mark
        with recording(reading):
            await converse(wire, client)
        await hang_up(wire, host)
    reading.cut()
    return reading
