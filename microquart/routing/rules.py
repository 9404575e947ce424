"""Rule: one pattern for URLs, read both ways.

Bound to a map, a rule has its parts, which the tree is made of, and its
pieces, of which a URL is joined.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from microquart.http.multidict import pairs_of
from microquart.routing.converters import (
    PATH_SAFE,
    BaseConverter,
    MapSettings,
    ValidationError,
)
from microquart.routing.parts import Slot, host_part, path_parts
from microquart.routing.syntax import SLASHES, Argument, Variable, tokens

# https://url.spec.whatwg.org/#urlencoded-serializing
QUERY_SAFE = "!$'()*,/:;?@"

WEBSOCKET_METHODS = {"GET", "HEAD", "OPTIONS"}

# A fixed text, or the variable whose text stands here.
Piece = str | Slot


class Rule:
    """One pattern for URLs, and the endpoint that it leads to.

    What is None here (``strict_slashes``, ``merge_slashes``, ``subdomain``)
    is the map's, once the rule is added to one.
    """

    def __init__(
        self,
        string: str,
        defaults: Mapping[str, Any] | None = None,
        subdomain: str | None = None,
        methods: Iterable[str] | None = None,
        build_only: bool = False,
        endpoint: str | None = None,
        strict_slashes: bool | None = None,
        merge_slashes: bool | None = None,
        redirect_to: str | Callable[..., str] | None = None,
        alias: bool = False,
        host: str | None = None,
        websocket: bool = False,
        provide_automatic_options: bool = False,
    ) -> None:
        if not string.startswith("/"):
            raise ValueError(f'"{string}": a rule begins with a slash')
        self.rule = string
        self.endpoint = endpoint or ""
        self.methods = with_head(string, methods, websocket)
        self.defaults = defaults
        self.subdomain = subdomain
        self.host = host
        self.strict_slashes = strict_slashes
        self.merge_slashes = merge_slashes
        self.redirect_to = redirect_to
        self.build_only = build_only
        self.alias = alias
        self.websocket = websocket
        self.provide_automatic_options = provide_automatic_options
        self.arguments = set(defaults or ())
        self.converters: dict[str, BaseConverter] = {}
        self.map: MapSettings | None = None
        # The rules to which this one gives way when the values are their
        # defaults, and whether it ever redirects; the map finds out.
        self.canonical: Sequence[Rule] = ()
        self.redirects = False
        # Whose pages may open the websocket; None: what the application says.
        self.allowed_origins: Sequence[str] | None = None

    def __str__(self) -> str:
        return self.rule

    def __repr__(self) -> str:
        methods = ""
        if self.methods is not None:
            methods = f" ({', '.join(sorted(self.methods))})"
        rule = f"{self.domain}|{self.rule}" if self.domain else self.rule
        name = type(self).__name__
        return f"<{name} {rule!r}{methods} -> {self.endpoint}>"

    @property
    def domain(self) -> str:
        """The rule for the host or the subdomain, whichever the map uses."""
        by_host = self.map is not None and self.map.host_matching
        return (self.host if by_host else self.subdomain) or ""

    @property
    def _converters(self) -> dict[str, BaseConverter]:
        # Werkzeug's name for them, which quart-schema looks at.
        return self.converters

    # -- binding --

    def bind(self, map: MapSettings) -> None:
        """Take from a map what is left open, and compile the rule.

        Raises:
            ValueError: the rule is malformed.
            LookupError: it names a converter that the map does not have.
            RuntimeError: it is bound already.
        """
        if self.map is not None:
            raise RuntimeError(f"{self!r} is already bound to a map")
        if self.strict_slashes is None:
            self.strict_slashes = map.strict_slashes
        if self.merge_slashes is None:
            self.merge_slashes = map.merge_slashes
        if self.subdomain is None:
            self.subdomain = map.default_subdomain
        self.map = map
        self.compile()

    def compile(self) -> None:
        """Make the parts that match and the pieces that build."""
        path = self.rule
        if self.merge_slashes:
            path = SLASHES.sub("/", path)
        host_tokens = list(self._slots(self.domain))
        path_tokens = list(self._slots(path))
        if "/" in host_tokens:
            raise ValueError(f'"{self.domain}": a host has no slash')
        try:
            self.parts = [host_part(host_tokens), *path_parts(path_tokens)]
        except re.error as error:
            raise ValueError(f'"{self.rule}": bad regex: {error}') from error
        self.arguments.update(self.converters)
        # In the order of the texts that the parts give.
        self._to_python = [
            (name, to_value(converter))
            for name, converter in self.converters.items()
        ]
        self._host_pieces = [self._piece(token) for token in host_tokens]
        self._path_pieces = [self._piece(token) for token in path_tokens]

    def get_converter(
        self,
        variable_name: str,
        converter_name: str,
        args: tuple[Argument, ...],
        kwargs: Mapping[str, Argument],
    ) -> BaseConverter:
        """Make the converter of a variable."""
        assert self.map is not None
        known = self.map.converters
        if converter_name not in known:
            names = ", ".join(nearest(converter_name, known))
            raise LookupError(
                f'"{self.rule}": converter {converter_name!r} is unknown;'
                f" known: {names}"
            )
        return known[converter_name](self.map, *args, **kwargs)

    def _slots(self, rule: str) -> Iterator[str | Slot]:
        """Yield the tokens of a rule, each variable with its converter."""
        for token in tokens(rule):
            if isinstance(token, Variable):
                yield self._slot(token)
            else:
                yield token

    def _slot(self, variable: Variable) -> Slot:
        name, converter_name, args, kwargs, source = variable
        if name in self.converters:
            raise ValueError(f'"{self.rule}": {name!r} is used twice')
        try:
            converter = self.get_converter(name, converter_name, args, kwargs)
        except TypeError as error:
            raise TypeError(f'"{self.rule}": {source}: {error}') from error
        self.converters[name] = converter
        return Slot(name, converter, source)

    def _piece(self, token: str | Slot) -> Piece:
        if isinstance(token, str):
            return quote(token, safe=PATH_SAFE)
        if self.defaults and token.name in self.defaults:
            return token.converter.to_url(self.defaults[token.name])
        return token

    # -- as the tree sees it --

    def convert(self, texts: Sequence[str]) -> dict[str, Any]:
        """Return the view's arguments for the texts of the variables.

        Raises:
            ValidationError: a converter does not want its text after all.
        """
        values: dict[str, Any] = {}
        for (name, to_python), text in zip(
            self._to_python, texts, strict=False
        ):
            values[name] = to_python(text)
        if self.defaults:
            values.update(self.defaults)
        return values

    # -- as a map sees it --

    def build(
        self, values: Mapping[str, Any], append_unknown: bool = True
    ) -> tuple[str, str] | None:
        """Return the domain, and the path with its query, for the values.

        None: a converter refuses one.
        """
        try:
            domain = self._join(self._host_pieces, values)
            path = self._join(self._path_pieces, values)
        except ValidationError:
            return None
        if append_unknown and (query := self.query(values)):
            path += f"?{query}"
        return domain, path

    def _join(self, pieces: Iterable[Piece], values: Mapping[str, Any]) -> str:
        return "".join(
            piece
            if isinstance(piece, str)
            else piece.converter.to_url(values[piece.name])
            for piece in pieces
        )

    def query(self, values: Mapping[str, Any]) -> str:
        """Return the values that are no arguments of the rule as a query."""
        assert self.map is not None
        more = {
            name: value
            for name, value in values.items()
            if name not in self.arguments
        }
        if not more:
            return ""
        pairs = pairs_of(more)
        if self.map.sort_parameters:
            pairs = sorted(pairs, key=self.map.sort_key)
        return encode_query(pairs)

    def missing(self, values: Mapping[str, Any]) -> list[str]:
        """Return the names of the arguments that the values lack."""
        return sorted(self.arguments - set(values) - set(self.defaults or ()))

    def allows(self, method: str | None) -> bool:
        """Tell whether the rule takes the method; None stands for any."""
        return method is None or self.methods is None or method in self.methods

    def suitable_for(
        self, values: Mapping[str, Any], method: str | None = None
    ) -> bool:
        """Tell whether a URL can be built of the values.

        A value for which there is a default must be that default.
        """
        if not self.allows(method) or self.missing(values):
            return False
        defaults = self.defaults or {}
        return all(
            values[name] == default
            for name, default in defaults.items()
            if name in values
        )

    def provides_defaults_for(self, rule: "Rule") -> bool:
        """Tell whether another rule gives way to this one's defaults."""
        same = (self.domain, self.rule) == (rule.domain, rule.rule)
        return bool(
            self.defaults
            and not same
            and not self.build_only
            and self.endpoint == rule.endpoint
            and self.arguments == rule.arguments
        )

    def build_compare_key(self) -> tuple[bool, int, int]:
        """Rules that build first compare as less: no alias, more arguments."""
        return self.alias, -len(self.arguments), -len(self.defaults or ())


def with_head(
    rule: str, methods: Iterable[str] | None, websocket: bool
) -> set[str] | None:
    """Return the methods in capitals, HEAD among them where GET is."""
    if methods is None:
        return None
    if isinstance(methods, str):
        raise TypeError(f'"{rule}": methods={methods!r} is not a list')
    names = {method.upper() for method in methods}
    if "GET" in names:
        names.add("HEAD")
    if websocket and not names <= WEBSOCKET_METHODS:
        raise ValueError(f'"{rule}": a websocket can only be opened by GET')
    return names


def to_value(converter: BaseConverter) -> Callable[[str], Any]:
    """Return what makes the value; ``str`` where the text is the value."""
    method = converter.to_python
    plain = getattr(method, "__func__", None) is BaseConverter.to_python
    return str if plain else method


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the names that users know, the most alike first.

    >>> nearest("strng", ["default", "int", "string"])
    ['string', 'int']
    """
    from difflib import SequenceMatcher

    return sorted(
        (other for other in known if other != "default"),
        key=lambda other: -SequenceMatcher(None, name, other).ratio(),
    )


def encode_query(pairs: Iterable[tuple[str, Any]]) -> str:
    """Return the pairs as a query; a value that is None is left out."""
    return urlencode(
        [(name, value) for name, value in pairs if value is not None],
        safe=QUERY_SAFE,
    )
