"""Writes down which functions of the package are called, in their order."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

PACKAGE = Path(__file__).parents[2] / "microquart"


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Record, as ``path::Qual.name``, the calls in this thread."""
    calls: list[str] = []
    start = f"{PACKAGE}/"

    def profile(frame: FrameType, event: str, arg: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(start):
            name = frame.f_code.co_qualname.replace(".<locals>", "")
            calls.append(f"{file.removeprefix(start)}::{name}")

    sys.setprofile(profile)
    try:
        yield calls
    finally:
        sys.setprofile(None)


def missing(steps: list[str], calls: list[str]) -> list[str]:
    """Return the steps that did not happen after those before them.

    >>> missing(["a", "c"], ["a", "b", "c"]), missing(["c", "a"], ["a", "c"])
    ([], ['a'])
    """
    rest = iter(calls)
    return [step for step in steps if step not in rest]
