"""Ranges: what is asked for, what is sent (RFC 9110, section 14)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microquart.http.fields import (
    ContentRange,
    IfRange,
    Range,
    RangeNotSatisfiable,
    parse_range,
)

HUGE = "9" * 10_000


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("bytes=0-99", (0, 100)),
        ("bytes=0-0", (0, 1)),
        ("bytes=900-", (900, 1000)),
        ("bytes=999-999", (999, 1000)),
        ("bytes=900-5000", (900, 1000)),
        ("bytes=-100", (900, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("Bytes = 0-99 ", (0, 100)),
        (f"bytes=0-{HUGE}", (0, 1000)),
        (f"bytes=-{HUGE}", (0, 1000)),
    ],
)
def test_a_range_is_where_it_starts_and_stops(value, found):
    assert parse_range(value, 1000) == found


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "bytes", "bytes=", "bytes=-", "bytes=x", "bytes=9-5"),
        *("bytes=0 - 5", "bytes=+1-2", "bytes=٣-٤", "bytes=1--2", "items=0-5"),
        *("bytes=0-1,5-6", "bytes=0-1,", "bytes=" + "0-,1-2," * 5000),
    ],
)
def test_what_cannot_be_served_as_one_range_is_the_whole(value):
    assert parse_range(value, 1000) is None


@pytest.mark.parametrize("value", ["1000-", "1000-1001", "-0", f"{HUGE}-"])
def test_a_range_beyond_the_end_is_not_satisfiable(value):
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(f"bytes={value}", 1000)
    assert caught.value.size == 1000


def test_nothing_has_no_range_but_its_end_is_all_of_it():
    assert parse_range("bytes=-5", 0) is None
    with pytest.raises(RangeNotSatisfiable):
        parse_range("bytes=0-", 0)


@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 40))
def test_a_range_is_within_the_content(first, last, size):
    try:
        found = parse_range(f"bytes={first}-{last}", size)
    except RangeNotSatisfiable:
        assert first >= size
    else:
        if found is not None:
            assert found == (first, min(last + 1, size))
            assert 0 <= found[0] < found[1] <= size


@pytest.mark.parametrize(
    ("value", "ranges"),
    [
        ("bytes=0-99", [(0, 100)]),
        ("bytes=0-0, 5-, -5", [(0, 1), (5, None), (-5, None)]),
        ("items=1-2", [(1, 3)]),
    ],
)
def test_the_ranges_of_a_request_can_be_looked_at(value, ranges):
    parsed = Range.from_header(value)
    assert parsed is not None
    assert parsed.ranges == ranges
    assert str(parsed) == value.replace(" ", "")


@pytest.mark.parametrize(
    "value", [None, "", "bytes=9-5", "bytes=-0", "bytes=0-1,x"]
)
def test_a_range_that_cannot_be_read_is_none(value):
    assert Range.from_header(value) is None


@pytest.mark.parametrize(
    ("value", "place", "content_range"),
    [
        ("bytes=0-99", (0, 100), "bytes 0-99/1000"),
        ("bytes=-5", (995, 1000), "bytes 995-999/1000"),
        ("bytes=1000-", None, None),
        ("bytes=0-1,5-6", None, None),
        ("items=0-1", None, None),
    ],
)
def test_a_range_has_a_place_within_a_length(value, place, content_range):
    parsed = Range.from_header(value)
    assert parsed is not None
    assert parsed.range_for_length(1000) == place
    assert parsed.to_content_range_header(1000) == content_range
    assert parsed.range_for_length(None) is None


def test_a_range_that_is_empty_is_a_mistake():
    with pytest.raises(ValueError, match="is not a range"):
        Range("bytes", [(5, 5)])


@pytest.mark.parametrize(
    ("value", "start", "stop", "length"),
    [
        ("bytes 0-499/1234", 0, 500, 1234),
        ("bytes 0-499/*", 0, 500, None),
        ("bytes */1234", None, None, 1234),
        ("bytes */*", None, None, None),
    ],
)
def test_a_content_range_is_read_as_it_was_written(value, start, stop, length):
    found = ContentRange.from_header(value)
    assert (found.units, found.start, found.stop, found.length) == (
        *("bytes", start),
        *(stop, length),
    )
    assert str(found) == value


@pytest.mark.parametrize(
    "value", [None, "", "bytes 5-2/10", "bytes 0-10/5", "bytes 0-1", "x"]
)
def test_a_content_range_that_cannot_be_read_is_unset(value):
    found = ContentRange.from_header(value)
    assert not found
    assert str(found) == ""


def test_a_change_of_a_content_range_is_told_once():
    written = []
    found = ContentRange(
        None, None, None, on_update=lambda one: written.append(str(one))
    )
    found.set(0, 10, 100)
    found.length = None
    found.unset()
    assert written == ["bytes 0-9/100", "bytes 0-9/*", ""]


@pytest.mark.parametrize(
    ("start", "stop", "length"),
    [(0, 0, 5), (5, 2, 9), (0, 6, 5), (0, None, 5)],
)
def test_a_content_range_outside_of_its_length_is_refused(start, stop, length):
    with pytest.raises(ValueError, match="is not a range"):
        ContentRange("bytes", start, stop, length)


OLD = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
NEW = datetime(1994, 11, 6, 8, 49, 38, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "etag", "modified", "matches"),
    [
        (None, "a", OLD, True),
        ('"a"', "a", OLD, True),
        ('"a"', "b", OLD, False),
        ('"a"', None, OLD, False),
        ('W/"a"', "a", OLD, False),
        ('W/""', "", OLD, False),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "a", OLD, True),
        (
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "a",
            OLD.replace(microsecond=9),
            True,
        ),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "a", NEW, False),
        ("Sun, 06 Nov 1994 08:49:38 GMT", "a", OLD, False),
        ("Sun, 06 Nov 1994 08:49:37 GMT", "a", None, False),
    ],
)
def test_if_range_wants_exactly_this_version(value, etag, modified, matches):
    condition = IfRange.from_header(value)
    assert condition.matches(etag, modified) is matches
    assert str(condition) == (value or "")


@pytest.mark.parametrize("value", ['"', '"a"b"', "a b", "Sun, 06 Nov"])
def test_an_if_range_that_cannot_be_read_is_not_met(value):
    assert not IfRange.from_header(value).matches("a", OLD)
