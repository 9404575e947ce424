"""JSONProvider: how an application reads and writes JSON."""

import json
import re
from collections.abc import Callable
from itertools import accumulate
from typing import IO, Any, NoReturn, Protocol

from microquart.json.values import to_json
from microquart.wrappers.response import Response

MAX_DEPTH = 200  # arrays and objects in each other
MAX_DIGITS = 4300  # of one integer; int() refuses more (CVE-2020-10735)

_TOO_LONG = re.compile(rf"\d{{{MAX_DIGITS + 1}}}")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = [1 if byte in b"[{" else -1 for byte in range(256)]
_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)


class Application(Protocol):
    """What a provider asks of its application."""

    @property
    def debug(self) -> bool: ...
    @property
    def response_class(self) -> type[Response]: ...


class JSONProvider:
    """Subclass it for another JSON library: ``dumps`` and ``loads`` do."""

    mimetype = "application/json"

    def __init__(self, app: Application) -> None:
        self._app = app

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        raise NotImplementedError

    def dump(self, obj: Any, fp: IO[str], **kwargs: Any) -> None:
        """Write the JSON to a text file, which should be in UTF-8."""
        fp.write(self.dumps(obj, **kwargs))

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        raise NotImplementedError

    def load(self, fp: IO[str] | IO[bytes], **kwargs: Any) -> Any:
        """Read the rest of a file, of text or of UTF-8."""
        return self.loads(fp.read(), **kwargs)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Return a response with the one argument, or all, as JSON.

        Several arguments make an array, keywords an object, none ``null``.
        """
        text = self.dumps(_content(args, kwargs))
        return self._app.response_class(text, mimetype=self.mimetype)


class DefaultJSONProvider(JSONProvider):
    """The standard library's JSON, with forms for some more types.

    Set the attributes on the provider, as in ``app.json.sort_keys = False``:

    - ``default``: what to do with a value that JSON lacks
    - ``ensure_ascii``: escape everything else
    - ``sort_keys``: by name; all keys must then be text
    - ``compact``: no space in responses; None, unless in debug mode
    - ``mimetype``: of responses
    """

    default: Callable[[Any], Any] = staticmethod(to_json)
    ensure_ascii = True
    sort_keys = True
    compact: bool | None = None

    # Encoders are made once: a response is one call of a bound method.
    _encode: Callable[[Any], str] | None = None
    _encode_compact: Callable[[Any], str] | None = None

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if not name.startswith("_encode"):
            self._encode = self._encode_compact = None

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return the JSON of an object; keywords are ``json.dumps``'s.

        Raises:
            TypeError: there is something in it that JSON has no form for.
            ValueError: it contains itself, a NaN, or an infinity.
        """
        if kwargs:
            return self._encoder(**kwargs).encode(obj)
        if self._encode is None:
            self._encode = self._encoder().encode
        return self._encode(obj)

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return what JSON stands for; keywords are ``json.loads``'s.

        Raises:
            ValueError: a JSONDecodeError with the place, for what is no JSON
                or no UTF-8, deeper than MAX_DEPTH, or an integer of more than
                MAX_DIGITS.
        """
        text = s if isinstance(s, str) else _decode(s)
        _limit_depth(text)
        try:
            return json.loads(text, **kwargs) if kwargs else _loads(text)
        except json.JSONDecodeError:
            raise
        except ValueError:
            number = _TOO_LONG.search(text)
            if number is None:
                raise
        refuse(f"More than {MAX_DIGITS} digits", text, number.start())

    def response(self, *args: Any, **kwargs: Any) -> Response:
        obj = _content(args, kwargs)
        compact = self.compact
        if compact is None:
            compact = not self._app.debug
        if not compact:
            text = self.dumps(obj, indent=2)
        elif self._encode_compact is not None:
            text = self._encode_compact(obj)
        else:
            text = self._first_compact(obj)
        return self._app.response_class(text + "\n", mimetype=self.mimetype)

    def _first_compact(self, obj: Any) -> str:
        # A subclass may have a dumps() of its own; then that is asked.
        if type(self).dumps is not DefaultJSONProvider.dumps:
            return self.dumps(obj, separators=(",", ":"))
        self._encode_compact = self._encoder(separators=(",", ":")).encode
        return self._encode_compact(obj)

    def _encoder(
        self, cls: type[json.JSONEncoder] = json.JSONEncoder, **options: Any
    ) -> json.JSONEncoder:
        ours = {
            "default": self.default,
            "ensure_ascii": self.ensure_ascii,
            "sort_keys": self.sort_keys,
            "allow_nan": False,
        }
        return cls(**{**ours, **options})


def _content(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if kwargs:
        if args:
            raise TypeError("give either arguments or keywords, not both")
        return kwargs
    return args if len(args) > 1 else args[0] if args else None


# Reading -------------------------------------------------------------------

_loads = json.JSONDecoder().decode


def refuse(problem: str, text: str, position: int) -> NoReturn:
    raise json.JSONDecodeError(problem, text, position)


def _decode(data: bytes) -> str:
    """Return the text: JSON is UTF-8 (RFC 8259, section 8.1)."""
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        raise json.JSONDecodeError("Not UTF-8", before, len(before)) from None
    return text.removeprefix("\ufeff")


def _limit_depth(text: str) -> None:
    """Raise for too much nesting, which the parser would take the stack for.

    Most texts have too few brackets to be deep.  For the others: drop the
    strings, then all but the brackets, and sum up, all of it in C.
    """
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    outside = text.replace("\\\\", "").replace('\\"', "").split('"')[::2]
    brackets = (
        "".join(outside)
        .encode("ascii", "replace")
        .translate(None, _NO_BRACKETS)
    )
    depths = accumulate(map(_STEPS.__getitem__, brackets))
    if max(depths, default=0) > MAX_DEPTH:
        refuse(f"More than {MAX_DEPTH} levels", text, _deep_place(text))


def _deep_place(text: str) -> int:
    """Return where the first bracket too many is."""
    depth = 0
    for match in _BRACKET.finditer(text):
        depth += _STEPS[ord(match[0][0])] if match[0] in "[]{}" else 0
        if depth > MAX_DEPTH:
            return match.start()
    return 0
