"""Dates of HTTP: one format to send, three to understand."""

import re
from datetime import UTC, date, datetime, time

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)

_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
# Sun, 06 Nov 1994 08:49:37 GMT  and  Sunday, 06-Nov-94 08:49:37 GMT
_DAY_FIRST = re.compile(
    rf"(?:[a-z]{{3,9}}, )?+(?P<day>\d\d?)[ -](?P<month>[a-z]{{3}})[ -]"
    rf"(?P<year>\d{{4}}|\d\d) {_CLOCK} (?:GMT|UTC)",
    re.ASCII | re.IGNORECASE,
)
# Sun Nov  6 08:49:37 1994
_ASCTIME = re.compile(
    rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) (?P<day>[ \d]\d) {_CLOCK}"
    rf" (?P<year>\d{{4}})",
    re.ASCII | re.IGNORECASE,
)


def parse_date(value: str | None) -> datetime | None:
    """Return a time of HTTP in UTC, or None if it cannot be read.

    >>> parse_date("Sunday, 06-Nov-94 08:49:37 GMT")
    datetime.datetime(1994, 11, 6, 8, 49, 37, tzinfo=datetime.timezone.utc)

    RFC 9110, section 5.6.7, has the three formats.  Years of two digits are
    those from 1969 to 2068.
    """
    text = (value or "").strip()
    match = _DAY_FIRST.fullmatch(text) or _ASCTIME.fullmatch(text)
    if match is None:
        return None
    year, day = int(match["year"]), int(match["day"])
    if len(match["year"]) == 2:
        year += 1900 if year >= 69 else 2000
    hour, minute, second = map(int, match.group("hour", "minute", "second"))
    try:
        month = _MONTHS.index(match["month"].title()) + 1
        return datetime(year, month, day, hour, minute, second, 0, UTC)
    except ValueError:
        return None


def format_date(value: datetime | date | float) -> str:
    """Return a time as HTTP writes it; a number is seconds since 1970.

    >>> format_date(784111777)
    'Sun, 06 Nov 1994 08:49:37 GMT'

    A datetime without a zone counts as UTC.
    """
    when = _in_utc(value)
    return (
        f"{_DAYS[when.weekday()]}, {when.day:02} {_MONTHS[when.month - 1]}"
        f" {when.year:04} {when.hour:02}:{when.minute:02}:{when.second:02} GMT"
    )


def _in_utc(value: datetime | date | float) -> datetime:
    if not isinstance(value, date):
        return datetime.fromtimestamp(value, UTC)
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    if value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value.astimezone(UTC)
