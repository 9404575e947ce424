"""Etags, conditional requests and ranges (RFC 9110, sections 13 and 14)."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest

from microquart.http.datastructures import Headers
from microquart.wrappers.response import (
    Response,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


async def test_an_etag_is_set_or_made_of_the_data() -> None:
    response = Response("x")
    assert response.get_etag() == (None, None)
    await response.add_etag()
    made = response.headers["ETag"]
    await response.add_etag(weak=True)
    assert response.headers["ETag"] == made
    await response.add_etag(overwrite=True, weak=True)
    assert response.headers["ETag"] == f"W/{made}"
    response.set_etag("mine")
    assert response.get_etag() == ("mine", False)
    assert response.headers["ETag"] == '"mine"'


class Asks:
    """What make_conditional wants of a request."""

    def __init__(self, method: str, headers: dict[str, str]) -> None:
        self.method = method
        self.headers = Headers(headers)


BEFORE = "Mon, 23 Nov 2026 12:00:00 GMT"
THEN = "Tue, 24 Nov 2026 12:00:00 GMT"
AFTER = "Wed, 25 Nov 2026 12:00:00 GMT"
FIRST = {"Range": "bytes=0-1"}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 200),
        ({"If-None-Match": '"v"'}, 304),
        ({"If-None-Match": 'W/"v"'}, 304),
        ({"If-None-Match": '"a", "v"'}, 304),
        ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"w"'}, 200),
        ({"If-Modified-Since": THEN}, 304),
        ({"If-Modified-Since": AFTER}, 304),
        ({"If-Modified-Since": BEFORE}, 200),
        ({"If-Modified-Since": "yesterday"}, 200),
        # RFC 9110, 13.1.3: ignored beside If-None-Match
        ({"If-None-Match": '"w"', "If-Modified-Since": THEN}, 200),
        ({"If-None-Match": '"v"', "If-Modified-Since": BEFORE}, 304),
        ({"If-Match": '"v"'}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": '"w"'}, 412),
        ({"If-Match": 'W/"v"'}, 412),
        ({"If-Match": '"v"', "If-None-Match": '"v"'}, 304),
        ({"If-Unmodified-Since": THEN}, 200),
        ({"If-Unmodified-Since": BEFORE}, 412),
        # RFC 9110, 13.1.4: ignored beside If-Match
        ({"If-Match": '"v"', "If-Unmodified-Since": BEFORE}, 200),
        (FIRST, 206),
        (FIRST | {"If-Range": '"v"'}, 206),
        (FIRST | {"If-Range": '"w"'}, 200),
        (FIRST | {"If-Range": 'W/"v"'}, 200),
        (FIRST | {"If-Range": THEN}, 206),
        (FIRST | {"If-Range": BEFORE}, 200),
        (FIRST | {"If-Range": AFTER}, 200),
        (FIRST | {"If-None-Match": '"v"'}, 304),
        (FIRST | {"If-Match": '"w"'}, 412),
        ({"Range": "bytes=0-0, 2-3"}, 200),
        ({"Range": "bytes=1-0"}, 200),
        ({"Range": "lines=0-1"}, 200),
        ({"Range": "bytes=9-"}, 416),
        ({"Range": "bytes=6-"}, 416),
        ({"Range": "bytes=-0"}, 416),
        ({"Range": "bytes=" + "9" * 10_000 + "-"}, 416),
        ({"Range": "bytes=0-" + ",0-" * 10_000}, 200),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_the_request_decides_what_is_answered(
    method: str, fields: dict[str, str], status: int
) -> None:
    response = Response("abcdef", mimetype="text/plain")
    response.set_etag("v")
    response.last_modified = NOON
    answer = await response.make_conditional(Asks(method, fields), True)
    assert answer is response
    if method == "POST" or (method == "HEAD" and status in (206, 416)):
        status = 200  # RFC 9110, 14.2: a range is for GET only
    assert response.status_code == status
    data = await response.get_data()
    assert data == {200: b"abcdef", 206: b"ab"}.get(status, b"")
    length = None if status == 304 else len(data)
    assert response.content_length == length


@pytest.mark.parametrize(
    ("value", "data", "content_range"),
    [
        ("bytes=0-0", b"a", "bytes 0-0/6"),
        ("bytes=2-", b"cdef", "bytes 2-5/6"),
        ("bytes=-2", b"ef", "bytes 4-5/6"),
        ("bytes=-99", b"abcdef", "bytes 0-5/6"),
        ("bytes=4-99", b"ef", "bytes 4-5/6"),
        ("Bytes = 4-5", b"ef", "bytes 4-5/6"),
        ("bytes=9-", b"", "bytes */6"),
    ],
)
async def test_a_range_is_what_is_sent(
    value: str, data: bytes, content_range: str
) -> None:
    bodies: list[Any] = [b"abcdef", BytesIO(b"abcdef"), iter(["abc", b"def"])]
    for body in bodies:
        response = Response(body)
        asks = Asks("GET", {"Range": value})
        await response.make_conditional(asks, True, complete_length=6)
        assert await response.get_data() == data
        assert response.headers["Content-Range"] == content_range
        assert response.headers["Accept-Ranges"] == "bytes"


async def test_a_weak_version_is_known_but_has_no_ranges() -> None:
    response = Response("abcdef")
    response.set_etag("v", weak=True)
    fields = FIRST | {"If-Range": '"v"'}
    await response.make_conditional(Asks("GET", fields), True)
    assert response.status_code == 200
    asks = Asks("GET", {"If-None-Match": '"v"'})
    await response.make_conditional(asks, True)
    assert response.status_code == 304


@pytest.mark.parametrize(
    "response", [Response("x", 404), Response("x", 201), Response("", 304)]
)
async def test_conditions_are_for_what_would_be_answered_200(
    response: Response,
) -> None:
    before = response.status_code
    asks = Asks("GET", {"If-None-Match": "*", "If-Match": '"a"'})
    await response.make_conditional(asks, True)
    assert response.status_code == before


async def test_ranges_are_served_only_if_allowed() -> None:
    response = Response("abcdef")
    await response.make_conditional(Asks("GET", FIRST))
    assert response.status_code == 200
    assert "Accept-Ranges" not in response.headers


async def test_nothing_has_no_ranges() -> None:
    response = Response("")
    await response.make_conditional(Asks("GET", FIRST), True)
    assert response.status_code == 200


async def test_a_304_says_only_what_caches_want_to_know() -> None:
    response = Response("abc", headers={"X-A": "b", "Vary": "Accept"})
    response.set_etag("v")
    response.cache_control.max_age = 60
    asks = Asks("GET", {"If-None-Match": '"v"'})
    await response.make_conditional(asks)
    assert sorted(response.headers.keys()) == [
        "Cache-Control",
        "ETag",
        "Vary",
        "X-A",
    ]


@pytest.mark.parametrize(
    "fields", [{"If-Match": '"w"'}, {"Range": "bytes=9-"}]
)
async def test_an_error_is_not_cached_as_the_content_is(
    fields: dict[str, str],
) -> None:
    response = Response("abc")
    response.set_etag("v")
    response.last_modified = response.expires = NOON
    response.cache_control.max_age = 60
    await response.make_conditional(Asks("GET", fields), True)
    names = {name.lower() for name, _ in response.headers}
    assert names <= {"content-length", "content-range", "accept-ranges"}
