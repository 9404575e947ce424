"""Why a request is refused: the verdict on each rule that is near it.

The development pages for 404 and 405 show these.  The verdicts come from the
walk itself: a Witness notes where it has been, and a rule has failed at the
first of its parts that leads to where nobody was.
"""

from collections.abc import Iterable, Sequence
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

    def descend(self, segments: Sequence[str]) -> tuple[Node, int]:
        return self.root, 0

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
        """Say how far a rule went with the steps that were made."""
        segments = search[0]
        node = self.root
        texts: tuple[str, ...]
        for depth, part in enumerate(rule.parts):
            at, texts = self.visits.get(node, (0, ()))
            if at == len(segments):
                return Verdict(rule, *ended(rule.parts[depth:]), depth)
            node = node.below(part)
            if node not in self.visits:
                return Verdict(
                    rule, *failed(part, depth, segments[at:]), depth
                )
        at, texts = self.visits[node]
        return Verdict(
            rule, *at_the_end(rule, at, texts, search), len(rule.parts)
        )


class Survey(Witness):
    """A witness that goes on where a request would have found its rule."""

    def arrive(
        self, node: Node, at: int, texts: tuple[str, ...], search: Search
    ) -> Found | None:
        self.visits[node] = at, texts
        return None


# What a verdict is made of: its word, and why.
Reason = tuple[str, str]


def ended(parts: Sequence[Part]) -> Reason:
    """The path is at its end, and these parts of the rule are left."""
    source = "/".join(part.source for part in parts)
    if source == "":
        return "slash", "missing slash"
    return "path", f"the path ends before {source!r}"


def failed(part: Part, depth: int, segments: Sequence[str]) -> Reason:
    """A part of the rule did not accept what comes next."""
    if depth == 0:
        return "host", f"{segments[0]!r} is not {part.source!r}"
    text = "/".join(segments) if part.final else segments[0]
    if part.static:
        return "path", f"{text!r} is not {part.source!r}"
    return "converter", f"{text!r} does not fit {part.source!r}"


def at_the_end(
    rule: Rule, at: int, texts: Sequence[str], search: Search
) -> Reason:
    """All parts of the rule have accepted something."""
    segments, method, websocket, _ = search
    left = segments[at:]
    if left == [""]:
        if rule.strict_slashes:
            return "slash", "extra slash"
    elif left:
        return "path", f"the path goes on with {'/'.join(left)!r}"
    for converter, text in zip(rule.converters.values(), texts, strict=False):
        try:
            converter.to_python(text)
        except ValidationError:
            kind = type(converter).__name__
            return "converter", f"{kind} refuses {text!r}"
    if rule.websocket != websocket:
        return "method", "it is for " + (
            "websockets" if rule.websocket else "http"
        )
    if not rule.allows(method):
        return "method", f"it allows {', '.join(sorted(rule.methods or ()))}"
    return "match", "it fits"


def explain(
    matcher: Matcher, rules: Iterable[Rule], search: Search, limit: int
) -> list[Verdict]:
    """Return the verdicts on the nearest rules, the nearest first."""
    from difflib import SequenceMatcher

    survey = Survey(matcher)
    survey.walk(survey.root, 0, (), search)
    path = "/" + "/".join(search[0][1:])
    alike = SequenceMatcher(b=path, autojunk=False)

    def distance(verdict: Verdict) -> tuple[int, int, float]:
        alike.set_seq1(verdict.rule.rule)
        rank = ORDER.get(verdict.verdict, len(ORDER))
        return rank, -verdict.depth, -alike.quick_ratio()

    verdicts = [survey.verdict(rule, search) for rule in rules]
    return sorted(verdicts, key=distance)[:limit]
