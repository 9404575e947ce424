"""Swaps: what taps put in the place of something else, and how it goes back.

A swap is an instance attribute, or the cell of a closure.  Undone, nothing of
it is left.
"""

from collections.abc import Callable
from types import CellType
from typing import Any

_ABSENT: Any = object()


class Swaps:
    """What was swapped, to be undone in the opposite order."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def attribute(self, owner: Any, name: str, value: Any) -> None:
        """Put ``value`` over an attribute of this one object."""
        old = vars(owner).get(name, _ABSENT)
        setattr(owner, name, value)
        if old is _ABSENT:
            self._undo.append(lambda: delattr(owner, name))
        else:
            self._undo.append(lambda: setattr(owner, name, old))

    def cell(self, cell: CellType, value: Any) -> None:
        old = cell.cell_contents
        cell.cell_contents = value
        self._undo.append(lambda: setattr(cell, "cell_contents", old))

    def then(self, undo: Callable[[], object]) -> None:
        """Have something more done at the end."""
        self._undo.append(undo)

    def remove(self) -> None:
        while self._undo:
            self._undo.pop()()
