"""Responses: their parts, their fields, conditions and limits."""

from datetime import UTC, datetime, timedelta
from io import BytesIO

import anyio
import pytest

row = pytest.mark.row
differs = pytest.mark.differs

WHEN = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@row("Response(body, status", "response.default_status")
@pytest.mark.parametrize(
    ("kwargs", "status", "kind"),
    [
        ({}, "200 OK", "text/html; charset=utf-8"),
        ({"status": 201}, "201 CREATED", "text/html; charset=utf-8"),
        ({"status": "299 Fine"}, "299 Fine", "text/html; charset=utf-8"),
        ({"mimetype": "text/css"}, "200 OK", "text/css; charset=utf-8"),
        ({"mimetype": "a/b"}, "200 OK", "a/b"),
        ({"content_type": "text/x; a=b"}, "200 OK", "text/x; a=b"),
        ({"headers": {"Content-Type": "x/y"}}, "200 OK", "x/y"),
    ],
)
def test_a_response_is_made_of_its_parts(quart, kwargs, status, kind):
    response = quart.Response("a", **kwargs)
    assert (response.status, response.content_type) == (status, kind)


@row("Response(body, status")
def test_headers_are_given_as_a_dictionary_or_as_pairs(quart):
    pairs = [("X-A", "1"), ("X-A", "2")]
    response = quart.Response("a", headers=pairs)
    assert response.headers.getlist("x-a") == ["1", "2"]
    assert quart.Response("a", headers={"X-A": "1"}).headers["x-a"] == "1"


@row("response.status, response.status_code")
def test_the_status_is_a_number_and_a_phrase(quart):
    response = quart.Response("a")
    response.status_code = 404
    assert response.status == "404 NOT FOUND"
    response.status = "299 Fine"
    assert (response.status_code, response.status) == (299, "299 Fine")


@row("response.headers")
def test_headers_can_be_changed(quart):
    response = quart.Response("a")
    response.headers["X-A"] = "1"
    response.headers.add("X-A", "2")
    response.headers.set("X-B", "3")
    response.headers.update({"X-C": "4"})
    assert response.headers.getlist("X-A") == ["1", "2"]
    assert response.headers["x-b"] + response.headers["x-c"] == "34"
    del response.headers["X-A"]
    assert "X-A" not in response.headers
    assert response.headers.pop("X-B") == "3"
    assert response.headers.get("X-C", type=int) == 4
    response.headers.setdefault("X-D", "5")
    response.headers.extend([("X-D", "6")])
    assert response.headers.getlist("X-D") == ["5", "6"]


@row("response.headers")
def test_a_line_end_in_a_header_is_refused(quart):
    with pytest.raises(ValueError, match=r"."):
        quart.Response("a", headers={"X-A": "a\r\nb"})


@row("await response.get_data")
async def test_the_body_can_be_had_and_set(quart):
    response = quart.Response("ä")
    assert await response.get_data(as_text=True) == "ä"
    assert await response.get_data(as_text=False) == "ä".encode()
    assert await response.data == "ä".encode()
    response.set_data(b"bc")
    assert await response.get_data(as_text=False) == b"bc"
    assert response.content_length == 2


@row("await response.get_json()")
async def test_the_body_can_be_had_as_json(quart):
    response = quart.Response('{"a": 1}', content_type="application/json")
    assert response.is_json
    assert await response.get_json() == {"a": 1}
    assert await response.json == {"a": 1}
    other = quart.Response("{}", content_type="text/plain")
    assert await other.get_json() is None
    assert await other.get_json(force=True) == {}


@row("await response.get_json()")
@differs("silent is silent: Quart raises just then, and not otherwise")
async def test_broken_json_is_silent_when_told(quart):
    response = quart.Response("{", content_type="application/json")
    assert await response.get_json(silent=True) is None
    with pytest.raises(ValueError, match=r"."):
        await response.get_json()


COOKIES = [
    ({}, "a=b; Path=/"),
    ({"expires": WHEN}, f"a=b; Expires={DATE}; Path=/"),
    ({"path": "/x"}, "a=b; Path=/x"),
    ({"domain": "example.org"}, "a=b; Domain=example.org; Path=/"),
    ({"secure": True, "httponly": True}, "a=b; Secure; HttpOnly; Path=/"),
    ({"samesite": "lax"}, "a=b; Path=/; SameSite=Lax"),
    (
        {"samesite": "None", "secure": True, "partitioned": True},
        "a=b; Secure; Path=/; SameSite=None; Partitioned",
    ),
]


@row("response.set_cookie")
@pytest.mark.parametrize(("kwargs", "field"), COOKIES)
def test_a_cookie_is_set(quart, kwargs, field):
    response = quart.Response("a")
    response.set_cookie("a", "b", **kwargs)
    found = response.headers.getlist("Set-Cookie")
    assert sorted(found[0].split("; ")) == sorted(field.split("; "))


@row("response.set_cookie")
@pytest.mark.parametrize("age", [60, timedelta(minutes=1)])
def test_a_cookie_has_an_age(quart, age):
    response = quart.Response("a")
    response.set_cookie("a", "b", max_age=age)
    assert "Max-Age=60" in response.headers["Set-Cookie"]


@row("response.set_cookie")
def test_a_cookie_is_deleted_by_an_old_date(quart):
    response = quart.Response("a")
    response.delete_cookie("a", path="/x")
    [field] = response.headers.getlist("Set-Cookie")
    assert "Max-Age=0" in field
    assert "Path=/x" in field
    assert "1970" in field


@row("response.max_cookie_size")
def test_a_large_cookie_is_warned_of(quart):
    class Response(quart.Response):
        max_cookie_size = 20

    with pytest.warns(UserWarning, match="cookie"):
        Response("a").set_cookie("a", "b" * 30)


@row("response.max_cookie_size")
async def test_the_configuration_has_the_size_of_cookies(quart, app):
    app.config["MAX_COOKIE_SIZE"] = 20
    async with app.test_request_context("/"):
        response = await quart.make_response("a")
        with pytest.warns(UserWarning, match="cookie"):
            response.set_cookie("a", "b" * 30)


FIELDS = [
    ("content_type", "a/b", "Content-Type", "a/b"),
    ("mimetype", "text/css", "Content-Type", "text/css; charset=utf-8"),
    ("content_length", 7, "Content-Length", "7"),
    ("content_encoding", "gzip", "Content-Encoding", "gzip"),
    ("content_location", "/a", "Content-Location", "/a"),
    ("content_md5", "abc", "Content-MD5", "abc"),
    ("location", "/a", "Location", "/a"),
    ("expires", WHEN, "Expires", DATE),
    ("date", WHEN, "Date", DATE),
    ("last_modified", WHEN, "Last-Modified", DATE),
    ("age", timedelta(seconds=7), "Age", "7"),
    ("retry_after", 7, "Retry-After", "7"),
    ("accept_ranges", "bytes", "Accept-Ranges", "bytes"),
    ("vary", ["Cookie", "Accept"], "Vary", "Cookie, Accept"),
    ("allow", ["GET", "PUT"], "Allow", "GET, PUT"),
    ("content_language", ["de", "en"], "Content-Language", "de, en"),
    (
        "access_control_allow_headers",
        ["X-A", "X-B"],
        "Access-Control-Allow-Headers",
        "X-A, X-B",
    ),
    (
        "access_control_allow_methods",
        ["GET"],
        "Access-Control-Allow-Methods",
        "GET",
    ),
    (
        "access_control_allow_origin",
        "https://a.example",
        "Access-Control-Allow-Origin",
        "https://a.example",
    ),
    (
        "access_control_allow_credentials",
        True,
        "Access-Control-Allow-Credentials",
        "true",
    ),
    (
        "access_control_expose_headers",
        ["X-A"],
        "Access-Control-Expose-Headers",
        "X-A",
    ),
    ("access_control_max_age", 60, "Access-Control-Max-Age", "60"),
    (
        "content_security_policy",
        "default-src 'self'",
        "Content-Security-Policy",
        "default-src 'self'",
    ),
]


@row(
    "response.content_type",
    "response.location",
    "response.cache_control",
    "response.accept_ranges",
    "response.vary",
    "response.access_control_allow_credentials",
    "response.content_security_policy",
)
@pytest.mark.parametrize(("attribute", "value", "field", "written"), FIELDS)
def test_a_field_is_set_by_its_name(quart, attribute, value, field, written):
    response = quart.Response("a")
    setattr(response, attribute, value)
    assert response.headers[field] == written
    assert getattr(response, attribute) is not None
    if isinstance(value, str | int | datetime | timedelta):
        found = getattr(response, attribute)
        assert str(found) == str(value) or attribute in (
            "content_security_policy",
            "retry_after",
        )


@row("response.cache_control")
def test_cache_control_is_an_object(quart):
    response = quart.Response("a")
    response.cache_control.max_age = 60
    response.cache_control.public = True
    assert set(response.headers["Cache-Control"].split(", ")) == {
        "max-age=60",
        "public",
    }
    response.cache_control.no_store = True
    assert "no-store" in response.headers["Cache-Control"]


@row("response.vary")
def test_a_field_of_a_list_is_a_set(quart):
    response = quart.Response("a")
    response.vary.add("Cookie")
    response.vary.add("cookie")
    assert response.headers["Vary"].lower() == "cookie"
    assert "Cookie" in response.vary


@row("response.vary")
def test_a_challenge_is_an_object(quart):
    Challenge = type(quart.Response("a").www_authenticate)
    response = quart.Response("a")
    response.www_authenticate = Challenge("basic", {"realm": "a b"})
    assert response.headers["WWW-Authenticate"] == 'Basic realm="a b"'
    response.www_authenticate.realm = "c"
    assert "c" in response.headers["WWW-Authenticate"]


@row("response.content_security_policy")
def test_a_policy_is_an_object(quart):
    response = quart.Response("a")
    response.content_security_policy.default_src = "'self'"
    response.content_security_policy_report_only.img_src = "*"
    headers = response.headers
    assert headers["Content-Security-Policy"] == "default-src 'self'"
    assert headers["Content-Security-Policy-Report-Only"] == "img-src *"
    assert response.cross_origin_opener_policy is not None
    assert response.cross_origin_embedder_policy is not None


@row("response.timeout")
async def test_a_response_can_have_a_timeout_of_its_own(quart, app, client):
    @app.route("/")
    async def view():
        response = await quart.make_response("a")
        response.timeout = None
        return response

    assert (await client.get("/")).status_code == 200


@row("RESPONSE_TIMEOUT", "response.timeout")
async def test_a_stream_that_takes_too_long_is_ended(quart, app, client):
    app.config["RESPONSE_TIMEOUT"] = 0.01
    log = []

    @app.route("/")
    async def view():
        async def stream():
            yield b"a"
            try:
                await anyio.sleep(5)
            finally:
                log.append("ended")

        return stream()

    async with client.request("/") as connection:
        await connection.send_complete()
        assert await connection.receive() == b"a"
    assert log == ["ended"]


# -- conditions --


@row("response.set_etag")
async def test_a_response_has_an_entity_tag(quart):
    response = quart.Response("a")
    response.set_etag("abc")
    assert response.headers["ETag"] == '"abc"'
    assert response.get_etag() == ("abc", False)
    response.set_etag("abc", weak=True)
    assert response.headers["ETag"] == 'W/"abc"'
    other = quart.Response("a")
    await other.add_etag()
    tag, weak = other.get_etag()
    assert (bool(tag), weak) == (True, False)
    same = quart.Response("a")
    await same.add_etag()
    assert same.get_etag() == other.get_etag()


CONDITIONS = [
    ({}, 200, b"abcdef"),
    ({"If-None-Match": '"t"'}, 304, b""),
    ({"If-None-Match": 'W/"t"'}, 304, b""),
    ({"If-None-Match": '"x"'}, 200, b"abcdef"),
    ({"If-Modified-Since": DATE}, 304, b""),
    ({"If-Modified-Since": "Sun, 06 Nov 1993 08:49:37 GMT"}, 200, b"abcdef"),
    ({"If-Match": '"x"'}, 412, b""),
    ({"If-Match": '"t"'}, 200, b"abcdef"),
    ({"Range": "bytes=0-1"}, 206, b"ab"),
    ({"Range": "bytes=4-"}, 206, b"ef"),
    ({"Range": "bytes=0-1", "If-Range": '"t"'}, 206, b"ab"),
    ({"Range": "bytes=0-1", "If-Range": '"x"'}, 200, b"abcdef"),
]


@row("await response.make_conditional", "response.accept_ranges")
@pytest.mark.parametrize(("headers", "status", "body"), CONDITIONS)
async def test_a_response_answers_conditions_and_ranges(
    quart, app, client, headers, status, body
):
    @app.route("/")
    async def view():
        response = quart.Response("abcdef")
        response.set_etag("t")
        response.last_modified = WHEN
        return await response.make_conditional(
            quart.request, accept_ranges=True, complete_length=6
        )

    response = await client.get("/", headers=headers)
    assert response.status_code == status
    if status != 412:
        assert await response.get_data(as_text=False) == body
    if status == 206:
        assert response.content_range.length == 6
        assert response.headers["Content-Range"].startswith("bytes ")


@row("await response.make_conditional")
async def test_who_gives_the_length_wants_ranges(quart, app, client):
    @app.route("/")
    async def view():
        response = quart.Response("abcdef")
        return await response.make_conditional(
            quart.request, complete_length=6
        )

    response = await client.get("/", headers={"Range": "bytes=0-1"})
    assert response.status_code == 206
    assert await response.get_data() == b"ab"


@row("await response.make_conditional")
@differs("several ranges, or of other units, are not refused but all is sent")
@pytest.mark.parametrize("wanted", ["bytes=0-1,3-4", "lines=0-1"])
async def test_other_ranges_are_answered_with_everything(
    quart, app, client, wanted
):
    @app.route("/")
    async def view():
        response = quart.Response("abcdef")
        return await response.make_conditional(
            quart.request, accept_ranges=True, complete_length=6
        )

    response = await client.get("/", headers={"Range": wanted})
    assert (response.status_code, await response.get_data()) == (
        200,
        b"abcdef",
    )


@row("await response.make_conditional")
@differs("the last bytes can be asked for: in Quart that is an error")
async def test_a_range_can_be_of_the_end(quart, app, client):
    @app.route("/")
    async def view():
        response = quart.Response("abcdef")
        return await response.make_conditional(
            quart.request, accept_ranges=True, complete_length=6
        )

    response = await client.get("/", headers={"Range": "bytes=-2"})
    assert response.status_code == 206
    assert await response.get_data() == b"ef"


@row("await response.make_conditional")
@differs("a range that cannot be is told the length: Quart forgets it")
async def test_a_range_that_cannot_be_is_refused(quart, app, client):
    @app.route("/")
    async def view():
        response = quart.Response("abcdef")
        return await response.make_conditional(
            quart.request, accept_ranges=True, complete_length=6
        )

    response = await client.get("/", headers={"Range": "bytes=10-20"})
    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */6"


# -- the body --


@row("response.freeze")
async def test_a_stream_can_be_frozen(quart):
    async def stream():
        yield b"a"
        yield "b"

    response = quart.Response(stream())
    await response.freeze()
    assert response.content_length == 2
    chunks = [chunk async for chunk in response.iter_encode()]
    assert b"".join(chunks) == b"ab"


@row("response.freeze")
async def test_a_stream_is_collected_when_it_is_asked_for(quart):
    response = quart.Response(iter([b"a", b"b"]))
    await response.make_sequence()
    assert await response.get_data(as_text=False) == b"ab"
    strict = quart.Response([b"a", b"b"])
    strict.implicit_sequence_conversion = False
    body = strict.response
    assert await strict.get_data(as_text=False) == b"ab"
    assert strict.response is body


@row("response.freeze")
def test_the_length_is_set_by_itself_unless_told(quart):
    class Response(quart.Response):
        automatically_set_content_length = False

    assert quart.Response("abc").headers["Content-Length"] == "3"
    assert "Content-Length" not in Response("abc").headers


@row("response.data_body_class")
async def test_the_classes_of_bodies_can_be_replaced(quart, tmp_path):
    (tmp_path / "a").write_bytes(b"file")

    def noting(base):
        class Noting(base):
            def __init__(self, *args, **kwargs):
                made.append(base.__name__)
                super().__init__(*args, **kwargs)

        return Noting

    made = []
    names = ["DataBody", "IterableBody", "FileBody", "IOBody"]
    classes = [
        noting(getattr(quart.wrappers.response, name)) for name in names
    ]

    class Response(quart.Response):
        data_body_class, iterable_body_class = classes[:2]
        file_body_class, io_body_class = classes[2:]

    assert await Response("a").get_data() == b"a"
    Response(iter([b"a"]))
    body = Response.file_body_class(tmp_path / "a")
    assert await Response(body).get_data() == b"file"
    body = Response.io_body_class(BytesIO(b"io"))
    assert await Response(body).get_data() == b"io"
    assert list(dict.fromkeys(made)) == names


@row("response.default_status")
def test_a_class_has_defaults(quart):
    class Response(quart.Response):
        default_status = 202
        default_mimetype = "text/plain"

    response = Response("a")
    assert (response.status_code, response.mimetype) == (202, "text/plain")
