"""What a view can return."""

import pytest

row = pytest.mark.row
differs = pytest.mark.differs

HTML = "text/html; charset=utf-8"
JSON = "application/json"


async def answer(app, value):
    """Have a view return what ``value()`` makes; return the response."""

    @app.route("/")
    async def view():
        return value() if callable(value) else value

    return await app.test_client().get("/")


@row("str, bytes", "dict, list", "(value, status)")
@pytest.mark.parametrize(
    ("value", "status", "body", "kind"),
    [
        ("a", 200, b"a", HTML),
        ("", 200, b"", HTML),
        ("ü", 200, "ü".encode(), HTML),
        (b"a", 200, b"a", HTML),
        ({"a": 1}, 200, b'{"a":1}\n', JSON),
        ({}, 200, b"{}\n", JSON),
        ([1, 2], 200, b"[1,2]\n", JSON),
        ([], 200, b"[]\n", JSON),
        (("a", 201), 201, b"a", HTML),
        (("a", 404), 404, b"a", HTML),
        (("", 204), 204, b"", HTML),
        (({"a": 1}, 400), 400, b'{"a":1}\n', JSON),
        (("a", {"X-A": "b"}), 200, b"a", HTML),
        (("a", 201, {"X-A": "b"}), 201, b"a", HTML),
        (("a", 201, [("X-A", "b")]), 201, b"a", HTML),
        (("a", {"Content-Type": "x/y"}), 200, b"a", "x/y"),
    ],
)
async def test_a_value_becomes_a_response(app, value, status, body, kind):
    response = await answer(app, value)
    assert response.status_code == status
    assert await response.get_data(as_text=False) == body
    assert response.headers["Content-Type"] == kind


@row("str, bytes")
@differs("a bytearray is a body too")
async def test_a_bytearray_is_a_body(app):
    response = await answer(app, bytearray(b"a"))
    assert await response.get_data() == b"a"


@row("(value, status)")
async def test_a_header_of_a_tuple_replaces_that_of_the_response(quart, app):
    response = await answer(
        app, lambda: (quart.Response("a", headers={"X-A": "1"}), {"X-A": "2"})
    )
    assert response.headers.getlist("X-A") == ["2"]


@row("Response")
async def test_a_response_stays_as_it_is(quart, app):
    response = await answer(
        app, lambda: quart.Response("a", 418, {"X-A": "b"}, "text/plain")
    )
    assert response.status_code == 418
    assert response.headers["X-A"] == "b"
    assert response.mimetype == "text/plain"


@row("Response")
async def test_a_tuple_changes_the_response_in_it(quart, app):
    response = await answer(
        app, lambda: (quart.Response("a", 200), 202, {"X-A": "b"})
    )
    assert (response.status_code, response.headers["X-A"]) == (202, "b")


async def agen():
    yield "a"
    yield b"b"


def gen():
    yield "a"
    yield b"b"


class Iterable:
    async def __aiter__(self):
        yield b"a"
        yield b"b"


@row("async generator, generator", "async iterable and iterable bodies")
@pytest.mark.parametrize("make", [agen, gen], ids=["async", "plain"])
async def test_a_generator_is_streamed(app, make):
    response = await answer(app, make)
    assert await response.get_data() == b"ab"
    assert response.headers["Content-Type"] == HTML


@row("async generator, generator")
async def test_a_generator_in_a_tuple_is_streamed(app):
    response = await answer(app, lambda: (agen(), 201, {"X-A": "b"}))
    assert (response.status_code, response.headers["X-A"]) == (201, "b")
    assert await response.get_data() == b"ab"


@row("async iterable and iterable bodies")
@pytest.mark.parametrize(
    "body",
    [lambda: Iterable(), lambda: [b"a", b"b"], lambda: iter(["a", "b"]), agen],
    ids=["async iterable", "list", "iterator", "async generator"],
)
async def test_the_body_of_a_response_can_be_iterated(quart, app, body):
    response = await answer(app, lambda: quart.Response(body()))
    assert await response.get_data() == b"ab"


@row("None: TypeError")
@pytest.mark.parametrize("value", [None, (None, 200), 42, object()])
async def test_what_is_no_response_is_an_error(app, value):
    assert (await answer(app, lambda: value)).status_code == 500


@row("None: TypeError")
async def test_the_error_speaks_of_none(app):
    async with app.test_request_context("/"):
        with pytest.raises(TypeError, match="None"):
            await app.make_response(None)


@row("HTTPException, other ASGI")
async def test_an_http_exception_can_be_returned(quart, werkzeug, app):
    response = await answer(app, werkzeug.exceptions.NotFound)
    assert response.status_code == 404
    assert b"Not Found" in await response.get_data()


@row("HTTPException, other ASGI")
async def test_a_response_of_werkzeug_can_be_returned(quart, app):
    from werkzeug.wrappers import Response

    response = await answer(
        app, lambda: Response([b"a", b"b"], 203, {"X-A": "b"}, "text/plain")
    )
    assert (response.status_code, response.headers["X-A"]) == (203, "b")
    assert await response.get_data() == b"ab"
    assert response.mimetype == "text/plain"
