"""What is waited for: since when, and for how long at most."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from microquart.xray.taps.line import Line
from microquart.xray.tracer import Place

# By what is waited for: since when, if it is, and how long it may take; both
# in seconds.
Waits: TypeAlias = Mapping[str, tuple[float | None, float | None]]


class Clocks:
    """Tells which have begun; who owns them says when to look."""

    def __init__(
        self, line: Line, place: Callable[[], Place | None] = lambda: None
    ) -> None:
        self.line = line
        self.place = place
        self._known: Waits = {}

    def look(self, waits: Waits) -> None:
        known, self._known = self._known, waits
        if waits == known:
            return
        for what, (since, limit) in waits.items():
            if since is not None and known.get(what, (None,))[0] != since:
                self.line.waits(what, limit, self.place())


def over(waits: Waits, now: float) -> tuple[str, float] | None:
    """Return what has taken too long, and for how long it has been so."""
    for what, (since, limit) in waits.items():
        if since is None or limit is None:
            continue
        # In floating point (a + b) - a may be a hair less than b.
        if now - since + 1e-6 >= limit:
            return what, now - since
    return None
