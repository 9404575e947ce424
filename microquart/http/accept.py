"""What a client would rather have: the Accept fields (RFC 9110, 12.5).

An item of such a field is a pattern with a quality from 0 to 1.  Of several
patterns that cover what a server offers, the most specific one counts, in
whatever order they came: ``text/html;q=0, */*`` is anything but HTML.
"""

import re
from collections.abc import Iterable, Iterator
from encodings.aliases import aliases
from operator import itemgetter
from typing import Self, overload

from microquart.http.syntax import dump_options, parse_list, parse_options

# A value in parts that can be compared: ("text", "html", "level=1").
Form = tuple[str, ...]
_ANY = ("*",)

_QUALITY = re.compile(r"[01](?:\.[0-9]{0,9})?|\.[0-9]{1,9}")


class Accept:
    """The pairs of value and quality, the most wanted ones first.

    >>> accept = Accept.from_header("gzip;q=0.5, br")
    >>> accept["gzip"], accept["zstd"], "br" in accept, accept.best
    (0.5, 0, True, 'br')
    >>> accept.best_match(["zstd", "gzip"])
    'gzip'

    The order is that of specificity, then of quality, then of the field.
    """

    def __init__(
        self, values: Iterable[tuple[str, float]] | None = None
    ) -> None:
        items = [(*item, self._form(item[0])) for item in values or ()]
        items.sort(key=itemgetter(1), reverse=True)
        items.sort(key=lambda item: self._specificity(item[2]), reverse=True)
        self._items = items

    @classmethod
    def from_header(cls, value: str | None) -> Self:
        """Return what a field says, without items whose quality is none."""
        return cls(_pairs(value))

    @property
    def best(self) -> str | None:
        """The value wanted most, which may be ``*``; None: there is none."""
        return self._items[0][0] if self._items else None

    def quality(self, key: str) -> float:
        """Return how much this is wanted: from 1 to 0, not at all."""
        found = self._covering(self._offer(key))
        return self._items[found][1] if found >= 0 else 0

    @overload
    def best_match(self, matches: Iterable[str]) -> str | None: ...
    @overload
    def best_match(self, matches: Iterable[str], default: str) -> str: ...
    @overload
    def best_match(
        self, matches: Iterable[str], default: str | None
    ) -> str | None: ...
    def best_match(
        self, matches: Iterable[str], default: str | None = None
    ) -> str | None:
        """Return what is wanted most of these, the first of equal ones."""
        best = default
        best_rank: tuple[float, tuple[bool, ...]] = (0, (True,))
        for value in matches:
            found = self._covering(self._offer(value))
            if found < 0:
                continue
            _, quality, form = self._items[found]
            rank = quality, self._specificity(form)
            if quality > 0 and rank > best_rank:
                best, best_rank = value, rank
        return best

    def find(self, key: str) -> int:
        """Return the place of the item that covers the value, or -1."""
        return self._covering(self._offer(key))

    def values(self) -> Iterator[str]:
        """Iterate over the values, without their qualities."""
        return (value for value, _, _ in self._items)

    def to_header(self) -> str:
        """Return the field's value: a quality of 1 is left out."""
        return ",".join(
            value if quality == 1 else f"{value};q={quality:g}"
            for value, quality in self
        )

    @overload
    def __getitem__(self, key: str) -> float: ...
    @overload
    def __getitem__(self, key: int) -> tuple[str, float]: ...
    @overload
    def __getitem__(self, key: slice) -> list[tuple[str, float]]: ...
    def __getitem__(
        self, key: str | int | slice
    ) -> float | tuple[str, float] | list[tuple[str, float]]:
        """Return the quality of a value, or the item at a position."""
        if isinstance(key, str):
            return self.quality(key)
        if isinstance(key, slice):
            return [item[:2] for item in self._items[key]]
        return self._items[key][:2]

    def __contains__(self, value: object) -> bool:
        return isinstance(value, str) and self.find(value) >= 0

    def __iter__(self) -> Iterator[tuple[str, float]]:
        return (item[:2] for item in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __str__(self) -> str:
        return self.to_header()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self)!r})"

    # -- inside: what differs from field to field --

    def _form(self, value: str) -> Form:
        return (value.lower(),)

    def _offer(self, value: str) -> Form:
        return self._form(value)

    def _covers(self, pattern: Form, offer: Form) -> bool:
        return pattern in (_ANY, offer)

    def _specificity(self, pattern: Form) -> tuple[bool, ...]:
        return (pattern != _ANY,)

    def _covering(self, offer: Form) -> int:
        for place, (_, _, pattern) in enumerate(self._items):
            if self._covers(pattern, offer):
                return place
        return -1


class MIMEAccept(Accept):
    """The media ranges of Accept.

    >>> accept = MIMEAccept.from_header("text/*;q=0.5, text/html;level=1")
    >>> accept.quality("text/html"), accept.quality("text/html;level=1")
    (0.5, 1.0)

    A range covers types with more parameters than it has itself.
    """

    @property
    def accept_html(self) -> bool:
        """Whether a page may be the answer: HTML, XHTML or XML."""
        return "text/html" in self or self.accept_xhtml

    @property
    def accept_xhtml(self) -> bool:
        """Whether XHTML or any XML may be the answer."""
        return "application/xhtml+xml" in self or "application/xml" in self

    @property
    def accept_json(self) -> bool:
        """Whether ``application/json`` may be the answer, or any type."""
        return "application/json" in self

    def _form(self, value: str) -> Form:
        main, parameters = parse_options(value.lower())
        kind, _, subtype = main.partition("/")
        if not kind or not subtype or kind == "*" != subtype:
            return ()
        return kind, subtype, *(f"{k}={v}" for k, v in parameters.items())

    def _offer(self, value: str) -> Form:
        form = self._form(value)
        if not form:
            raise ValueError(f"{value!r} is no media type")
        return form

    def _covers(self, pattern: Form, offer: Form) -> bool:
        if not pattern:
            return False
        if "*" in (pattern[0], offer[0]):
            return True
        if pattern[0] != offer[0]:
            return False
        if "*" in (pattern[1], offer[1]):
            return True
        return pattern[1] == offer[1] and set(pattern[2:]) <= set(offer[2:])

    def _specificity(self, pattern: Form) -> tuple[bool, ...]:
        return tuple(part != "*" for part in pattern)


class LanguageAccept(Accept):
    """The languages of Accept-Language; ``en-GB`` and ``en_gb`` are one."""

    @overload
    def best_match(self, matches: Iterable[str]) -> str | None: ...
    @overload
    def best_match(self, matches: Iterable[str], default: str) -> str: ...
    @overload
    def best_match(
        self, matches: Iterable[str], default: str | None
    ) -> str | None: ...
    def best_match(
        self, matches: Iterable[str], default: str | None = None
    ) -> str | None:
        """Return what is wanted most of these.

        If no tag is covered as a whole, the first subtag decides: ``en``
        for who wants ``en-GB``, else ``en-US`` for who wants ``en``.
        """
        offers = list(matches)
        exact = super().best_match(offers)
        if exact is not None:
            return exact
        wanted = Accept((_language(tag), quality) for tag, quality in self)
        wider = wanted.best_match(offers)
        if wider is not None:
            return wider
        primary = super().best_match(map(_language, offers))
        if primary is None:
            return default
        return next(tag for tag in offers if _language(tag) == primary)

    def _form(self, value: str) -> Form:
        return tuple(value.lower().replace("_", "-").split("-"))


class CharsetAccept(Accept):
    """The charsets of Accept-Charset; ``utf8`` and ``UTF-8`` are one."""

    def _form(self, value: str) -> Form:
        # codecs.lookup() would look for a module of any name that is sent.
        name = value.lower().replace("-", "_")
        return (aliases.get(name, name),)


def _pairs(value: str | None) -> Iterator[tuple[str, float]]:
    for item in parse_list(value):
        name, options = parse_options(item)
        quality = options.pop("q", "1")
        if _QUALITY.fullmatch(quality) and float(quality) <= 1:
            yield dump_options(name, options), float(quality)


def _language(tag: str) -> str:
    return tag.replace("_", "-").partition("-")[0]
