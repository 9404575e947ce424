"""Authorization and WWW-Authenticate (RFC 9110, section 11).

Both are a scheme with either parameters or one token.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any, Self

from microquart.http.multidict import CallbackDict
from microquart.http.syntax import is_token, parse_dict, quote

Parameters = dict[str, str | None]

# RFC 7616, 3.3 and 3.4: in quotes even if they are tokens.  The realm is so
# in every scheme, because old clients want it (RFC 9110, 11.5).
_QUOTED = frozenset(
    {
        *("realm", "nonce", "opaque", "domain"),
        *("username", "uri", "response", "cnonce"),
    }
)


class Scheme:
    """A scheme of authentication, in lower case, with what belongs to it.

    A parameter that is not there is None, as an item and as an attribute.
    """

    type: str
    parameters: Parameters
    token: str | None

    def get(self, key: str, default: str | None = None) -> str | None:
        """Return a parameter, or the default if it is not there."""
        return self.parameters.get(key, default)

    def to_header(self) -> str:
        """Return the field's value, the scheme capitalized."""
        return self._write(_QUOTED)

    def __getitem__(self, key: str) -> str | None:
        return self.parameters.get(key)

    def __contains__(self, key: str) -> bool:
        return key in self.parameters

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scheme):
            return NotImplemented
        mine = (self.type, self.parameters, self.token)
        return mine == (other.type, other.parameters, other.token)

    def __str__(self) -> str:
        return self.to_header()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.type}>"

    def _write(self, quoted: frozenset[str]) -> str:
        name = self.type.title()
        if self.token is not None:
            return f"{name} {self.token}".rstrip()
        parameters = ", ".join(
            f"{key}={quote(value or '', allow_token=key not in quoted)}"
            for key, value in self.parameters.items()
        )
        return f"{name} {parameters}".rstrip()


class _Parameter:
    """An attribute that reads and writes the parameter of its name."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, scheme: Scheme, owner: object = None) -> str | None:
        return scheme.parameters.get(self.name)

    def __set__(self, scheme: Scheme, value: str | None) -> None:
        if value is None:
            scheme.parameters.pop(self.name, None)
        else:
            scheme.parameters[self.name] = value


class Authorization(Scheme):
    """Who the client says it is.

    >>> auth = Authorization.from_header("Basic bWFyY286c2VjcmV0")
    >>> auth.type, auth.username, auth["password"]
    ('basic', 'marco', 'secret')
    >>> Authorization.from_header("Bearer abc").token
    'abc'
    """

    username = _Parameter()
    password = _Parameter()
    realm = _Parameter()
    nonce = _Parameter()
    uri = _Parameter()
    response = _Parameter()
    algorithm = _Parameter()
    cnonce = _Parameter()
    opaque = _Parameter()
    qop = _Parameter()
    nc = _Parameter()

    def __init__(
        self,
        auth_type: str,
        data: Mapping[str, str | None] | None = None,
        token: str | None = None,
    ) -> None:
        self.type = auth_type
        self.parameters = dict(data or {})
        self.token = token

    @classmethod
    def from_header(cls, value: str | None) -> Self | None:
        """Return what a field says; None if it is absent or malformed."""
        scheme, parameters, token = _read(value)
        if not is_token(scheme):
            return None
        if scheme != "basic":
            return cls(scheme, parameters, token)
        user = _decode_basic(token)
        return None if user is None else cls(scheme, user)

    def to_header(self) -> str:
        """Return the field's value; of Basic, encoded in base64."""
        if self.type.lower() != "basic":
            return super().to_header()
        user = f"{self.username or ''}:{self.password or ''}"
        return f"Basic {b64encode(user.encode()).decode()}"


class WWWAuthenticate(Scheme):
    """How the client may say who it is.

    >>> WWWAuthenticate("basic", {"realm": "notes"}).to_header()
    'Basic realm="notes"'

    ``on_update(itself)`` is called after each change.
    """

    realm = _Parameter()
    domain = _Parameter()
    nonce = _Parameter()
    algorithm = _Parameter()
    opaque = _Parameter()
    qop = _Parameter()
    stale = _Parameter()

    def __init__(
        self,
        auth_type: str = "basic",
        values: Mapping[str, str | None] | None = None,
        token: str | None = None,
        on_update: Callable[[Any], None] | None = None,
    ) -> None:
        self.on_update: Callable[[Any], None] | None = None
        self.type = auth_type.lower()
        self.token = token
        self.parameters = dict(values or {})
        self.on_update = on_update

    @classmethod
    def from_header(
        cls,
        value: str | None,
        on_update: Callable[[Any], None] | None = None,
    ) -> Self | None:
        """Return what a field says; None if it is absent."""
        scheme, parameters, token = _read(value)
        return cls(scheme, parameters, token, on_update) if scheme else None

    def to_header(self) -> str:
        """Return the field's value: the challenge."""
        # A client answers with a qop that is not in quotes, a server asks
        # for one of several, which are.
        return self._write(_QUOTED | {"qop"})

    def __setitem__(self, key: str, value: str | None) -> None:
        if value is None:
            self.parameters.pop(key, None)
        else:
            self.parameters[key] = value

    def __delitem__(self, key: str) -> None:
        self.parameters.pop(key, None)

    def __setattr__(self, name: str, value: object) -> None:
        if name == "parameters" and isinstance(value, Mapping):
            value = CallbackDict(value, lambda _: self._changed())
        super().__setattr__(name, value)
        if name in {"type", "parameters", "token"}:
            self._changed()

    def _changed(self) -> None:
        if self.on_update is not None:
            self.on_update(self)


def _read(value: str | None) -> tuple[str, Parameters, str | None]:
    scheme, _, rest = (value or "").strip().partition(" ")
    rest = rest.strip()
    # An equals sign that is not the padding of a token (RFC 9110, 11.4).
    if "=" in rest.rstrip("="):
        return scheme.lower(), parse_dict(rest), None
    return scheme.lower(), {}, rest or None


def _decode_basic(token: str | None) -> Parameters | None:
    if token is None:
        return None
    try:
        user = b64decode(token, validate=True).decode()
    except ValueError:  # no base64, not even ASCII, or no UTF-8
        return None
    username, _, password = user.partition(":")
    return {"username": username, "password": password}
