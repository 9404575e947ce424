"""Entity tags: the names of versions, and the sets of them that clients know.

RFC 9110, section 8.8.3.  An etag is spoken of here without its quotes; that
it is weak is told apart.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Self

# Without quotes it is malformed, and understood all the same.
_ONE = r'\s*+([Ww]/)?+(?:"([^"]*+)"|([^\s",]++))\s*+'
_ETAG = re.compile(_ONE)
_ITEM = re.compile(rf"(?:^|,){_ONE}(?=,|$)")


class ETags(Collection[str]):
    """The etags of an If-Match or If-None-Match field.

    >>> known = ETags.from_header('"a", W/"b"')
    >>> known.contains("a"), known.contains("b"), known.contains_weak("b")
    (True, False, True)

    If-Match asks for the strong comparison (``contains``, ``in``),
    If-None-Match for the weak one (``contains_weak``).
    """

    def __init__(
        self,
        strong_etags: Iterable[str] = (),
        weak_etags: Iterable[str] = (),
        star_tag: bool = False,
    ) -> None:
        self._strong = frozenset(strong_etags)
        self._weak = frozenset(weak_etags)
        self.star_tag = star_tag

    @classmethod
    def from_header(cls, value: str | None) -> Self:
        """Return the etags of a field; what cannot be read is left out."""
        if value is None:
            return cls()
        if value.strip() == "*":
            return cls(star_tag=True)
        strong: list[str] = []
        weak: list[str] = []
        for mark, quoted, bare in _ITEM.findall(value):
            (weak if mark else strong).append(quoted or bare)
        return cls(strong, weak)

    def contains(self, etag: str) -> bool:
        """Compare strongly: a weak etag is never contained."""
        return self.star_tag or etag in self._strong

    def contains_weak(self, etag: str) -> bool:
        """Compare weakly: it does not matter which are weak."""
        return self.contains(etag) or etag in self._weak

    def contains_raw(self, etag: str) -> bool:
        """Compare an etag as it stands in a field, with its quotes."""
        name, weak = unquote_etag(etag)
        if name is None:
            return False
        return self.contains_weak(name) if weak else self.contains(name)

    def is_strong(self, etag: str) -> bool:
        """Tell whether the field has this etag as a strong one."""
        return etag in self._strong

    def is_weak(self, etag: str) -> bool:
        """Tell whether the field has this etag as a weak one."""
        return etag in self._weak

    def as_set(self, include_weak: bool = False) -> set[str]:
        """Return the strong etags, or all of them; ``*`` adds none."""
        return set(self._strong | self._weak if include_weak else self._strong)

    def to_header(self) -> str:
        """Return the field's value, sorted, the strong etags first."""
        if self.star_tag:
            return "*"
        strong = [quote_etag(etag) for etag in sorted(self._strong)]
        weak = [quote_etag(etag, weak=True) for etag in sorted(self._weak)]
        return ", ".join(strong + weak)

    def __contains__(self, etag: object) -> bool:
        return isinstance(etag, str) and self.contains(etag)

    def __iter__(self) -> Iterator[str]:
        return iter(self._strong)

    def __len__(self) -> int:
        return len(self._strong)

    def __bool__(self) -> bool:
        return bool(self.star_tag or self._strong or self._weak)

    def __str__(self) -> str:
        return self.to_header()

    def __repr__(self) -> str:
        return f"<ETags {self}>"


def quote_etag(etag: str, weak: bool = False) -> str:
    """Return an etag as a field has it.

    Raises:
        ValueError: there is a quote in it, for which etags have no escape.
    """
    if '"' in etag:
        raise ValueError(f"the etag {etag!r} has a quote in it")
    return f'W/"{etag}"' if weak else f'"{etag}"'


def unquote_etag(value: str | None) -> tuple[str, bool] | tuple[None, None]:
    """Return an etag without its quotes, and whether it is weak, or Nones.

    >>> unquote_etag('W/"a"')
    ('a', True)
    """
    match = _ETAG.fullmatch(value or "")
    if match is None:
        return None, None
    return match[2] or match[3] or "", match[1] is not None
