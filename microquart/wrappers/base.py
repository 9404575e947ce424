"""What a request and a websocket have in common: a scope to be read.

Nothing is computed before somebody asks, and then once.  What the client
says of itself is text to be checked: the host by its grammar and by
``trusted_hosts``, the number of its parameters by a bound.

``path`` is what the application's rules match.  An ASGI scope's path begins
with ``root_path``, where the application is mounted; that part is taken off.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol

from anyio import CancelScope, Event
from anyio.lowlevel import checkpoint

from microquart.asgi import Address, HTTPScope, Receive, WebSocketScope
from microquart.exceptions import (
    BadRequest,
    BadRequestKeyError,
    SecurityError,
)
from microquart.formparser import parse_urlencoded
from microquart.http.cookies import parse_cookie
from microquart.http.datastructures import (
    Headers,
    ImmutableMultiDict,
    MultiDict,
)
from microquart.http.syntax import parse_list
from microquart.http.targets import valid_host
from microquart.http.urls import (
    ESCAPED,
    is_trusted,
    path_below,
    readable_path,
    readable_query,
    split_port,
)
from microquart.routing import Rule
from microquart.wrappers.request_fields import RequestFields
from microquart.wrappers.uploads import FileStorage

_DEFAULT_PORTS = {"http": "80", "ws": "80", "https": "443", "wss": "443"}

# What a view looks for and the client has not sent is the client's mistake.
MultiDict.key_error = Headers.key_error = BadRequestKeyError


class JSON(Protocol):
    """What reads and writes JSON: the application's provider."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any: ...

    def dumps(self, obj: Any, **kwargs: Any) -> str: ...


@dataclass(frozen=True)
class RequestSettings:
    """What a request may be, from the application's configuration.

    None: without a limit.
    """

    json: JSON
    max_content_length: int | None = 16 * 1024 * 1024  # bytes of a body
    body_timeout: float | None = 60  # seconds that a body is waited for
    max_form_memory_size: int | None = 500_000  # bytes of all fields
    max_form_parts: int | None = 1000  # fields and files
    max_form_part_head: int | None = 8 * 1024  # bytes of a part's fields
    max_form_part_lines: int | None = 16  # header fields of a part
    max_query_parameters: int | None = 1000
    trusted_hosts: Sequence[str] | None = None  # None: any
    response_timeout: float | None = 60  # seconds that it may be taken in
    signs_sessions: bool = False  # there is a key for it
    debug: bool = False


class BaseRequestWebsocket(RequestFields):
    """The part of a request or websocket that is known from the start.

    ``method`` and ``path`` are used by the router; ``scope`` is the ASGI
    scope.  Whoever matched the URL sets ``url_rule`` and ``view_args``, or
    ``routing_exception``.
    """

    parameter_storage_class: type[MultiDict[str, Any]] = ImmutableMultiDict
    dict_storage_class: type[MultiDict[str, Any]] = ImmutableMultiDict
    list_storage_class: type[list[Any]] = list

    # Of a websocket; a request says itself.
    method = "GET"

    # ``.example.com``: with its subdomains.  None: any.
    trusted_hosts: Sequence[str] | None = None

    # The files of a form; somebody has to close() them in the end.
    uploads: Sequence[FileStorage] = ()

    url_rule: Rule | None = None
    view_args: dict[str, Any] | None = None
    routing_exception: Exception | None = None

    # The client has gone.
    gone = False
    # Set by the gateway: cancelling it ends the view, at its next ``await``.
    runs_in: asyncio.Task[Any] | CancelScope | None = None
    _shields = 0
    _cancels_late = False
    _departure: Event | None = None

    def __init__(
        self,
        scope: HTTPScope | WebSocketScope,
        receive: Receive,
        settings: RequestSettings,
    ) -> None:
        self.scope = scope
        self.settings = settings
        self._receive = receive
        if scope["type"] == "http":
            self.method = scope["method"]
            self.scheme = scope.get("scheme", "http")
        else:
            self.scheme = scope.get("scheme", "ws")
        if settings.trusted_hosts:
            self.trusted_hosts = settings.trusted_hosts
        self.path = path = scope["path"]
        if scope.get("root_path") or path[:1] != "/" or path[1:2] == "/":
            self.path = path_below(scope.get("root_path", ""), path)

    def __repr__(self) -> str:
        try:
            url = repr(self.url)
        except SecurityError as error:
            url = f"(invalid URL: {error.description})"
        return f"<{type(self).__name__} {url} [{self.method}]>"

    # -- what the scope says --

    @property
    def is_secure(self) -> bool:
        """Whether the client came by https or wss."""
        return self.scheme in ("https", "wss")

    @cached_property
    def http_version(self) -> str:
        """``1.0``, ``1.1`` or ``2``."""
        return self.scope.get("http_version", "1.1")

    @property
    def root_path(self) -> str:
        """Where the application is mounted, without a slash at the end."""
        return self.scope.get("root_path", "").rstrip("/")

    @property
    def script_root(self) -> str:
        """WSGI's name for ``root_path``."""
        return self.root_path

    @cached_property
    def server(self) -> Address | None:
        """The address of the server, ``(host, port)`` or ``(path, None)``."""
        return self.scope.get("server")

    @cached_property
    def remote_addr(self) -> str | None:
        """The address of whom the server talks to, maybe a proxy."""
        client = self.scope.get("client")
        return client[0] if client else None

    @cached_property
    def access_route(self) -> list[str]:
        """What X-Forwarded-For says, the client first; else the peer.

        Anyone can write that field: do not trust it for more than logs.
        """
        route = parse_list(", ".join(self.headers.getlist("X-Forwarded-For")))
        if not route and self.remote_addr is not None:
            route = [self.remote_addr]
        return self.list_storage_class(route)

    # -- the URL --

    @property
    def query_string(self) -> bytes:
        """What stands behind the question mark, percent-encoded."""
        return self.scope.get("query_string", b"")

    @cached_property
    def args(self) -> MultiDict[str, str]:
        """The parameters of the query string.

        Raises:
            BadRequest: there are more than ``MAX_QUERY_PARAMETERS``.
        """
        query = self.query_string
        limit = self.settings.max_query_parameters
        if limit is not None and query.count(b"&") + bool(query) > limit:
            raise BadRequest(f"More than {limit} query parameters.")
        text = query.decode("utf-8", ESCAPED)
        return self.parameter_storage_class(parse_urlencoded(text, ESCAPED))

    @cached_property
    def full_path(self) -> str:
        """The path with the query string, and ``?`` even if that is empty."""
        return f"{self.path}?{self.query_string.decode('utf-8', ESCAPED)}"

    @property
    def host(self) -> str:
        """The host that is asked for, with its port if that is unusual.

        It is empty if neither the client nor the server says one.

        Raises:
            SecurityError: it is malformed, or none of ``trusted_hosts``.
        """
        return self._host

    @cached_property
    def _host(self) -> str:
        host: bytes | None = None
        for name, value in self.scope["headers"]:
            if name == b"host":
                # RFC 9112 3.2: two of them are answered 400.
                host = value if host is None else b"%b, %b" % (host, value)
        if host is None:
            host = self._server_host()
            if not host:
                return ""
        trusted = self.trusted_hosts
        if trusted is not None:
            trusted = (
                (trusted,) if isinstance(trusted, str) else tuple(trusted)
            )
        return checked_host(host, self.scheme, trusted)

    def _server_host(self) -> bytes:
        if self.server is None or self.server[1] is None:
            return b""
        host, port = self.server
        return (
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        ).encode()

    @cached_property
    def host_url(self) -> str:
        """Scheme and host, as in ``https://example.com/``."""
        return f"{self.scheme}://{self.host.lower()}/"

    @cached_property
    def root_url(self) -> str:
        """The URL where the application is mounted."""
        return f"{self.host_url[:-1]}{readable_path(self.root_path)}/"

    @property
    def url_root(self) -> str:
        """Flask's name for ``root_url``."""
        return self.root_url

    @cached_property
    def base_url(self) -> str:
        """The URL without its query string."""
        return f"{self.root_url[:-1]}{readable_path(self.path)}"

    @cached_property
    def url(self) -> str:
        """The whole URL, readable: ``é`` and not ``%C3%A9``."""
        if not self.query_string:
            return self.base_url
        return f"{self.base_url}?{readable_query(self.query_string)}"

    # -- the route --

    @property
    def endpoint(self) -> str | None:
        """The name of the view for ``url_for``; None: no rule matched."""
        return None if self.url_rule is None else self.url_rule.endpoint

    @property
    def blueprint(self) -> str | None:
        """The name of the blueprint that the view belongs to."""
        name = (self.endpoint or "").rpartition(".")[0]
        return name or None

    @property
    def blueprints(self) -> list[str]:
        """The blueprint's name and those of the blueprints around it."""
        names: list[str] = []
        name = self.blueprint
        while name:
            names.append(name)
            name = name.rpartition(".")[0]
        return names

    # -- the head --

    # Properties over what is cached: a floor below asks for them through a
    # Protocol, and pyright takes a cached_property for something else.

    @property
    def headers(self) -> Headers:
        """The fields as the client sent them, their names in any case."""
        return self._headers

    @cached_property
    def _headers(self) -> Headers:
        return Headers.from_fields(self.scope["headers"])

    @property
    def cookies(self) -> MultiDict[str, str]:
        """The cookies by name; one that is sent twice has two values."""
        return self._cookies

    @cached_property
    def _cookies(self) -> MultiDict[str, str]:
        # RFC 9113 8.2.3: HTTP/2 may cut the field into several.
        text = "; ".join(self.headers.getlist("Cookie"))
        return self.dict_storage_class(parse_cookie(text))

    @property
    def json_module(self) -> JSON:
        """What reads JSON here: the application's provider."""
        return self.settings.json

    # -- the departure of the client --

    def client_left(self) -> None:
        """Take note that the client has gone, and cancel the view.

        The gateway calls it, when the server says so.
        """
        if self.gone:
            return
        self.gone = True
        if self._departure is not None:
            self._departure.set()
        if self._shields:
            self._cancels_late = True
        elif self.runs_in is not None:
            self.runs_in.cancel()

    @asynccontextmanager
    async def shield(self) -> AsyncIterator[None]:
        """Let what is inside be finished, although the client may go.

        ::

            async with request.shield():
                await database.commit()

        If it has gone meanwhile, the view is cancelled at the end.
        """
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
            late = self._cancels_late and not self._shields
            if late:
                self._cancels_late = False
                if self.runs_in is not None:
                    self.runs_in.cancel()
        if late:
            await checkpoint()

    async def disconnected(self) -> None:
        """Wait until the client has gone; ``gone`` tells without waiting.

        A view is cancelled then, so this is for a task beside it, or inside
        ``shield()``.
        """
        if not self.gone:
            if self._departure is None:
                self._departure = Event()
            await self._departure.wait()


class Turn:
    """Lets one in at a time; it costs little unless two come together."""

    _taken = False
    _freed: Event | None = None

    async def __aenter__(self) -> None:
        while self._taken:
            if self._freed is None:
                self._freed = Event()
            await self._freed.wait()
        self._taken = True

    async def __aexit__(self, *error: object) -> None:
        self._taken = False
        if self._freed is not None:
            self._freed.set()
            self._freed = None


# Few hosts are asked for again and again.
@lru_cache(maxsize=256)
def checked_host(
    host: bytes, scheme: str, trusted: tuple[str, ...] | None
) -> str:
    """Return a host as text, without the port if that is the scheme's.

    Raises:
        SecurityError: it is malformed, or not trusted.
    """
    text = host.decode("latin-1")
    name, port = split_port(text)
    if not valid_host(host) or (port and not 0 < int(port) < 65536):
        raise SecurityError(f"Host {text!r} is malformed.")
    if trusted and not is_trusted(name, trusted):
        raise SecurityError(f"Host {text!r} is not trusted.")
    return name if not port or port == _DEFAULT_PORTS.get(scheme) else text
