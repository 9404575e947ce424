"""No path makes the router slow, and no number of rules does."""

import sys
import time

import pytest

from microquart.exceptions import NotFound
from microquart.routing import BaseConverter, Map, Rule

KB = 1_000


class Word(BaseConverter):
    regex = "[a-z-]+"


def outcome(routes, path):
    try:
        return routes.match(path)[1]
    except NotFound:
        return None


@pytest.mark.parametrize(
    "rule",
    [
        "/<path:a>/x/<path:b>/x/<path:c>/!/<path:d>",
        "/<path:a>/!/<path:b>/x/<path:c>/x/<path:d>",
        "/<path:a><path:b><path:c>!<path:d>",
        "/<uuid:a><path:b><path:c><path:d>",
        "/<a>-<b>-<c>-<d>-!<e>",
        "/!<a>-<b>-<c>-<d>-<e>",
        "/<a>!<b><c><d><e>",
        "/<uuid:a><b><c><d><e>",
        "/<a>1<int:b>1<int:c>1<d>!<e>",
        "/<uuid:a>1<int:b>1<int:c>1<d>",
        "/<float:a><float:b><float:c>!<float:d>",
        "/<any(a, aa):a><any(a, aa):b><any(a, aa):c>!<d>",
        "/<string(2, 9):a>-<string(2, 9):b>-<string(2, 9):c>!<d>",
        "/<uuid:a>-<word:b>-<word:c>-<word:d>",
        "/<word:a>-<word:b>-<word:c>-<word:d>!<e>",
        "/<path:a>/<word:b>/<path:c>/<word:d>/!/<path:e>",
    ],
)
@pytest.mark.parametrize("unit", ["/x", "-", "1", "a", "a-", "1.", "x/", "/"])
def test_no_path_is_slow(rule, unit):
    routes = Map([Rule(rule)], converters={"word": Word})
    path = "/" + unit * (4 * KB // len(unit))
    before = time.process_time()
    assert outcome(routes, path) is None
    assert time.process_time() - before < 0.2


def test_several_path_converters_take_linear_time():
    routes = Map([Rule("/<path:a>/x/<path:b>/y/<path:c>")])
    path = "/" + "x/" * (16 * KB) + "y/z"
    values = outcome(routes, path)
    assert (values["a"], values["c"]) == ("x", "z")


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("/<int:x>", "7" * 4_301),
        ("/<int(signed=True):x>", "-" + "7" * 4_300),
        ("/<float:x>", "7" * 4_300 + ".0"),
    ],
)
def test_a_number_of_too_many_digits_is_none(rule, text):
    assert outcome(Map([Rule(rule)]), f"/{text}") is None


def test_a_number_of_many_digits_is_one():
    assert outcome(Map([Rule("/<int:x>")]), "/" + "7" * 4_300)


def test_a_path_of_many_segments_is_not_followed_deeper_than_the_rules():
    routes = Map([Rule("/a/<path:p>"), Rule("/<x>/<y>")])
    path = "/a" * (16 * KB)
    assert outcome(routes, path) == {"p": path[3:]}
    assert outcome(routes, "/b" * (16 * KB)) is None


def calls(routes, path):
    """Return the names of the Python functions that a match calls."""
    seen = []

    def note(frame, event, arg):
        if event == "call":
            seen.append(frame.f_code.co_name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        routes.match(path)
    finally:
        sys.setprofile(before)
    return seen


@pytest.mark.parametrize("number", [10, 500])
def test_a_match_costs_the_same_among_many_rules(number):
    routes = Map(
        [
            *(Rule(f"/r{n}/<a>/x", endpoint=f"{n}") for n in range(number)),
            Rule("/json", endpoint="json"),
            Rule("/users/<int:id>", endpoint="user"),
        ]
    )
    routes.update()
    assert calls(routes, "/json") == ["match"]
    assert len(calls(routes, "/users/7")) == 6
    assert len(calls(routes, f"/r{number - 1}/a/x")) == 6
