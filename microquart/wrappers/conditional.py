"""Conditional requests and ranges: which answer the client's fields ask for.

RFC 9110, section 13 (conditions; 13.2.2 has their order) and 14 (ranges).
Everything here is decided from values; Response does what it is told.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from microquart.http.datastructures import Headers
from microquart.http.dates import parse_date
from microquart.http.etags import ETags, unquote_etag
from microquart.http.ranges import IfRange, parse_range


class ConditionalRequest(Protocol):
    """What is asked of the request."""

    @property
    def method(self) -> str: ...
    @property
    def headers(self) -> Headers: ...


@dataclass(frozen=True)
class Version:
    """What identifies the version of the content that would be sent."""

    etag: str | None = None  # without its quotes
    weak: bool = False
    modified: datetime | None = None  # to the second, in UTC

    @classmethod
    def of(cls, headers: Headers) -> "Version":
        """Return the version that the headers of a response name."""
        etag, weak = unquote_etag(headers.get("ETag"))
        modified = parse_date(headers.get("Last-Modified"))
        return cls(etag, bool(weak), modified)


def precondition(request: ConditionalRequest, version: Version) -> int:
    """Return 200, 304 or 412 for a GET or HEAD.

    >>> class request:
    ...     method = "GET"
    ...     headers = Headers({"If-None-Match": 'W/"a", "b"'})
    >>> precondition(request, Version("a"))
    304
    """
    fields = request.headers
    if "If-Match" in fields:
        if not _any_match(fields["If-Match"], version, strong=True):
            return 412
    elif _modified_since(version, fields.get("If-Unmodified-Since")):
        return 412
    if "If-None-Match" in fields:
        known = _any_match(fields["If-None-Match"], version, strong=False)
        return 304 if known else 200
    since = parse_date(fields.get("If-Modified-Since"))
    if since is None or version.modified is None:
        return 200
    return 304 if version.modified <= since else 200


def requested_range(
    request: ConditionalRequest, version: Version, size: int
) -> tuple[int, int] | None:
    """Return the bytes ``[start, stop)`` to send, or None: send them all.

    Raises:
        RangeNotSatisfiable: answer 416.
    """
    value = request.headers.get("Range")
    # RFC 9110, 14.2: "A server MUST ignore" it with any method but GET.
    if value is None or request.method != "GET" or not size:
        return None
    strong = None if version.weak else version.etag
    if_range = IfRange.from_header(request.headers.get("If-Range"))
    if not if_range.matches(strong, version.modified):
        return None
    return parse_range(value, size)


def _any_match(value: str, version: Version, strong: bool) -> bool:
    etags = ETags.from_header(value)
    if etags.star_tag:
        return True
    if version.etag is None:
        return False
    if strong:  # a weak tag never equals another one, RFC 9110, 8.8.3.2
        return not version.weak and etags.contains(version.etag)
    return etags.contains_weak(version.etag)


def _modified_since(version: Version, value: str | None) -> bool:
    since = parse_date(value)
    if since is None or version.modified is None:
        return False
    return version.modified > since
