"""The source as the pages show it: a name is a region of numbered lines."""

import ast
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "microquart"

LONGEST = 45  # lines of a listing: what fits a screen
WIDEST = 79  # columns: what fits a page

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class NoSuchRegion(Exception):
    """A page names what the source does not have, or shows too much."""


@dataclass(frozen=True)
class Region:
    """Lines of one file, the first and the last counted from 1."""

    file: str
    """Below the root of the project: ``microquart/protocol/h1.py``."""
    name: str
    first: int
    last: int

    def lines(self) -> list[str]:
        return _text(self.file).splitlines()[self.first - 1 : self.last]


def path_of(text: str) -> Path:
    """Return the file that a page means: of the package, else of the project.

    >>> path_of("http/dates.py").relative_to(ROOT).as_posix()
    'microquart/http/dates.py'
    """
    for path in (PACKAGE / text, ROOT / text):
        if path.is_file():
            return path
    raise NoSuchRegion(f"there is no file {text}")


def region(target: str) -> Region:
    """Find ``path`` or ``path::Qual.name``, decorators included.

    >>> region("http/dates.py::parse_date").name
    'parse_date'
    """
    text, _, name = target.partition("::")
    path = path_of(text)
    file = path.relative_to(ROOT).as_posix()
    if not name:
        return Region(file, "", 1, len(_text(file).splitlines()))
    body: list[ast.stmt] = ast.parse(_text(file)).body
    found: ast.stmt | None = None
    for part in name.split("."):
        found = _named(body, part)
        if found is None:
            raise NoSuchRegion(f"{file} has no {name}")
        body = found.body if isinstance(found, Definition) else []
    assert found is not None
    first = found.lineno
    if isinstance(found, Definition) and found.decorator_list:
        first = found.decorator_list[0].lineno
    return Region(file, name, first, found.end_lineno or first)


def cut(whole: Region, start: str = "", stop: str = "") -> Region:
    """Keep the lines from one with ``start`` up to and with one of ``stop``.

    Both are looked for from the top, ``stop`` behind ``start``.
    """
    lines = whole.lines()
    first = _line_with(lines, start, 0, whole) if start else 0
    last = len(lines) - 1
    if stop:
        last = _line_with(lines, stop, first, whole)
    while first < last and not lines[last].strip():
        last -= 1
    return Region(
        whole.file, whole.name, whole.first + first, whole.first + last
    )


def marked(part: Region, texts: list[str]) -> list[int]:
    """Return the numbers, in the region, of the lines with these texts."""
    lines = part.lines()
    for text in texts:
        _line_with(lines, text, 0, part)
    return [
        number
        for number, line in enumerate(lines, 1)
        if any(text in line for text in texts)
    ]


def check(part: Region) -> None:
    """Refuse what would not fit.

    Raises:
        NoSuchRegion: more lines or columns than a page has.
    """
    lines = part.lines()
    if len(lines) > LONGEST:
        raise NoSuchRegion(
            f"{part.file} {part.name}: {len(lines)} lines, at most {LONGEST} "
            "fit; cut it with :from: and :to:"
        )
    for number, line in enumerate(lines, part.first):
        if len(line) > WIDEST:
            raise NoSuchRegion(
                f"{part.file}:{number} has {len(line)} columns, at most "
                f"{WIDEST} fit"
            )


def _named(body: list[ast.stmt], name: str) -> ast.stmt | None:
    for node in body:
        match node:
            case (
                ast.FunctionDef(name=found)
                | ast.AsyncFunctionDef(name=found)
                | ast.ClassDef(name=found)
            ) if found == name:
                return node
            case ast.AnnAssign(target=ast.Name(id=found)) if found == name:
                return node
            case ast.Assign(targets=targets) if any(
                isinstance(one, ast.Name) and one.id == name for one in targets
            ):
                return node
            case ast.If(body=inner) | ast.Try(body=inner):
                if (deep := _named(inner, name)) is not None:
                    return deep
    return None


def _line_with(lines: list[str], text: str, start: int, where: Region) -> int:
    for number in range(start, len(lines)):
        if text in lines[number]:
            return number
    raise NoSuchRegion(f"{where.file} {where.name}: no line has {text!r}")


def _text(file: str) -> str:
    return (ROOT / file).read_text()
