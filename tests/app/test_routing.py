"""Which rule a path belongs to, and what the view is given."""

import uuid

import pytest

from microquart.exceptions import MethodNotAllowed, NotFound
from microquart.routing import (
    BaseConverter,
    IntegerConverter,
    Map,
    Rule,
    ValidationError,
    WebsocketMismatch,
)

ID = "12345678-9abc-def0-1234-56789abcdef0"


class Lower(BaseConverter):
    regex = "[a-z]+"


class Lazy(BaseConverter):
    regex = "[a-z-]+?"


class Pair(BaseConverter):
    regex = "[^/]+/[^/]+"


class Listed(BaseConverter):
    regex = r"\d+(?:,\d+)*"

    def to_python(self, value):
        return [int(number) for number in value.split(",")]


class Even(IntegerConverter):
    def to_python(self, value):
        number = super().to_python(value)
        if number % 2:
            raise ValidationError
        return number


class Matching(BaseConverter):
    """The one that takes its regex from the rule."""

    def __init__(self, map, regex, **kwargs):
        super().__init__(map)
        self.regex = regex


class Counting(BaseConverter):
    regex = r"\d+\w*"
    weight = 20


OWN = {
    "lower": Lower,
    "lazy": Lazy,
    "pair": Pair,
    "list": Listed,
    "even": Even,
    "re": Matching,
    "counting": Counting,
}


def map_of(*rules, **options):
    """Make a map of rules, whose endpoints are their texts."""
    return Map(
        [
            Rule(rule, endpoint=rule) if isinstance(rule, str) else rule
            for rule in rules
        ],
        converters=OWN,
        **options,
    )


def answer(routes, path, method="GET", websocket=False, domain=None):
    try:
        return routes.match(path, method, websocket, domain)
    except NotFound:
        return None


# -- one rule --


@pytest.mark.parametrize(
    ("rule", "path", "values"),
    [
        ("/", "/", {}),
        ("/json", "/json", {}),
        ("/json", "/JSON", None),
        ("/json", "/jso", None),
        ("/json", "/json/x", None),
        ("/json", "//json", {}),
        ("/json", "json", {}),
        ("/a/b/c", "/a/b/c", {}),
        ("/a/b/c", "/a/b", None),
        ("/ü/日本", "/ü/日本", {}),
        ("/ü/<x>", "/ü/ß", {"x": "ß"}),
        ("/a b", "/a b", {}),
        ("/a.b", "/axb", None),
        ("/<x>", "/y", {"x": "y"}),
        ("/<x>", "/", None),
        ("/<x>", "/y/z", None),
        ("/<x>", "/a\nb", {"x": "a\nb"}),
        ("/<default:x>", "/y", {"x": "y"}),
        ("/<string:x>", "/y", {"x": "y"}),
        ("/<string(length=2):x>", "/de", {"x": "de"}),
        ("/<string(length=2):x>", "/deu", None),
        ("/<string(minlength=2):x>", "/d", None),
        ("/<string(minlength=2, maxlength=3):x>", "/deu", {"x": "deu"}),
        ("/<string(minlength=2, maxlength=3):x>", "/deut", None),
        ("/<string(2, 3):x>", "/de", {"x": "de"}),
        ("/<int:x>", "/7", {"x": 7}),
        ("/<int:x>", "/007", {"x": 7}),
        ("/<int:x>", "/٣", {"x": 3}),
        ("/<int:x>", "/-7", None),
        ("/<int:x>", "/+7", None),
        ("/<int:x>", "/1_000", None),
        ("/<int:x>", "/7 ", None),
        ("/<int:x>", "/7.0", None),
        ("/<int(signed=True):x>", "/-7", {"x": -7}),
        ("/<int(signed=True):x>", "/7", {"x": 7}),
        ("/<int(min=1):x>", "/0", None),
        ("/<int(min=1):x>", "/1", {"x": 1}),
        ("/<int(max=9):x>", "/10", None),
        ("/<int(min=-5, signed=True):x>", "/-6", None),
        ("/<int(min=-5, signed=True):x>", "/-5", {"x": -5}),
        ("/<int(fixed_digits=3):x>", "/012", {"x": 12}),
        ("/<int(fixed_digits=3):x>", "/12", None),
        ("/<float:x>", "/1.5", {"x": 1.5}),
        ("/<float:x>", "/1", None),
        ("/<float:x>", "/-1.5", None),
        ("/<float:x>", "/1e5", None),
        ("/<float:x>", f"/{'9' * 400}.0", None),
        ("/<float(signed=True):x>", "/-1.5", {"x": -1.5}),
        ("/<float(min=1.5, max=2.5):x>", "/2.0", {"x": 2.0}),
        ("/<float(min=1.5, max=2.5):x>", "/2.6", None),
        ("/<uuid:x>", f"/{ID}", {"x": uuid.UUID(ID)}),
        ("/<uuid:x>", f"/{ID[:-1]}", None),
        ("/<any(a, b):x>", "/a", {"x": "a"}),
        ("/<any(a, b):x>", "/c", None),
        ("/<any(a, b):x>", "/ab", None),
        ("/<any('a b', \"c,d\"):x>", "/c,d", {"x": "c,d"}),
        ("/<any('a)b'):x>", "/a)b", {"x": "a)b"}),
        ("/<any(1, 2):x>", "/1", {"x": "1"}),
        ("/<any(a.b):x>", "/axb", None),
        ("/<path:x>", "/a/b/c", {"x": "a/b/c"}),
        ("/<path:x>", "/a//b/", {"x": "a//b/"}),
        ("/<path:x>", "/", None),
        ("/<path:x>", "/a\nb/c", {"x": "a\nb/c"}),
        ("/<path:x>/edit", "/a/b/edit", {"x": "a/b"}),
        ("/<path:x>/edit", "/edit", None),
        ("/<path:x>/edit", "/a/edit/edit", {"x": "a/edit"}),
        ("/<path:x>/", "/a/b/", {"x": "a/b"}),
        ("/<path:x>/<y>", "/a/b/c", {"x": "a/b", "y": "c"}),
        ("/<path:x>/in/<path:y>", "/a/in/b/in/c", {"x": "a", "y": "b/in/c"}),
        ("/w/<path:x>.<y>", "/w/a/b.c.d", {"x": "a/b", "y": "c.d"}),
    ],
)
def test_a_rule_matches(rule, path, values):
    found = answer(map_of(rule), path)
    assert (found and found[1]) == values


@pytest.mark.parametrize(
    ("rule", "path", "values"),
    [
        ("/@<x>", "/@me", {"x": "me"}),
        ("/@<x>", "/@", None),
        ("/<x>.html", "/a.html", {"x": "a"}),
        ("/<x>.html", "/.html", None),
        ("/<x>.html", "/a.html.html", {"x": "a.html"}),
        ("/<a>-<int:b>.html", "/x-1.html", {"a": "x", "b": 1}),
        ("/<a>-<int:b>.html", "/x-y-1.html", {"a": "x-y", "b": 1}),
        ("/<a>-<int:b>.html", "/x-y.html", None),
        ("/<a>-<b>", "/a-b-c", {"a": "a-b", "b": "c"}),
        ("/<a>-<b>", "/--", None),
        ("/<a>-<b>", "/---", {"a": "-", "b": "-"}),
        ("/<a><b>", "/xyz", {"a": "xy", "b": "z"}),
        ("/<a><int:b>", "/page12", {"a": "page1", "b": 2}),
        ("/<int:a><b>", "/12x", {"a": 12, "b": "x"}),
        ("/<int:y>-<int:m>-<int:d>", "/2026-1-2", dict(y=2026, m=1, d=2)),
        ("/<string(length=2):a><b>", "/abc", {"a": "ab", "b": "c"}),
        ("/<string(maxlength=2):a>x<b>", "/axxxb", {"a": "ax", "b": "xb"}),
        ("/<a>.<any(gz, xz):b>", "/x.tar.xz", {"a": "x.tar", "b": "xz"}),
        ("/v<float:a>-<b>", "/v1.5-x", {"a": 1.5, "b": "x"}),
        ("/<int(signed=True):a>..<b>", "/-1..2", {"a": -1, "b": "2"}),
        ("/<a>-<b>/<c>.<d>", "/1-2/3.4", dict(a="1", b="2", c="3", d="4")),
        ("/<lower:a>-<b>", "/a-b", {"a": "a", "b": "b"}),
        ("/<lower:a>-<b>", "/A-b", None),
        ("/<b>-<lower:a>-<c>", "/1-2-x-3", {"b": "1-2", "a": "x", "c": "3"}),
        ("/<lazy:a>-<b>", "/a-b-c", {"a": "a", "b": "b-c"}),
    ],
)
def test_a_segment_may_hold_text_and_several_variables(rule, path, values):
    found = answer(map_of(rule), path)
    assert (found and found[1]) == values


@pytest.mark.parametrize(
    ("rule", "path", "values"),
    [
        ("/<lower:x>", "/abc", {"x": "abc"}),
        ("/<lower:x>", "/abC", None),
        ("/<pair:x>", "/a/b", {"x": "a/b"}),
        ("/<pair:x>", "/a", None),
        ("/<pair:x>/c", "/a/b/c", {"x": "a/b"}),
        ("/<list:x>", "/1,2,3", {"x": [1, 2, 3]}),
        ("/<even:x>", "/4", {"x": 4}),
        ("/<even:x>", "/3", None),
        ("/<re('[ab]+'):x>", "/abba", {"x": "abba"}),
        ("/<re('a|bc'):x>", "/bc", {"x": "bc"}),
        ("/<re('(a)(b)'):x>", "/ab", {"x": "ab"}),
        ("/<re('(?i:x)'):x>", "/X", {"x": "X"}),
    ],
)
def test_users_write_their_own_converters(rule, path, values):
    found = answer(map_of(rule), path)
    assert (found and found[1]) == values


def test_a_regex_with_a_slash_takes_several_segments():
    assert Pair.part_isolating is False
    assert Lower.part_isolating is True


def test_a_converter_is_given_its_map_and_its_arguments():
    class Told(BaseConverter):
        def __init__(self, map, *args, **kwargs):
            super().__init__(map, *args, **kwargs)
            self.told = map, args, kwargs

    routes = Map(converters={"told": Told})
    rule = Rule("/<told(1, 2.5, x, 'y z', a=None, b=True, c=False):v>")
    routes.add(rule)
    assert rule.converters["v"].told == (
        routes,
        (1, 2.5, "x", "y z"),
        {"a": None, "b": True, "c": False},
    )


def test_converters_can_be_added_to_a_map():
    routes = Map()
    routes.converters["lower"] = Lower
    routes.add(Rule("/<lower:x>", endpoint="x"))
    assert answer(routes, "/a")[1] == {"x": "a"}
    assert "lower" not in Map().converters


# -- several rules --


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("rules", "path", "winner"),
    [
        (["/a", "/<x>"], "/a", "/a"),
        (["/a", "/<x>"], "/b", "/<x>"),
        (["/<int:x>", "/<x>"], "/1", "/<int:x>"),
        (["/<int:x>", "/<x>"], "/b", "/<x>"),
        (["/<int:x>", "/<float:x>"], "/1.5", "/<float:x>"),
        (["/<x>", "/<path:y>"], "/a", "/<x>"),
        (["/<x>", "/<path:y>"], "/a/b", "/<path:y>"),
        (["/<int:x>", "/<path:y>", "/<x>", "/1"], "/1", "/1"),
        (["/<x>/a", "/<x>/<y>"], "/b/a", "/<x>/a"),
        (["/<int:x>/<y>", "/<x>/a"], "/1/a", "/<int:x>/<y>"),
        (["/<int:x>/b", "/<x>/a"], "/1/a", "/<x>/a"),
        (["/a/<x>", "/<x>/b"], "/a/b", "/a/<x>"),
        (["/a/b", "/<x>/c"], "/a/c", "/<x>/c"),
        (["/a/<x>/c", "/<path:y>"], "/a/b/d", "/<path:y>"),
        (["/<x>.html", "/<x>"], "/a.html", "/<x>.html"),
        (["/<x>.tar.gz", "/<x>.gz"], "/a.tar.gz", "/<x>.tar.gz"),
        (["/<a>-<b>", "/<a>"], "/x-y", "/<a>-<b>"),
        (["/<path:x>/edit", "/<path:x>"], "/a/edit", "/<path:x>/edit"),
        (["/<counting:x>", "/<int:x>"], "/1", "/<counting:x>"),
        (["/<even:x>", "/<x>"], "/3", "/<x>"),
        (["/<int(min=5):x>", "/<x>"], "/3", "/<x>"),
    ],
)
def test_weights_decide_whatever_the_order(rules, path, winner, order):
    rule, _ = answer(map_of(*rules[::order]), path)
    assert rule.endpoint == winner


def test_among_equals_the_first_wins():
    assert answer(map_of("/<lower:x>", "/<y>"), "/a")[1] == {"x": "a"}
    assert answer(map_of("/<y>", "/<lower:x>"), "/a")[1] == {"y": "a"}


def test_rules_may_be_added_after_a_match():
    routes = map_of("/<x>")
    assert answer(routes, "/1")[1] == {"x": "1"}
    routes.add(Rule("/<int:x>", endpoint="n"))
    assert answer(routes, "/1")[1] == {"x": 1}


def test_defaults_are_given_to_the_view():
    rule = Rule("/all/", defaults={"page": 1}, endpoint="all")
    assert answer(map_of(rule), "/all/")[1] == {"page": 1}


def test_a_rule_for_building_is_not_matched():
    assert answer(map_of(Rule("/x", build_only=True)), "/x") is None


# -- methods and websockets --


@pytest.mark.parametrize(
    ("methods", "names"),
    [
        (None, None),
        (["get"], {"GET", "HEAD"}),
        (["POST"], {"POST"}),
        ([], set()),
    ],
)
def test_head_is_added_to_get(methods, names):
    assert Rule("/", methods=methods).methods == names


def test_methods_are_no_string():
    with pytest.raises(TypeError, match="methods='GET' is not a list"):
        Rule("/", methods="GET")


def test_the_method_chooses_among_rules_of_one_path():
    routes = map_of(
        Rule("/x", methods=["GET"], endpoint="read"),
        Rule("/<a>", methods=["POST"], endpoint="write"),
        Rule("/x", methods=["PUT"], endpoint="put"),
    )
    assert answer(routes, "/x", "HEAD")[0].endpoint == "read"
    assert answer(routes, "/x", "POST")[0].endpoint == "write"
    with pytest.raises(MethodNotAllowed) as caught:
        routes.match("/x", "DELETE")
    assert caught.value.valid_methods == ["GET", "HEAD", "POST", "PUT"]


def test_a_rule_that_refuses_its_value_allows_no_method():
    routes = map_of(Rule("/<int(min=5):x>", methods=["POST"]))
    assert answer(routes, "/3") is None


def test_a_rule_without_methods_takes_any():
    assert answer(map_of("/x"), "/x", "BREW") is not None


def test_websockets_have_their_own_rules():
    routes = map_of(
        Rule("/x", endpoint="http"),
        Rule("/x", endpoint="ws", websocket=True, methods=["GET"]),
        Rule("/y", endpoint="y", websocket=True),
    )
    assert answer(routes, "/x")[0].endpoint == "http"
    assert answer(routes, "/x", websocket=True)[0].endpoint == "ws"
    with pytest.raises(WebsocketMismatch):
        routes.match("/y")


def test_a_websocket_is_opened_by_get():
    with pytest.raises(ValueError, match="can only be opened by GET"):
        Rule("/", websocket=True, methods=["POST"])


# -- hosts --


@pytest.mark.parametrize(
    ("rule", "subdomain", "values"),
    [
        ("", "", {}),
        ("", "api", None),
        ("api", "api", {}),
        ("<user>", "me", {"user": "me"}),
        ("<user>", "", None),
        ("<user>.api", "me.api", {"user": "me"}),
        ("<int:n>-<user>", "7-me", {"n": 7, "user": "me"}),
        ("<path:p>", "me", {"p": "me"}),
    ],
)
def test_a_rule_belongs_to_a_subdomain(rule, subdomain, values):
    routes = map_of(Rule("/x", subdomain=rule))
    found = answer(routes, "/x", domain=subdomain)
    assert (found and found[1]) == values


def test_a_rule_has_the_subdomain_of_its_map_unless_told():
    routes = map_of("/x", Rule("/y", subdomain="a"), default_subdomain="www")
    assert answer(routes, "/x") is not None
    assert answer(routes, "/x", domain="") is None
    assert answer(routes, "/y") is None


@pytest.mark.parametrize(
    ("host", "asked", "values"),
    [
        ("a.com", "a.com", {"id": 1}),
        ("a.com", "b.com", None),
        ("<s>.com", "b.com", {"s": "b", "id": 1}),
        ("a.com:8000", "a.com:8000", {"id": 1}),
        ("a.com:8000", "a.com", None),
    ],
)
def test_a_rule_belongs_to_a_host(host, asked, values):
    routes = map_of(Rule("/<int:id>", host=host), host_matching=True)
    found = answer(routes, "/1", domain=asked)
    assert (found and found[1]) == values


# -- what a rule and a map say of themselves --


def test_a_map_can_be_printed():
    routes = map_of(
        Rule("/x", endpoint="x", methods=["OPTIONS", "GET"]),
        Rule("/<int:y>", endpoint="y", subdomain="www"),
    )
    assert repr(routes) == (
        "Map([<Rule '/x' (GET, HEAD, OPTIONS) -> x>,\n"
        "     <Rule 'www|/<int:y>' -> y>])"
    )


def test_a_rule_tells_its_arguments():
    rule = Rule("/<a>/<int:b>", defaults={"c": 1})
    assert rule.arguments == {"c"}
    map_of(rule)
    assert rule.arguments == {"a", "b", "c"}
    assert str(rule) == "/<a>/<int:b>"


def test_rules_are_found_by_endpoint():
    routes = map_of("/b", "/a/<x>")
    assert [rule.rule for rule in routes.iter_rules()] == ["/b", "/a/<x>"]
    assert [rule.rule for rule in routes.iter_rules("/b")] == ["/b"]
    with pytest.raises(KeyError):
        routes.iter_rules("nope")
    assert routes.is_endpoint_expecting("/a/<x>", "x")
    assert not routes.is_endpoint_expecting("/b", "x")


def test_a_rule_can_be_derived_from():
    class Titled(Rule):
        def __init__(self, string, *, title, **options):
            super().__init__(string, **options)
            self.title = title

    routes = map_of(Titled("/x", title="X", methods=["GET"], endpoint="x"))
    rule, _ = routes.match("/x")
    assert rule.title == "X"
    assert repr(rule) == "<Titled '/x' (GET, HEAD) -> x>"
    assert rule.provide_automatic_options is False
    rule.provide_automatic_options = True


# -- rules that are no rules --


@pytest.mark.parametrize(
    ("rule", "error", "text"),
    [
        ("x", ValueError, '"x": a rule begins with a slash'),
        ("/<int:x", ValueError, "'<int:x' lacks its '>' (character 2)"),
        ("/a/<1x>", ValueError, "'<1x>' is not <name> or"),
        ("/<int():>", ValueError, "'<int():>' is not <name> or"),
        ("/<>", ValueError, "'<>' is not <name> or"),
        ("/<int(min=):x>", ValueError, "cannot read the argument 'min='"),
        ("/<any(a b):x>", ValueError, "cannot read the argument 'a b'"),
        ("/<a>/<a>", ValueError, "\"/<a>/<a>\": 'a' is used twice"),
        ("/<re('('):x>", ValueError, "\"/<re('('):x>\": bad regex"),
        ("/<int(nope=1):x>", TypeError, '"/<int(nope=1):x>": '),
        (
            "/users/<foo:id>",
            LookupError,
            "\"/users/<foo:id>\": converter 'foo' is unknown;"
            " known: float, int, path, string, uuid, any, re",
        ),
        ("/<strng:x>", LookupError, "known: string, "),
    ],
)
def test_a_mistake_in_a_rule_names_its_place(rule, error, text):
    routes = Map(converters={"re": Matching})
    with pytest.raises(error) as caught:
        routes.add(Rule(rule))
    assert text in caught.value.args[0]


def test_a_host_has_no_slash():
    with pytest.raises(ValueError, match="a host has no slash"):
        map_of(Rule("/", subdomain="a/b"))


def test_a_rule_belongs_to_one_map():
    rule = Rule("/")
    map_of(rule)
    with pytest.raises(RuntimeError, match="already bound"):
        map_of(rule)
