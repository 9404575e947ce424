"""Attributes that are header fields: how each kind is read and written.

A ``Field`` has a plain value.  An ``ObjectField`` has an object, which is
there without the field too: changing it writes the field, and emptying it
removes the field.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any, Generic, Protocol, Self, TypeAlias, TypeVar, overload

from microquart.http.cache import ContentSecurityPolicy
from microquart.http.datastructures import Headers, HeaderSet
from microquart.http.dates import format_date, parse_date
from microquart.http.headers import checked
from microquart.http.syntax import (
    dump_list,
)

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
    @property
    def headers(self) -> Headers: ...


class FieldValue(Protocol):
    """An object that is the value of a field, and tells of its changes."""

    on_update: Callable[[Any], None] | None

    @classmethod
    def from_header(
        cls, value: str | None, on_update: Callable[[Any], None] | None = None
    ) -> Self: ...
    def to_header(self) -> str: ...


V = TypeVar("V", bound=FieldValue)


class Field(Generic[T, S]):
    """A field with a plain value T, which can be set to any S.

    It is the default, None, when the field is missing or cannot be read;
    setting None removes it.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[str], T],
        dump: Callable[[S], str],
        default: T | None = None,
    ) -> None:
        self.name = name
        self.load = load
        self.dump = dump
        self.default = default

    @overload
    def __get__(self, response: None, owner: object) -> Self: ...
    @overload
    def __get__(self, response: HasHeaders, owner: object) -> T | None: ...
    def __get__(
        self, response: HasHeaders | None, owner: object
    ) -> Self | T | None:
        if response is None:
            return self
        return response.headers.get(self.name, self.default, self.load)

    def __set__(self, response: HasHeaders, value: S | None) -> None:
        if value is None:
            self.__delete__(response)
        else:
            response.headers[self.name] = self.dump(value)

    def __delete__(self, response: HasHeaders) -> None:
        response.headers.pop(self.name, None)


class ObjectField(Generic[V, S]):
    """A field whose value is an object, never missing, that writes it.

    It can be set to such an object, to text, or to an S; None or something
    empty removes it.
    """

    def __init__(
        self, name: str, kind: type[V], dump: Callable[[V | S], str]
    ) -> None:
        self.name = name
        self.kind = kind
        self.dump = dump

    @overload
    def __get__(self, response: None, owner: object) -> Self: ...
    @overload
    def __get__(self, response: HasHeaders, owner: object) -> V: ...
    def __get__(self, response: HasHeaders | None, owner: object) -> Self | V:
        if response is None:
            return self
        value = response.headers.get(self.name)
        write = writer(response.headers, self.name)
        return self.kind.from_header(value, write)

    def __set__(self, response: HasHeaders, value: V | S | str | None) -> None:
        if value is None or isinstance(value, str):
            put(response.headers, self.name, value or "")
            return
        if isinstance(value, self.kind):
            value.on_update = writer(response.headers, self.name)
        put(response.headers, self.name, self.dump(value))

    def __delete__(self, response: HasHeaders) -> None:
        response.headers.pop(self.name, None)


def put(headers: Headers, name: str, value: str) -> None:
    """Set a field, or remove it if the value is empty."""
    if value:
        headers[name] = value
    else:
        headers.pop(name, None)


def writer(headers: Headers, name: str) -> Callable[[FieldValue], None]:
    """Return a function that writes what an object has become."""
    return lambda value: put(headers, name, value.to_header())


# The kinds of fields -------------------------------------------------------


def text_field(name: str) -> Field[str, str]:
    return Field(name, str, str)


def date_field(name: str) -> Field[datetime, Moment]:
    return Field(name, _load_date, format_date)


def count_field(name: str) -> Field[int, int]:
    return Field(name, int, str)


def names_field(name: str) -> ObjectField[HeaderSet, Iterable[str]]:
    return ObjectField(name, HeaderSet, dump_list)


def list_field(name: str) -> Field[HeaderSet, str | Iterable[str]]:
    return Field(name, HeaderSet.from_header, _dump_names)


def policy_field(
    name: str,
) -> ObjectField[ContentSecurityPolicy, Mapping[str, str | None]]:
    return ObjectField(name, ContentSecurityPolicy, _dump_policy)


def _load_date(value: str) -> datetime:
    when = parse_date(value)
    if when is None:
        raise ValueError(value)
    return when


def _dump_names(value: str | Iterable[str]) -> str:
    return value if isinstance(value, str) else dump_list(value)


def _dump_policy(value: Mapping[str, str | None]) -> str:
    return ContentSecurityPolicy(value).to_header()


def load_seconds(value: str) -> timedelta:
    seconds = int(value)
    if seconds < 0:
        raise ValueError(value)
    return timedelta(seconds=seconds)


def dump_seconds(value: timedelta | float) -> str:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if value < 0:
        raise ValueError(f"an age is not negative: {value}")
    return str(int(value))


def load_moment(value: str) -> datetime:
    if value.isdecimal():
        return datetime.now(UTC) + timedelta(seconds=int(value))
    return _load_date(value)


def dump_moment(value: datetime | int | str) -> str:
    return format_date(value) if isinstance(value, datetime) else str(value)


def dump_enum(value: Enum) -> str:
    return str(value.value)


TEXT_TYPES = frozenset(
    {
        "application/ecmascript",
        "application/javascript",
        "application/sql",
        "application/xml",
        "application/xml-dtd",
        "application/xml-external-parsed-entity",
    }
)


@lru_cache
def with_charset(mimetype: str) -> str:
    """Return the Content-Type: a media type, and for text its charset.

    >>> with_charset("text/plain"), with_charset("application/json")
    ('text/plain; charset=utf-8', 'application/json')

    Raises:
        ValueError: it has a line break, which would end the field.
    """
    checked("Content-Type", mimetype)
    if "charset=" not in mimetype and (
        mimetype.startswith("text/")
        or mimetype.endswith("+xml")
        or mimetype in TEXT_TYPES
    ):
        return f"{mimetype}; charset=utf-8"
    return mimetype
