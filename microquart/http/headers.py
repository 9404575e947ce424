"""Headers: the fields of a message, in order, their names in any case.

What an application makes is checked where it is set, so that nothing can
break out of its line.  What a client sent keeps its bytes until somebody
looks: most requests are answered after two or three look-ups.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, ClassVar, Self, TypeVar, overload

from microquart.http.multidict import MISSING, converted, pairs_of
from microquart.http.syntax import dump_options, is_token

T = TypeVar("T")
Pair = tuple[str, str]

_BREAKING = re.compile(r"[\r\n\0]")

# A name as it was spelled, and as it goes to the wire.  An application that
# makes names up must not fill the memory: beyond this many, none is kept.
_NAMES: dict[str, bytes] = {}
_NAMES_KEPT = 1000


class Headers:
    """The fields of a message, in order; a name may be there repeatedly.

    >>> headers = Headers({"Vary": "Cookie"})
    >>> headers.add("vary", "Accept")
    >>> headers["VARY"], headers.getlist("vary"), "x" in headers
    ('Cookie', ['Cookie', 'Accept'], False)

    Iterating gives the pairs.  Setting raises ValueError for a name that is
    no token and for CR, LF or NUL in a value.
    """

    __slots__ = ("_pairs",)

    # What ``headers["missing"]`` raises; see MultiDict.key_error.
    key_error: ClassVar[type[KeyError]] = KeyError

    def __init__(self, defaults: "Source | None" = None) -> None:
        self._pairs: list[Pair] = []
        if defaults is not None:
            self.extend(defaults)

    # -- as a server sees them --

    @staticmethod
    def from_fields(fields: Iterable[tuple[bytes, bytes]]) -> "Headers":
        """Return what was received, unchecked, decoded when asked for.

        The names are in lower case, as ASGI has them, and are shown as
        ``User-Agent``.
        """
        return _Received(fields)

    def to_fields(self) -> list[tuple[bytes, bytes]]:
        """Return the fields for the wire, their names in lower case.

        A value outside of latin-1 is sent in UTF-8.
        """
        try:
            return [
                (_NAMES.get(name) or _lower(name), value.encode("latin-1"))
                for name, value in self._pairs
            ]
        except UnicodeEncodeError:
            return [(_lower(name), _encode(value)) for name, value in self]

    # -- reading --

    def __getitem__(self, key: str) -> str:
        value = self._first(key)
        if value is None:
            raise self.key_error(key)
        return value

    @overload
    def get(self, key: str, default: None = None) -> str | None: ...
    @overload
    def get(self, key: str, default: str) -> str: ...
    @overload
    def get(self, key: str, default: T) -> str | T: ...
    @overload
    def get(
        self, key: str, default: None = None, *, type: Callable[[str], T]
    ) -> T | None: ...
    @overload
    def get(self, key: str, default: T, type: Callable[[str], T]) -> T: ...
    def get(
        self,
        key: str,
        default: object = None,
        type: Callable[[str], object] | None = None,
    ) -> object:
        """Return the first value, through ``type`` if that is given.

        The default also stands for what ``type`` refuses with a ValueError
        or TypeError.
        """
        value = self._first(key)
        if value is None:
            return default
        if type is None:
            return value
        try:
            return type(value)
        except (ValueError, TypeError):
            return default

    @overload
    def getlist(self, key: str) -> list[str]: ...
    @overload
    def getlist(self, key: str, type: Callable[[str], T]) -> list[T]: ...
    def getlist(
        self, key: str, type: Callable[[str], T] | None = None
    ) -> list[str] | list[T]:
        """Return all values, without those that ``type`` refuses."""
        values = self._all(key)
        return values if type is None else list(converted(values, type))

    def get_all(self, name: str) -> list[str]:
        """Return all values of the name: ``getlist`` as email spells it."""
        return self.getlist(name)

    def items(self, lower: bool = False) -> Iterator[Pair]:
        """Iterate over the pairs, with ``lower`` the names in lower case."""
        if lower:
            return ((name.lower(), value) for name, value in self._pairs)
        return iter(self._pairs)

    def keys(self, lower: bool = False) -> Iterator[str]:
        """Iterate over the names: one comes as often as it is there."""
        return (name for name, _ in self.items(lower))

    def values(self) -> Iterator[str]:
        """Iterate over the values, in the order of the fields."""
        return (value for _, value in self._pairs)

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __contains__(self, key: str) -> bool:
        return self._first(key) is not None

    def __eq__(self, other: object) -> bool:
        """Tell whether the fields are the same, in whatever order."""
        if not isinstance(other, Headers):
            return NotImplemented
        return sorted(self.items(True)) == sorted(other.items(True))

    def copy(self) -> "Headers":
        """Return other headers with the same fields."""
        result = Headers()
        result._pairs = list(self._pairs)
        return result

    def __copy__(self) -> "Headers":
        return self.copy()

    def __str__(self) -> str:
        """Return the fields as HTTP/1.1 sends them, with the empty line."""
        lines = [f"{name}: {value}\r\n" for name, value in self._pairs]
        return "".join([*lines, "\r\n"])

    def __repr__(self) -> str:
        return f"Headers({self._pairs!r})"

    def __reduce__(self) -> tuple[type["Headers"], tuple[()], object]:
        # The second half of such a state is that of the slots.
        return Headers, (), (None, {"_pairs": self._pairs})

    # -- changing --

    def add(self, key: str, value: object, /, **options: object) -> None:
        """Append a field; options become parameters of its value.

        >>> headers = Headers()
        >>> headers.add("Content-Type", "text/html", charset="utf-8")
        >>> headers["content-type"]
        'text/html; charset=utf-8'
        """
        text = with_options(value, options) if options else value
        self._pairs.append((key, checked(key, text)))

    add_header = add

    def set(self, key: str, value: object, /, **options: object) -> None:
        """Replace all fields of the name by one; options as in ``add``."""
        self[key] = with_options(value, options) if options else value

    def __setitem__(self, key: str, value: object) -> None:
        """Replace all fields of the name by one, where the first stood."""
        field = key, checked(key, value)
        lower = key.lower()
        pairs = self._pairs
        for name, _ in pairs:
            if name.lower() == lower:
                self._pairs = _replaced(pairs, lower, field)
                return
        pairs.append(field)

    def setlist(self, key: str, values: Iterable[object]) -> None:
        """Replace all fields of the name; no values, no field."""
        self.remove(key)
        for value in values:
            self.add(key, value)

    def setdefault(self, key: str, default: object) -> str:
        """Return the first value; set this one if there is none."""
        if key not in self:
            self.add(key, default)
        return self[key]

    def setlistdefault(self, key: str, default: Iterable[object]) -> list[str]:
        """Return all values; set these first if there are none."""
        if key not in self:
            self.setlist(key, default)
        return self.getlist(key)

    def extend(self, arg: "Source | None" = None, /, **kwargs: object) -> None:
        """Add fields to those that are there; nothing is replaced."""
        for key, value in chain(pairs_of(arg or ()), pairs_of(kwargs)):
            self.add(key, value)

    def update(self, arg: "Source | None" = None, /, **kwargs: object) -> None:
        """Set fields: all those of a name are replaced by the new ones."""
        if isinstance(arg, Headers | Mapping):
            self._replace(pairs_of(arg))
        else:
            for key, value in arg or ():
                self.set(key, value)
        self._replace(pairs_of(kwargs))

    def __or__(self, other: "Headers | Mapping[str, Any]") -> "Headers":
        result = self.copy()
        result.update(other)
        return result

    def __ior__(self, other: "Source") -> Self:
        self.update(other)
        return self

    def __delitem__(self, key: str) -> None:
        """Remove the fields of the name; it may as well have none."""
        self._pairs = _without(self._pairs, key.lower())

    def remove(self, key: str) -> None:
        """Remove all fields of the name; it may as well have none."""
        del self[key]

    @overload
    def pop(self, key: str) -> str: ...
    @overload
    def pop(self, key: str, default: str) -> str: ...
    @overload
    def pop(self, key: str, default: T) -> str | T: ...
    def pop(self, key: str, default: object = MISSING) -> object:
        """Remove all fields of the name and return the first value."""
        value = self.get(key, default)
        if value is MISSING:
            raise self.key_error(key)
        del self[key]
        return value

    def popitem(self) -> tuple[str, str]:
        """Remove and return the last field.

        Raises:
            IndexError: there is none.
        """
        return self._pairs.pop()

    def clear(self) -> None:
        """Remove all fields."""
        self._pairs.clear()

    # -- inside --

    def _first(self, key: str) -> str | None:
        lower = key.lower()
        for name, value in self._pairs:
            if name.lower() == lower:
                return value
        return None

    def _all(self, key: str) -> list[str]:
        lower = key.lower()
        return [value for name, value in self._pairs if name.lower() == lower]

    def _replace(self, pairs: Iterable[tuple[str, object]]) -> None:
        seen: set[str] = set()
        for key, value in pairs:
            if key.lower() in seen:
                self.add(key, value)
            else:
                seen.add(key.lower())
                self.set(key, value)


Source = Headers | Mapping[str, Any] | Iterable[tuple[str, Any]]


class _Received(Headers):
    """Fields as they came: bytes, with an index from the first look-up on."""

    __slots__ = ("_as_text", "_fields", "_index")

    def __init__(self, fields: Iterable[tuple[bytes, bytes]]) -> None:
        self._fields = fields if isinstance(fields, list) else list(fields)
        self._index: dict[bytes, bytes] | None = None
        self._as_text = False

    def __getattr__(self, name: str) -> list[Pair]:
        # Python comes here when somebody looks at _pairs, not set before.
        if name != "_pairs":
            raise AttributeError(name)
        self._as_text = True
        self._pairs = [
            (name.decode("latin-1").title(), value.decode("latin-1"))
            for name, value in self._fields
        ]
        return self._pairs

    def _first(self, key: str) -> str | None:
        if self._as_text:  # and perhaps changed since
            return super()._first(key)
        if self._index is None:
            self._index = dict(reversed(self._fields))
        value = self._index.get(_lower(key))
        return None if value is None else value.decode("latin-1")

    def _all(self, key: str) -> list[str]:
        if self._as_text:
            return super()._all(key)
        lower = _lower(key)
        return [
            value.decode("latin-1")
            for name, value in self._fields
            if name == lower
        ]


def checked(name: str, value: object) -> str:
    """Return the value as text that can be one line.

    Raises:
        ValueError: the name is no token, or the value has CR, LF or NUL.
    """
    if name not in _NAMES:
        _learn(name)
    text = value if isinstance(value, str) else _text(value)
    # isprintable() answers nearly always, and costs less than the search.
    if not text.isprintable() and _BREAKING.search(text):
        raise ValueError(
            f"header {name!r}: the value {text!r} has CR, LF or NUL,"
            " which would end its line"
        )
    return text


def with_options(value: object, options: Mapping[str, object]) -> str:
    """Return the value with parameters; ``_`` in a name stands for ``-``."""
    spelled = {key.replace("_", "-"): options[key] for key in options}
    return dump_options(_text(value), spelled)


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _learn(name: str) -> None:
    if not is_token(name):
        raise ValueError(
            f"header {name!r}: a name has only letters,"
            " digits and !#$%&'*+-.^_`|~"
        )
    if len(_NAMES) < _NAMES_KEPT:
        _NAMES[name] = _lower(name)


def _lower(name: str) -> bytes:
    return name.lower().encode("latin-1", "replace")


def _encode(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace")


def _without(pairs: list[Pair], lower: str) -> list[Pair]:
    return [pair for pair in pairs if pair[0].lower() != lower]


def _replaced(pairs: list[Pair], lower: str, field: Pair) -> list[Pair]:
    rest = _without(pairs, lower)
    first = [name.lower() for name, _ in pairs].index(lower)
    rest.insert(first, field)
    return rest
