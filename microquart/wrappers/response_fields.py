"""The header fields of a response as attributes.

``response.last_modified = datetime.now(UTC)`` writes the field, and reading
gives the value again.  Attributes whose value is an object, as
``cache_control`` is, are there without the field too: changing the object
writes the field, and emptying it removes the field.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeVar, overload

from microquart.http.authorization import WWWAuthenticate
from microquart.http.cachecontrol import ResponseCacheControl
from microquart.http.csp import ContentSecurityPolicy
from microquart.http.datastructures import CallbackDict, Headers, HeaderSet
from microquart.http.dates import format_date, parse_date
from microquart.http.etags import quote_etag, unquote_etag
from microquart.http.ranges import ContentRange
from microquart.http.syntax import dump_list, dump_options, parse_options

T = TypeVar("T")
S = TypeVar("S")
Moment: TypeAlias = datetime | date | float


class COOP(Enum):
    """Cross-Origin-Opener-Policy."""

    UNSAFE_NONE = "unsafe-none"
    SAME_ORIGIN_ALLOW_POPUPS = "same-origin-allow-popups"
    SAME_ORIGIN = "same-origin"


class COEP(Enum):
    """Cross-Origin-Embedder-Policy."""

    UNSAFE_NONE = "unsafe-none"
    REQUIRE_CORP = "require-corp"


class HasHeaders(Protocol):
    headers: Headers


class FieldValue(Protocol):
    """A value that writes itself and tells of its changes."""

    on_update: Callable[[Any], None] | None

    def to_header(self) -> str: ...


V = TypeVar("V", bound=FieldValue)


class Field(Generic[T, S]):
    """A field with a plain value T, set to any S.

    It is None when the field is missing or cannot be read; setting None
    removes it.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[str], T | None],
        dump: Callable[[S], str],
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

    def __set__(self, response: HasHeaders, value: S | None) -> None:
        if value is None:
            self.__delete__(response)
        else:
            response.headers[self.name] = self.dump(value)

    def __delete__(self, response: HasHeaders) -> None:
        response.headers.pop(self.name, None)


class ObjectField(Generic[V, S]):
    """A field with an object that is never missing and writes the field.

    It may be set to such an object, to text, or to an S that ``make`` takes;
    None or something empty removes it.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[str | None, Callable[[Any], None]], V],
        make: Callable[[S], V],
    ) -> None:
        self.name = name
        self.load = load
        self.make = make

    @overload
    def __get__(self, response: None, owner: type) -> Self: ...
    @overload
    def __get__(self, response: HasHeaders, owner: type) -> V: ...
    def __get__(self, response: HasHeaders | None, owner: type) -> Self | V:
        if response is None:
            return self
        headers = response.headers
        return self.load(headers.get(self.name), self._writer(headers))

    def __set__(
        self, response: HasHeaders, value: V | S | str | None
    ) -> None:
        if isinstance(value, str) and value:
            response.headers[self.name] = value
            return
