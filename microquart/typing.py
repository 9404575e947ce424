"""The types that annotate a program: return values, hooks, replaceable parts.

Whatever the user writes may be plain or async, so most come in pairs.
"""

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager
from os import PathLike
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias

from microquart.asgi import (
    HTTPScope,
    LifespanScope,
    Receive,
    Send,
    WebSocketScope,
)
from microquart.http.datastructures import Headers
from microquart.wrappers.response import Response

FilePath: TypeAlias = bytes | str | PathLike[str]

# -- what a view returns --

ResponseValue: TypeAlias = (
    Response
    | bytes
    | str
    | Mapping[str, Any]  # JSON
    | list[Any]  # JSON
    | Iterable[bytes]
    | Iterable[str]
    | AsyncIterable[bytes]
    | AsyncIterable[str]
)
StatusCode: TypeAlias = int
HeaderName: TypeAlias = str
HeaderValue: TypeAlias = str | list[str] | tuple[str, ...]
HeadersValue: TypeAlias = (
    Headers
    | Mapping[HeaderName, HeaderValue]
    | Sequence[tuple[HeaderName, HeaderValue]]
)
ResponseReturnValue: TypeAlias = (
    ResponseValue
    | tuple[ResponseValue, HeadersValue]
    | tuple[ResponseValue, StatusCode]
    | tuple[ResponseValue, StatusCode, HeadersValue]
)
ResponseTypes: TypeAlias = Response

# -- what is registered; the application's key is None, a blueprint's its
#    name --

AppOrBlueprintKey: TypeAlias = str | None

AfterRequestCallable: TypeAlias = (
    Callable[[Response], Response] | Callable[[Response], Awaitable[Response]]
)
AfterServingCallable: TypeAlias = (
    Callable[[], None] | Callable[[], Awaitable[None]]
)
AfterWebsocketCallable: TypeAlias = (
    Callable[[Response | None], Response | None]
    | Callable[[Response | None], Awaitable[Response | None]]
)
BeforeRequestCallable: TypeAlias = (
    Callable[[], ResponseReturnValue | None]
    | Callable[[], Awaitable[ResponseReturnValue | None]]
)
BeforeServingCallable: TypeAlias = (
    Callable[[], None] | Callable[[], Awaitable[None]]
)
BeforeWebsocketCallable: TypeAlias = BeforeRequestCallable
ErrorHandlerCallable: TypeAlias = (
    Callable[[Any], ResponseReturnValue]
    | Callable[[Any], Awaitable[ResponseReturnValue]]
)
ShellContextProcessorCallable: TypeAlias = Callable[[], dict[str, Any]]
TeardownCallable: TypeAlias = (
    Callable[[BaseException | None], None]
    | Callable[[BaseException | None], Awaitable[None]]
)
TemplateContextProcessorCallable: TypeAlias = (
    Callable[[], dict[str, Any]] | Callable[[], Awaitable[dict[str, Any]]]
)
TemplateFilterCallable: TypeAlias = Callable[..., Any]
TemplateGlobalCallable: TypeAlias = Callable[..., Any]
TemplateTestCallable: TypeAlias = Callable[..., bool]
URLDefaultCallable: TypeAlias = Callable[[str, dict[str, Any]], None]
URLValuePreprocessorCallable: TypeAlias = Callable[
    [str | None, dict[str, Any] | None], None
]
WhileServingCallable: TypeAlias = Callable[[], AsyncGenerator[None, None]]

RouteCallable: TypeAlias = (
    Callable[..., ResponseReturnValue]
    | Callable[..., Awaitable[ResponseReturnValue]]
)
WebsocketCallable: TypeAlias = (
    Callable[..., ResponseReturnValue | None]
    | Callable[..., Awaitable[ResponseReturnValue | None]]
)

# -- the replaceable parts --


class ASGIHTTPProtocol(Protocol):
    """What ``app.asgi_http_class`` makes: it answers one request."""

    def __init__(self, app: Any, scope: HTTPScope) -> None: ...

    def __call__(
        self, receive: Receive, send: Send
    ) -> Coroutine[Any, Any, None]: ...


class ASGIWebsocketProtocol(Protocol):
    """What ``app.asgi_websocket_class`` makes: it serves one websocket."""

    def __init__(self, app: Any, scope: WebSocketScope) -> None: ...

    def __call__(
        self, receive: Receive, send: Send
    ) -> Coroutine[Any, Any, None]: ...


class ASGILifespanProtocol(Protocol):
    """What ``app.asgi_lifespan_class`` makes: it starts and stops the app."""

    def __init__(self, app: Any, scope: LifespanScope) -> None: ...

    def __call__(
        self, receive: Receive, send: Send
    ) -> Coroutine[Any, Any, None]: ...


class TestHTTPConnectionProtocol(Protocol):
    """What ``client.request()`` returns."""

    headers: Headers | None
    push_promises: list[tuple[str, Headers]]
    response_data: bytearray
    status_code: int | None

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...

    async def send(self, data: bytes) -> None: ...

    async def send_complete(self) -> None: ...

    async def receive(self) -> bytes: ...

    async def disconnect(self) -> None: ...

    async def as_response(self) -> Response: ...


class TestWebsocketConnectionProtocol(Protocol):
    """What ``client.websocket()`` returns."""

    accepted: bool
    headers: Headers | None
    response_data: bytearray
    status_code: int | None

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...

    async def receive(self) -> str | bytes: ...

    async def send(self, data: str | bytes) -> None: ...

    async def receive_json(self) -> Any: ...

    async def send_json(self, data: Any) -> None: ...

    async def close(self, code: int) -> None: ...

    async def disconnect(self) -> None: ...


class TestClientProtocol(Protocol):
    """What ``app.test_client()`` returns."""

    app: Any
    cookie_jar: Any
    push_promises: list[tuple[str, Headers]]

    async def open(
        self, path: str, *args: Any, **options: Any
    ) -> Response: ...

    async def get(self, path: str, *args: Any, **options: Any) -> Response: ...

    async def post(
        self, path: str, *args: Any, **options: Any
    ) -> Response: ...

    async def put(self, path: str, *args: Any, **options: Any) -> Response: ...

    async def patch(
        self, path: str, *args: Any, **options: Any
    ) -> Response: ...

    async def delete(
        self, path: str, *args: Any, **options: Any
    ) -> Response: ...

    async def head(
        self, path: str, *args: Any, **options: Any
    ) -> Response: ...

    async def options(
        self, path: str, *args: Any, **options: Any
    ) -> Response: ...

    async def trace(
        self, path: str, *args: Any, **options: Any
    ) -> Response: ...

    def request(
        self, path: str, *args: Any, **options: Any
    ) -> TestHTTPConnectionProtocol: ...

    def websocket(
        self, path: str, *args: Any, **options: Any
    ) -> TestWebsocketConnectionProtocol: ...

    def set_cookie(
        self,
        server_name: str | None,
        key: str,
        value: str = "",
        *args: Any,
        **options: Any,
    ) -> None: ...

    def delete_cookie(
        self, server_name: str | None, key: str, *args: Any, **options: Any
    ) -> None: ...

    def session_transaction(
        self, path: str = "/", *args: Any, **options: Any
    ) -> AbstractAsyncContextManager[Any]: ...


class TestAppProtocol(Protocol):
    """What ``app.test_app()`` returns."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...

    def test_client(self) -> TestClientProtocol: ...

    async def startup(self) -> None: ...

    async def shutdown(self) -> None: ...


class Event(Protocol):
    """What ``app.event_class`` makes."""

    def is_set(self) -> bool: ...

    # Some loops' events return something; nobody looks at it.
    def set(self) -> object: ...

    async def wait(self) -> object: ...
