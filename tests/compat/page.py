"""docs/explanation/quart.md: its tables, and what the tests say of the rows.

``python tests/compat/page.py`` writes into the tables what the tests prove.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "explanation" / "quart.md"

HEADING = re.compile(r"### (.+)")
ROW = re.compile(r"\| `` ?(?P<name>.+?) ?`` \| (?P<state>.*) \|")
MISSING = "missing: "
OTHER = "other: "
# What is written by hand.
FIXED = (MISSING, OTHER)


class Proof(NamedTuple):
    """A test: the rows it names, and why it is ours alone, if it is."""

    section: str
    test: str
    rows: list[str]
    reason: str | None


def section_of(path: Path) -> str:
    """Return the section that a file of tests is about.

    >>> section_of(Path("test_url_building.py"))
    'url building'
    """
    name = path.stem.removeprefix("test_").replace("_", " ")
    return "test client" if name == "client" else name


def proofs() -> list[Proof]:
    """Read the decorators of all tests in this folder."""
    return [
        proof
        for path in sorted(HERE.glob("test_*.py"))
        for proof in read(path)
    ]


def read(path: Path) -> Iterator[Proof]:
    section = section_of(path)
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            rows = list(arguments(node, "row"))
            reason = next(arguments(node, "differs"), None)
            if rows:
                yield Proof(section, node.name, rows, reason)


def arguments(
    node: ast.FunctionDef | ast.AsyncFunctionDef, decorator: str
) -> Iterator[str]:
    for call in node.decorator_list:
        match call:
            case ast.Call(func=ast.Name(id=name), args=args):
                if name == decorator:
                    yield from (
                        arg.value
                        for arg in args
                        if isinstance(arg, ast.Constant)
                    )


def rows(text: str) -> dict[str, list[tuple[str, str]]]:
    """Return the rows of each section of the page, with their states."""
    found: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in text.splitlines():
        if heading := HEADING.fullmatch(line):
            section = heading[1]
        elif row := ROW.fullmatch(line):
            found.setdefault(section, []).append((row["name"], row["state"]))
    return found


def meant(start: str, names: list[str]) -> list[str]:
    """Return the rows that a test means: a whole name, else how it begins.

    >>> meant("app.run", ["app.run", "app.run_task"]), meant("a", ["b", "a()"])
    (['app.run'], ['a()'])
    """
    if start in names:
        return [start]
    return [name for name in names if name.startswith(start)]


def state(proved: list[Proof]) -> str:
    """Say what the tests of a row prove."""
    if not proved:
        return "?"
    reasons = dict.fromkeys(p.reason for p in proved if p.reason)
    return "; ".join(reasons) if reasons else "same"


def filled(text: str, tests: list[Proof]) -> str:
    """Return the page with the states of its rows as the tests have them."""
    lines = []
    section = ""
    known = {
        section: [name for name, _ in found]
        for section, found in rows(text).items()
    }
    for line in text.splitlines():
        if heading := HEADING.fullmatch(line):
            section = heading[1]
        row = ROW.fullmatch(line)
        if row and not row["state"].startswith(FIXED):
            name = row["name"]
            proved = [
                test
                for test in tests
                if test.section == section
                and any(
                    name in meant(start, known[section]) for start in test.rows
                )
            ]
            line = f"| `` {name} `` | {state(proved)} |"
        lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(), proofs()))
