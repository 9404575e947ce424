"""A map bound to a host: building, and matching as one request does."""

import uuid

import pytest

from microquart.exceptions import BadHost, NotFound
from microquart.http.multidict import MultiDict
from microquart.routing import (
    BaseConverter,
    BuildError,
    Map,
    Rule,
    ValidationError,
)


class Listed(BaseConverter):
    def to_url(self, value):
        if not value:
            raise ValidationError
        return "+".join(super(Listed, self).to_url(one) for one in value)


def routes_of(**options):
    rules = [
        ("/", "index"),
        ("/ü x/", "static"),
        ("/users/<int:id>", "user"),
        ("/files/<path:p>", "file"),
        ("/n/<name>-<int(fixed_digits=3):n>.html", "mixed"),
        ("/any/<any(a, 'b c'):x>", "any"),
        ("/f/<float:x>", "float"),
        ("/u/<uuid:x>", "uuid"),
        ("/l/<list:x>", "list"),
    ]
    return Map(
        [Rule(rule, endpoint=endpoint) for rule, endpoint in rules],
        converters={"list": Listed},
        **options,
    )


@pytest.mark.parametrize(
    ("endpoint", "values", "url"),
    [
        ("index", {}, "/"),
        ("static", {}, "/%C3%BC%20x/"),
        ("user", {"id": 7}, "/users/7"),
        ("user", {"id": "7"}, "/users/7"),
        ("user", {"id": 7, "q": "a b&c=ü"}, "/users/7?q=a+b%26c%3D%C3%BC"),
        ("user", {"id": 7, "q": [1, 2]}, "/users/7?q=1&q=2"),
        ("user", {"id": 7, "q": None}, "/users/7"),
        ("user", {"id": 7, "q": [None]}, "/users/7"),
        ("user", MultiDict([("id", 7), ("q", 1)]), "/users/7?q=1"),
        (
            "user",
            MultiDict([("id", 7), ("q", 1), ("q", 2)]),
            "/users/7?q=1&q=2",
        ),
        ("file", {"p": "a/b c?#%"}, "/files/a/b%20c%3F%23%25"),
        ("file", {"p": "日本"}, "/files/%E6%97%A5%E6%9C%AC"),
        ("mixed", {"name": "a/b", "n": 7}, "/n/a/b-007.html"),
        ("any", {"x": "b c"}, "/any/b%20c"),
        ("float", {"x": 2}, "/f/2.0"),
        ("uuid", {"x": uuid.UUID(int=1)}, f"/u/{uuid.UUID(int=1)}"),
        ("list", {"x": ["a", "ü"]}, "/l/a+%C3%BC"),
    ],
)
def test_a_url_is_built(endpoint, values, url):
    assert routes_of().bind("h").build(endpoint, values) == url


@pytest.mark.parametrize(
    ("bound", "options", "url"),
    [
        ({"script_name": "/app"}, {}, "/app/users/7?q=1"),
        ({"script_name": "/a b/"}, {}, "/a%20b/users/7?q=1"),
        ({}, {"force_external": True}, "http://h/users/7?q=1"),
        (
            {"script_name": "/app"},
            {"force_external": True},
            "http://h/app/users/7?q=1",
        ),
        (
            {"url_scheme": "https"},
            {"force_external": True},
            "https://h/users/7?q=1",
        ),
        (
            {"url_scheme": "wss"},
            {"force_external": True},
            "https://h/users/7?q=1",
        ),
        (
            {},
            {"force_external": True, "url_scheme": "https"},
            "https://h/users/7?q=1",
        ),
        ({}, {"force_external": True, "url_scheme": ""}, "//h/users/7?q=1"),
        ({}, {"append_unknown": False}, "/users/7"),
    ],
)
def test_what_is_round_the_path(bound, options, url):
    adapter = routes_of().bind("h", **bound)
    assert adapter.build("user", {"id": 7, "q": 1}, **options) == url


def test_parameters_may_be_sorted():
    adapter = routes_of(sort_parameters=True).bind("h")
    assert adapter.build("index", {"b": 1, "a": 2}) == "/?a=2&b=1"
    adapter = routes_of(
        sort_parameters=True, sort_key=lambda pair: pair[1]
    ).bind("h")
    assert adapter.build("index", {"a": 2, "b": 1}) == "/?b=1&a=2"


def test_the_rule_with_most_arguments_is_built_first():
    adapter = Map(
        [
            Rule("/", endpoint="x", defaults={"page": 1}),
            Rule("/<int:page>", endpoint="x"),
            Rule("/<int:page>/<sort>", endpoint="x"),
        ]
    ).bind("h")
    assert adapter.build("x", {"page": 2, "sort": "a"}) == "/2/a"
    assert adapter.build("x", {"page": 2}) == "/2"
    assert adapter.build("x", {"page": 1}) == "/"
    assert adapter.build("x") == "/"


def test_a_default_may_stand_in_a_rule():
    adapter = Map(
        [Rule("/<lang>/x", endpoint="x", defaults={"lang": "ü"})]
    ).bind("h")
    assert adapter.build("x") == "/%C3%BC/x"


def test_the_method_chooses_the_rule():
    adapter = Map(
        [
            Rule("/read", endpoint="x", methods=["GET"]),
            Rule("/write", endpoint="x", methods=["POST"]),
        ]
    ).bind("h")
    assert adapter.build("x") == "/read"
    assert adapter.build("x", method="POST") == "/write"


def test_an_alias_is_built_last():
    adapter = Map(
        [
            Rule("/old", endpoint="x", alias=True),
            Rule("/new", endpoint="x"),
            Rule("/only", endpoint="y", build_only=True),
        ]
    ).bind("h")
    assert adapter.build("x") == "/new"
    assert adapter.build("y") == "/only"


@pytest.mark.parametrize(
    ("scheme", "url"), [("http", "ws://h/ws"), ("https", "wss://h/ws")]
)
def test_the_url_of_a_websocket_is_whole(scheme, url):
    adapter = Map([Rule("/ws", endpoint="ws", websocket=True)]).bind(
        "h", url_scheme=scheme
    )
    assert adapter.build("ws") == url


def test_another_subdomain_makes_a_whole_url():
    adapter = Map(
        [
            Rule("/", endpoint="index"),
            Rule("/x", endpoint="user", subdomain="<name>"),
        ]
    ).bind("h.com", subdomain="me")
    assert adapter.build("index") == "http://h.com/"
    assert adapter.build("user", {"name": "me"}) == "/x"
    assert adapter.build("user", {"name": "you"}) == "http://you.h.com/x"


def test_a_rule_of_the_same_host_is_preferred():
    routes = Map(
        [
            Rule("/a", endpoint="x", host="a.com"),
            Rule("/b", endpoint="x", host="b.com"),
        ],
        host_matching=True,
    )
    assert routes.bind("b.com").build("x") == "/b"
    assert routes.bind("c.com").build("x") == "http://a.com/a"


@pytest.mark.parametrize(
    ("endpoint", "values", "method", "text"),
    [
        (
            "usr",
            {"id": 1},
            None,
            "Could not build a URL for endpoint 'usr' with id."
            " Did you mean 'user' (needs id) or ",
        ),
        (
            "user",
            {"x": 1},
            None,
            "Could not build a URL for endpoint 'user' with x."
            " '/users/<int:id>' lacks id (needs id).",
        ),
        (
            "post",
            {},
            "GET",
            "Could not build a URL for endpoint 'post' with no values and"
            " method GET. '/post' allows POST.",
        ),
        ("page", {"n": 2}, None, "'/page' is for {'n': 1} only."),
        ("list", {"x": []}, None, "'/<list:x>' does not take these values."),
    ],
)
def test_an_error_says_what_was_meant(endpoint, values, method, text):
    adapter = Map(
        [
            Rule("/users/<int:id>", endpoint="user"),
            Rule("/post", endpoint="post", methods=["POST"]),
            Rule("/page", endpoint="page", defaults={"n": 1}),
            Rule("/<list:x>", endpoint="list"),
        ],
        converters={"list": Listed},
    ).bind("h")
    with pytest.raises(BuildError) as caught:
        adapter.build(endpoint, values, method)
    assert text in str(caught.value)
    assert isinstance(caught.value, LookupError)
    assert caught.value.endpoint == endpoint


def test_an_error_without_endpoints():
    with pytest.raises(BuildError, match="There are no endpoints"):
        Map().bind("h").build("x")


def test_a_value_that_is_not_among_any():
    with pytest.raises(ValueError, match="'c' is not one of 'a', 'b c'"):
        routes_of().bind("h").build("any", {"x": "c"})


# -- matching --


def test_an_adapter_matches():
    adapter = routes_of().bind("h", path_info="/users/7")
    assert adapter.match() == ("user", {"id": 7})
    rule, values = adapter.match("/users/8", "get", return_rule=True)
    assert (rule.rule, values) == ("/users/<int:id>", {"id": 8})


def test_an_adapter_tests_a_path():
    adapter = Map([Rule("/x/"), Rule("/y", methods=["POST"])]).bind("h")
    assert adapter.test("/x/")
    assert adapter.test("/x")
    assert not adapter.test("/z")
    assert not adapter.test("/y")
    assert adapter.test("/y", "POST")


def test_an_adapter_tells_the_methods_of_a_path():
    adapter = Map(
        [
            Rule("/y", methods=["POST"]),
            Rule("/<x>", methods=["GET"]),
            Rule("/all/x"),
        ]
    ).bind("h")
    assert adapter.allowed_methods("/y") == ["GET", "HEAD", "POST"]
    assert adapter.allowed_methods("/all/x") == []
    assert adapter.allowed_methods("/no/no") == []


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_the_scheme_tells_a_websocket(scheme):
    routes = Map([Rule("/x", endpoint="x", websocket=True)])
    assert routes.bind("h", url_scheme=scheme).match("/x") == ("x", {})
    assert routes.bind("h").match("/x", websocket=True) == ("x", {})


# -- binding --


class Request:
    root_path = "/app"
    path = "/x"
    method = "POST"
    query_string = b"a=1"

    def __init__(self, host="www.h.com", scheme="http"):
        self.host = host
        self.scheme = scheme


@pytest.mark.parametrize(
    ("host", "scheme", "server_name", "bound"),
    [
        ("www.h.com", "http", None, ("www.h.com", "")),
        ("www.h.com", "http", "h.com", ("h.com", "www")),
        ("WWW.H.com:80", "ws", "h.COM", ("h.com", "www")),
        ("h.com:443", "wss", "h.com", ("h.com", "")),
        ("h.com:8000", "http", "h.com:8000", ("h.com:8000", "")),
        ("a.b.h.com", "http", "h.com", ("h.com", "a.b")),
        ("xh.com", "http", "h.com", ("h.com", "<invalid>")),
        ("[::1]:80", "http", None, ("[::1]", "")),
        ("bücher.de:81", "http", None, ("xn--bcher-kva.de:81", "")),
    ],
)
def test_a_map_is_bound_to_a_request(host, scheme, server_name, bound):
    request = Request(host, scheme)
    adapter = Map().bind_to_request(request, server_name=server_name)
    assert (adapter.server_name, adapter.subdomain) == bound
    assert adapter.default_method == "POST"


def test_a_bound_request_has_its_path_and_query():
    routes = Map([Rule("/x", endpoint="x", redirect_to="y")])
    adapter = routes.bind_to_request(Request())
    assert adapter.test()
    assert adapter.make_redirect_url("/z") == "/app/z?a=1"


def test_a_foreign_host_has_no_rules():
    adapter = Map([Rule("/x")]).bind_to_request(Request("evil"), None, "h.com")
    with pytest.raises(NotFound):
        adapter.match()


def test_hosts_and_subdomains_exclude_each_other():
    with pytest.raises(RuntimeError, match="has no subdomains"):
        Map(host_matching=True).bind("h", subdomain="x")


def test_a_host_that_cannot_be_encoded():
    with pytest.raises(BadHost):
        Map().bind("ü" * 64)
