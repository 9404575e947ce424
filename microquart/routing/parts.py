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

from microquart.routing.converters import MAX_DIGITS, BaseConverter

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
    "[^/]+": Shape(bool, Elastic(SEGMENT)),
    r"\d+": Shape(
        str.isdecimal, Elastic(re.compile(r"\d+"), most=MAX_DIGITS)
    ),
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
        "placements",
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
        self.placements = [shape_of(regex).placement for regex in regexes]
        self.static = not regexes
        self.weight = weight
        self.final = final
        self.suffixed = suffixed
        self.source = source or literals[0]
        alone = len(regexes) == 1 and not any(literals)
        self.test = shape_of(regexes[0]).test if alone else None
        # Parts with the same key accept the same texts: one branch.
        self.key = (*self.literals, *regexes, final, suffixed, weight)

    def split(self, text: str) -> tuple[str, ...] | None:
        """Return the texts of the variables, or None: not accepted.

        >>> Part(["", "-", ".html"], ["[^/]+", r"\\d+"]).split("a-b-7.html")
        ('a-b', '7')
        """
        if self.test is not None:
            return (text,) if self.test(text) else None
        begin, stop = len(self.literals[0]), len(text) - len(self.literals[-1])
        if begin > stop or not (
            text.startswith(self.literals[0])
            and text.endswith(self.literals[-1])
        ):
            return None
        return self._spread(text[begin:stop])

    def _spread(self, text: str) -> tuple[str, ...] | None:
        """Place the variables, the last first, then read them off."""
        ends = [len(text)]
        choices: list[dict[int, int]] = []
        before = zip(self.literals, self.placements, strict=False)
        for index, (literal, placement) in reversed(list(enumerate(before))):
            starts = [*occurrences(text, literal)] if index else [0]
            choice = placement.place(text, starts, ends)
            choices.append(choice)
            ends = [start - len(literal) for start in choice]
        return self._read(text, choices) if ends else None

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

    def rest(self, segments: Sequence[str], at: int) -> tuple[str, int] | None:
        """Return the text that a final part is offered, and where to go on.

        A suffixed part leaves one slash to the part after it.  None: it ends
        with more slashes, and so does not fit.
        """
        text = "/".join(segments[at:])
        if not self.suffixed:
            return text, len(segments)
        if not text.endswith("/"):
            return text, len(segments)
        if text.endswith("//"):
            return None
        return text[:-1], len(segments) - 1


def occurrences(text: str, literal: str) -> Iterator[int]:
    """Yield the ends of all occurrences of a literal, one may overlap."""
    at = text.find(literal)
    while at >= 0:
        yield at + len(literal)
        at = text.find(literal, at + 1)


def parts_of(tokens: Iterable[str | BaseConverter]) -> list[Part]:
    return []
