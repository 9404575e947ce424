"""Response: status, headers and body, and what becomes one."""

import pickle
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any

import anyio
import pytest

from microquart.exceptions import NotFound
from microquart.http.datastructures import Headers
from microquart.http.fields import WWWAuthenticate
from microquart.wrappers.bodies import (
    DataBody,
    FileBody,
    IOBody,
    IterableBody,
    ResponseBody,
)
from microquart.wrappers.redirect import redirect_response
from microquart.wrappers.response import (
    NotAResponse,
    Response,
    response_from,
)
from microquart.wrappers.response_fields import COEP, COOP


def chunks() -> Iterator[str | bytes]:
    yield "né"
    yield b"xt"


async def async_chunks() -> AsyncIterator[str | bytes]:
    yield "né"
    yield b"xt"


# The constructor -------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "headers"),
    [
        (
            Response("né"),
            [
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", "3"),
            ],
        ),
        (
            Response(b"x", mimetype="application/json"),
            [("Content-Type", "application/json"), ("Content-Length", "1")],
        ),
        (
            Response("x", headers={"content-type": "a/b"}),
            [("content-type", "a/b"), ("Content-Length", "1")],
        ),
        (
            Response("x", headers={"content-type": "a/b"}, mimetype="text/c"),
            [
                ("Content-Type", "text/c; charset=utf-8"),
                ("Content-Length", "1"),
            ],
        ),
        (
            Response("x", mimetype="text/c", content_type="a/b; x=y"),
            [("Content-Type", "a/b; x=y"), ("Content-Length", "1")],
        ),
        (
            Response("x", headers=[("X-A", "1"), ("X-A", "2")]),
            [
                ("X-A", "1"),
                ("X-A", "2"),
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", "1"),
            ],
        ),
        (
            Response(iter(())),
            [("Content-Type", "text/html; charset=utf-8")],
        ),
        (
            Response(),
            [
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", "0"),
            ],
        ),
        (
            Response("", 204),
            [("Content-Type", "text/html; charset=utf-8")],
        ),
    ],
)
def test_a_response_has_these_headers(
    response: Response, headers: list[tuple[str, str]]
) -> None:
    assert list(response.headers) == headers


@pytest.mark.parametrize(
    ("mimetype", "content_type"),
    [
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/plain; charset=latin-1", "text/plain; charset=latin-1"),
        ("application/xml", "application/xml; charset=utf-8"),
        ("image/svg+xml", "image/svg+xml; charset=utf-8"),
        ("application/javascript", "application/javascript; charset=utf-8"),
        ("application/json", "application/json"),
        ("application/ld+json", "application/ld+json"),
        ("image/png", "image/png"),
    ],
)
def test_a_media_type_of_text_gets_its_charset(
    mimetype: str, content_type: str
) -> None:
    response = Response(mimetype=mimetype)
    assert response.content_type == content_type
    assert response.mimetype == mimetype.partition(";")[0]


@pytest.mark.parametrize(
    ("given", "code", "status"),
    [
        (None, 200, "200 OK"),
        (404, 404, "404 NOT FOUND"),
        (HTTPStatus.CREATED, 201, "201 CREATED"),
        ("418 Short and stout", 418, "418 Short and stout"),
        ("404", 404, "404 NOT FOUND"),
        (799, 799, "799 UNKNOWN"),
    ],
)
def test_a_status_is_a_number_with_a_phrase(
    given: int | str | None, code: int, status: str
) -> None:
    response = Response("", given)
    assert type(response.status_code) is int
    assert (response.status_code, response.status) == (code, status)
    assert repr(response) == f"<Response [{status}]>"


def test_a_new_status_has_a_phrase_of_its_own() -> None:
    response = Response(status="200 Fine")
    response.status_code = 404
    assert response.status == "404 NOT FOUND"
    response.status = "500 Oh"
    assert response.status_code == 500


@pytest.mark.parametrize("status", ["OK", "", " "])
def test_a_status_begins_with_its_number(status: str) -> None:
    with pytest.raises(ValueError, match="does not begin with a number"):
        Response(status=status)


def test_a_status_without_content_has_no_length() -> None:
    response = Response("")
    assert response.content_length == 0
    response.status_code = 204
    assert response.content_length is None


def test_a_subclass_changes_the_defaults() -> None:
    class Teapot(Response):
        default_status = 418
        default_mimetype = None
        automatically_set_content_length = False

    response = Teapot("x")
    assert response.status_code == 418
    assert list(response.headers) == []


def test_headers_are_refused_where_they_are_set() -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        Response(content_type="text/html\r\nX-Evil: 1")
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        Response("x").location = "/\n"


# The body --------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        lambda: "néxt",
        lambda: "néxt".encode(),
        lambda: bytearray("néxt".encode()),
        lambda: BytesIO("néxt".encode()),
        lambda: ["né", b"xt"],
        lambda: ("né", b"xt"),
        chunks,
        async_chunks,
        lambda: DataBody("néxt".encode()),
        lambda: IterableBody(chunks()),
    ],
)
async def test_a_body_can_be_read_repeatedly(body: Callable[[], Any]) -> None:
    response = Response(body())
    for _ in range(2):
        assert await response.get_data() == "néxt".encode()
        assert await response.get_data(as_text=True) == "néxt"
        assert await response.data == "néxt".encode()


async def test_text_may_be_cut_within_a_character() -> None:
    response = Response([b"\xc3", b"\xa9"])
    assert await response.get_data(as_text=True) == "é"


async def test_a_stream_that_is_not_kept_is_read_once() -> None:
    class Streamed(Response):
        implicit_sequence_conversion = False

    response = Streamed(chunks())
    assert isinstance(response.response, IterableBody)
    assert await response.get_data() == "néxt".encode()
    assert isinstance(response.response, IterableBody)
    assert await response.get_data() == b""


@pytest.mark.parametrize("data", ["né", "né".encode()])
async def test_data_can_be_replaced(data: str | bytes) -> None:
    response = Response("something longer")
    response.data = data
    assert response.content_length == 3
    response.set_data(data)
    assert [item async for item in response.iter_encode()] == ["né".encode()]
    assert isinstance(response.response, DataBody)
    assert response.response.read() == "né".encode()


async def test_a_frozen_response_can_be_pickled() -> None:
    response = Response(chunks(), 201, {"X-A": "b"})
    await response.freeze()
    copy = pickle.loads(pickle.dumps(response))
    assert await copy.get_data() == "néxt".encode()
    assert copy.status == "201 CREATED"
    assert copy.headers == response.headers
    assert copy.content_length == 5


async def test_an_object_that_is_no_body_is_refused() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        await Response(42).get_data()  # type: ignore[arg-type]
