"""What the book says of a line: the paragraphs round the listing it is in.

The pages are read as they are written; in a wheel they are beside this file.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import takewhile
from operator import ne
from pathlib import Path
from typing import Literal

PACKAGE = Path(__file__).parents[1]
FOLDERS = (
    Path(__file__).with_name("book"),
    PACKAGE.parent / "docs" / "book" / "part-2",
)
MOST = 2  # passages for one line, the closest first

REST = "The rest of"  # in the titles of pages

FENCE = re.compile(r"(```+|:::+)")
LISTING = re.compile(r"```+\{listing\} (\S+)")
OPTION = re.compile(r":(from|to): (.*)")
# ``[text](page.md)`` and ``{line}`text <path::name>```
LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")
ROLE = re.compile(r"\{\w+\}`([^`<]*?)(?: ?<[^`>]*>)?`")


@dataclass(frozen=True)
class Passage:
    """Some paragraphs; words between backticks are code."""

    title: str
    text: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """A heading, a paragraph, a listing, or what is none of them."""

    kind: Literal["title", "heading", "prose", "listing", "other"]
    text: str = ""
    first: str = ""
    """Of a listing: what its first line has; its last one, if any."""
    last: str = ""


def passages(file: Path, line: int) -> list[Passage]:
    """Return what is said of a line of the package, if anything is."""
    try:
        name = file.relative_to(PACKAGE).as_posix()
    except ValueError:
        return []
    found = [
        (last - first, passage)
        for first, last, passage in shown(name)
        if first <= line <= last
    ]
    found.sort(key=lambda each: each[0])
    return [passage for _, passage in found[:MOST]]


@cache
def shown(name: str) -> tuple[tuple[int, int, Passage], ...]:
    """Return the regions of a file that have a passage, by their lines."""
    regions = []
    for page in pages():
        for at, piece in enumerate(page):
            path, _, target = piece.text.partition("::")
            if piece.kind == "listing" and path == name:
                place = lines_of(PACKAGE / name, target, piece)
                passage = passage_at(page, at)
                if place is not None and passage.text:
                    regions.append((*place, passage))
    return tuple(regions)


# -- the pages --


@cache
def pages() -> tuple[Sequence[Piece], ...]:
    folder = next(filter(Path.is_dir, FOLDERS), None)
    files = [] if folder is None else sorted(folder.glob("*.md"))
    return tuple([*pieces(file.read_text("utf-8"))] for file in files)


def pieces(text: str) -> Iterator[Piece]:
    """Take a page apart.

    >>> [piece.kind for piece in pieces("# A\\n\\nB\\nc.\\n")]
    ['title', 'prose']
    """
    lines = iter(text.splitlines())
    for line in lines:
        if fence := FENCE.match(line):
            yield block(line, [*takewhile(partial(ne, fence[1]), lines)])
        elif line.startswith("# "):
            yield Piece("title", line[2:])
        elif line.startswith("#"):
            yield Piece("heading", line.lstrip("# "))
        elif line.strip():
            more = takewhile(str.strip, lines)
            yield Piece("prose", plain(" ".join([line, *more])))


def block(head: str, inside: Sequence[str]) -> Piece:
    listing = LISTING.match(head)
    if listing is None:
        return Piece("other")
    options = {"from": "", "to": ""}
    for line in inside:
        if option := OPTION.match(line):
            options[option[1]] = option[2]
    return Piece("listing", listing[1], options["from"], options["to"])


def plain(text: str) -> str:
    """Return a text without links and roles.

    >>> plain("see [20](20-app.md) and {line}`it <http/dates.py::x>`")
    'see 20 and `it`'
    """
    return LINK.sub(r"\1", ROLE.sub(r"`\1`", text))


def passage_at(page: Sequence[Piece], at: int) -> Passage:
    """Return the paragraphs round a listing, or round several in a row.

    The pages of the rest say what comes next; the others also say what was
    to be seen.
    """
    start = stop = at
    while start and page[start - 1].kind == "listing":
        start -= 1
    while stop + 1 < len(page) and page[stop + 1].kind == "listing":
        stop += 1
    title = [*headings(page[:start])]
    before = [*takewhile(is_prose, reversed(page[:start]))][:1]
    after = [*takewhile(is_prose, page[stop + 1 :])][:2]
    if after and after[-1].text.endswith(":"):
        after.pop()  # of what follows
    if REST in title[0]:
        after.clear()
    if after and start < at:
        before.clear()  # of the first in the row
    texts = tuple(piece.text for piece in (*before, *after))
    return Passage(" · ".join(title), texts)


def is_prose(piece: Piece) -> bool:
    return piece.kind == "prose"


def headings(before: Sequence[Piece]) -> Iterator[str]:
    """Yield the title of the page and the heading at hand."""
    for kind in ("title", "heading"):
        last = [piece.text for piece in before if piece.kind == kind]
        yield from last[-1:]


# -- the source --


def lines_of(file: Path, target: str, piece: Piece) -> tuple[int, int] | None:
    """Return the first and the last line of a listing; None: a page of
    another version."""
    text = file.read_text("utf-8")
    lines = text.splitlines()
    first, last = 1, len(lines)
    body: Sequence[ast.stmt] = ast.parse(text).body
    for name in filter(None, target.split(".")):
        found = named(body, name)
        if found is None:
            return None
        first, last = found.lineno, found.end_lineno or first
        body = found.body
    if piece.first:
        first = next(numbers(lines, first, last, piece.first), 0)
    if piece.last:
        last = next(numbers(lines, first or last, last, piece.last), 0)
    return (first, last) if first and last else None


def numbers(
    lines: Sequence[str], first: int, last: int, text: str
) -> Iterator[int]:
    for number in range(first, last + 1):
        if text in lines[number - 1]:
            yield number


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def named(body: Sequence[ast.stmt], name: str) -> Definition | None:
    for each in body:
        if isinstance(each, Definition) and each.name == name:
            return each
    return None
