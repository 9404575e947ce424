"""What a view can ask of its request."""

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


async def asked(quart, app, question, path="/", **kwargs):
    """Send a request; return what ``question(request)`` gave in the view.

    The answer of the view comes as it is, through a list.
    """
    answers = []
    kwargs.setdefault("method", "GET")

    async def view(**values):
        answers.append(question(quart.request))
        return "x"

    app.add_url_rule(
        "/", "asked", view, methods=["GET", "POST"], strict_slashes=False
    )
    app.add_url_rule("/<a>/<int:b>", "asked", view)
    response = await app.test_client().open(path, **kwargs)
    assert response.status_code == 200, await response.get_data()
    return answers[0]


def told(question, answer, path="/", **kwargs):
    return pytest.param(
        question, answer, path, kwargs, id=f"{question} {kwargs}"
    )


BASICS = [
    ("method", "POST", "/", {"method": "POST"}),
    ("path", "/ä/1", "/%C3%A4/1", {}),
    ("full_path", "/?x=1", "/?x=1", {}),
    ("full_path", "/?", "/", {}),
    ("query_string", b"x=%201", "/?x=%201", {}),
    ("url", "http://localhost/a/1?x=%201", "/a/1?x=%201", {}),
    ("base_url", "http://localhost/a/1", "/a/1?x=1", {}),
    ("url_root", "http://localhost/", "/a/1", {}),
    ("root_url", "http://localhost/", "/a/1", {}),
    ("host_url", "http://localhost/", "/a/1", {}),
    ("host", "example.org:81", "/", {"headers": {"Host": "example.org:81"}}),
    ("host", "example.org", "/", {"headers": {"Host": "example.org:80"}}),
    ("scheme", "https", "/", {"scheme": "https"}),
    ("is_secure", True, "/", {"scheme": "https"}),
    ("is_secure", False, "/", {}),
    ("http_version", "2", "/", {"http_version": "2"}),
    ("root_path", "/r", "/r/", {"root_path": "/r"}),
    ("script_root", "/r", "/r/", {"root_path": "/r"}),
    ("endpoint", "asked", "/", {}),
    ("view_args", {"a": "x", "b": 1}, "/x/1", {}),
    ("url_rule.rule", "/<a>/<int:b>", "/x/1", {}),
    ("blueprint", None, "/", {}),
    ("blueprints", [], "/", {}),
    ("routing_exception", None, "/", {}),
]
# One field each: what it is asked by, name and value.
ENTITY = [
    ("content_type", "a/b; c=d", "a/b; c=d"),
    ("mimetype", "a/b; c=d", "a/b"),
    ("mimetype", "A/B", "a/b"),
    ("mimetype_params", "a/b; c=d", {"c": "d"}),
    ("content_encoding", "gzip", "gzip"),
    ("content_md5", "abc", "abc"),
    ("is_json", "application/json", True),
    ("is_json", "application/problem+json; charset=utf-8", True),
    ("is_json", "text/plain", False),
    ("referrer", "http://a.example/", "http://a.example/"),
    ("origin", "http://a.example", "http://a.example"),
    ("pragma.to_header()", "no-cache", "no-cache"),
    ("max_forwards", "10", 10),
    ("date.isoformat()", "Sun, 06 Nov 1994 08:49:37 GMT", None),
    ("user_agent.string", "curl/8", "curl/8"),
    ("access_control_request_headers.to_header()", "X-A, X-B", "X-A, X-B"),
    ("access_control_request_method", "PUT", "PUT"),
    ("if_match.contains('a')", '"a", "b"', True),
    ("if_none_match.contains('c')", '"a", "b"', False),
    ("if_none_match.star_tag", "*", True),
    ("if_none_match.contains_weak('a')", 'W/"a"', True),
    ("if_modified_since.year", "Sun, 06 Nov 1994 08:49:37 GMT", 1994),
    ("if_unmodified_since.tzinfo is None", "Sun, 06 Nov 1994 08:49:37 GMT", 0),
    ("if_range.etag", '"a"', "a"),
    ("range.ranges", "bytes=0-499", [(0, 500)]),
    ("range.range_for_length(100)", "bytes=-10", (90, 100)),
    ("range", "nonsense", None),
    ("cache_control.max_age", "max-age=60, no-cache", 60),
    ("cache_control.no_store", "max-age=60, no-store", True),
]
FIELD_OF = {
    "content_type": "Content-Type",
    "mimetype": "Content-Type",
    "mimetype_params": "Content-Type",
    "is_json": "Content-Type",
    "referrer": "Referer",
}


@row(
    "request.method",
    "request.url, ",
    "request.root_path",
    "request.endpoint",
    "request.blueprint",
    "request.routing_exception",
)
@pytest.mark.parametrize(("question", "answer", "path", "kwargs"), BASICS)
async def test_a_request_knows(quart, app, question, answer, path, kwargs):
    def ask(request):
        value = request
        for name in question.split("."):
            value = getattr(value, name)
        return value

    assert await asked(quart, app, ask, path, **kwargs) == answer


@row(
    "request.content_type",
    "request.is_json",
    "request.user_agent",
    "request.if_match",
    "request.access_control_request_headers",
)
@pytest.mark.parametrize(("question", "value", "answer"), ENTITY)
async def test_a_field_is_asked_by_its_name(
    quart, app, question, value, answer
):
    attribute = question.partition(".")[0]
    field = FIELD_OF.get(attribute, attribute.replace("_", "-"))
    if answer is None and "date" in question:
        answer = "1994-11-06T08:49:37+00:00"

    def ask(request):
        return eval(f"request.{question}", {"request": request})

    found = await asked(quart, app, ask, headers={field: value})
    assert found == answer


@row("request.args")
async def test_the_query_is_a_multi_dict(quart, app):
    args = await asked(
        quart, app, lambda r: r.args, "/?a=1&a=2&b=%C3%A4+c&empty="
    )
    assert args["a"] == "1"
    assert args.getlist("a") == ["1", "2"]
    assert args.get("a", type=int) == 1
    assert args.get("b", type=int) is None
    assert args.get("nope", 7) == 7
    assert args["b"] == "ä c"
    assert args["empty"] == ""
    assert args.to_dict() == {"a": "1", "b": "ä c", "empty": ""}
    assert args.to_dict(flat=False)["a"] == ["1", "2"]
    assert list(args.items(multi=True))[:2] == [("a", "1"), ("a", "2")]


@row("request.args")
async def test_the_query_can_be_given_to_the_client(quart, app):
    args = await asked(
        quart, app, lambda r: r.args, "/", query_string={"a": "ä &", "b": 1}
    )
    assert args.to_dict() == {"a": "ä &", "b": "1"}


@row("request.headers")
async def test_the_headers_know_no_case(quart, app):
    headers = await asked(
        quart, app, lambda r: r.headers, headers={"X-A": "1", "x-b": "2"}
    )
    assert headers["x-a"] == headers["X-A"] == "1"
    assert headers.get("nope") is None
    assert "x-B" in headers
    assert headers.getlist("x-b") == ["2"]
    assert headers.get("X-A", type=int) == 1


@row("request.cookies")
async def test_the_cookies_are_a_dictionary(quart, app):
    cookies = await asked(
        quart, app, lambda r: r.cookies, headers={"Cookie": 'a=1; b="2 3"'}
    )
    assert dict(cookies) == {"a": "1", "b": "2 3"}
    assert cookies.get("nope") is None


@row("request.remote_addr")
async def test_a_request_knows_its_client(quart, app):
    base = {"client": ("10.0.0.1", 1234)}
    assert (
        await asked(quart, app, lambda r: r.remote_addr, scope_base=base)
        == "10.0.0.1"
    )


@row("request.remote_addr")
async def test_a_request_knows_the_proxies(quart, app):
    route = await asked(
        quart,
        app,
        lambda r: list(r.access_route),
        headers={"X-Forwarded-For": "10.0.0.1, 10.0.0.2"},
    )
    assert route == ["10.0.0.1", "10.0.0.2"]


@row("request.blueprint")
async def test_a_request_knows_its_blueprints(quart, app, client):
    parent = quart.Blueprint("parent", __name__)
    child = quart.Blueprint("child", __name__)

    @child.route("/")
    async def view():
        request = quart.request
        return [request.blueprint, request.blueprints, request.endpoint]

    parent.register_blueprint(child)
    app.register_blueprint(parent)
    assert await (await client.get("/")).get_json() == [
        "parent.child",
        ["parent.child", "parent"],
        "parent.child.view",
    ]


@row("request.routing_exception")
async def test_a_routing_error_is_there_before_it_is_raised(
    quart, app, client
):
    seen = []

    @app.before_request
    async def before():
        error = quart.request.routing_exception
        seen.append((type(error).__name__, error.code))

    assert (await client.get("/nope")).status_code == 404
    assert seen == [("NotFound", 404)]


AUTHORIZATIONS = [
    ("Basic YTpiOmM=", ("basic", "a", "b:c", None)),
    ("bearer abc==", ("bearer", None, None, "abc==")),
    ("Basic !", None),
]


@row("request.authorization")
@pytest.mark.parametrize(("value", "answer"), AUTHORIZATIONS)
async def test_the_authorization_is_read(quart, app, value, answer):
    def ask(request):
        auth = request.authorization
        if auth is None:
            return None
        return auth.type, auth.username, auth.password, auth.token

    found = await asked(quart, app, ask, headers={"Authorization": value})
    assert found == answer


@row("request.authorization")
async def test_the_user_can_be_asked_as_of_a_dictionary(quart, app):
    found = await asked(
        quart,
        app,
        lambda r: (r.authorization["username"], r.authorization.get("x")),
        auth=("anna", "secret"),
    )
    assert found == ("anna", None)
    none = await asked(quart, quart.Quart(__name__), lambda r: r.authorization)
    assert none is None


@row("request.content_type")
async def test_the_length_of_the_content_is_known(quart, app):
    found = await asked(
        quart,
        app,
        lambda r: r.content_length,
        method="POST",
        data="abc",
        headers={"Content-Length": "3"},
    )
    assert found == 3


@row("request.accept_mimetypes")
@pytest.mark.parametrize(
    ("attribute", "value", "choices", "best"),
    [
        ("mimetypes", "text/html;q=0.5, a/b", ["text/html", "a/b"], "a/b"),
        ("mimetypes", "text/*", ["a/b", "text/plain"], "text/plain"),
        ("mimetypes", "a/b", ["c/d"], None),
        ("languages", "de-CH, en;q=0.5", ["en", "de-CH"], "de-CH"),
        ("languages", "de-CH", ["en", "de"], "de"),
        ("languages", "fr, en;q=0.5", ["en", "de"], "en"),
        ("charsets", "utf-8", ["latin1", "utf-8"], "utf-8"),
        ("encodings", "gzip, br;q=0.9", ["br", "gzip"], "gzip"),
    ],
)
async def test_the_best_of_several_is_found(
    quart, app, attribute, value, choices, best
):
    field = {"mimetypes": "Accept", "languages": "Accept-Language"}.get(
        attribute, f"Accept-{attribute[:-1].title()}"
    )
    found = await asked(
        quart,
        app,
        lambda r: getattr(r, f"accept_{attribute}").best_match(choices),
        headers={field: value},
    )
    assert found == best


@row("request.accept_mimetypes")
async def test_html_and_json_can_be_asked_for(quart, app):
    def ask(request):
        accept = request.accept_mimetypes
        return accept.accept_json, accept.accept_html, accept["a/b"]

    found = await asked(
        quart, app, ask, headers={"Accept": "application/json, a/b;q=0.3"}
    )
    assert found == (True, False, 0.3)


@row("request.user_agent")
async def test_the_class_of_the_user_agent_can_be_replaced(quart, app):
    class Agent:
        def __init__(self, string):
            self.browser = string.partition("/")[0]

    class Request(quart.Request):
        user_agent_class = Agent

    app.request_class = Request
    headers = {"User-Agent": "curl/8"}
    found = await asked(
        quart, app, lambda r: r.user_agent.browser, headers=headers
    )
    assert found == "curl"


@row("request.scope")
async def test_the_scope_is_there(quart, app):
    scope = await asked(
        quart, app, lambda r: r.scope, "/", scope_base={"mine": 1}
    )
    assert (scope["type"], scope["mine"]) == ("http", 1)


@row("request.trusted_hosts")
@differs("another host than the trusted ones is 400: in Quart it is 500")
async def test_a_request_can_trust_some_hosts_only(quart, app, client):
    class Request(quart.Request):
        trusted_hosts = ("example.org", ".example.com")

    app.request_class = Request

    @app.route("/")
    async def view():
        return quart.request.host

    async def status(host):
        response = await client.get("/", headers={"Host": host})
        return response.status_code

    assert await status("example.org") == 200
    assert await status("www.example.com") == 200
    assert await status("evil.example") == 400


@row("request.trusted_hosts")
@differs("TRUSTED_HOSTS is enforced: in Quart the key does nothing")
async def test_the_configuration_can_name_the_trusted_hosts(
    quart, app, client
):
    app.config["TRUSTED_HOSTS"] = ["example.org"]

    @app.route("/")
    async def view():
        return "x"

    for host, status in (("example.org", 200), ("evil.example", 400)):
        response = await client.get("/", headers={"Host": host})
        assert response.status_code == status


@row("request.parameter_storage_class")
async def test_the_containers_can_be_replaced(quart, werkzeug, app):
    class Request(quart.Request):
        parameter_storage_class = werkzeug.datastructures.MultiDict
        dict_storage_class = werkzeug.datastructures.MultiDict
        list_storage_class = list

    app.request_class = Request
    found = await asked(
        quart,
        app,
        lambda r: (type(r.args), type(r.cookies), type(r.access_route)),
        "/?a=1",
        headers={"X-Forwarded-For": "10.0.0.1"},
    )
    multi = werkzeug.datastructures.MultiDict
    assert found == (multi, multi, list)


@row("request.parameter_storage_class")
async def test_the_query_cannot_be_changed(quart, app):
    args = await asked(quart, app, lambda r: r.args, "/?a=1")
    with pytest.raises(TypeError):
        args["a"] = "2"


@row("request.close")
async def test_a_request_can_be_closed(quart, app, client):
    @app.route("/", methods=["POST"])
    async def view():
        file = (await quart.request.files)["f"]
        await quart.request.close()
        return str(file.stream.closed)

    files = {
        "f": quart.datastructures.FileStorage(
            __import__("io").BytesIO(b"a"), "a"
        )
    }
    response = await client.post("/", files=files)
    assert await response.get_data() == b"True"


@row("request.send_push_promise")
@differs("nothing is pushed: browsers have given server push up")
async def test_a_push_promise_does_nothing(quart, app, client):
    @app.route("/")
    async def view():
        await quart.request.send_push_promise("/a")
        await quart.make_push_promise("/a")
        return "x"

    assert (await client.get("/")).status_code == 200
    assert client.push_promises == []


@row("invalid Host header: 400")
@pytest.mark.parametrize("host", ["a b", "a/b", "user@a", "a:b"])
@differs("who asks for an impossible host ends in 400: in Quart he gets it")
async def test_an_invalid_host_is_refused(quart, app, client, host):
    @app.route("/")
    async def view():
        return quart.request.host

    response = await client.get("/", headers={"Host": host})
    assert response.status_code == 400
