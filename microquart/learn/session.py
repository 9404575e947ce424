"""What ``microquart learn`` does and says, command by command."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from difflib import unified_diff
from pathlib import Path

from microquart.learn import judge
from microquart.learn.desk import Desk, Occupied
from microquart.learn.exercises import PACKAGE, Exercise, Unfit, exercises

Say = Callable[[str], object]

_GLANCE = 0.3  # seconds between two looks at the files
_AGAIN = "-" * 40


class Mistake(Exception):
    """A command that cannot be done; the text is one line."""


class Session:
    """One command of a learner, who is in a folder."""

    def __init__(self, here: Path, say: Say) -> None:
        self.say = say
        try:
            self.table = exercises()
            self.desk = Desk(here)
        except FileNotFoundError:
            raise Mistake(
                "this package is the copy of an exercise, which knows no "
                "exercises: say microquart, not python -m microquart"
            ) from None
        except Occupied as error:
            raise Mistake(str(error)) from None

    # -- commands; each returns the exit code --

    def overview(self) -> int:
        """List the exercises."""
        progress, part = self.desk.progress, ""
        width = max(map(len, self.table))
        for name, exercise in self.table.items():
            if exercise.part != part:
                part = exercise.part
                self.say(part)
            state = "begun" if name in progress.begun else "open"
            state = "done" if name in progress.done else state
            self.say(f"  {state:5}  {name:{width}}  {exercise.title}")
        self.say(f"{self._score()}; microquart learn NAME begins one")
        return 0

    def begin(self, name: str, again: bool) -> int:
        """Give the learner a copy with the fault, and say what is wrong."""
        exercise = self._named(name)
        try:
            is_new = self.desk.begin(exercise, again)
        except (Unfit, Occupied) as error:
            raise Mistake(str(error)) from None
        place = shown(self.desk.place(exercise))
        if is_new:
            self.say(f"{place} has a copy of microquart with one fault.")
        else:
            self.say(f"{place} is as you left it; --again begins anew.")
        self.say(f"\n{exercise.symptom}\n")
        self.say(f"see it:     python {place}{os.sep}show.py")
        self.say(f"repair it:  {place}{os.sep}microquart")
        self.say("then:       microquart learn check")
        return 0

    def check(self, name: str | None, watch: bool) -> int:
        """Check the copy, with ``watch`` after each change until it is right.

        Raises:
            KeyboardInterrupt: the learner has enough of watching.
        """
        exercise = self._begun(name)
        place = self.desk.place(exercise)
        while True:
            # What is changed during a check is checked next.
            before = times(place)
            code = self._check(exercise)
            if not (code and watch):
                return code
            self.say("\nwaiting for a change (Ctrl-C ends it)")
            while times(place) == before:
                time.sleep(_GLANCE)
            self.say(_AGAIN)

    def hint(self, name: str | None) -> int:
        """Give the next hint."""
        exercise = self._begun(name)
        number = self.desk.hint(exercise)
        count = len(exercise.hints)
        self.say(f"hint {number} of {count}: {exercise.hints[number - 1]}")
        if number == count:
            self.say("(there are no more; microquart learn solution)")
        return 0

    def solution(self, name: str | None) -> int:
        """Show what has to be changed in the copy."""
        exercise = self._begun(name)
        place = self.desk.place(exercise) / "microquart" / exercise.file
        try:
            lines = solution(exercise)
        except Unfit as error:
            raise Mistake(str(error)) from None
        self.say(shown(place))
        for line in lines:
            self.say(line)
        return 0

    def chapter(self, name: str | None) -> int:
        """Say where to read about it."""
        exercise = self._begun(name)
        self.say(f"{exercise.chapter} in the documentation")
        self.say(exercise.source)
        return 0

    # -- inside --

    def _named(self, name: str) -> Exercise:
        if name not in self.table:
            raise Mistake(
                f"there is no exercise {name!r}; microquart learn lists them"
            )
        return self.table[name]

    def _begun(self, name: str | None) -> Exercise:
        name = name or self.desk.progress.current
        if name is None:
            raise Mistake(
                "no exercise is begun; microquart learn NAME begins one"
            )
        exercise = self._named(name)
        if not self.desk.place(exercise).is_dir():
            raise Mistake(
                f"{name} is not begun; microquart learn {name} begins it"
            )
        return exercise

    def _check(self, exercise: Exercise) -> int:
        place = self.desk.place(exercise)
        try:
            verdicts = judge.verdicts(exercise, place)
            wrong = [verdict for verdict in verdicts if verdict.wrong]
            if wrong:
                self._tell_wrong(exercise, verdicts)
                return 1
        except judge.Broken as error:
            self.say(f"{exercise.name}: {error}")
            return 1
        self.desk.finish(exercise)
        self.say(f"{exercise.name}: all {len(verdicts)} checks pass")
        self.say(f"{self._score()}{self._next()}")
        return 0

    def _tell_wrong(
        self, exercise: Exercise, verdicts: Iterable[judge.Verdict]
    ) -> None:
        self.say(f"{exercise.name}: not yet")
        for verdict in verdicts:
            mark = "no" if verdict.wrong else "ok"
            self.say(f"  {mark}  {verdict.sentence}")
            if verdict.wrong:
                self.say(f"      {verdict.wrong}")
        difference = judge.difference(exercise, self.desk.place(exercise))
        if difference:
            self.say("\nX-ray of show.py: - as it should be, + as it is")
            for line in difference:
                self.say(line)
        else:
            self.say("\nX-ray of show.py: no difference any more")
        self.say("\nmicroquart learn hint gives a hint")

    def _score(self) -> str:
        done = [name for name in self.table if name in self.desk.progress.done]
        return f"{len(done)} of {len(self.table)} done"

    def _next(self) -> str:
        done = self.desk.progress.done
        left = [name for name in self.table if name not in done]
        return f"; next: microquart learn {left[0]}" if left else ""


def solution(exercise: Exercise) -> Iterator[str]:
    """Return what repairs the fault, as lines of a diff.

    Raises:
        Unfit: the core has changed.
    """
    right = (PACKAGE / exercise.file).read_text("utf-8")
    wrong = exercise.faulty(right)
    lines = unified_diff(wrong.splitlines(), right.splitlines(), lineterm="")
    return iter([*lines][2:])  # without the names of files


def times(folder: Path) -> dict[Path, int]:
    """Return when each module below a folder was written."""
    found = {}
    for path in folder.rglob("*.py"):
        # An editor may be about to replace it.
        with suppress(FileNotFoundError):
            found[path] = path.stat().st_mtime_ns
    return found


def shown(path: Path) -> str:
    """Return a path as it is typed from here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
