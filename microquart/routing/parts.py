"""The parts of a rule: what is accepted by one step down the tree.

A part is one segment of a rule, the text between two slashes.  Where a
converter may take slashes (``<path:name>``), the part is *final*: it reaches
to the end of the rule, and is offered all that is left of the path.

Most parts are one static text, or one variable.  A part such as
``<a>-<b>.html`` has many ways to be read, and a regular expression for all of
it would try them one after another: the time for three variables grows with
the cube of the path's length.  So each variable is placed on its own, the last
first: from where it may begin, does it reach an end from which the rest is
known to fit?  Every beginning and end is looked at once.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from math import inf
from typing import NamedTuple, Protocol

from microquart.routing.converters import BaseConverter

# How often a user's regex is tried on one part of a path before the part
# counts as refused: 64 beginnings with 64 ends.
MAX_TRIALS = 4_096

# Parts that are tried first compare as less.
Weight = tuple[int, tuple[tuple[int, int], ...], int, tuple[int, ...]]


class Placement(Protocol):
    """How a variable is placed beside others."""

    def place(
        self, text: str, starts: Sequence[int], ends: Sequence[int]
    ) -> dict[int, int]:
        """Return the preferred one of ``ends`` for each start that has one.

        Both are sorted, and so are the keys of what is returned.
        """
        ...


class Elastic(NamedTuple):
    """A variable that takes any ``least`` to ``most`` characters of a run.

    ``runs`` matches the longest runs.  No text begins with a slash.
    """

    runs: re.Pattern[str]
    least: int = 1
    most: float = inf
    lazy: bool = False  # takes as little as possible

    def place(
        self, text: str, starts: Sequence[int], ends: Sequence[int]
    ) -> dict[int, int]:
        found = {}
        runs = self.runs.finditer(text)
        begin = stop = 0
        for start in starts:
            while stop <= start and (run := next(runs, None)):
                begin, stop = run.span()
            if begin <= start < stop and text[start] != "/":
                low, high = start + self.least, min(start + self.most, stop)
                at = self._choose(ends, low, high)
                if 0 <= at < len(ends) and low <= ends[at] <= high:
                    found[start] = ends[at]
        return found

    def _choose(self, ends: Sequence[int], low: int, high: float) -> int:
        if self.lazy:
            return bisect_left(ends, low)
        return bisect_right(ends, high) - 1


class Tried(NamedTuple):
    """A variable with a regex of which nothing is known."""

    regex: re.Pattern[str]

    def place(
        self, text: str, starts: Sequence[int], ends: Sequence[int]
    ) -> dict[int, int]:
        found: dict[int, int] = {}
        if len(starts) * len(ends) > MAX_TRIALS:
            return found
        lazy = self.regex.pattern.endswith(("+?", "*?", "}?"))
        preferred = ends if lazy else ends[::-1]
        fullmatch = self.regex.fullmatch
        for start in starts:
            for end in preferred:
                if start <= end and fullmatch(text, start, end):
                    found[start] = end
                    break
        return found


class Shape(NamedTuple):
    """What the regex of a converter accepts: alone, and beside others."""

    test: Callable[[str], object]
    placement: Placement


SEGMENT = re.compile("[^/]+")
SHAPES = {
    "[^/]+": Shape(SEGMENT.fullmatch, Elastic(SEGMENT)),
    r"\d+": Shape(str.isdecimal, Elastic(re.compile(r"\d+"))),
    # A newline in a path is a character like others.
    "[^/].*?": Shape(
        re.compile("[^/]").match,
        Elastic(re.compile(".+", re.DOTALL), lazy=True),
    ),
}
COUNTED = re.compile(r"\[\^/\]\{(\d+)(,?)(\d*)\}")


@cache
def shape_of(regex: str) -> Shape:
    """Return the shape of a converter's regex."""
    if regex in SHAPES:
        return SHAPES[regex]
    pattern = re.compile(regex)
    counted = COUNTED.fullmatch(regex)
    if counted is None or int(counted[1]) == 0:
        return Shape(pattern.fullmatch, Tried(pattern))
    least = int(counted[1])
    most = int(counted[3] or least) if counted[3] or not counted[2] else inf
    return Shape(pattern.fullmatch, Elastic(SEGMENT, least, most))


class Part:
    """One step down the tree: the texts between variables, and their shapes.

    ``test`` tells of a text whether a part accepts it that is one variable
    and nothing else.  A part that is ``suffixed`` ends with a slash, which
    the next part stands for.
    """

    __slots__ = (
        "final",
        "key",
        "literals",
        "shapes",
        "source",
        "static",
        "suffixed",
        "test",
        "weight",
    )

    def __init__(
        self,
        literals: Sequence[str],
        regexes: Sequence[str] = (),
        weight: Weight = (0, (), 0, ()),
        final: bool = False,
        suffixed: bool = False,
        source: str = "",
    ) -> None:
        self.literals = tuple(literals)
        self.shapes = [shape_of(regex) for regex in regexes]
        self.static = not regexes
        self.weight = weight
        self.final = final
        self.suffixed = suffixed
        self.source = source or literals[0]
        alone = len(regexes) == 1 and not any(literals)
        self.test = self.shapes[0].test if alone else None
        # Parts with the same key accept the same texts: one branch.
        self.key = (*literals, *regexes, final, suffixed, weight)

    def split(self, text: str) -> tuple[str, ...] | None:
        """Return the texts of the variables, or None: not accepted.

        >>> part = Part(["", "-", ".html"], ["[^/]+", r"\\d+"])
        >>> part.split("a-b-7.html")
        ('a-b', '7')
        """
        begin, stop = len(self.literals[0]), len(text) - len(self.literals[-1])
        if (
            begin > stop
            or not text.startswith(self.literals[0])
            or not text.endswith(self.literals[-1])
        ):
            return None
        text = text[begin:stop]
        if len(self.shapes) == 1:
            return (text,) if self.shapes[0].test(text) else None
        return self._spread(text)

    def _spread(self, text: str) -> tuple[str, ...] | None:
        """Place the variables, the last first, then read them off."""
        ends = [len(text)]
        choices = []
        for index in reversed(range(len(self.shapes))):
            literal = self.literals[index] if index else ""
            starts = list(occurrences(text, literal)) if index else [0]
            choice = self.shapes[index].placement.place(text, starts, ends)
            if not choice:
                return None
            choices.append(choice)
            ends = [start - len(literal) for start in choice]
        return self._read(text, choices)

    def _read(
        self, text: str, choices: list[dict[int, int]]
    ) -> tuple[str, ...]:
        texts = []
        start = 0
        for literal in (*self.literals[1:-1], ""):
            end = choices.pop()[start]
            texts.append(text[start:end])
            start = end + len(literal)
        return tuple(texts)

    def rest(self, segments: Sequence[str], at: int) -> tuple[str, int]:
        """Return the text that a final part is offered, and where to go on.

        If it is suffixed, the slash at the end is left to the next part.
        """
        text = "/".join(segments[at:])
        if self.suffixed and segments[-1] == "" and text:
            return text[:-1], len(segments) - 1
        return text, len(segments)


def occurrences(text: str, literal: str) -> Iterator[int]:
    """Yield the ends of all occurrences of a literal, one may overlap."""
    at = text.find(literal)
    while at >= 0:
        yield at + len(literal)
        at = text.find(literal, at + 1)


class Slot(NamedTuple):
    """A variable of a rule, with its converter."""

    name: str
    converter: BaseConverter
    source: str


class Draft:
    """A part that is being read from the tokens of a rule."""

    def __init__(self) -> None:
        self.literals = [""]
        self.regexes: list[str] = []
        self.static_weights: list[tuple[int, int]] = []
        self.weights: list[int] = []
        self.source = ""
        self.final = False

    def add(self, token: str | Slot) -> None:
        if isinstance(token, str):
            self._add_static(token)
            return
        self.literals.append("")
        self.regexes.append(token.converter.regex)
        self.weights.append(token.converter.weight)
        self.source += token.source
        self.final = self.final or not token.converter.part_isolating

    def _add_static(self, text: str) -> None:
        self.literals[-1] += text
        self.source += text
        if text != "/":
            self.static_weights.append((len(self.static_weights), -len(text)))

    def part(self, final: bool = False, suffixed: bool = False) -> Part:
        return Part(
            self.literals,
            self.regexes,
            self._weight(),
            final=final,
            suffixed=suffixed,
            source=self.source,
        )

    def _weight(self) -> Weight:
        """More static text first, then longer; more variables, lighter."""
        return (
            -len(self.static_weights),
            tuple(self.static_weights),
            -len(self.weights),
            tuple(self.weights),
        )


def host_part(tokens: Iterable[str | Slot]) -> Part:
    """Return the part that the tokens of a host, or a subdomain, make."""
    draft = Draft()
    for token in tokens:
        draft.add(token)
    return draft.part()


def path_parts(tokens: Iterable[str | Slot]) -> list[Part]:
    """Return the parts that the tokens of a path make, after its slash."""
    parts = []
    draft = Draft()
    for token in tokens:
        if token == "/" and not draft.final:
            parts.append(draft.part())
            draft = Draft()
        else:
            draft.add(token)
    suffixed = draft.final and draft.literals[-1].endswith("/")
    if suffixed:
        draft.literals[-1] = draft.literals[-1][:-1]
    parts.append(draft.part(draft.final, suffixed))
    if suffixed:
        parts.append(Part([""]))
    return parts[1:]
