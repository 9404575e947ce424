"""The tree: all rules of a map, walked by the segments of a path.

Each level is one segment, the first one the host or subdomain.  A node's
static branches are found by one look-up, however many there are; then its
dynamic branches are tried, those of less weight first.  A node is visited at
most once, so the walk costs what the path is long, not what the map is large.

All rules with the same parts end at one node, where the method decides.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from microquart.routing.converters import ValidationError
from microquart.routing.parts import Part
from microquart.routing.rules import Rule

# The rule and the view's arguments.  None for these: the path will be right
# once it has a slash at its end.
Found = tuple[Rule, dict[str, Any] | None]

# Rules that fit the path but not the request, with the texts of variables.
Refused = list[tuple[Rule, tuple[str, ...]]]

# What is looked for: the segments, the method, whether it is a websocket, and
# the list of rules that are refused.  A tuple, because it is made for each
# request.
Search = tuple[Sequence[str], str, bool, Refused]

# A path, a method, and whether it is a websocket.
Plain = tuple[str, str, bool]


class Node:
    """A place in the tree, with the rules that end here."""

    __slots__ = ("_branches", "dynamic", "rules", "static")

    def __init__(self) -> None:
        self.static: dict[str, Node] = {}
        self.dynamic: Sequence[tuple[Part, Node]] = ()
        self.rules: list[Rule] = []
        self._branches: dict[tuple[object, ...], tuple[Part, Node]] = {}

    def below(self, part: Part) -> "Node":
        """Return the node to which a part leads, a new one if need be."""
        if part.static:
            return self.static.setdefault(part.literals[0], Node())
        if part.key not in self._branches:
            self._branches[part.key] = part, Node()
        return self._branches[part.key][1]

    def sort(self) -> None:
        """Order the dynamic branches, of this node and all below."""
        branches = self._branches.values()
        self.dynamic = sorted(branches, key=lambda branch: branch[0].weight)
        for node in self.static.values():
            node.sort()
        for _, node in self.dynamic:
            node.sort()


class Matcher:
    """The walk down the tree.

    Subclasses see every step by overriding ``walk`` and ``arrive``, which
    call each other through ``self``, and ``descend``, which goes ahead.
    """

    # A short cut for the commonest request: the rules without variables, on
    # the map's own domain.  The walk would find the same one, since static
    # branches come first.  Whoever wants to see the walk leaves this empty.
    plain: Mapping[Plain, Rule] = MappingProxyType({})

    def __init__(self) -> None:
        self.root = Node()

    def add(self, rule: Rule) -> None:
        """Add a rule; ``sort()`` is to be called before the next walk."""
        node = self.root
        for part in rule.parts:
            node = node.below(part)
        node.rules.append(rule)

    def sort(self) -> None:
        """Put the branches in the order in which they are tried."""
        self.root.sort()

    def descend(self, segments: Sequence[str]) -> tuple[Node, int]:
        """Go down from the root as long as there is no choice."""
        node, at = self.root, 0
        last = len(segments) - 1
        while at < last and not node.dynamic:
            below = node.static.get(segments[at])
            if below is None:
                break
            node, at = below, at + 1
        return node, at

    def walk(
        self, node: Node, at: int, texts: tuple[str, ...], search: Search
    ) -> Found | None:
        """Return the first rule below a node for the segments from ``at`` on.

        ``texts`` are those of the variables so far.
        """
        segments = search[0]
        segment = segments[at]
        last = at + 1 == len(segments)
        go_on = self.arrive if last else self.walk
        below = node.static.get(segment)
        if below is not None:
            found = go_on(below, at + 1, texts, search)
            if found is not None:
                return found
        for part, below in node.dynamic:
            if part.final:
                found = self.leap(part, below, at, texts, search)
            elif part.test is None:
                more = part.split(segment)
                if more is None:
                    continue
                found = go_on(below, at + 1, texts + more, search)
            elif part.test(segment):
                found = go_on(below, at + 1, (*texts, segment), search)
            else:
                continue
            if found is not None:
                return found
        if last and segment == "":
            return self.arrive(node, at, texts, search)
        return None

    def leap(
        self,
        part: Part,
        below: Node,
        at: int,
        texts: tuple[str, ...],
        search: Search,
    ) -> Found | None:
        """Go on behind a final part, which takes all segments at once."""
        segments = search[0]
        text, after = part.rest(segments, at)
        if part.suffixed and text.endswith("/"):
            return None
        more = part.split(text)
        if more is None:
            return None
        go_on = self.arrive if after == len(segments) else self.walk
        return go_on(below, after, texts + more, search)

    def arrive(
        self, node: Node, at: int, texts: tuple[str, ...], search: Search
    ) -> Found | None:
        """Return the rule that ends here and fits the request.

        If a segment is left, it is empty: the path has a slash that the rule
        lacks.  If none is, the rule may have a slash that the path lacks.
        """
        segments, method, websocket, refused = search
        extra_slash = at < len(segments)
        for rule in node.rules:
            if extra_slash and rule.strict_slashes:
                continue
            if rule.websocket != websocket or not (
                rule.methods is None or method in rule.methods
            ):
                refused.append((rule, texts))
                continue
            try:
                return rule, rule.convert(texts)
            except ValidationError:
                continue
        if extra_slash or "" not in node.static:
            return None
        search = segments, method, websocket, []
        found = self.arrive(node.static[""], at, texts, search)
        if found is not None and found[0].strict_slashes:
            return found[0], None
        return found
