"""A learner's folder, ``learn``: what is begun there, and what is done."""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from microquart.learn.exercises import Exercise, begin

_PROGRESS = "progress.json"


@dataclass
class Progress:
    """What is kept from one command to the next."""

    current: str | None = None  # the exercise that was begun last
    begun: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    hints: dict[str, int] = field(default_factory=dict)  # given so far


class Occupied(Exception):
    """There is something in the way that is no exercise."""


class Desk:
    """The folder, found from where the learner is, or to be made there."""

    def __init__(self, here: Path) -> None:
        self.folder = here / "learn"
        for above in (here, *here.parents):
            if (above / "learn" / _PROGRESS).is_file():
                self.folder = above / "learn"
                break
        self.progress = self._read()

    def place(self, exercise: Exercise) -> Path:
        return self.folder / exercise.name

    def begin(self, exercise: Exercise, again: bool) -> bool:
        """Make the copy, and return whether that was to be done.

        Raises:
            Unfit: the exercise is for another version.
            Occupied: its place is taken.
        """
        place = self.place(exercise)
        is_there = place.exists()
        if is_there and not (place / "show.py").is_file():
            raise Occupied(f"{place} is no exercise: move it away")
        if is_there and again:
            shutil.rmtree(place)
        if again or not is_there:
            begin(exercise, place)
        name = exercise.name
        progress = self.progress
        progress.current = name
        if name not in progress.begun:
            progress.begun.append(name)
        if again and name in progress.done:
            progress.done.remove(name)
        self.save()
        return again or not is_there

    def finish(self, exercise: Exercise) -> None:
        """Take note that its checks have passed."""
        if exercise.name not in self.progress.done:
            self.progress.done.append(exercise.name)
            self.save()

    def hint(self, exercise: Exercise) -> int:
        """Return the number of the next hint, from 1."""
        given = self.progress.hints.get(exercise.name, 0)
        number = min(given + 1, len(exercise.hints))
        self.progress.hints[exercise.name] = number
        self.save()
        return number

    def save(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self.progress), indent=2)
        (self.folder / _PROGRESS).write_text(text + "\n", "utf-8")

    def _read(self) -> Progress:
        path = self.folder / _PROGRESS
        if not path.is_file():
            return Progress()
        try:
            told: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return Progress(**told)
        except (ValueError, TypeError):
            raise Occupied(f"{path} cannot be read: delete it") from None
