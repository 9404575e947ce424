"""Plays an exercise in a process of its own, with the copy that is given.

``python -P -m microquart.learn.play check FILE OUT`` runs each function of a
file of checks, and writes a list of pairs, its sentence and what was wrong.
``record FILE OUT`` runs a program that shows a fault, and writes the trace.
Which package that is, PYTHONPATH says.  What is printed is the learner's.
"""

import asyncio
import inspect
import json
import logging
import os
import runpy
import sys
from collections.abc import Awaitable, Callable
from contextlib import redirect_stdout

from microquart.learn import clients
from microquart.server.shells import Shells
from microquart.xray.exports import jsonl
from microquart.xray.install import install
from microquart.xray.record import Record
from microquart.xray.tracer import Tracer

_ENOUGH = 5.0  # seconds for one check


def main() -> None:
    what, path, out = sys.argv[1:]
    logging.disable()
    with open(out, "w", encoding="utf-8") as file:
        if what == "check":
            json.dump([*map(judged, checks(path))], file)
        else:
            file.writelines(recorded(path))


Check = Callable[[], Awaitable[None]]


def checks(path: str) -> list[Check]:
    """Return the functions of a file, in their order."""
    return [
        value
        for name, value in runpy.run_path(path).items()
        if inspect.iscoroutinefunction(value)
        and value.__code__.co_filename == path
        and not name.startswith("_")
    ]


def judged(check: Check) -> tuple[str, str]:
    """Return the sentence of a check, and what is wrong: "" for nothing."""
    sentence = check.__name__.replace("_", " ")
    try:
        asyncio.run(in_time(check))
    except TimeoutError:
        return sentence, f"it is not done within {_ENOUGH:g} s"
    except AssertionError as error:
        return sentence, str(error) or "it does not hold"
    except Exception as error:
        return sentence, f"{type(error).__name__}: {error}"
    return sentence, ""


async def in_time(check: Check) -> None:
    async with asyncio.timeout(_ENOUGH):
        await check()


def recorded(path: str) -> list[str]:
    """Run a program and return the trace of its servers, line by line."""
    tracer = Tracer(None)
    records: list[Record] = []

    def watch(shells: Shells) -> None:
        install(tracer, server=shells)

    async def play() -> None:
        clients.WATCHERS.append(watch)
        try:
            await in_time(runpy.run_path(path)["main"])
        finally:
            clients.WATCHERS.remove(watch)
            # How the rest is cancelled at the end is of no interest.
            records[:] = tracer.records

    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        try:
            asyncio.run(play())
        except Exception as error:
            # What came before it is what there is to see.
            print(error, file=sys.stderr)
    return [*jsonl.lines(records, tracer.head())]


if __name__ == "__main__":
    main()
