"""Response: status, headers, body and JSON."""

import pickle
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from typing import Any

import anyio
import pytest

from microquart import wrappers
from microquart.wrappers.bodies import (
    DataBody,
    FileBody,
    IOBody,
    IterableBody,
    ResponseBody,
)
from microquart.wrappers.response import (
    Response,
)


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


def test_an_object_that_is_no_body_is_refused() -> None:
    value: Any = 42
    with pytest.raises(TypeError, match="an iterable of these, not int"):
        Response(value)


async def read(body: ResponseBody) -> list[bytes]:
    async with body as entered:
        return [
            chunk.encode() if isinstance(chunk, str) else chunk
            async for chunk in entered
        ]


async def test_items_in_memory_are_not_fetched_in_threads() -> None:
    body = IterableBody(["a", "b"])
    assert await read(body) == [b"a", b"b"]
    threads: list[int] = []

    def where() -> Iterator[str]:
        threads.append(threading.get_ident())
        yield "a"

    assert await read(IterableBody(where())) == [b"a"]
    assert threads != [threading.get_ident()]


@pytest.mark.parametrize("size", [0, 1, 5, 6, 7])
async def test_a_file_is_read_in_chunks(tmp_path: Path, size: int) -> None:
    data = b"abcdef"[:size]
    path = tmp_path / "file"
    path.write_bytes(data)
    bodies = (
        FileBody(path, buffer_size=2),
        FileBody(str(path), buffer_size=2),
        FileBody(bytes(path), buffer_size=2),
        IOBody(BytesIO(data), buffer_size=2),
    )
    for body in bodies:
        parts = await read(body)
        assert b"".join(parts) == data
        assert all(len(part) <= 2 for part in parts)


@pytest.mark.parametrize(
    ("begin", "end", "data"),
    [(0, 4, b"abcd"), (1, None, b"bcdef"), (5, 6, b"f"), (2, 99, b"cdef")],
)
async def test_a_body_can_be_cut_to_a_range(
    tmp_path: Path, begin: int, end: int | None, data: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    bodies = (
        DataBody(b"abcdef"),
        FileBody(path, buffer_size=3),
        IOBody(BytesIO(b"abcdef"), buffer_size=3),
    )
    for body in bodies:
        assert await body.make_conditional(begin, end) == 6
        assert b"".join(await read(body)) == data


@pytest.mark.parametrize(("begin", "end"), [(6, None), (3, 3), (-1, 2)])
async def test_an_empty_range_is_refused(begin: int, end: int | None) -> None:
    with pytest.raises(ValueError, match="no range"):
        await DataBody(b"abcdef").make_conditional(begin, end)


async def test_a_file_that_shrank_ends_early(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    body = FileBody(path, buffer_size=2)
    path.write_bytes(b"abc")
    assert await read(body) == [b"ab", b"c"]


async def test_a_file_that_is_left_half_way_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    body = FileBody(path, buffer_size=2)
    async with body as entered:
        assert await anext(aiter(entered)) == b"ab"
        assert body.file is not None
    assert body.file is None


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileBody(tmp_path / "none")


class Endless:
    """A sync generator that tells when it was closed."""

    closed = False

    def __call__(self) -> Iterator[str]:
        try:
            while True:
                yield "tick"
        finally:
            self.closed = True

    async def in_async(self) -> AsyncIterator[str]:
        for tick in self():
            yield tick


async def send(body: ResponseBody, seen: anyio.Event) -> None:
    async with body as entered:
        async for _ in entered:
            seen.set()
            await anyio.sleep_forever()


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_generator_is_closed_when_the_client_leaves(kind: str) -> None:
    ticks = Endless()
    seen = anyio.Event()
    body = IterableBody(ticks() if kind == "sync" else ticks.in_async())
    async with anyio.create_task_group() as group:
        group.start_soon(send, body, seen)
        await seen.wait()
        group.cancel_scope.cancel()
    assert ticks.closed


def test_the_bodies_are_attributes_of_the_class() -> None:
    class Loud(DataBody):
        def read(self) -> bytes:
            return super().read().upper()

    class LoudResponse(Response):
        data_body_class = Loud

    body = LoudResponse("hello").response
    assert isinstance(body, Loud)
    assert body.read() == b"HELLO"


# JSON ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mimetype", "answer"),
    [
        ("application/json", True),
        ("application/problem+json", True),
        ("application/json-patch", False),
        ("text/json", False),
        ("text/html", False),
    ],
)
async def test_a_response_with_json_has_a_media_type_of_json(
    mimetype: str, answer: bool
) -> None:
    response = Response('{"a": 1}', mimetype=mimetype)
    assert response.is_json is answer
    assert await response.get_json() == ({"a": 1} if answer else None)
    assert await response.json == ({"a": 1} if answer else None)
    assert await response.get_json(force=True) == {"a": 1}


async def test_bad_json_is_none_when_silent_and_else_an_error() -> None:
    response = Response("{", mimetype="application/json")
    assert await response.get_json(silent=True) is None
    with pytest.raises(ValueError, match="Expecting property name"):
        await response.get_json()


async def test_another_module_can_parse() -> None:
    class Upper:
        @staticmethod
        def loads(s: str) -> str:
            return s.upper()

    class Other(Response):
        json_module = Upper

    assert await Other("a", mimetype="application/json").get_json() == "A"


@pytest.mark.parametrize("name", wrappers.__all__)
def test_the_package_has_the_names_of_its_modules(name: str) -> None:
    assert getattr(wrappers, name).__name__ == name
