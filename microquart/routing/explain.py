"""Why a request is refused: the verdict on each rule that is near it.

The development pages for 404 and 405 show these.  The verdicts come from the
walk itself: a Witness notes where it has been, and a rule has failed at the
first of its parts that leads to where nobody was.
"""

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from microquart.routing.converters import ValidationError
from microquart.routing.matcher import Found, Matcher, Node, Search
from microquart.routing.parts import Part
from microquart.routing.rules import Rule

# From the best to the worst; the rest are as good as one another.
ORDER = {"match": 0, "method": 1, "slash": 2}


class Verdict(NamedTuple):
    """What the walk has to say of one rule.

    ``verdict`` is "match", or what does not fit: "method", "path", "host",
    "converter" or "slash".  ``why`` is a sentence without its subject, the
    rule: "extra slash".  ``depth`` counts the parts that fit.
    """

    rule: Rule
    verdict: str
    why: str
    depth: int = 0


class Witness(Matcher):
    """A matcher that notes its steps: from which segment, with which texts."""

    def __init__(self, matcher: Matcher) -> None:
        self.root = matcher.root
        self.visits: dict[Node, tuple[int, tuple[str, ...]]] = {}

    def walk(
        self, node: Node, at: int, texts: tuple[str, ...], search: Search
    ) -> Found | None:
        self.visits[node] = at, texts
        return super().walk(node, at, texts, search)

    def arrive(
        self, node: Node, at: int, texts: tuple[str, ...], search: Search
    ) -> Found | None:
        self.visits[node] = at, texts
        return super().arrive(node, at, texts, search)

    def verdict(self, rule: Rule, search: Search) -> Verdict:
        """Say why a rule does not fit, by the steps that were made."""
        node = self.root
        for depth, part in enumerate(rule.parts):
            below = node.below(part)
            at, _ = self.visits[node]
            ...
