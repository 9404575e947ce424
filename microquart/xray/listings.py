"""The lines of a file round one that an event is about."""

import os
import re
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from microquart.xray.book import PACKAGE, passages
from microquart.xray.places import place_of
from microquart.xray.record import Record

BEFORE, AFTER = 3, 10  # lines
PLACE = re.compile(r"(.+\.py):(\d+)")

Listing = dict[str, object]


def listing(where: str) -> Listing | None:
    """Return the lines round one of a Python file, its whole path, and what
    the book says of it.

    ``where`` is ``file:line``, the file as seen from here or from where it
    was imported.
    """
    match = PLACE.fullmatch(where)
    path = match and path_of(match[1])
    if not match or not path:
        return None
    number = int(match[2])
    first = max(number - BEFORE, 1)
    lines = path.read_text("utf-8", "replace").splitlines()
    return {
        "path": str(path),
        "place": where,
        "line": number,
        "first": first,
        "lines": lines[first - 1 : number + AFTER],
        "book": [asdict(each) for each in passages(path, number)],
    }


def path_of(name: str) -> Path | None:
    for root in (os.getcwd(), *sys.path):
        path = Path(root, name)
        if path.is_file():
            return path.resolve()
    return None


def of_package(records: Iterable[Record]) -> dict[str, Listing]:
    """Return the listings of the events that this package has the code of,
    by source, or by name and direction; of no other code, and no path."""
    found: dict[str, Listing] = {}
    for record in records:
        key = record.src or f"{record.name} {record.dir or ''}".rstrip()
        if key in found:
            continue
        where = record.src or place_of(record.name, record.dir or "")
        told = listing(where) if where else None
        if told is not None and is_ours(str(told.pop("path"))):
            found[key] = told
    return found


def is_ours(path: str) -> bool:
    return Path(path).is_relative_to(PACKAGE.resolve())
