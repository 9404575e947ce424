"""Where the router sends a client, and that it is never another host."""

import pytest

from microquart.exceptions import MethodNotAllowed, NotFound
from microquart.routing import (
    BaseConverter,
    Map,
    RequestRedirect,
    Rule,
)


class Raw(BaseConverter):
    """Takes anything, and writes it as it is."""

    regex = "(?s:.*)/?"

    def to_url(self, value):
        return str(value)


def map_of(*rules, **options):
    return Map(rules, converters={"raw": Raw}, **options)


def location(routes, path, method="GET", **bound):
    """Return where a request is sent, None if it is not, or its error."""
    adapter = routes.bind("example.com", **bound)
    try:
        adapter.match(path, method)
    except RequestRedirect as redirect:
        return redirect.new_url
    except (NotFound, MethodNotAllowed) as error:
        return error.code
    return None


# -- slashes --


@pytest.mark.parametrize(
    ("rule", "options", "path", "where"),
    [
        ("/", {}, "/", None),
        ("/", {}, "", "/"),
        ("/x", {}, "/x", None),
        ("/x", {}, "/x/", 404),
        ("/x/", {}, "/x", "/x/"),
        ("/x/", {}, "/x/", None),
        ("/x/", {}, "/x//", "/x/"),
        ("/<int:n>/", {}, "/7", "/7/"),
        ("/<int(min=5):n>/", {}, "/3", 404),
        ("/<path:p>/", {}, "/a/b", "/a/b/"),
        ("/<path:p>/", {}, "/a/b//", "/a/b/"),
        ("/x", {"strict_slashes": False}, "/x/", None),
        ("/x", {"strict_slashes": False}, "/x//", "/x/"),
        ("/x/", {"strict_slashes": False}, "/x", None),
        ("/<path:p>/", {"strict_slashes": False}, "/a", None),
        ("/x/", {"methods": ["POST"]}, "/x", 404),
        ("/a/b", {}, "/a//b", "/a/b"),
        ("/a/b/", {}, "/a//b", "/a/b/"),
        ("/a/b", {}, "//a/b", None),
        ("/a/b", {"methods": ["POST"]}, "/a//b", 405),
        ("/a//b", {}, "/a/b", None),
        ("/a/b", {"merge_slashes": False}, "/a//b", 404),
        ("/a//b", {"merge_slashes": False}, "/a//b", None),
        ("/a/<path:p>", {}, "/a/b//c", None),
        ("/a/<path:p>", {}, "/a//b", "/a/b"),
        ("/ü ?/", {}, "/ü ?", "/%C3%BC%20%3F/"),
    ],
)
def test_slashes(rule, options, path, where):
    assert location(map_of(Rule(rule, **options)), path) == where


def test_a_map_may_leave_slashes_alone():
    routes = map_of(Rule("/x/"), Rule("/a/b"), strict_slashes=False)
    assert location(routes, "/x") is None
    routes = map_of(Rule("/a/b"), merge_slashes=False)
    assert location(routes, "/a//b") == 404


@pytest.mark.parametrize(
    ("bound", "where"),
    [
        ({"script_name": "/app"}, "/app/x/"),
        ({"script_name": "/app/"}, "/app/x/"),
        ({"script_name": "//evil"}, "/evil/x/"),
        ({"script_name": "/ü"}, "/%C3%BC/x/"),
        ({"query_args": "a=1&b=%20&c=+"}, "/x/?a=1&b=%20&c=+"),
        ({"query_args": "a=\r\nb#\\"}, "/x/?a=%0D%0Ab%23%5C"),
        ({"query_args": "a=\udcff"}, "/x/?a=%FF"),
        ({"query_args": {"a": [1, 2], "b": None}}, "/x/?a=1&a=2"),
        ({"url_scheme": "https"}, "/x/"),
        ({"url_scheme": "ws"}, "/x/"),
    ],
)
def test_the_root_path_and_the_query_are_kept(bound, where):
    rules = Rule("/x/"), Rule("/x/", websocket=True)
    assert location(map_of(*rules), "/x", **bound) == where


@pytest.mark.parametrize(
    "path",
    [
        "//evil.com",
        "///evil.com",
        "/\\evil.com",
        "\\\\evil.com",
        "/\t/evil.com",
        "//evil.com//x",
        "/http://evil.com",
        "http://evil.com",
        "/\r\nLocation: http://evil.com",
        "/..//evil.com",
        "/%2F/evil.com",
        "//evil.com/%2e%2e",
    ],
)
@pytest.mark.parametrize(
    "rule",
    [
        Rule("/<path:p>/"),
        Rule("/<raw:p>/"),
        Rule("/<x>/"),
        Rule("/<x>/<y>/<path:z>"),
        Rule("/<raw:p>", redirect_to="/<p>"),
        Rule("/<raw:p>", redirect_to="<p>"),
        Rule("/<path:p>", redirect_to="/<p>"),
        Rule("/<path:p>", redirect_to="<p>"),
        Rule("/<raw:p>", redirect_to=lambda adapter, p: "/" + p),
        Rule("/<raw:p>", redirect_to=lambda adapter, p: "//" + p),
    ],
    ids=lambda rule: f"{rule.rule} to {rule.redirect_to}",
)
def test_no_path_leaves_the_host(rule, path):
    routes = map_of(Rule(rule.rule, redirect_to=rule.redirect_to))
    where = location(routes, path)
    if isinstance(where, str):
        assert where[0] == "/"
        assert where[1:2] not in {"/", "\\"}
        assert where.isascii()
        assert where.isprintable()
        assert " " not in where


# -- redirect_to --


@pytest.mark.parametrize(
    ("to", "where"),
    [
        ("/new/<id>", "/new/7"),
        ("new/<id>", "/app/new/7"),
        ("/new?id=<id>", "/new?id=7"),
        ("https://other.com/<id>", "https://other.com/7"),
        ("//other.com/<id>", "//other.com/7"),
        (lambda adapter, id: f"/new/{id + 1}", "/new/8"),
        (lambda adapter, id: f"new/{id}", "/app/new/7"),
        (lambda adapter, id: adapter.build("to"), "/app/to"),
        (lambda adapter, id: f"http://o.com/{id}", "http://o.com/7"),
    ],
)
def test_a_rule_redirects_to_where_it_says(to, where):
    routes = map_of(
        Rule("/old/<int:id>", redirect_to=to, endpoint="old"),
        Rule("/to", endpoint="to"),
    )
    assert location(routes, "/old/7", script_name="/app") == where


def test_a_redirect_to_this_host_keeps_the_query():
    routes = map_of(Rule("/old", redirect_to="/new"))
    assert location(routes, "/old", query_args="a=1") == "/new?a=1"


# -- defaults and aliases --

PAGES = [
    {"string": "/all/", "defaults": {"page": 1}},
    {"string": "/all/<int:page>"},
    {"string": "/old/<int:page>", "alias": True},
]


def pages(**options):
    rules = [Rule(endpoint="all", **page) for page in PAGES]
    return map_of(*rules, **options)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/all/", None),
        ("/all/1", "/all/"),
        ("/all/2", None),
        ("/old/1", "/all/"),
        ("/old/2", "/all/2"),
    ],
)
def test_a_page_has_one_url(path, where):
    assert location(pages(), path) == where


def test_a_map_may_leave_defaults_alone():
    assert location(pages(redirect_defaults=False), "/all/1") is None
    assert location(pages(redirect_defaults=False), "/old/1") is None


def test_an_alias_of_nothing_does_not_redirect_to_itself():
    assert location(map_of(Rule("/x", alias=True)), "/x") is None


def test_a_redirect_has_a_host_only_if_the_rule_has_another():
    routes = map_of(
        Rule("/", subdomain="all", defaults={"n": 1}, endpoint="x"),
        Rule("/<int:n>", subdomain="www", endpoint="x"),
    )
    where = location(routes, "/1", subdomain="www", url_scheme="https")
    assert where == "https://all.example.com/"


def test_a_method_without_the_canonical_rule_is_not_redirected():
    routes = map_of(
        Rule("/", defaults={"n": 1}, endpoint="x", methods=["GET"]),
        Rule("/<int:n>", endpoint="x"),
    )
    assert location(routes, "/1") == "/"
    assert location(routes, "/1", "POST") is None


def test_without_an_adapter_a_redirect_is_a_path():
    routes = map_of(Rule("/x/"), Rule("/y/", subdomain="www"))
    for path, domain in ("/x", None), ("/y", "www"):
        with pytest.raises(RequestRedirect) as caught:
            routes.match(path, domain=domain)
        assert caught.value.new_url == f"{path}/"
