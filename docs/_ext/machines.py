"""``statemachine``: a diagram drawn from the table that the code runs on.

``h11.SERVER`` and ``h11.CLIENT`` are h11's own tables; anything else is the
path of a class with an ``ORDER``, as ``protocol/stream.py::HTTPStream``.
"""

from graphlib import CycleError, TopologicalSorter
from html import escape
from importlib import import_module

from docutils import nodes
from h11 import _state as h11
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

Arrows = dict[tuple[str, str], list[str]]  # (from, to): what leads there

ROW, TOP = 30, 48  # pixels
LETTER = 7.3  # pixels of one

ARROWHEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" '
    'markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="currentColor"/></marker></defs>'
)


def of_h11(role: str) -> Arrows:
    """Return the transitions of one side of an HTTP/1.1 connection."""
    side = getattr(h11, role)
    arrows: Arrows = {}

    def add(here: type, there: type, why: str) -> None:
        arrows.setdefault((here.__name__, there.__name__), []).append(why)

    for state, ways in h11.EVENT_TRIGGERED_TRANSITIONS[side].items():
        for event, following in ways.items():
            if isinstance(event, tuple):
                event, condition = event
                of = condition.__name__.strip("_").lower()
                add(state, following, f"{event.__name__} ({of})")
            else:
                add(state, following, event.__name__)
    # These follow from the state of the other side.
    for pair, changes in h11.STATE_TRIGGERED_TRANSITIONS.items():
        if side in changes:
            own, other = pair if role == "CLIENT" else pair[::-1]
            add(own, changes[side], f"the other side: {other.__name__}")
    return arrows


def of_class(target: str) -> Arrows:
    path, _, name = target.partition("::")
    module = f"microquart/{path}".removesuffix(".py").replace("/", ".")
    arrows: Arrows = {}
    order = getattr(import_module(module), name).ORDER
    for (state, event), following in order.items():
        arrows.setdefault((state, following), []).append(event)
    return arrows


def states_of(arrows: Arrows) -> list[str]:
    """Order the states so that arrows point to the right, if that can be."""
    graph: dict[str, set[str]] = {}
    for here, there in arrows:
        graph.setdefault(here, set())
        graph.setdefault(there, set()).update({here} - {there})
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError:
        return list(graph)


def drawn(arrows: Arrows) -> str:
    """Draw a column for each state, and a line for each way between two."""
    states = states_of(arrows)
    column = max(110, max(map(len, states)) * LETTER + 20)
    at = {state: 20 + column * (n + 0.5) for n, state in enumerate(states)}
    height = TOP + ROW * len(arrows) + 10
    parts = [ARROWHEAD]
    for state, x in at.items():
        parts.append(
            f'<path d="M{x} {TOP - 12}V{height}" class="line"/>'
            f'<rect x="{x - column / 2 + 4}" y="4" width="{column - 8}" '
            f'height="{TOP - 16}" rx="6" class="box"/>'
            f'<text x="{x}" y="24" text-anchor="middle">{escape(state)}</text>'
        )
    order = {state: number for number, state in enumerate(states)}
    ways = sorted(arrows, key=lambda pair: (order[pair[0]], order[pair[1]]))
    right: float = 20 + column * len(states)
    for number, pair in enumerate(ways):
        events = " · ".join(arrows[pair])
        here, there = at[pair[0]], at[pair[1]]
        y = TOP + ROW * (number + 1) - 12
        x = min(here, there) + 8
        if pair[0] == pair[1]:
            line = f"M{here} {y - 8}h6v10h-5"
            x += 4
        else:
            line = f"M{here} {y}H{there - 2 if here < there else there + 2}"
        parts.append(
            f'<path d="{line}" class="arrow" marker-end="url(#head)"/>'
            f'<text x="{x}" y="{y - 5}">{escape(events)}</text>'
        )
        right = max(right, x + LETTER * len(events))
    told = "; ".join(
        f"{here} to {there}: {', '.join(events)}"
        for (here, there), events in arrows.items()
    )
    return (
        '<div class="picture"><svg class="picture" role="img" '
        f'width="{right:.0f}" height="{height}" '
        f'viewBox="0 0 {right:.0f} {height}">'
        f"<title>{escape(told)}</title>{''.join(parts)}</svg></div>"
    )


class StateMachine(SphinxDirective):
    """Draw the table of a state machine."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        library, _, role = self.arguments[0].partition(".")
        if library == "h11":
            arrows = of_h11(role)
        else:
            arrows = of_class(self.arguments[0])
        return [nodes.raw("", drawn(arrows), format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("statemachine", StateMachine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
