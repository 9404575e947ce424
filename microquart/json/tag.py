"""Tagged JSON: Python values that come back as what they were.

A value that JSON lacks becomes an object with one key, its tag:
``("a", 1)`` is ``{" t": ["a", 1]}``.  Sessions are written so, in the form
that Flask and Quart use, and theirs can be read.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from markupsafe import Markup

from microquart.http.dates import format_date, parse_date
from microquart.json.values import to_json


class JSONTag:
    """One kind of value; subclass it and ``register`` the subclass.

    >>> class ComplexTag(JSONTag):
    ...     key = " c"
    ...     def check(self, value): return isinstance(value, complex)
    ...     def to_json(self, value): return [value.real, value.imag]
    ...     def to_python(self, value): return complex(*value)
    >>> serializer = TaggedJSONSerializer()
    >>> serializer.register(ComplexTag)
    >>> serializer.loads(serializer.dumps({"z": 1 + 2j}))
    {'z': (1+2j)}

    A tag without a ``key`` only passes through: its ``tag`` is its JSON.
    """

    __slots__ = ("serializer",)
    key: str = ""

    def __init__(self, serializer: "TaggedJSONSerializer") -> None:
        self.serializer = serializer

    def check(self, value: Any) -> bool:
        """Return whether the value is of this kind."""
        raise NotImplementedError

    def to_json(self, value: Any) -> Any:
        """Return the value as JSON can have it, without the tag."""
        raise NotImplementedError

    def to_python(self, value: Any) -> Any:
        """Return the value again; what it contains has been untagged."""
        raise NotImplementedError

    def tag(self, value: Any) -> Any:
        """Return the object with one key that stands for the value."""
        return {self.key: self.to_json(value)}


class TagDict(JSONTag):
    """A dictionary that would be taken for a tag: its key gets ``__``."""

    __slots__ = ()
    key = " di"

    def check(self, value: Any) -> bool:
        return (
            isinstance(value, dict)
            and len(value) == 1
            and next(iter(value)) in self.serializer.tags
        )

    def to_json(self, value: Any) -> Any:
        ((key, inner),) = value.items()
        return {f"{key}__": self.serializer.tag(inner)}

    def to_python(self, value: Any) -> Any:
        ((key, inner),) = value.items()
        return {key[:-2]: inner}


class PassDict(JSONTag):
    """Any other dictionary: its values are tagged, itself is not."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return isinstance(value, dict)

    def tag(self, value: Any) -> Any:
        """Return the dictionary with its values tagged."""
        return {key: self.serializer.tag(item) for key, item in value.items()}


class TagTuple(JSONTag):
    """A tuple, as an array of its values."""

    __slots__ = ()
    key = " t"

    def check(self, value: Any) -> bool:
        return isinstance(value, tuple)

    def to_json(self, value: Any) -> Any:
        return [self.serializer.tag(item) for item in value]

    def to_python(self, value: Any) -> Any:
        return tuple(value)


class PassList(JSONTag):
    """A list: its items are tagged, itself is not."""

    __slots__ = ()

    def check(self, value: Any) -> bool:
        return isinstance(value, list)

    def tag(self, value: Any) -> Any:
        """Return the list with its items tagged."""
        return [self.serializer.tag(item) for item in value]


class TagBytes(JSONTag):
    """Bytes, in base64."""

    __slots__ = ()
    key = " b"

    def check(self, value: Any) -> bool:
        return isinstance(value, bytes)

    def to_json(self, value: Any) -> Any:
        return b64encode(value).decode("ascii")

    def to_python(self, value: Any) -> Any:
        return b64decode(value)


class TagMarkup(JSONTag):
    """Whatever has ``__html__``; it comes back as Markup."""

    __slots__ = ()
    key = " m"

    def check(self, value: Any) -> bool:
        return callable(getattr(value, "__html__", None))

    def to_json(self, value: Any) -> Any:
        return str(value.__html__())

    def to_python(self, value: Any) -> Any:
        return Markup(value)


class TagUUID(JSONTag):
    """A UUID, as its 32 hexadecimal digits."""

    __slots__ = ()
    key = " u"

    def check(self, value: Any) -> bool:
        return isinstance(value, UUID)

    def to_json(self, value: Any) -> Any:
        return value.hex

    def to_python(self, value: Any) -> Any:
        return UUID(value)


class TagDateTime(JSONTag):
    """A moment to the second, as an HTTP date; it comes back in UTC."""

    __slots__ = ()
    key = " d"

    def check(self, value: Any) -> bool:
        return isinstance(value, datetime)

    def to_json(self, value: Any) -> Any:
        return format_date(value)

    def to_python(self, value: Any) -> Any:
        return parse_date(value)


class TaggedJSONSerializer:
    """Writes and reads tagged JSON; ``order`` is that of the checks.

    >>> serializer = TaggedJSONSerializer()
    >>> serializer.dumps({"seen": (1, b"x")})
    '{"seen":{" t":[1,{" b":"eA=="}]}}'
    """

    __slots__ = ("order", "tags")

    default_tags: ClassVar[list[type[JSONTag]]] = [
        TagDict,
        PassDict,
        TagTuple,
        PassList,
        TagBytes,
        TagMarkup,
        TagUUID,
        TagDateTime,
    ]

    def __init__(self) -> None:
        self.tags: dict[str, JSONTag] = {}
        self.order: list[JSONTag] = []
        for tag_class in self.default_tags:
            self.register(tag_class)

    def register(
        self,
        tag_class: type[JSONTag],
        force: bool = False,
        index: int | None = None,
    ) -> None:
        """Add a tag, behind the others or at ``index`` in their order.

        A kind that is a special case of another one must come before it.

        Raises:
            KeyError: the key is taken, and ``force`` is off.
        """
        tag = tag_class(self)
        if tag.key:
            if tag.key in self.tags and not force:
                raise KeyError(f"Tag '{tag.key}' is already registered.")
            self.tags[tag.key] = tag
        self.order.insert(len(self.order) if index is None else index, tag)

    def tag(self, value: Any) -> Any:
        """Return the value with tags in it, as JSON can have it."""
        for tag in self.order:
            if tag.check(value):
                return tag.tag(value)
        return value

    def untag(self, value: dict[str, Any]) -> Any:
        """Return what a dictionary stands for, if its only key is a tag."""
        if len(value) != 1:
            return value
        ((key, inner),) = value.items()
        tag = self.tags.get(key)
        return value if tag is None else tag.to_python(inner)

    def dumps(self, value: Any) -> str:
        """Return the value as JSON with tags in it, without spaces."""
        return _encode(self.tag(value))

    def loads(self, value: str | bytes) -> Any:
        """Return the value again, tags replaced by what they stand for.

        Raises:
            ValueError: it is no JSON.
        """
        return self._scan(json.loads(value))

    def _scan(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.untag(
                {key: self._scan(item) for key, item in value.items()}
            )
        if isinstance(value, list):
            return [self._scan(item) for item in value]
        return value


_encode: Callable[[Any], str] = json.JSONEncoder(
    separators=(",", ":"), default=to_json
).encode
