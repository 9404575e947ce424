"""HeaderSet: the members of a field that is a list of names, as Vary is."""

from collections.abc import Callable, Iterable, Iterator, MutableSet
from typing import Any, Self

from microquart.http.syntax import dump_list, parse_list


class HeaderSet(MutableSet[str]):
    """The members of a field such as Vary, in order, in any case.

    >>> vary = HeaderSet(["Accept", "Cookie"])
    >>> vary.add("cookie")
    >>> str(vary)
    'Accept, Cookie'

    ``on_update(itself)`` is called after each change.
    """

    def __init__(
        self,
        headers: Iterable[str] = (),
        on_update: Callable[[Any], None] | None = None,
    ) -> None:
        self._names = {name.lower(): name for name in headers}
        self.on_update = on_update

    @classmethod
    def from_header(
        cls,
        value: str | None,
        on_update: Callable[[Any], None] | None = None,
    ) -> Self:
        """Return the members of a field; absent, there are none."""
        return cls(parse_list(value), on_update)

    def __contains__(self, header: object) -> bool:
        return isinstance(header, str) and header.lower() in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names.values())

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> str:
        return list(self._names.values())[index]

    def find(self, header: str) -> int:
        """Return the place of the member, or -1."""
        names = list(self._names)
        return names.index(header.lower()) if header in self else -1

    def index(self, header: str) -> int:
        """Return the place of the member.

        Raises:
            IndexError: it is no member; ``find`` returns -1 instead.
        """
        place = self.find(header)
        if place < 0:
            raise IndexError(header)
        return place

    def as_set(self, preserve_casing: bool = False) -> set[str]:
        """Return the members in lower case, or as they were spelled."""
        names = self._names
        return set(names.values() if preserve_casing else names)

    def to_header(self) -> str:
        """Return the field's value, as in ``Accept, Cookie``."""
        return dump_list(self)

    def add(self, header: str) -> None:
        self.update([header])

    def update(self, iterable: Iterable[str]) -> None:
        """Add members; those that are there keep their spelling."""
        before = len(self)
        for name in iterable:
            self._names.setdefault(name.lower(), name)
        if len(self) > before:
            self._changed()

    def remove(self, header: str) -> None:
        del self._names[header.lower()]
        self._changed()

    def discard(self, header: str) -> None:
        if header in self:
            self.remove(header)

    def clear(self) -> None:
        self._names.clear()
        self._changed()

    def _changed(self) -> None:
        if self.on_update is not None:
            self.on_update(self)

    def __str__(self) -> str:
        return self.to_header()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)!r})"
