"""What a view may return, and what is said of anything else."""

from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from io import BytesIO

import pytest

from microquart.exceptions import NotFound
from microquart.http.datastructures import Headers
from microquart.wrappers.bodies import (
    DataBody,
)
from microquart.wrappers.redirect import redirect_response
from microquart.wrappers.response import (
    NotAResponse,
    Response,
    response_from,
)


def chunks() -> Iterator[str | bytes]:
    yield "né"
    yield b"xt"


async def async_chunks() -> AsyncIterator[str | bytes]:
    yield "né"
    yield b"xt"


def as_json(value: object) -> Response:
    return Response(repr(value), mimetype="application/json")


def make(value: object) -> Response:
    return response_from(value, Response, as_json)


@pytest.mark.parametrize(
    ("value", "status", "mimetype", "data"),
    [
        (lambda: "né", 200, "text/html", "né".encode()),
        (lambda: b"x", 200, "text/html", b"x"),
        (lambda: bytearray(b"x"), 200, "text/html", b"x"),
        (lambda: {"a": 1}, 200, "application/json", b"{'a': 1}"),
        (lambda: [1], 200, "application/json", b"[1]"),
        (lambda: {}, 200, "application/json", b"{}"),
        (lambda: Response("x", 201), 201, "text/html", b"x"),
        (chunks, 200, "text/html", "néxt".encode()),
        (async_chunks, 200, "text/html", "néxt".encode()),
        (lambda: iter(["a", "b"]), 200, "text/html", b"ab"),
        (lambda: BytesIO(b"a\nb"), 200, "text/html", b"a\nb"),
        (lambda: DataBody(b"x"), 200, "text/html", b"x"),
        (lambda: NotFound(response=Response("x")), 200, "text/html", b"x"),
        (lambda: ("x", 201), 201, "text/html", b"x"),
        (lambda: ("x", HTTPStatus.CREATED), 201, "text/html", b"x"),
        (lambda: ("x", "201 Made"), 201, "text/html", b"x"),
        (lambda: ({"a": 1}, 201), 201, "application/json", b"{'a': 1}"),
        (lambda: ("x", {"Content-Type": "a/b"}), 200, "a/b", b"x"),
        (lambda: ("x", [("Content-Type", "a/b")]), 200, "a/b", b"x"),
        (lambda: ("x", Headers({"Content-Type": "a/b"})), 200, "a/b", b"x"),
        (lambda: ("x", 201, {"Content-Type": "a/b"}), 201, "a/b", b"x"),
        (lambda: ("x", 201, None), 201, "text/html", b"x"),
        (lambda: ("x", None, {"Content-Type": "a/b"}), 200, "a/b", b"x"),
        (lambda: ("x", None), 200, "text/html", b"x"),
        (lambda: (Response("x", 404), 201), 201, "text/html", b"x"),
        (lambda: (chunks(), 201), 201, "text/html", "néxt".encode()),
    ],
)
async def test_a_view_may_return_this(
    value: Callable[[], object], status: int, mimetype: str, data: bytes
) -> None:
    response = make(value())
    assert response.status_code == status
    assert response.mimetype == mimetype
    assert await response.get_data() == data


def test_an_exception_may_be_returned() -> None:
    assert make(NotFound()).status_code == 404
    assert make((NotFound(), 410)).status_code == 410


def test_headers_of_a_tuple_replace_those_of_their_name() -> None:
    response = make(("x", {"X-A": ["1", "2"], "content-length": "5"}))
    assert response.headers.getlist("X-A") == ["1", "2"]
    assert response.headers.getlist("Content-Length") == ["5"]


async def coroutine() -> str:
    return "x"


VALID = (
    "valid are str, bytes, dict, list, a Response, a generator or another"
    " iterator, and a tuple of one of these with a status, with headers, or"
    " with both"
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "returned None: is a return missing on one branch?"),
        (
            42,
            f'returned 42 (int); {VALID}; write str(42) or {{"value": 42}}',
        ),
        (
            True,
            f"returned True (bool); {VALID};"
            ' write str(True) or {"value": True}',
        ),
        ({1}, f"returned {{1}} (set); {VALID}"),
        (
            (None, 204),
            '(None, 204) has None for a body; write "" for an empty one',
        ),
        (
            ("x", 200, {}, 1),
            "a tuple must be (value, status), (value, headers) or"
            " (value, status, headers), not ('x', 200, {}, 1)",
        ),
    ],
)
def test_a_value_that_is_no_response_is_explained(
    value: object, text: str
) -> None:
    with pytest.raises(NotAResponse) as caught:
        make(value)
    assert str(caught.value) == text
    assert isinstance(caught.value, TypeError)
    assert caught.value.value is value


@pytest.mark.parametrize("value", [(), ("x",), ("x", 1.5), ("x", {}, 200)])
def test_a_tuple_has_a_value_a_status_and_headers(value: object) -> None:
    with pytest.raises(NotAResponse, match="a tuple must be"):
        make(value)


def test_a_coroutine_wants_to_be_awaited() -> None:
    with pytest.raises(NotAResponse, match="is an await missing"):
        make(coroutine())


def test_long_values_are_cut_in_the_explanation() -> None:
    with pytest.raises(NotAResponse) as caught:
        make(frozenset(range(1000)))
    assert len(str(caught.value)) < 300


# Redirects -------------------------------------------------------------------


@pytest.mark.parametrize("code", [301, 302, 303, 305, 307, 308])
async def test_a_redirect_has_a_location_and_a_page(code: int) -> None:
    response = redirect_response("/x", code)
    assert response.status_code == code
    assert response.location == "/x"
    assert b'<a href="/x">/x</a>' in await response.get_data()


@pytest.mark.parametrize("code", [200, 300, 304, 404])
def test_another_status_does_not_redirect(code: int) -> None:
    with pytest.raises(ValueError, match="does not redirect"):
        redirect_response("/x", code)
