"""Ranges: the part of the content that a client asks for, and gets.

RFC 9110, section 14.  Positions are counted from 0; a range is ``[start,
stop)`` as in Python, although the fields name the last byte.
"""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Self

from microquart.http.dates import format_date, parse_date
from microquart.http.errors import MicroquartError
from microquart.http.etags import quote_etag, unquote_etag

_SPEC = re.compile(r"\s*+(?:([0-9]++)-([0-9]*+)|-([0-9]++))\s*+")
_CONTENT_RANGE = re.compile(
    r"\s*+([^\s/*=-]++)\s++(?:([0-9]++)-([0-9]++)|\*)/(?:([0-9]++)|\*)\s*+"
)

# A number of more digits is beyond the end of anything, and int() would take
# quadratic time to say so.
_DIGITS = 18
_HUGE = 10**_DIGITS


class RangeNotSatisfiable(MicroquartError):
    """The range begins beyond the end: 416, ``Content-Range: bytes */size``.

    ``size`` is the length of the content in bytes.
    """

    def __init__(self, size: int) -> None:
        super().__init__(f"the range is not within {size} bytes")
        self.size = size


class Range:
    """The Range field as it was sent.

    ``ranges`` are pairs ``(start, stop)``: ``(0, 500)`` is the first 500
    bytes, ``(500, None)`` all from there on, ``(-500, None)`` the last 500.
    """

    def __init__(
        self, units: str, ranges: Sequence[tuple[int, int | None]]
    ) -> None:
        for start, stop in ranges:
            if stop is not None and not 0 <= start < stop:
                raise ValueError(f"{(start, stop)} is not a range")
        self.units = units
        self.ranges = ranges

    @classmethod
    def from_header(cls, value: str | None) -> Self | None:
        """Return the ranges, or None if one of them cannot be read."""
        units, equals, specs = (value or "").partition("=")
        ranges = [_read_spec(spec) for spec in specs.split(",")]
        found = [one for one in ranges if one is not None]
        if not equals or len(found) < len(ranges):
            return None
        try:
            return cls(units.strip().lower(), found)
        except ValueError:
            return None

    def range_for_length(self, length: int | None) -> tuple[int, int] | None:
        """Return the one range within ``length`` bytes, or None."""
        if self.units != "bytes" or length is None or len(self.ranges) != 1:
            return None
        try:
            return _place(*self.ranges[0], length)
        except RangeNotSatisfiable:
            return None

    def make_content_range(self, length: int | None) -> "ContentRange | None":
        """Return the Content-Range of the answer, or None: send it all."""
        place = self.range_for_length(length)
        return place and ContentRange(self.units, *place, length)

    def to_content_range_header(self, length: int | None) -> str | None:
        """Return the Content-Range as text, or None: send it all."""
        content_range = self.make_content_range(length)
        return None if content_range is None else str(content_range)

    def to_header(self) -> str:
        """Return the field's value, as in ``bytes=0-99,-100``."""
        return f"{self.units}={','.join(map(_write_spec, self.ranges))}"

    def __str__(self) -> str:
        return self.to_header()

    def __repr__(self) -> str:
        return f"<Range {self}>"


class ContentRange:
    """The Content-Range field: which bytes these are, of how many.

    >>> ContentRange("bytes", 0, 500, 1234).to_header()
    'bytes 0-499/1234'
    >>> ContentRange("bytes", None, None, 1234).to_header()   # with a 416
    'bytes */1234'

    ``on_update(itself)`` is called after each change; one that is unset is
    false, and its field should not be sent.
    """

    units: str | None
    start: int | None
    stop: int | None
    length: int | None

    def __init__(
        self,
        units: str | None,
        start: int | None,
        stop: int | None,
        length: int | None = None,
        on_update: Callable[[Any], None] | None = None,
    ) -> None:
        self.on_update: Callable[[Any], None] | None = None
        self.set(start, stop, length, units)
        self.on_update = on_update

    @classmethod
    def from_header(
        cls,
        value: str | None,
        on_update: Callable[[Any], None] | None = None,
    ) -> Self:
        """Return what a field says; one that cannot be read is unset."""
        match = _CONTENT_RANGE.fullmatch(value or "")
        if match is None:
            return cls(None, None, None, None, on_update)
        first, last, length = map(_number, match.group(2, 3, 4))
        stop = None if last is None else last + 1
        try:
            return cls(match[1], first, stop, length, on_update)
        except ValueError:
            return cls(None, None, None, None, on_update)

    def set(
        self,
        start: int | None,
        stop: int | None,
        length: int | None = None,
        units: str | None = "bytes",
    ) -> None:
        """Change all at once.

        Raises:
            ValueError: the range is empty, or not within ``length``.
        """
        if start is None or stop is None:
            valid = start is stop
        else:
            valid = 0 <= start < stop and (length is None or stop <= length)
        if not valid:
            raise ValueError(f"{start}-{stop} of {length} is not a range")
        # Past __setattr__, so that the change is told once.
        vars(self).update(units=units, start=start, stop=stop, length=length)
        self._changed()

    def unset(self) -> None:
        """Make it false, so that the field is not sent."""
        self.set(None, None, units=None)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name != "on_update":
            self._changed()

    def _changed(self) -> None:
        if self.on_update is not None:
            self.on_update(self)

    def to_header(self) -> str:
        """Return the field's value; empty if it is unset."""
        if self.units is None:
            return ""
        length = "*" if self.length is None else self.length
        if self.start is None or self.stop is None:
            return f"{self.units} */{length}"
        return f"{self.units} {self.start}-{self.stop - 1}/{length}"

    def __bool__(self) -> bool:
        return self.units is not None

    def __str__(self) -> str:
        return self.to_header()

    def __repr__(self) -> str:
        return f"<ContentRange {str(self)!r}>"


class IfRange:
    """The If-Range field: send the range only if the version is this one.

    ``etag`` or ``date`` is set, or none of them if there was no field.
    """

    def __init__(
        self,
        etag: str | None = None,
        date: datetime | None = None,
        weak: bool = False,
    ) -> None:
        self.etag = etag
        self.date = date
        self.weak = weak

    @classmethod
    def from_header(cls, value: str | None) -> Self:
        """Return the condition of a field; unreadable, nothing meets it."""
        date = parse_date(value)
        if date is not None:
            return cls(date=date)
        etag, weak = unquote_etag(value)
        if value and etag is None:
            # A condition, and one that nothing can meet.
            return cls("", weak=True)
        return cls(etag, weak=bool(weak))

    def matches(
        self, etag: str | None, last_modified: datetime | None
    ) -> bool:
        """Tell whether a range may be sent of the version with these.

        A weak etag never matches, a date only exactly (RFC 9110, 13.1.5).
        Give None for an etag of your own that is weak.
        """
        if self.etag is not None:
            return not self.weak and self.etag == etag
        if self.date is None:
            return True
        if last_modified is None:
            return False
        return format_date(self.date) == format_date(last_modified)

    def to_header(self) -> str:
        """Return the field's value; empty if there was no field."""
        if self.date is not None:
            return format_date(self.date)
        return "" if self.etag is None else quote_etag(self.etag, self.weak)

    def __str__(self) -> str:
        return self.to_header()

    def __repr__(self) -> str:
        return f"<IfRange {str(self)!r}>"


def parse_range(value: str | None, size: int) -> tuple[int, int] | None:
    """Return the range ``[start, stop)`` of a Range field; None: all of it.

    >>> parse_range("bytes=0-99", 1000)
    (0, 100)
    >>> parse_range("bytes=-100", 1000)     # the last hundred bytes
    (900, 1000)

    ``size`` is the length of the content in bytes.  Several ranges count as
    none: a server may ignore them (RFC 9110, section 14.2).  So do other
    units and what cannot be read.

    Raises:
        RangeNotSatisfiable: the range begins beyond ``size``; answer 416.
    """
    units, _, spec = (value or "").partition("=")
    if units.strip().lower() != "bytes":
        return None
    found = _read_spec(spec)
    return found and _place(*found, size)


def _read_spec(spec: str) -> tuple[int, int | None] | None:
    match = _SPEC.fullmatch(spec)
    if match is None:
        return None
    first, last, suffix = map(_number, match.groups())
    if first is None:
        # The last 0 bytes are no range, and (0, 0) is none either.
        return (-suffix, None) if suffix else (0, 0)
    if last is None:
        return first, None
    return (first, last + 1) if first <= last else None


def _write_spec(pair: tuple[int, int | None]) -> str:
    start, stop = pair
    if stop is None:
        return str(start) if start < 0 else f"{start}-"
    return f"{start}-{stop - 1}"


def _number(digits: str | None) -> int | None:
    if not digits:
        return None
    return _HUGE if len(digits) > _DIGITS else int(digits)


def _place(start: int, stop: int | None, size: int) -> tuple[int, int] | None:
    if start < 0:
        # The last bytes of nothing: all of it, for lack of a name for it.
        return (max(size + start, 0), size) if size else None
    if start >= size or stop == 0:
        raise RangeNotSatisfiable(size)
    return start, size if stop is None else min(stop, size)
