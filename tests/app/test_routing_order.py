"""Which of several rules for one path comes first."""

import pytest

from microquart.routing import Map, Rule


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        (("/<name>", "/<name>"), "/a"),
        (("/<int:a>", "/<int:b>"), "/7"),
        (("/<path:a>", "/<path:b>"), "/a/b"),
        (("/a/<x>/c", "/a/<y>/c"), "/a/b/c"),
        (("/a", "/a"), "/a"),
    ],
)
def test_of_rules_alike_the_first_wins(rules, path):
    routes = Map(
        Rule(rule, endpoint=str(number)) for number, rule in enumerate(rules)
    )
    assert routes.bind("a").match(path)[0] == "0"
