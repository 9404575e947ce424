"""A request: what its scope says, and its body, pulled when it is wanted."""

import asyncio
import json
import weakref
from collections.abc import Callable

import anyio
import pytest

from microquart.exceptions import (
    BadRequest,
    BadRequestKeyError,
    RequestEntityTooLarge,
    RequestTimeout,
    SecurityError,
    UnsupportedMediaType,
)
from microquart.formparser import FormDataParser
from microquart.http.errors import ClientDisconnected
from microquart.http.urls import is_trusted
from microquart.routing import Rule
from microquart.wrappers.request import Body, Request, RequestSettings

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
FORM = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nhello\r\n--x--\r\n"
)
GONE = {"type": "http.disconnect"}


class Server:
    """Gives the messages it was made with, then waits; counts the pulls."""

    def __init__(self, *messages):
        self.messages = [
            {"type": "http.request", "body": message, "more_body": True}
            if isinstance(message, bytes)
            else message
            for message in messages
        ]
        if messages and isinstance(messages[-1], bytes):
            self.messages[-1]["more_body"] = False
        self.pulled = 0

    async def receive(self):
        if self.pulled == len(self.messages):
            await anyio.Event().wait()
        self.pulled += 1
        return self.messages[self.pulled - 1]


def scope(path="/", **entries):
    headers = entries.pop("headers", {})
    fields = {"host": "localhost", **headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [
            (name.replace("_", "-").encode(), value.encode("latin-1"))
            for name, value in fields.items()
            if value is not None
        ],
        **entries,
    }


def settings(**values):
    return RequestSettings(**{"json": json, **values})


def asking(path="/", limits=None, **entries):
    """A request whose body nobody reads."""
    asked = scope(path, **entries)
    return Request(asked, Server().receive, settings(**(limits or {})))


def posting(content_type, *messages, length=None, **values):
    """A request with a body."""
    headers = {"content-type": content_type, "content-length": length}
    server = (
        messages[0] if isinstance(messages[0], Server) else Server(*messages)
    )
    return Request(scope(headers=headers), server.receive, settings(**values))


# -- the head --


@pytest.mark.parametrize(
    ("entries", "attribute", "value"),
    [
        ({}, "method", "POST"),
        ({}, "scheme", "http"),
        ({"scheme": "https"}, "is_secure", True),
        ({"http_version": "2"}, "http_version", "2"),
        ({"client": ("192.0.2.1", 4000)}, "remote_addr", "192.0.2.1"),
        ({"client": None}, "remote_addr", None),
        ({"headers": {"remote-addr": "evil"}}, "remote_addr", None),
        ({"client": ("192.0.2.1", 4000)}, "access_route", ["192.0.2.1"]),
        ({"headers": {"x-forwarded-for": "a, b"}}, "access_route", ["a", "b"]),
        ({"root_path": "/api/"}, "script_root", "/api"),
        ({"headers": {"cookie": "a=1; b=2"}}, "cookies", {"a": "1", "b": "2"}),
    ],
)
def test_a_request_says_what_its_scope_says(entries, attribute, value):
    assert getattr(asking(**entries), attribute) == value


@pytest.mark.parametrize(
    ("root", "path", "below"),
    [
        ("", "/", "/"),
        ("/api", "/api/users", "/users"),
        ("/api", "/api", "/"),
        ("/api/", "/api/users", "/users"),
        ("/api", "/apiary", "/apiary"),
        ("/api", "/users", "/users"),
        ("/x", "/x/api/x/api", "/api/x/api"),
        ("/a", "/a//evil", "/evil"),
        ("", "//evil/x", "/evil/x"),
        ("", "*", "/*"),
    ],
)
def test_the_root_is_cut_off_the_path_where_a_segment_ends(root, path, below):
    assert asking(path, root_path=root).path == below


@pytest.mark.parametrize(
    ("path", "query", "url"),
    [
        ("/", b"", "http://localhost/"),
        ("/café", b"", "http://localhost/café"),
        ("/a b", b"", "http://localhost/a%20b"),
        ("/a?b#c", b"", "http://localhost/a%3Fb%23c"),
        ("/%41", b"", "http://localhost/%2541"),
        ("/", b"x=1&x=2", "http://localhost/?x=1&x=2"),
        ("/", b"q=%C3%A8", "http://localhost/?q=è"),
        ("/", b"q=%26+%2b%3D%20", "http://localhost/?q=%26+%2b%3D%20"),
        ("/", b"q=%ff", "http://localhost/?q=%FF"),
        ("/", b"q=\xff \xc3\xa8", "http://localhost/?q=%FF%20è"),
        ("/api/x", b"", "http://localhost/api/x"),
    ],
)
def test_a_url_can_be_read_and_means_the_same(path, query, url):
    root = "/api" if path.startswith("/api") else ""
    assert asking(path, query_string=query, root_path=root).url == url


def test_a_url_has_parts():
    request = asking("/api/users", root_path="/api", query_string=b"a=%C3%A8")
    assert request.base_url == "http://localhost/api/users"
    assert request.root_url == request.url_root == "http://localhost/api/"
    assert request.host_url == "http://localhost/"
    assert request.full_path == "/users?a=%C3%A8"
    assert asking("/users").full_path == "/users?"
    assert repr(request) == "<Request 'http://localhost/api/users?a=è' [POST]>"


@pytest.mark.parametrize(
    ("said", "scheme", "host"),
    [
        ("example.com", "http", "example.com"),
        ("example.com:80", "http", "example.com"),
        ("example.com:443", "https", "example.com"),
        ("example.com:80", "https", "example.com:80"),
        ("example.com:", "http", "example.com"),
        ("[::1]:8000", "http", "[::1]:8000"),
        ("[::1]", "http", "[::1]"),
        ("192.0.2.1:5000", "http", "192.0.2.1:5000"),
    ],
)
def test_the_port_of_the_scheme_is_no_part_of_the_host(said, scheme, host):
    assert asking(headers={"host": said}, scheme=scheme).host == host


@pytest.mark.parametrize(
    "said",
    [
        "",
        "a/b",
        "user@a",
        "a b",
        "a:b",
        "a:99999",
        "a:0",
        "[::1",
        "a\\b",
        "é",
        "a?b",
    ],
)
def test_a_malformed_host_is_refused(said):
    request = asking(headers={"host": said})
    with pytest.raises(SecurityError, match="malformed"):
        _ = request.host
    assert "invalid URL" in repr(request)


def test_two_hosts_are_refused():
    request = asking()
    request.scope["headers"] *= 2
    with pytest.raises(SecurityError):
        _ = request.url


@pytest.mark.parametrize(
    ("server", "host"),
    [
        (("127.0.0.1", 5000), "127.0.0.1:5000"),
        (("::1", 5000), "[::1]:5000"),
        (("/run/socket", None), ""),
        (None, ""),
    ],
)
def test_without_a_host_the_address_of_the_server_counts(server, host):
    assert asking(headers={"host": None}, server=server).host == host


@pytest.mark.parametrize(
    ("name", "trusted"),
    [
        ("example.com", True),
        ("EXAMPLE.com", True),
        ("www.example.org", True),
        ("example.org", True),
        ("www.example.com", False),
        ("evilexample.org", False),
        ("example.com.evil", False),
    ],
)
def test_a_host_is_trusted_by_its_name_or_its_domain(name, trusted):
    assert is_trusted(name, ["example.com:80", ".example.org"]) is trusted


def test_a_host_that_is_not_trusted_is_refused():
    request = asking(headers={"host": "evil:80"})
    request.trusted_hosts = ["example.com"]
    with pytest.raises(SecurityError, match="not trusted"):
        _ = request.host


def test_the_trusted_hosts_are_those_of_the_application():
    server = Server()
    request = Request(
        scope(), server.receive, settings(trusted_hosts=["localhost"])
    )
    assert request.host == "localhost"


def test_one_trusted_host_need_not_be_in_a_list():
    request = asking()
    request.trusted_hosts = "localhost"
    assert request.host == "localhost"


def test_a_url_has_its_host_in_lower_case():
    request = asking(headers={"host": "EXAMPLE.com"})
    assert (request.host, request.host_url) == (
        "EXAMPLE.com",
        "http://example.com/",
    )


def test_a_trusted_host_may_have_letters_of_any_script():
    assert is_trusted("xn--bcher-kva.example", ["bücher.example"])


def test_the_parameters_of_a_query_keep_their_order_and_their_blanks():
    query = b"x=1&x=2&y=&z&=w&%C3%A8=%ff&p=a+b%2Bc&&q=;"
    args = asking(query_string=query).args
    assert list(args.items(multi=True)) == [
        *(("x", "1"), ("x", "2"), ("y", ""), ("z", ""), ("", "w")),
        *(("è", "%FF"), ("p", "a b+c"), ("q", ";")),
    ]


def test_a_parameter_that_is_missing_is_the_clients_mistake():
    request = asking()
    with pytest.raises(BadRequestKeyError):
        request.args["page"]
    with pytest.raises(KeyError):
        request.headers["x-token"]
    with pytest.raises(BadRequestKeyError):
        request.cookies["session"]


def test_the_number_of_parameters_is_bounded():
    assert len(asking(query_string=b"&".join([b"a=1"] * 1000)).args) == 1
    with pytest.raises(BadRequest):
        _ = asking(query_string=b"&".join([b"a=1"] * 1001)).args


@pytest.mark.parametrize(
    ("limit", "query"),
    [(0, b""), (2, b"a=1&b"), (1001, b"&".join([b"a"] * 1001))],
)
def test_so_many_parameters_pass(limit, query):
    _ = asking(query_string=query, limits={"max_query_parameters": limit}).args


@pytest.mark.parametrize(
    ("limit", "query"), [(0, b"a=1"), (2, b"a&b&c"), (2, b"&&")]
)
def test_one_parameter_more_does_not_pass(limit, query):
    request = asking(
        query_string=query, limits={"max_query_parameters": limit}
    )
    with pytest.raises(BadRequest, match=f"More than {limit}"):
        _ = request.args


def test_the_bound_of_parameters_can_be_taken_off():
    query = b"&".join([b"a=1"] * 2000)
    args = asking(
        query_string=query, limits={"max_query_parameters": None}
    ).args
    assert len(args.getlist("a")) == 2000


@pytest.mark.parametrize(
    ("name", "value", "attribute", "shown"),
    [
        ("content-type", "Text/HTML; charset=utf-8", "mimetype", "text/html"),
        ("content-type", "a/b; x=1", "mimetype_params", "{'x': '1'}"),
        ("content-type", "application/json", "is_json", "True"),
        ("content-type", "application/problem+json; a=b", "is_json", "True"),
        ("content-type", "text/json", "is_json", "False"),
        ("content-length", "5", "content_length", "5"),
        ("content-length", "+5", "content_length", "0"),
        ("content-length", "9" * 5000, "content_length", "0"),
        ("content-encoding", "gzip", "content_encoding", "gzip"),
        ("content-md5", "abc", "content_md5", "abc"),
        (
            "accept",
            "text/html;q=0.5, a/b",
            "accept_mimetypes",
            "a/b,text/html;q=0.5",
        ),
        ("accept-language", "de", "accept_languages", "de"),
        ("accept-charset", "utf-8", "accept_charsets", "utf-8"),
        ("accept-encoding", "br", "accept_encodings", "br"),
        ("if-match", '"a"', "if_match", '"a"'),
        ("if-none-match", "*", "if_none_match", "*"),
        ("if-range", '"a"', "if_range", '"a"'),
        ("range", "bytes=0-4", "range", "bytes=0-4"),
        ("range", "nonsense", "range", "None"),
        ("cache-control", "no-cache", "cache_control", "no-cache"),
        ("pragma", "no-cache", "pragma", "no-cache"),
        ("user-agent", "curl/8", "user_agent", "curl/8"),
        ("referer", "/from", "referrer", "/from"),
        ("origin", "http://a", "origin", "http://a"),
        ("max-forwards", "3", "max_forwards", "3"),
        ("max-forwards", "many", "max_forwards", "None"),
        ("date", "nonsense", "date", "None"),
        (
            *("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
            *("if_modified_since", "1994-11-06 08:49:37+00:00"),
        ),
        (
            *("if-unmodified-since", "Sun, 06 Nov 1994 08:49:37 GMT"),
            *("if_unmodified_since", "1994-11-06 08:49:37+00:00"),
        ),
        (
            *("access-control-request-headers", "x-a, x-b"),
            *("access_control_request_headers", "x-a, x-b"),
        ),
        (
            *("access-control-request-method", "PUT"),
            *("access_control_request_method", "PUT"),
        ),
    ],
)
def test_a_field_is_an_attribute(name, value, attribute, shown):
    request = asking(headers={name: value})
    assert str(getattr(request, attribute)) == shown


def test_basic_credentials_have_a_name_and_a_password():
    request = asking(headers={"authorization": "Basic YTpi"})
    assert request.authorization is not None
    assert request.authorization["username"] == "a"
    assert asking().authorization is None


def test_a_chunked_body_has_no_length():
    headers = {"transfer-encoding": "chunked", "content-length": "5"}
    assert asking(headers=headers).content_length is None


def test_the_route_names_the_blueprints_from_the_inside_out():
    request = asking()
    assert (request.endpoint, request.blueprint, request.blueprints) == (
        None,
        None,
        [],
    )
    request.url_rule = Rule("/", endpoint="a.b.view")
    assert request.endpoint == "a.b.view"
    assert request.blueprint == "a.b"
    assert request.blueprints == ["a.b", "a"]


def test_a_subclass_chooses_its_containers():
    class Own(Request):
        parameter_storage_class = dict
        list_storage_class = tuple

    request = Own(scope(query_string=b"a=1"), Server().receive, settings())
    assert type(request.args) is dict
    assert request.access_route == ()


# -- the body --


async def test_nothing_is_pulled_before_it_is_asked_for():
    server = Server(b"a", b"b", b"c")
    request = posting("text/plain", server)
    assert request.body is request.body
    assert server.pulled == 0
    async for chunk in request.body:
        assert (chunk, server.pulled) == (b"a", 1)
        break


async def test_a_body_can_be_had_again_and_in_every_way():
    request = posting("application/json", b"[1, ", b"", b"2]")
    assert await request.get_data() == b"[1, 2]"
    assert await request.get_data(as_text=True) == "[1, 2]"
    assert await request.data == await request.body == b"[1, 2]"
    assert await request.get_json() == await request.json == [1, 2]
    for _ in range(2):
        assert [chunk async for chunk in request.body] == [b"[1, 2]"]
    assert await request.form == {}


@pytest.mark.parametrize(
    ("content_type", "body"), [(URLENCODED, b"a=1&b=2"), (MULTIPART, FORM)]
)
@pytest.mark.parametrize("cut", [1, 7, 1000])
@pytest.mark.parametrize("first", ["form", "data"])
async def test_form_and_data_agree_in_any_order(
    content_type, body, cut, first
):
    pieces = [body[i : i + cut] for i in range(0, len(body), cut)]
    request = posting(content_type, *pieces)
    if first == "form":
        assert (await request.form)["a"] == "1"
        assert await request.get_data() == body
    else:
        assert await request.get_data() == body
        assert (await request.form)["a"] == "1"
    await request.close()


async def test_the_data_of_a_multipart_form_is_in_the_form():
    request = posting(MULTIPART, FORM)
    assert await request.data == b""
    assert await posting(URLENCODED, b"a=1").data == b"a=1"
    await request.close()


async def test_two_tasks_can_read_one_body():
    request = posting(URLENCODED, b"a=", b"1")
    results = {}

    async def read(name):
        results[name] = await getattr(request, name)

    async with anyio.create_task_group() as group:
        for name in ("form", "values", "body", "data"):
            group.start_soon(read, name)
    assert results["form"] == results["values"] == {"a": "1"}
    assert results["body"] == results["data"] == b"a=1"


async def test_what_was_iterated_over_is_gone_and_the_error_says_where():
    request = posting("text/plain", b"ab", b"c", debug=True)
    assert [chunk async for chunk in request.body] == [b"ab", b"c"]
    with pytest.raises(
        RuntimeError, match=r"async for .*, test_request\.py:\d+"
    ):
        await request.get_data()
    with pytest.raises(RuntimeError, match="consumed"):
        [chunk async for chunk in request.body]


async def test_without_debug_the_error_has_no_line():
    request = posting("text/plain", b"ab", b"c")
    async for _ in request.body:
        break
    with pytest.raises(RuntimeError, match=r"request\.body: keep"):
        await request.get_data()
    assert [chunk async for chunk in request.body] == [b"c"]


async def test_data_that_is_not_cached_is_gone():
    request = posting("text/plain", b"ab")
    assert await request.get_data(cache=False) == b"ab"
    with pytest.raises(RuntimeError, match="cache=False"):
        await request.get_data()


async def test_an_empty_body_is_never_gone():
    request = posting("text/plain", b"")
    assert [chunk async for chunk in request.body] == []
    assert await request.get_data(cache=False) == b""
    assert await request.get_data() == b""


async def test_a_reader_that_was_cancelled_loses_nothing():
    server = Server(b"a")
    server.messages[0]["more_body"] = True
    request = posting("text/plain", server)
    with anyio.move_on_after(0.001):
        await request.get_data()
    server.messages += Server(b"b").messages
    assert await request.get_data() == b"ab"


async def test_text_that_is_no_utf8_is_the_clients_mistake():
    with pytest.raises(BadRequest, match="byte 2: invalid start byte"):
        await posting("text/plain", b"a\xff").get_data(as_text=True)


def test_a_stream_says_what_to_use_instead():
    with pytest.raises(NotImplementedError, match=r"request\.body"):
        _ = asking().stream


# -- its limits --


@pytest.mark.parametrize("way", ["get_data", "form", "chunks"])
async def test_a_body_that_says_it_is_too_long_is_not_read(way):
    server = Server(b"x" * 11)
    request = posting(URLENCODED, server, length="11", max_content_length=10)
    with pytest.raises(RequestEntityTooLarge):
        await read(request, way)
    assert server.pulled == 0


@pytest.mark.parametrize("way", ["get_data", "form", "chunks", "multipart"])
async def test_a_body_of_unknown_length_is_counted_as_it_is_read(way):
    server = Server(b"x" * 6, b"x" * 6, b"x" * 6)
    kind = MULTIPART if way == "multipart" else URLENCODED
    request = posting(kind, server, max_content_length=10)
    for _ in range(2):
        with pytest.raises(RequestEntityTooLarge):
            await read(request, "form" if way == "multipart" else way)
        assert server.pulled == 2


@pytest.mark.parametrize("way", ["get_data", "form", "chunks"])
@pytest.mark.parametrize("limit", [None, 11])
async def test_a_request_can_be_given_a_limit_of_its_own(way, limit):
    request = posting(
        URLENCODED, b"x" * 11, length="11", max_content_length=10
    )
    request.max_content_length = limit
    await read(request, way)


async def test_a_subclass_can_have_a_limit_of_its_own():
    class Own(Request):
        max_content_length = 3

    request = Own(scope(), Server(b"abcd").receive, settings())
    with pytest.raises(RequestEntityTooLarge):
        await request.get_data()


async def read(request, way):
    if way == "chunks":
        return [chunk async for chunk in request.body]
    return await (request.form if way == "form" else request.get_data())


@pytest.mark.parametrize("way", ["get_data", "form", "chunks"])
async def test_a_body_is_not_waited_for_without_end(way):
    server = Server(b"a=")
    server.messages[0]["more_body"] = True
    request = posting(URLENCODED, server, body_timeout=0.01)
    with pytest.raises(RequestTimeout):
        await read(request, way)


async def test_a_body_without_a_timeout_is_waited_for():
    request = posting("text/plain", Server(b"a"), body_timeout=None)
    assert await request.get_data() == b"a"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_message_that_has_to_be_waited_for_arrives(anyio_backend):
    future = asyncio.get_running_loop().create_future()

    async def receive():
        await future
        return {"type": "http.request", "body": b"late"}

    request = Request(scope(), receive, settings())
    task = asyncio.create_task(request.get_data())
    await anyio.wait_all_tasks_blocked()
    future.set_result(None)
    assert await task == b"late"


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_server_can_clean_up_when_its_message_is_not_waited_for(
    anyio_backend,
):
    told = []

    async def receive():
        try:
            await anyio.Event().wait()
        finally:
            told.append("cleaned")
            await asyncio.sleep(0)
            told.append("waited")

    request = Request(scope(), receive, settings(body_timeout=0.001))
    with pytest.raises(RequestTimeout):
        await request.get_data()
    assert told == ["cleaned", "waited"]


@pytest.mark.parametrize("way", ["get_data", "form", "chunks"])
async def test_a_client_that_leaves_within_its_body_is_noticed(way):
    request = posting(
        URLENCODED, Server(*Server(b"a=", b"").messages[:1], GONE)
    )
    with pytest.raises(ClientDisconnected):
        await read(request, way)
    assert request.gone


async def test_a_body_that_was_read_goes_with_its_request():
    request = posting("text/plain", b"a")
    await request.get_data()
    alive = weakref.ref(request)
    del request
    assert alive() is None


async def test_a_body_can_be_of_ones_own():
    class Loud(Body):
        async def __anext__(self):
            return (await super().__anext__()).upper()

    class Own(Request):
        body_class = Loud

    request = Own(scope(), Server(b"a", b"b").receive, settings())
    assert [chunk async for chunk in request.body] == [b"A", b"B"]


# -- JSON --


async def test_another_media_type_is_refused_with_a_hint():
    request = posting("text/plain", b"1")
    with pytest.raises(UnsupportedMediaType) as refused:
        await request.get_json()
    assert refused.value.description == (
        "expected application/json, got text/plain; "
        "get_json(force=True) ignores it"
    )
    assert await request.get_json(silent=True) is None
    assert await request.get_json(force=True) == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"a":', "line 1 column 6: expecting value"),
        (b"", "line 1 column 1: expecting value"),
        (b'"\xff"', "byte 2: invalid start byte of UTF-8"),
    ],
)
async def test_broken_json_says_in_debug_where(body, told):
    request = posting("application/json", body, debug=True)
    with pytest.raises(BadRequest) as refused:
        await request.get_json()
    assert refused.value.description == told


async def test_broken_json_says_nothing_otherwise():
    request = posting("application/json", b"{")
    with pytest.raises(BadRequest) as refused:
        await request.get_json()
    assert refused.value.description == BadRequest.description
    assert await request.get_json(silent=True) is None


async def test_json_too_deep_is_the_clients_mistake():
    with pytest.raises(BadRequest):
        await posting("application/json", b"[" * 100_000).get_json()


async def test_a_subclass_decides_about_broken_json():
    class Own(Request):
        def on_json_loading_failed(self, error):
            return "broken" if error else "no JSON"

    headers = {"content-type": "application/json"}
    request = Own(scope(headers=headers), Server(b"{").receive, settings())
    assert await request.get_json() == "broken"
    assert (
        await Own(scope(), Server(b"{").receive, settings()).json == "no JSON"
    )


async def test_parsed_json_is_the_same_object_unless_told_otherwise():
    request = posting("application/json", b"{}")
    assert await request.json is await request.json
    assert await request.get_json(cache=False) is not await request.json


# -- forms --


async def test_values_are_args_and_form():
    entries = {
        "query_string": b"a=1&b=2",
        "headers": {"content-type": URLENCODED},
    }
    request = Request(scope(**entries), Server(b"a=3").receive, settings())
    assert (await request.values).getlist("a") == ["1", "3"]
    request = Request(
        scope(**entries, method="GET"), Server().receive, settings()
    )
    assert (await request.values).getlist("a") == ["1"]


async def test_a_form_that_lacks_a_field_is_the_clients_mistake():
    with pytest.raises(BadRequestKeyError):
        (await posting(URLENCODED, b"a=1").form)["b"]


async def test_files_are_closed_with_the_request():
    request = posting(MULTIPART, FORM)
    file = (await request.files)["f"]
    assert (file.filename, file.read()) == ("f.txt", b"hello")
    assert list(request.uploads) == [file]
    await request.close()
    assert file.stream.closed


async def test_a_long_multipart_form_goes_to_the_parser_as_it_comes():
    server = Server(FORM[:-9], *[b"x" * 60_000] * 10, FORM[-9:])
    request = posting(MULTIPART, server, length="600500", debug=True)
    assert len((await request.files)["f"].read()) == 600_005
    assert await request.data == b""
    with pytest.raises(
        RuntimeError, match=r"request\.form, .*, test_request.py:\d"
    ):
        await request.get_data()
    await request.close()


async def test_a_form_that_is_too_long_for_the_memory_is_not_read():
    server = Server(b"a=" + b"x" * 11)
    request = posting(URLENCODED, server, length="13", max_form_memory_size=10)
    with pytest.raises(RequestEntityTooLarge):
        await request.form
    assert server.pulled == 0


async def test_a_request_chooses_its_form_parser():
    class Own(FormDataParser):
        async def parse(self, body, mimetype, content_length, options=None):
            return self.cls({"parsed": "here"}), self.cls()

    class OwnRequest(Request):
        form_data_parser_class = Own

    request = OwnRequest(scope(), Server(b"x").receive, settings())
    assert await request.form == {"parsed": "here"}


# -- what has to be awaited --


@pytest.mark.parametrize("name", ["form", "files", "values", "json", "data"])
@pytest.mark.parametrize(
    ("slip", "right"),
    [
        (lambda promise: promise["x"], '(await request.{})["x"]'),
        (lambda promise: promise[0], "(await request.{})[0]"),
        (lambda promise: promise.get("x"), "(await request.{}).get"),
        (lambda promise: "x" in promise, "'x' in await request.{}"),
        (lambda promise: list(promise), "for ... in await request.{}"),
        (lambda promise: len(promise), "len(await request.{})"),
        (lambda promise: bool(promise), "await request.{}"),
        (lambda promise: promise(), "await request.{}"),
    ],
)
def test_what_is_not_awaited_says_how_to(name, slip: Callable, right):
    promise = getattr(asking(), name)
    with pytest.raises(TypeError) as told:
        slip(promise)
    line = slip.__code__.co_firstlineno
    assert str(told.value) == (
        f"request.{name} is awaitable: write {right.format(name)}  "
        f"test_request.py:{line}"
    )


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_can_be_made_of_what_has_to_be_awaited(anyio_backend):
    request = posting(URLENCODED, b"a=1")
    task = asyncio.create_task(request.form)
    assert "Task" in repr(task)
    assert await task == {"a": "1"}
    assert (
        await asyncio.gather(request.form, request.values) == [{"a": "1"}] * 2
    )


# -- the departure of the client --


class View:
    """A view that can be cancelled, as the gateway would do it."""

    def __init__(self, request):
        self.request = request
        self.log = []

    async def run(self, view):
        with anyio.CancelScope() as scope:
            self.request.runs_in = scope
            await view(self.log.append)
        self.log.append("cancelled" if scope.cancelled_caught else "ended")


async def test_a_view_is_cancelled_when_the_client_leaves():
    view = View(asking())

    async def waits(say):
        view.request.client_left()
        await anyio.Event().wait()

    await view.run(waits)
    assert view.log == ["cancelled"]
    assert view.request.gone


async def test_a_shield_is_left_before_the_view_is_cancelled():
    view = View(asking())

    async def saves(say):
        async with view.request.shield(), view.request.shield():
            view.request.client_left()
            await anyio.lowlevel.checkpoint()
            say("saved")
        say("never")

    await view.run(saves)
    assert view.log == ["saved", "cancelled"]


async def test_a_shield_costs_nothing_if_the_client_stays():
    view = View(asking())

    async def saves(say):
        async with view.request.shield():
            say("saved")

    await view.run(saves)
    assert view.log == ["saved", "ended"]


async def test_an_error_leaves_a_shield_as_it_is():
    view = View(asking())

    async def fails(say):
        async with view.request.shield():
            view.request.client_left()
            raise ValueError("unlucky")

    with pytest.raises(ValueError, match="unlucky"):
        await view.run(fails)


async def test_the_departure_can_be_waited_for():
    request = asking()
    log = []

    async def waits():
        await request.disconnected()
        log.append("gone")

    async with anyio.create_task_group() as group:
        group.start_soon(waits)
        await anyio.wait_all_tasks_blocked()
        assert (log, request.gone) == ([], False)
        request.client_left()
    request.client_left()
    await request.disconnected()
    assert log == ["gone"]
