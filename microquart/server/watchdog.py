"""Development: says when the loop was blocked, how long, and where.

While one task computes or waits in a plain call, every other request waits
too, and nothing shows it.  A task of the loop notes the time; a thread looks
at that, and when it is old, at what the loop's thread does.
"""

import ast
import linecache
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from logging import getLogger
from pathlib import Path
from types import FrameType

import anyio

from microquart.server.imports import is_users

logger = getLogger("microquart.server")

TURN = 0.02  # seconds between two signs of the loop
INTERVAL = 0.05  # seconds between two looks
BLOCKED = 0.2  # seconds without a turn that are worth a line
STILL = 5.0  # seconds after which it is said even if there is no end yet

_DEBUGGERS = {"pdb", "bdb", "pydevd"}

# What to write instead of a call, by the first or last part of its name; the
# loop's own sleep comes for {sleep}.
_ADVICE = {
    "sleep": "use await {sleep} or a def view",
    "requests": "use httpx.AsyncClient or a def view",
    "urlopen": "use httpx.AsyncClient or a def view",
    "subprocess": "use await anyio.run_process or a def view",
}
_OTHERWISE = "await it, or use a def view or run_in_thread"


class Watchdog:
    """Watches the loop on which ``run()`` runs."""

    def __init__(
        self, sleep: str, still: float = STILL, blocked: float = BLOCKED
    ) -> None:
        self._sleep = sleep
        self._still = still
        self._blocked = blocked
        self._turned = time.monotonic()
        self._places: Counter[str] = Counter()  # seen since the last turn
        self._said = False
        self._ended = threading.Event()

    async def run(self) -> None:
        """Turn with the loop, until cancelled."""
        self._turned = time.monotonic()
        thread = threading.Thread(
            target=self._look,
            args=(threading.get_ident(),),
            name="microquart watchdog",
            daemon=True,
        )
        thread.start()
        try:
            while True:
                await anyio.sleep(TURN)
                self._turn(time.monotonic())
        finally:
            self._ended.set()
            thread.join()

    def _turn(self, now: float) -> None:
        # It began somewhere between the last sign and the next.
        blocked = now - self._turned - TURN / 2
        self._turned = now
        places, self._places = self._places, Counter()
        self._said = False
        if blocked >= self._blocked and places:
            self.say(blocked, places.most_common(1)[0][0])

    def _look(self, loop: int) -> None:
        while not self._ended.wait(INTERVAL):
            blocked = time.monotonic() - self._turned
            if blocked < INTERVAL + TURN:
                continue
            frame = sys._current_frames().get(loop)
            if place := seen(frame) if frame else "":
                self._places[place] += 1
                if blocked >= self._still and not self._said:
                    self._said = True
                    where = self._places.most_common(1)[0][0]
                    self.say(blocked, where, so_far=True)

    def say(self, seconds: float, place: str, so_far: bool = False) -> None:
        """Say for how long it was blocked, or is still, and where."""
        what = f"loop blocked {seconds * 1000:,.0f} ms in"
        if so_far:
            what = f"loop blocked for {seconds:.1f} s so far in"
        call = place.partition("(")[2].rstrip(")")
        parts = call.split(".")
        advice = _ADVICE.get(parts[0]) or _ADVICE.get(parts[-1], _OTHERWISE)
        advice = advice.format(sleep=self._sleep)
        logger.warning("%s %s; %s", what, place, advice)


def seen(frame: FrameType) -> str:
    """Name the user's line that a thread is in: ``app.py:12 (time.sleep)``.

    Empty: it is in none, or stands in a debugger.
    """
    frames = list(_upwards(frame))
    if any(each.f_globals.get("__name__") in _DEBUGGERS for each in frames):
        return ""
    for each in frames:
        path = each.f_code.co_filename
        if is_users(path):
            call = called(each)
            note = f" ({call})" if call else ""
            return f"{_shown(path)}:{each.f_lineno}{note}"
    return ""


def called(frame: FrameType) -> str:
    """Return the name of what a frame calls just now, as its source has it."""
    positions = frame.f_code.co_positions()
    line, last, start, end = next(
        islice(positions, frame.f_lasti // 2, None), (None,) * 4
    )
    if line is None or last is None or start is None or end is None:
        return ""
    lines = linecache.getlines(frame.f_code.co_filename)[line - 1 : last]
    # Columns count bytes.
    pieces = [each.encode() for each in lines]
    if not pieces:
        return ""
    pieces[-1] = pieces[-1][:end]
    pieces[0] = pieces[0][start:]
    try:
        tree = ast.parse(b"".join(pieces).strip(), mode="eval").body
    except SyntaxError:
        return ""
    if isinstance(tree, ast.Await):
        tree = tree.value
    return ast.unparse(tree.func) if isinstance(tree, ast.Call) else ""


def _upwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _shown(path: str) -> str:
    here = Path.cwd()
    known = Path(path)
    return str(known.relative_to(here) if here in known.parents else known)
