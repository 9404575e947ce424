"""Why rules do not fit: what the development pages for 404 and 405 show."""

import pytest

from microquart.exceptions import NotFound
from microquart.routing import Map, Matcher, Rule, Witness


@pytest.mark.parametrize(
    ("rule", "options", "path", "verdict", "why"),
    [
        ("/x", {}, "/x", "match", "it fits"),
        ("/x", {}, "/x/", "slash", "extra slash"),
        ("/x", {"strict_slashes": False}, "/x/", "match", "it fits"),
        ("/x/", {}, "/x", "slash", "missing slash"),
        ("/<path:p>/", {}, "/a/b", "slash", "missing slash"),
        ("/x", {}, "/y", "path", "'y' is not 'x'"),
        ("/x/y/z", {}, "/x", "path", "the path ends before 'y/z'"),
        ("/x", {}, "/x/y/z", "path", "the path goes on with 'y/z'"),
        ("/<int:n>", {}, "/a", "converter", "'a' does not fit '<int:n>'"),
        ("/<a>.<b>", {}, "/ab", "converter", "'ab' does not fit '<a>.<b>'"),
        (
            "/<path:p>/x",
            {},
            "/a/b",
            "converter",
            "'a/b' does not fit '<path:p>/x'",
        ),
        (
            "/<int(min=5):n>",
            {},
            "/3",
            "converter",
            "IntegerConverter refuses '3'",
        ),
        ("/x", {"methods": ["GET"]}, "/x", "method", "it allows GET, HEAD"),
        ("/x", {"websocket": True}, "/x", "method", "it is for websockets"),
        ("/x", {"subdomain": "www"}, "/x", "host", "'' is not 'www'"),
    ],
)
def test_a_verdict_says_why(rule, options, path, verdict, why):
    routes = Map([Rule(rule, **options)])
    [found] = routes.explain(path, "POST")
    assert (found.verdict, found.why) == (verdict, why)
    assert found.rule.rule == rule


def test_the_nearest_rules_come_first():
    rules = [
        Rule("/other"),
        Rule("/users/<int:id>"),
        Rule("/users", methods=["POST"]),
        Rule("/users/"),
        Rule("/user"),
        Rule("/build", build_only=True),
    ]
    verdicts = Map(rules).explain("/users", "PUT", limit=4)
    assert [(found.rule.rule, found.verdict) for found in verdicts] == [
        ("/users", "method"),
        ("/users/", "slash"),
        ("/users/<int:id>", "path"),
        ("/user", "path"),
    ]


def test_a_rule_behind_a_match_is_judged_too():
    verdicts = Map([Rule("/a"), Rule("/<x>")]).explain("/a")
    assert [found.verdict for found in verdicts] == ["match", "match"]


def test_a_websocket_is_told_so():
    [found] = Map([Rule("/x")]).explain("/x", websocket=True)
    assert (found.verdict, found.why) == ("method", "it is for http")


def test_a_witness_can_stand_in_for_the_matcher_and_go():
    routes = Map([Rule("/a/<int:n>", endpoint="n"), Rule("/b", endpoint="b")])
    before = dict(vars(routes))
    matcher = routes.matcher
    witness = routes.matcher = Witness(matcher)
    assert routes.match("/a/7")[1] == {"n": 7}
    search = ["", "a", "7"], "GET", False, []
    told = [witness.verdict(rule, search)[1:3] for rule in routes.iter_rules()]
    assert told == [("match", "it fits"), ("path", "'a' is not 'b'")]
    routes.matcher = matcher
    assert vars(routes) == {**before, "_stale": False}


def test_a_subclass_of_the_matcher_follows_the_walk():
    class Following(Matcher):
        def walk(self, node, at, texts, search):
            steps.append((search[0][at], texts))
            return super().walk(node, at, texts, search)

    steps = []
    routes = Map()
    routes.matcher = Following()
    for rule in "/a/b", "/<x>/<y>/d":
        routes.add(Rule(rule))
    with pytest.raises(NotFound):
        routes.match("/a/c/e")
    assert steps == [
        ("a", ()),
        ("c", ()),
        ("c", ("a",)),
        ("e", ("a", "c")),
    ]
