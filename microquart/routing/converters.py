"""Converters: what a variable of a rule accepts, and its value in Python.

A converter says with a regular expression which texts are its own, makes a
value of such a text, and a text of such a value.  Write one by deriving from
BaseConverter; ``app.url_map.converters["name"] = It`` makes it known.
"""

import re
import uuid
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Protocol
from urllib.parse import quote

# A text of more digits is no number: reading it takes quadratic time.
MAX_DIGITS = 4_300

# What may stand in a path as it is.
# https://url.spec.whatwg.org/#url-path-segment-string
PATH_SAFE = "!$&'()*+,/:;=@"


class ValidationError(ValueError):
    """Raised by ``to_python``: this text is none of mine, try other rules."""


class MapSettings(Protocol):
    """What rules and converters ask of their map."""

    converters: dict[str, "type[BaseConverter]"]
    default_subdomain: str
    strict_slashes: bool
    merge_slashes: bool
    host_matching: bool
    sort_parameters: bool
    sort_key: Callable[[Any], Any] | None


class BaseConverter:
    """The base of all converters; alone, it accepts one segment of a path.

    ``regex`` matches the whole text.  Rules try a variable of less ``weight``
    first.  If ``part_isolating`` is false the text may contain slashes, which
    is the default of a regex that speaks of one.

    A path cannot make a combination of converters slow, but nothing protects
    a regex from itself: do not nest its repetitions, as in ``(a+)+``.
    """

    regex = "[^/]+"
    weight = 100
    part_isolating = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        if "regex" in own and "part_isolating" not in own:
            cls.part_isolating = "/" not in cls.regex

    def __init__(self, map: MapSettings, *args: Any, **kwargs: Any) -> None:
        self.map = map

    def to_python(self, value: str) -> Any:
        """Return the value of a text, or raise ValidationError."""
        return value

    def to_url(self, value: Any) -> str:
        """Return the text of a value, percent-encoded."""
        return quote(str(value), safe=PATH_SAFE)


class UnicodeConverter(BaseConverter):
    """``<string(minlength=1, maxlength=None, length=None):name>``."""

    def __init__(
        self,
        map: MapSettings,
        minlength: int = 1,
        maxlength: int | None = None,
        length: int | None = None,
    ) -> None:
        super().__init__(map)
        if length is not None:
            minlength = maxlength = length
        if (minlength, maxlength) != (1, None):
            most = "" if maxlength is None else int(maxlength)
            self.regex = f"[^/]{{{int(minlength)},{most}}}"


class AnyConverter(BaseConverter):
    """``<any(about, help, "foo,bar"):name>``: one of these texts."""

    def __init__(self, map: MapSettings, *items: Any) -> None:
        super().__init__(map)
        # <any(1, 2):x> gives numbers.
        texts = [str(item) for item in items]
        self.items = set(texts)
        self.regex = f"(?:{'|'.join(re.escape(text) for text in texts)})"

    def to_url(self, value: Any) -> str:
        if str(value) not in self.items:
            known = ", ".join(repr(item) for item in sorted(self.items))
            raise ValueError(f"{value!r} is not one of {known}")
        return super().to_url(value)


class PathConverter(BaseConverter):
    """``<path:name>``: as ``string``, and slashes, but not at the start."""

    part_isolating = False
    regex = "[^/].*?"
    weight = 200


class NumberConverter(BaseConverter):
    """The base of the converters of numbers."""

    weight = 50
    num_convert: type[Any] = int

    def __init__(
        self,
        map: MapSettings,
        fixed_digits: int = 0,
        min: float | None = None,
        max: float | None = None,
        signed: bool = False,
    ) -> None:
        super().__init__(map)
        if signed:
            self.regex = f"-?{self.regex}"
        self.fixed_digits = fixed_digits
        self.min = min
        self.max = max
        self.signed = signed

    def to_python(self, value: str) -> Any:
        if len(value) > MAX_DIGITS:
            raise ValidationError
        if self.fixed_digits and len(value) != self.fixed_digits:
            raise ValidationError
        try:
            number = self.num_convert(value)
        except ValueError:
            raise ValidationError from None
        if self.min is not None and number < self.min:
            raise ValidationError
        if self.max is not None and number > self.max:
            raise ValidationError
        return number

    def to_url(self, value: Any) -> str:
        return str(self.num_convert(value)).zfill(self.fixed_digits)


class IntegerConverter(NumberConverter):
    """``<int(fixed_digits=0, min=None, max=None, signed=False):name>``."""

    regex = r"\d+"


class FloatConverter(NumberConverter):
    """``<float(min=None, max=None, signed=False):name>``, with its point."""

    regex = r"\d+\.\d+"
    num_convert = float

    def __init__(
        self,
        map: MapSettings,
        min: float | None = None,
        max: float | None = None,
        signed: bool = False,
    ) -> None:
        super().__init__(map, min=min, max=max, signed=signed)

    def to_python(self, value: str) -> Any:
        number = super().to_python(value)
        if not isfinite(number):
            raise ValidationError
        return number


class UUIDConverter(BaseConverter):
    """``<uuid:name>``: 32 hexadecimal digits in the usual five groups."""

    regex = "-".join(f"[A-Fa-f0-9]{{{size}}}" for size in (8, 4, 4, 4, 12))

    def to_python(self, value: str) -> uuid.UUID:
        return uuid.UUID(value)

    def to_url(self, value: Any) -> str:
        return str(value)


DEFAULT_CONVERTERS: Mapping[str, type[BaseConverter]] = {
    "default": UnicodeConverter,
    "int": IntegerConverter,
    "float": FloatConverter,
    "path": PathConverter,
    "string": UnicodeConverter,
    "uuid": UUIDConverter,
    "any": AnyConverter,
}
