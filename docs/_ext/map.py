"""``map``: the floors of the package, drawn from its imports.

The floors are those that tests/code/layers.py holds every import to.
"""

import ast
from collections import Counter
from html import escape
from pathlib import Path

from docutils import nodes
from machines import ARROWHEAD
from sources import PACKAGE
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from tests.code import layers

# Two towers on one ground. What stands higher imports what stands lower.
LEFT = (
    "names",
    "application",
    "machinery",
    "context",
    "conversation",
    "parts",
)
RIGHT = ("top", "middleware", "shell", "core")
GROUND = "values"  # and the words, asgi, stand there too
TITLES = {
    "top": "top (may import anything)",
    "shell": "shell (what waits)",
    "core": "core (what decides)",
    "values": "values and words",
}

CELL, ROW, GAP = 198, 17, 26  # pixels
# Many small files of one shape: each exercise has one in both.
FOLDED = ("learn.checks", "learn.shows")
MARGIN = 70  # where the arrows to lower floors go

Rooms = dict[str, list[tuple[str, int]]]  # by floor: modules, lines of code


def code_lines(path: Path) -> int:
    """Count the lines that are neither empty, nor comment, nor docstring."""
    text = path.read_text()
    lines = {
        number
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    }
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                last = node.end_lineno or node.lineno
                lines -= {*range(node.lineno, last + 1)}
    return len(lines)


def rooms() -> tuple[Rooms, Counter[tuple[str, str]]]:
    """Return what stands on each floor, and the imports between floors."""
    modules = layers.package(PACKAGE)
    floors = layers.rows()
    floor = {name: floors[layers.row_of(name) or ""] for name in modules}
    floor |= {name: GROUND for name in floor if floor[name] == "words"}
    lines = Counter[tuple[str, str]]()
    for path in sorted(PACKAGE.rglob("*.py")):
        name = layers.name_of(path.relative_to(PACKAGE))
        shown = name.rpartition(".")[0]
        shown = shown if shown in FOLDED else name
        lines[floor[name], shown] += code_lines(path)
    found: Rooms = {}
    for (place, name), count in lines.items():
        found.setdefault(place, []).append((name, count))
    arrows = Counter(
        (floor[entry.importer], floor[entry.imported])
        for entry in layers.imports(modules)
        if entry.own and entry.imported in floor
    )
    return found, arrows


class Drawing:
    """The picture as far as it is drawn."""

    def __init__(self, found: Rooms) -> None:
        self.found = found
        self.parts = [ARROWHEAD]
        self.boxes: dict[str, tuple[float, float, float, float]] = {}

    def tower(
        self, floors: tuple[str, ...], x: float, y: float, columns: int
    ) -> float:
        """Draw floors one below the other; return where the next would be."""
        for floor in floors:
            y = self.box(floor, x, y, columns) + GAP
        return y

    def box(
        self, floor: str, x: float, y: float, columns: int, width: float = 0
    ) -> float:
        modules = self.found[floor]
        rows = -(-len(modules) // columns)
        width, height = width or CELL * columns, ROW * (rows + 1) + 14
        self.boxes[floor] = (x, y, width, height)
        total = sum(lines for _, lines in modules)
        title = f"{TITLES.get(floor, floor)}, {total:,} lines"
        self.parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" '
            f'rx="6" class="box"/><text x="{x + 8}" y="{y + 17}" '
            f'font-weight="bold">{title}</text>'
        )
        for number, (name, lines) in enumerate(modules):
            column, row = number // rows, number % rows
            self.parts.append(
                f'<a href="../source/{page_of(name)}.html">'
                f'<text class="link" x="{x + 8 + CELL * column}" '
                f'y="{y + 17 + ROW * (row + 1)}">{escape(name)} '
                f'<tspan class="count">{lines}</tspan></text></a>'
            )
        return y + height

    def arrow(self, start: str, end: str, count: int) -> None:
        """Lead from one box to a lower one: straight, over, or round."""
        x, y, width, height = self.boxes[start]
        there_x, there_y, there_width, _ = self.boxes[end]
        side = -1 if start in LEFT else 1
        below = y + height
        dashes = ""
        if start in LEFT and end in RIGHT:  # the server, inside app.run
            middle = y + height / 2
            line = f"M{x + width} {middle}L{there_x - 2} {there_y + 14}"
            dashes = ' stroke-dasharray="4"'
        elif there_y - below <= GAP and there_x <= x:
            middle = x + width / 2
            line = f"M{middle} {below}V{there_y - 2}"
        else:
            edge = x if side < 0 else x + width
            there = there_x if side < 0 else there_x + there_width
            far = edge + side * min(MARGIN - 6, 16 + (there_y - y) / 9)
            line = (
                f"M{edge} {below - 14}C{far} {below} {far} {there_y} "
                f"{there + 2 * side} {there_y + 14}"
            )
        dark = min(0.9, 0.25 + count / 60)
        self.parts.append(
            f'<path d="{line}" class="arrow" marker-end="url(#head)" '
            f'opacity="{dark:.2f}"{dashes}><title>{start} imports {end}: '
            f"{count} imports</title></path>"
        )


def page_of(name: str) -> str:
    path = PACKAGE / name.replace(".", "/")
    inner = "/__init__" if path.is_dir() else ""
    return f"microquart/{name.replace('.', '/')}{inner}"


def drawn() -> str:
    found, arrows = rooms()
    drawing = Drawing(found)
    right = MARGIN + 3 * CELL + 40
    y = max(
        drawing.tower(LEFT, MARGIN, 8, 3), drawing.tower(RIGHT, right, 8, 2)
    )
    y = drawing.box(GROUND, MARGIN, y, 5, right + 2 * CELL - MARGIN)
    for (start, end), count in sorted(arrows.items()):
        if start != end and "top" not in (start, end):
            drawing.arrow(start, end, count)
    width = right + 2 * CELL + MARGIN
    return (
        f'<div class="picture"><svg class="picture" width="{width}" '
        f'height="{y + 10}" viewBox="0 0 {width} {y + 10}">'
        f"{''.join(drawing.parts)}</svg></div>"
    )


class Map(SphinxDirective):
    """Draw the map."""

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", drawn(), format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("map", Map)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
