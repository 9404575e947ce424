"""JSONProvider: how an application reads and writes JSON."""

import json
from collections.abc import Callable, Mapping
from typing import IO, Any, Protocol

from microquart.json.reading import parse
from microquart.json.values import to_json
from microquart.wrappers.response import Response


class Application(Protocol):
    """What a provider asks of its application."""

    @property
    def config(self) -> Mapping[str, Any]:
        """Has ``MAX_JSON_DEPTH``, ``MAX_JSON_DIGITS``, and ``DEBUG``.

        Responses are indented in debug mode.
        """
        ...

    @property
    def response_class(self) -> type[Response]:
        """The class of what ``response`` returns."""
        ...


class JSONProvider:
    """Subclass it for another JSON library: ``dumps`` and ``loads`` do."""

    mimetype = "application/json"

    def __init__(self, app: Application) -> None:
        self._app = app

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return the JSON of an object, as text."""
        raise NotImplementedError

    def dump(self, obj: Any, fp: IO[str], **kwargs: Any) -> None:
        """Write the JSON to a text file, which should be in UTF-8."""
        fp.write(self.dumps(obj, **kwargs))

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return what JSON stands for.

        Raises:
            ValueError: it is no JSON; a request is then answered with 400.
        """
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
            ValueError: a JSONDecodeError, which has the place; see parse().
        """
        config = self._app.config
        depth, digits = config["MAX_JSON_DEPTH"], config["MAX_JSON_DIGITS"]
        return parse(s, depth, digits, **kwargs)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        if len(args) == 1 and not kwargs:
            obj = args[0]
        else:
            obj = _content(args, kwargs)
        app = self._app
        compact = self.compact
        if compact is None:
            compact = not app.config["DEBUG"]
        if not compact:
            text = self.dumps(obj, indent=2)
        elif self._encode_compact is not None:
            text = self._encode_compact(obj)
        else:
            text = self._first_compact(obj)
        return app.response_class(text + "\n", None, None, self.mimetype)

    def _first_compact(self, obj: Any) -> str:
        # A subclass may have a dumps() of its own; then that is asked.
        if type(self).dumps is not DefaultJSONProvider.dumps:
            return self.dumps(obj, separators=(",", ":"))
        self._encode_compact = one_shot(self._encoder(separators=(",", ":")))
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


def one_shot(encoder: json.JSONEncoder) -> Callable[[Any], str]:
    """Return what ``encoder.encode`` does, for many small objects.

    CPython makes an encoder in C for each call, which takes longer than the
    encoding; here it is made once, if there is one.
    """
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    text = json.encoder.encode_basestring
    if encoder.ensure_ascii:
        text = json.encoder.encode_basestring_ascii
    parts = make(
        None,
        encoder.default,
        text,
        None,
        encoder.key_separator,
        encoder.item_separator,
        encoder.sort_keys,
        encoder.skipkeys,
        encoder.allow_nan,
    )

    def encode(obj: Any) -> str:
        try:
            return "".join(parts(obj, 0))
        except RecursionError:
            return encoder.encode(obj)  # it can tell a circle from depth

    return encode


def _content(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if kwargs:
        if args:
            raise TypeError("give either arguments or keywords, not both")
        return kwargs
    return args if len(args) > 1 else args[0] if args else None
