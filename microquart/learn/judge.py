"""Whether a learner's copy is right, and if not, how it differs on the wire.

Everything runs in processes of its own, in which the copy is found first.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from microquart.learn.exercises import Exercise, copy_package
from microquart.xray.exports import jsonl
from microquart.xray.record import Record
from microquart.xray.sentences import sentence

_ENOUGH = 30.0  # seconds for all checks of an exercise
# Left out of a comparison: they depend on chance, on time and on sockets.
_CHANCE = ("net.recv", "net.write", "net.accept")
_NAMES_OF_TIME = ("timer.", "loop.", "lifespan.", "task.")
_SHOWN = 40  # lines of a difference


class Broken(Exception):
    """The copy does not run at all; the text is Python's last line."""


@dataclass(frozen=True)
class Verdict:
    """One check: what should be so, and what is wrong ("": nothing)."""

    sentence: str
    wrong: str


def verdicts(exercise: Exercise, folder: Path) -> list[Verdict]:
    """Check the copy in a folder.

    Raises:
        Broken: it cannot be checked.
    """
    found = json.loads(_play("check", exercise.check, folder))
    return [Verdict(*pair) for pair in found]


def difference(exercise: Exercise, folder: Path) -> list[str]:
    """Compare how the intact package and the copy in a folder behave.

    Raises:
        Broken: the copy cannot be played.
    """
    with tempfile.TemporaryDirectory() as intact:
        copy_package(Path(intact))
        wanted = record(exercise, Path(intact))
    return compared(wanted, record(exercise, folder))


def compared(wanted: Iterable[Record], got: Iterable[Record]) -> list[str]:
    """Return the lines of a diff with what is around; none for no change."""
    before, after = told(wanted), told(got)
    # Without the head of a diff, which names files.
    lines = [*unified_diff(before, after, lineterm="", n=2)][2:]
    lines = ["  …" if line.startswith("@@") else line for line in lines]
    if len(lines) > _SHOWN:
        lines[_SHOWN:] = [f"… and {len(lines) - _SHOWN} lines more"]
    return lines


def record(exercise: Exercise, folder: Path) -> list[Record]:
    """Play what shows the fault, with the copy in a folder, traced."""
    trace = _play("record", exercise.show, folder)
    return jsonl.read(trace.splitlines())[1]


def told(records: Iterable[Record]) -> list[str]:
    """Return a line for each record, without what depends on chance."""
    begun = {each.span: each for each in records if each.ph == "B"}
    lines = []
    for each in records:
        if each.name in _CHANCE or each.name.startswith(_NAMES_OF_TIME):
            continue
        if each.name == "asgi.send" and set(each.data) == {"at"}:
            continue  # it has ended: nothing to be said
        arrow = {"in": "<", "out": ">", None: " "}[each.dir]
        begin = begun.get(each.span) if each.ph == "E" else None
        end = "end of " if begin is not None else ""
        words = sentence(each, begin)
        lines.append(f"{each.req or '':3} {arrow} {end}{each.name} {words}")
    return lines


def _play(what: str, program: Path, folder: Path) -> str:
    # -P: nothing but the copy may come before the standard library.
    command = [sys.executable, "-P", "-m", "microquart.learn.play", what]
    paths = [str(folder.resolve()), os.environ.get("PYTHONPATH")]
    variables = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
    }
    with tempfile.TemporaryDirectory() as out:
        result = Path(out) / "result"
        try:
            done = subprocess.run(
                [*command, str(program), str(result)],
                env=variables,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=_ENOUGH,
            )
        except subprocess.TimeoutExpired:
            raise Broken(f"it is not done within {_ENOUGH:g} s") from None
        if done.returncode:
            last = done.stderr.strip().splitlines()[-1:] or ["it ended early"]
            raise Broken(f"your copy does not run: {last[0]}")
        return result.read_text("utf-8")
