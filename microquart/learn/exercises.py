"""The table of exercises, and the package with a fault, or without."""

import shutil
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
HERE = Path(__file__).parent

# What a learner does not get of this folder: the answers.
_KEPT_BACK = {"info.toml", "checks", "shows"}


class Unfit(Exception):
    """The text that an exercise changes is not in the core, or twice."""


@dataclass(frozen=True)
class Exercise:
    """One fault.

    ``before`` becomes ``after`` in ``file``, which is below the package.
    ``killed_by`` names tests of the suite, as pytest does.
    """

    name: str
    part: str
    title: str
    symptom: str
    chapter: str
    source: str
    file: str
    before: str
    after: str
    hints: tuple[str, str, str]
    killed_by: tuple[str, ...]

    @property
    def show(self) -> Path:
        """The program that shows the fault."""
        return self._file("shows")

    @property
    def check(self) -> Path:
        """The functions that have to pass."""
        return self._file("checks")

    def faulty(self, source: str) -> str:
        """Return the text of ``file`` with the fault in it.

        Raises:
            Unfit: the core has changed.
        """
        count = source.count(self.before)
        if count != 1:
            raise Unfit(
                f"{self.name} is for another version of microquart: the text "
                f"that it changes is in {self.file} {count} times"
            )
        return source.replace(self.before, self.after)

    def _file(self, folder: str) -> Path:
        return HERE / folder / f"{self.name.replace('-', '_')}.py"


@cache
def exercises() -> dict[str, Exercise]:
    """Return all exercises by name, in their order.

    Raises:
        FileNotFoundError: this is the package of a learner.
    """
    with open(HERE / "info.toml", "rb") as file:
        table = tomllib.load(file)
    return {
        name: Exercise(
            **{
                **entry,
                "name": name,
                "hints": tuple(entry["hints"]),
                "killed_by": tuple(entry["killed_by"]),
            }
        )
        for name, entry in table.items()
    }


def copy_package(folder: Path) -> Path:
    """Copy the package into a folder, without the answers; return it."""
    package = folder / "microquart"

    def kept_back(folder: str, names: list[str]) -> set[str]:
        return _KEPT_BACK if Path(folder) == HERE else set()

    shutil.copytree(PACKAGE, package, ignore=kept_back)
    return package


def begin(exercise: Exercise, folder: Path) -> None:
    """Make the folder in which a learner works.

    Raises:
        Unfit: the core has changed.
    """
    source = (PACKAGE / exercise.file).read_text("utf-8")
    faulty = exercise.faulty(source)
    package = copy_package(folder)
    (package / exercise.file).write_text(faulty, "utf-8")
    shutil.copy(exercise.show, folder / "show.py")
