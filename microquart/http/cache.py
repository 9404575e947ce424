"""Cache-Control and Content-Security-Policy: directives as attributes.

``response.cache_control.max_age = 60`` is ``max-age=60`` in the field: an
attribute has the name of its directive, with underscores.  As a dictionary,
the directives have their own names and values as text.
"""

import re
from collections.abc import Callable
from typing import Any, Generic, Literal, Self, TypeVar, overload

from microquart.http.multidict import CallbackDict, ImmutableDict
from microquart.http.syntax import dump_dict, parse_dict

T = TypeVar("T")
Directives = dict[str, str | None]
OnUpdate = Callable[[Any], None] | None

# More digits are more than a thousand million years.
_SECONDS = re.compile(r"-?[0-9]{1,18}")


class Directive(Generic[T]):
    """An attribute that reads and writes the directive of its name.

    Setting it to None or False, or deleting it, removes the directive.
    """

    def __init__(
        self,
        read: Callable[[Directives, str], T],
        write: Callable[[T], str | None],
    ) -> None:
        self.read = read
        self.write = write

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name.replace("_", "-")

    @overload
    def __get__(self, directives: None, owner: type) -> Self: ...
    @overload
    def __get__(self, directives: Directives, owner: type) -> T: ...
    def __get__(self, directives: Directives | None, owner: type) -> Self | T:
        if directives is None:
            return self
        return self.read(directives, self.name)

    def __set__(self, directives: Directives, value: T) -> None:
        if value is None or value is False:
            directives.pop(self.name, None)
        else:
            directives[self.name] = self.write(value)

    def __delete__(self, directives: Directives) -> None:
        directives.pop(self.name, None)


def _present(directives: Directives, name: str) -> bool:
    return name in directives


def _text(directives: Directives, name: str) -> str | Literal[True] | None:
    value = directives.get(name)
    return True if value is None and name in directives else value


def _seconds(directives: Directives, name: str) -> int | None:
    value = directives.get(name)
    return int(value) if value and _SECONDS.fullmatch(value) else None


def _limit(directives: Directives, name: str) -> int | Literal[True] | None:
    bare = name in directives and directives[name] is None
    return True if bare else _seconds(directives, name)


def _put(value: str | int | None) -> str | None:
    return None if value is True else str(value)


def _flag() -> Directive[bool]:
    return Directive(_present, _put)


def _duration() -> Directive[int | None]:
    return Directive(_seconds, _put)


def _source() -> Directive[str | None]:
    return Directive(lambda directives, name: directives.get(name), _put)


class _Common:
    no_store = _flag()
    no_transform = _flag()
    max_age = _duration()
    stale_if_error = _duration()


class RequestCacheControl(_Common, ImmutableDict[str, str | None]):
    """What a client asks of the caches on the way; it cannot be changed.

    >>> wanted = RequestCacheControl.from_header("max-age=0, max-stale")
    >>> wanted.max_age, wanted.max_stale, wanted.no_cache
    (0, True, False)
    """

    no_cache = _flag()
    only_if_cached = _flag()
    min_fresh = _duration()
    max_stale = Directive(_limit, _put)

    @classmethod
    def from_header(cls, value: str | None) -> Self:
        """Return the directives of a field; absent, there are none."""
        return cls(parse_dict(value))

    def to_header(self) -> str:
        """Return the field's value, as in ``max-age=0, no-cache``."""
        return dump_dict(self)

    def __str__(self) -> str:
        return self.to_header()


class ResponseCacheControl(_Common, CallbackDict[str, str | None]):
    """What a response tells the caches.

    >>> cache = ResponseCacheControl()
    >>> cache.public, cache.max_age = True, 60
    >>> str(cache)
    'public, max-age=60'

    ``no_cache`` and ``private`` are True, or name the fields they are for.
    ``on_update(itself)`` is called after each change.
    """

    public = _flag()
    private = Directive(_text, _put)
    no_cache = Directive(_text, _put)
    must_revalidate = _flag()
    proxy_revalidate = _flag()
    must_understand = _flag()
    immutable = _flag()
    s_maxage = _duration()
    stale_while_revalidate = _duration()

    @classmethod
    def from_header(
        cls, value: str | None, on_update: OnUpdate = None
    ) -> Self:
        """Return the directives of a field; absent, there are none."""
        return cls(parse_dict(value), on_update)

    def to_header(self) -> str:
        """Return the field's value, as in ``public, max-age=60``."""
        return dump_dict(self)

    def __str__(self) -> str:
        return self.to_header()


class ContentSecurityPolicy(CallbackDict[str, str | None]):
    """What a page may load and do: a list of sources for each directive.

    >>> policy = ContentSecurityPolicy({"default-src": "'self'"})
    >>> policy.img_src = "*"
    >>> str(policy)
    "default-src 'self'; img-src *"
    """

    base_uri = _source()
    child_src = _source()
    connect_src = _source()
    default_src = _source()
    font_src = _source()
    form_action = _source()
    frame_ancestors = _source()
    frame_src = _source()
    img_src = _source()
    manifest_src = _source()
    media_src = _source()
    navigate_to = _source()
    object_src = _source()
    plugin_types = _source()
    prefetch_src = _source()
    report_to = _source()
    report_uri = _source()
    sandbox = _source()
    script_src = _source()
    script_src_attr = _source()
    script_src_elem = _source()
    style_src = _source()
    style_src_attr = _source()
    style_src_elem = _source()
    worker_src = _source()

    @classmethod
    def from_header(
        cls, value: str | None, on_update: OnUpdate = None
    ) -> Self:
        """Return the directives of a field; the first of a name counts."""
        policy: dict[str, str | None] = {}
        for part in (value or "").split(";"):
            name, _, sources = part.strip().partition(" ")
            if name:
                policy.setdefault(name.lower(), sources.strip())
        return cls(policy, on_update)

    def to_header(self) -> str:
        """Return the field's value, as in ``img-src *; sandbox``."""
        return "; ".join(
            f"{name} {value}" if value else name
            for name, value in self.items()
        )

    def __str__(self) -> str:
        return self.to_header()
