"""The header fields of a response as attributes.

``response.last_modified = datetime.now(UTC)`` writes the field, and reading
gives the value again.  The attributes whose value is an object, such as
``cache_control``, are there without the field too; changing the object writes
the field, emptying it removes the field.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, Self, TypeVar, overload

from microquart.http.datastructures import CallbackDict, Headers, HeaderSet
from microquart.http.fields import (
    ContentRange,
    ContentSecurityPolicy,
    ResponseCacheControl,
    WWWAuthenticate,
    dump_options,
    format_date,
    parse_date,
    parse_options,
    quote_etag,
    unquote_etag,
)

T = TypeVar("T")


class HasHeaders(Protocol):
    headers: Headers


class Field(Generic[T]):
    """A field with one plain value; None when there is none, or a bad one.

    Setting None removes it.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[str], T | None],
        dump: Callable[[Any], str] = str,
    ) -> None:
        self.name = name
        self.load = load
        self.dump = dump

    @overload
    def __get__(self, response: None, owner: type) -> Self: ...
    @overload
    def __get__(self, response: HasHeaders, owner: type) -> T | None: ...
    def __get__(
        self, response: HasHeaders | None, owner: type
    ) -> Self | T | None:
        if response is None:
            return self
        return response.headers.get(self.name, type=self.load)

    def __set__(self, response: HasHeaders, value: T | None) -> None:
        if value is None:
            self.__delete__(response)
        else:
            response.headers[self.name] = self.dump(value)

    def __delete__(self, response: HasHeaders) -> None:
        response.headers.pop(self.name, None)
