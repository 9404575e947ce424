"""MultiDict: a dictionary in which a key may have several values.

Query strings, forms and cookies repeat their names.  The first value of
each key is kept in the dictionary itself, and only keys with several have
their list of values beside it.  So whatever reads a plain ``dict`` (``in``,
``**``, ``json.dumps``, an ORM) sees the first values, and sees them at the
speed of a plain ``dict``.
"""

from _collections_abc import dict_items
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import chain
from typing import (
    Any,
    ClassVar,
    Literal,
    NoReturn,
    Protocol,
    Self,
    TypeVar,
    overload,
)

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")
K2 = TypeVar("K2")
V2 = TypeVar("V2")
V_co = TypeVar("V_co", covariant=True)

D = TypeVar("D", bound=dict[Any, Any])

MISSING = object()


class HasKeys(Protocol[K, V_co]):
    """What ``dict.update`` takes: less than a Mapping."""

    def keys(self) -> Iterable[K]: ...
    def __getitem__(self, key: K, /) -> V_co: ...


Many = list[V] | tuple[V, ...] | set[V]
Source = Mapping[K, V | Many[V]] | HasKeys[K, V] | Iterable[tuple[K, V]]


def _merge(self: D, other: Any) -> D:
    # dict's own |= would go past update().
    self.update(other)
    return self


class MultiDict(dict[K, V]):
    """A dictionary whose keys may each have several values.

    >>> args = MultiDict([("tag", "a"), ("tag", "b"), ("page", "2")])
    >>> args["tag"], args.getlist("tag"), args.get("page", type=int)
    ('a', ['a', 'b'], 2)

    A list, tuple or set as a value of a mapping counts as several values.
    """

    # The lists of those keys that have more than one value.
    __slots__ = ("_several",)

    # What ``args["missing"]`` raises, made with the key.  The floor of the
    # exceptions sets BadRequestKeyError here (for all MultiDicts, or for a
    # subclass), so that a missing parameter is answered 400.
    key_error: ClassVar[type[KeyError]] = KeyError

    def __init__(self, mapping: Source[K, V] | None = None) -> None:
        self._several: dict[K, list[V]] = {}
        if mapping is None:
            return
        pairs = list(pairs_of(mapping))
        dict.update(self, pairs)
        if len(self) < len(pairs):
            dict.clear(self)
            for key, value in pairs:
                MultiDict.add(self, key, value)

    def __missing__(self, key: K) -> NoReturn:
        raise self.key_error(key)

    # -- reading --

    @overload
    def get(self, key: K, default: None = None) -> V | None: ...
    @overload
    def get(self, key: K, default: V) -> V: ...
    @overload
    def get(self, key: K, default: T) -> V | T: ...
    @overload
    def get(
        self, key: K, default: None = None, *, type: Callable[[V], T]
    ) -> T | None: ...
    @overload
    def get(self, key: K, default: T, type: Callable[[V], T]) -> T: ...
    def get(
        self,
        key: K,
        default: object = None,
        type: Callable[[V], object] | None = None,
    ) -> object:
        """Return the first value, through ``type`` if that is given.

        The default also stands for what ``type`` refuses with a ValueError
        or TypeError.
        """
        if type is None:
            return dict.get(self, key, default)
        if key not in self:
            return default
        try:
            return type(self[key])
        except (ValueError, TypeError):
            return default

    @overload
    def getlist(self, key: K) -> list[V]: ...
    @overload
    def getlist(self, key: K, type: Callable[[V], T]) -> list[T]: ...
    def getlist(
        self, key: K, type: Callable[[V], T] | None = None
    ) -> list[V] | list[T]:
        """Return all values, without those that ``type`` refuses."""
        if key in self._several:
            values = list(self._several[key])
        else:
            values = [self[key]] if key in self else []
        return values if type is None else list(converted(values, type))

    @overload
    def items(self) -> "dict_items[K, V]": ...
    @overload
    def items(self, multi: bool) -> Iterable[tuple[K, V]]: ...
    def items(self, multi: bool = False) -> Iterable[tuple[K, V]]:
        """Return the first values with their keys; with ``multi``, all."""
        if not multi or not self._several:
            return dict.items(self)
        return self._pairs()

    def _pairs(self) -> Iterator[tuple[K, V]]:
        for key, values in self.lists():
            for value in values:
                yield key, value

    def lists(self) -> Iterator[tuple[K, list[V]]]:
        """Iterate over the keys, each with the list of its values."""
        return ((key, self.getlist(key)) for key in self)

    def listvalues(self) -> Iterator[list[V]]:
        """Iterate over the lists of values, one for each key."""
        return map(self.getlist, self)

    @overload
    def to_dict(self, flat: Literal[True] = True) -> dict[K, V]: ...
    @overload
    def to_dict(self, flat: Literal[False]) -> dict[K, list[V]]: ...
    def to_dict(self, flat: bool = True) -> dict[K, V] | dict[K, list[V]]:
        """Return a plain dictionary: of the first values, or of lists."""
        return dict(dict.items(self)) if flat else dict(self.lists())

    def copy(self) -> "MultiDict[K, V]":
        return type(self)(self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, MultiDict):
            several = other._several
        elif isinstance(other, dict):
            several = {}
        else:
            return NotImplemented
        return self._several == several and dict.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.items(multi=True))!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[object]]:
        return type(self), (list(self.items(multi=True)),)

    # -- changing --

    def __setitem__(self, key: K, value: V) -> None:
        """Replace all values of the key by this one."""
        dict.__setitem__(self, key, value)
        self._several.pop(key, None)

    def __delitem__(self, key: K) -> None:
        dict.__delitem__(self, key)
        self._several.pop(key, None)

    def add(self, key: K, value: V) -> None:
        """Append a value to those that the key has."""
        if key not in self:
            dict.__setitem__(self, key, value)
        elif key in self._several:
            self._several[key].append(value)
        else:
            self._several[key] = [self[key], value]

    def setlist(self, key: K, new_list: Iterable[V]) -> None:
        """Replace all values of the key; no values, no key."""
        self.poplist(key)
        for value in new_list:
            self.add(key, value)

    def setlistdefault(
        self, key: K, default_list: Iterable[V] | None = None
    ) -> list[V]:
        """Return all values; set these if there are none."""
        if key not in self:
            self.setlist(key, default_list or ())
        return self.getlist(key)

    def update(
        self,
        mapping: Source[K, V] = (),
        /,
        **kwargs: V | Many[V],
    ) -> None:
        """Add the values to those that are there; nothing is replaced."""
        for key, value in chain(pairs_of(mapping), pairs_of(kwargs)):
            self.add(key, value)

    def __or__(self, other: Source[K2, V2]) -> "MultiDict[K | K2, V | V2]":
        return MultiDict(chain(self.items(multi=True), pairs_of(other)))

    __ior__ = _merge

    @overload
    def pop(self, key: K) -> V: ...
    @overload
    def pop(self, key: K, default: V) -> V: ...
    @overload
    def pop(self, key: K, default: T) -> V | T: ...
    def pop(self, key: K, default: object = MISSING) -> object:
        """Remove all values of the key and return the first."""
        self._several.pop(key, None)
        value = dict.pop(self, key, default)
        if value is MISSING:
            raise self.key_error(key)
        return value

    def poplist(self, key: K) -> list[V]:
        """Remove and return all values of the key."""
        values = self.getlist(key)
        self.pop(key, None)
        return values

    def popitem(self) -> tuple[K, V]:
        key, value = dict.popitem(self)
        self._several.pop(key, None)
        return key, value

    def popitemlist(self) -> tuple[K, list[V]]:
        """Remove the last key; return it with all its values.

        Raises:
            KeyError: there is no key.
        """
        key, value = dict.popitem(self)
        return key, self._several.pop(key, [value])

    def clear(self) -> None:
        dict.clear(self)
        self._several.clear()


def _refuse(self: object, *args: object, **kwargs: object) -> NoReturn:
    """Raise TypeError: this dictionary is changed only as a copy."""
    name = type(self).__name__
    raise TypeError(f"{name!r} objects are immutable; change a .copy()")


class ImmutableMultiDict(MultiDict[K, V]):
    """What a client sent: to be read, and changed only as a ``copy()``."""

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = add = clear = setdefault = _refuse
    pop = popitem = poplist = popitemlist = update = _refuse
    setlist = setlistdefault = _refuse

    def copy(self) -> MultiDict[K, V]:
        return MultiDict(self)

    def __copy__(self) -> Self:
        return self


class CombinedMultiDict(ImmutableMultiDict[K, V]):
    """Several MultiDicts read as one, the values of the first in front.

    >>> CombinedMultiDict([MultiDict({"a": 1}), MultiDict({"a": 2})])["a"]
    1

    It shows the dictionaries as they were when it was made.
    """

    __slots__ = ("dicts",)

    def __init__(self, dicts: Iterable[MultiDict[K, V]] = ()) -> None:
        self.dicts = list(dicts)
        super().__init__(
            chain.from_iterable(one.items(multi=True) for one in self.dicts)
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.dicts!r})"

    def __reduce__(self) -> tuple[type[Self], tuple[object]]:
        return type(self), (self.dicts,)


class ImmutableDict(dict[K, V]):
    """A dictionary that is changed only as a ``copy()``."""

    __slots__ = ()

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> Self:
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[object]]:
        return type(self), (dict(self),)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict.__repr__(self)})"


class CallbackDict(dict[K, V]):
    """A dictionary that calls ``on_update(itself)`` after each change.

    ``pop`` and ``setdefault`` call it only if they changed something.
    """

    on_update: Callable[[Any], None] | None

    def __init__(
        self,
        initial: HasKeys[K, V] | Iterable[tuple[K, V]] | None = None,
        on_update: Callable[[Any], None] | None = None,
    ) -> None:
        dict.__init__(self, () if initial is None else initial)
        self.on_update = on_update

    def changed(self) -> None:
        """Call ``on_update``; whoever changes a value inside calls this."""
        if self.on_update is not None:
            self.on_update(self)

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.changed()

    def __delitem__(self, key: K) -> None:
        super().__delitem__(key)
        self.changed()

    def clear(self) -> None:
        super().clear()
        self.changed()

    def popitem(self) -> tuple[K, V]:
        item = super().popitem()
        self.changed()
        return item

    @overload
    def pop(self, key: K) -> V: ...
    @overload
    def pop(self, key: K, default: V) -> V: ...
    @overload
    def pop(self, key: K, default: T) -> V | T: ...
    def pop(self, key: K, default: object = MISSING) -> object:
        if key in self:
            value = self[key]
            del self[key]
            return value
        if default is MISSING:
            raise KeyError(key)
        return default

    @overload
    def setdefault(
        self: "CallbackDict[K, T | None]", key: K, default: None = None
    ) -> T | None: ...
    @overload
    def setdefault(self, key: K, default: V) -> V: ...
    def setdefault(self, key: K, default: Any = None) -> Any:
        known = key in self
        value = super().setdefault(key, default)
        if not known:
            self.changed()
        return value

    def update(
        self,
        mapping: HasKeys[K, V] | Iterable[tuple[K, V]] = (),
        /,
        **kwargs: V,
    ) -> None:
        super().update(mapping, **kwargs)
        self.changed()

    __ior__ = _merge

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {dict.__repr__(self)}>"


def pairs_of(source: Any) -> Iterable[tuple[Any, Any]]:
    """Return the pairs of a mapping or an iterable, several values apart."""
    if isinstance(source, MultiDict):
        return source.items(multi=True)
    if isinstance(source, Mapping):
        return _spread(source)
    if isinstance(source, Iterable):
        return source
    return map(lambda key: (key, source[key]), source.keys())


def _spread(mapping: Mapping[K, V | Many[V]]) -> Iterator[tuple[K, V]]:
    for key, value in mapping.items():
        if isinstance(value, list | tuple | set):
            for one in value:
                yield key, one
        else:
            yield key, value


def converted(values: Iterable[V], type: Callable[[V], T]) -> Iterator[T]:
    """Return what ``type`` makes of each value that it does not refuse."""
    for value in values:
        with suppress(ValueError, TypeError):
            yield type(value)
