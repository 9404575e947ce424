"""The client of tests: requests to an ASGI application, without a server."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import Context as ContextVariables
from contextvars import Token
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack
from weakref import WeakKeyDictionary

from microquart.asgi import ASGIApplication
from microquart.context import Context, current
from microquart.http.cookies import dump_cookie
from microquart.http.datastructures import Headers
from microquart.http.fields import Authorization
from microquart.sessions import SessionMixin
from microquart.testing.background import Background
from microquart.testing.connections import (
    TestHTTPConnection,
    TestWebsocketConnection,
)
from microquart.testing.cookies import CookieJar
from microquart.testing.outgoing import MOVED, Outgoing
from microquart.testing.transaction import SessionHolder, Transaction
from microquart.testing.utils import (
    Files,
    Form,
    HeadersSource,
    make_test_body_with_headers,
    sentinel,
)
from microquart.testing.utils import server_name as name_of_server
from microquart.wrappers.response import Response

# As browsers have it: whoever is sent on so often runs in a circle.
MAX_REDIRECTS = 20

Auth = Authorization | tuple[str, str]


class Options(TypedDict, total=False):
    """What :meth:`QuartClient.open` takes besides path and method."""

    headers: HeadersSource | None
    data: str | bytes | None
    form: Form | None
    files: Files | None
    query_string: Mapping[str, Any] | None
    json: Any
    scheme: str
    follow_redirects: bool
    root_path: str
    http_version: str
    scope_base: Mapping[str, Any] | None
    auth: Auth | None
    subdomain: str | None


class QuartClient:
    """Sends requests to an application and keeps its cookies.

    ``async with app.test_client() as client:`` also keeps the context of the
    last request, so that ``request`` and ``session`` can be asserted on.
    """

    http_connection_class = TestHTTPConnection
    websocket_connection_class = TestWebsocketConnection

    def __init__(self, app: ASGIApplication, use_cookies: bool = True) -> None:
        self.app = app
        self.cookie_jar = CookieJar() if use_cookies else None
        self.preserve_context = False
        self.push_promises: list[tuple[str, Headers]] = []
        # What lifespan startup left for the requests; see TestApp.
        self.state: Mapping[str, Any] | None = None
        # The request that a response answers, for a redirect to repeat it.
        self._answered: WeakKeyDictionary[Response, Outgoing]
        self._answered = WeakKeyDictionary()
        self._kept: tuple[Context, ContextVariables, Token[Context]] | None = (
            None
        )

    # -- whole requests --

    async def open(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: HeadersSource | None = None,
        data: str | bytes | None = None,
        form: Form | None = None,
        files: Files | None = None,
        query_string: Mapping[str, Any] | None = None,
        json: Any = sentinel,
        scheme: str = "http",
        follow_redirects: bool = False,
        root_path: str = "",
        http_version: str = "1.1",
        scope_base: Mapping[str, Any] | None = None,
        auth: Auth | None = None,
        subdomain: str | None = None,
    ) -> Response:
        """Send a request and return the response.

        The body is one of ``data``, ``json``, and ``form`` with ``files``.
        ``path`` may have a query, and may be a whole URL.  ``scope_base`` is
        put over the ASGI scope.

        Raises:
            Exception: what the application raises, which it does if
                ``app.testing`` is set.
        """
        response = await self._make_request(
            path,
            method,
            headers,
            data,
            form,
            files,
            query_string,
            json,
            scheme,
            root_path,
            http_version,
            scope_base,
            auth,
            subdomain,
        )
        if follow_redirects:
            response = await self._follow(response)
        return response

    async def get(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a GET; the options are those of ``open``."""
        return await self.open(path, method="GET", **options)

    async def post(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a POST; the options are those of ``open``."""
        return await self.open(path, method="POST", **options)

    async def put(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a PUT; the options are those of ``open``."""
        return await self.open(path, method="PUT", **options)

    async def patch(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a PATCH; the options are those of ``open``."""
        return await self.open(path, method="PATCH", **options)

    async def delete(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a DELETE; the options are those of ``open``."""
        return await self.open(path, method="DELETE", **options)

    async def head(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a HEAD; the options are those of ``open``."""
        return await self.open(path, method="HEAD", **options)

    async def options(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a OPTIONS; the options are those of ``open``."""
        return await self.open(path, method="OPTIONS", **options)

    async def trace(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a TRACE; the options are those of ``open``."""
        return await self.open(path, method="TRACE", **options)

    async def query(self, path: str, **options: Unpack[Options]) -> Response:
        """Send a QUERY; the options are those of ``open``."""
        return await self.open(path, method="QUERY", **options)

    # Extensions override this: quart-schema takes models for the values.
    async def _make_request(
        self,
        path: str,
        method: str,
        headers: HeadersSource | None,
        data: str | bytes | None,
        form: Form | None,
        files: Files | None,
        query_string: Mapping[str, Any] | None,
        json: Any,
        scheme: str,
        root_path: str,
        http_version: str,
        scope_base: Mapping[str, Any] | None,
        auth: Auth | None = None,
        subdomain: str | None = None,
    ) -> Response:
        outgoing = Outgoing.to(
            self.app,
            path,
            method=method,
            headers=headers,
            query_string=query_string,
            scheme=scheme,
            root_path=root_path,
            http_version=http_version,
            scope_base=self._with_state(scope_base),
            auth=auth,
            subdomain=subdomain,
            body=make_test_body_with_headers(
                data=data, form=form, files=files, json=json, app=self.app
            ),
        )
        self.push_promises = []
        response = await self._exchange(outgoing)
        self._answered[response] = outgoing
        return response

    async def _exchange(self, outgoing: Outgoing) -> Response:
        # A redirect goes on with what the user gave, and cookies of its own.
        sent = replace(outgoing, headers=outgoing.headers.copy())
        self._add_cookies(sent.headers, sent.url)
        scope = sent.http_scope(self.preserve_context)
        connection = self.http_connection_class(
            self.app, scope, self.preserve_context
        )
        await self._let_go()
        async with connection:
            if outgoing.body:
                await connection.send(outgoing.body)
            await connection.send_complete()
        if self.preserve_context:
            self._keep(connection.variables)
        response = await connection.as_response()
        self.push_promises.extend(connection.push_promises)
        if self.cookie_jar is not None:
            fields = response.headers.getlist("set-cookie")
            self.cookie_jar.extract(fields, outgoing.url)
        return response

    async def _follow(self, response: Response) -> Response:
        outgoing = self._answered[response]
        for _ in range(MAX_REDIRECTS):
            location = response.headers.get("location")
            if response.status_code not in MOVED or location is None:
                return response
            outgoing = outgoing.redirected(response.status_code, location)
            response = await self._exchange(outgoing)
        raise RuntimeError(f"more than {MAX_REDIRECTS} redirects")

    # -- by and by --

    def request(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: HeadersSource | None = None,
        query_string: Mapping[str, Any] | None = None,
        scheme: str = "http",
        root_path: str = "",
        http_version: str = "1.1",
        scope_base: Mapping[str, Any] | None = None,
        auth: Auth | None = None,
        subdomain: str | None = None,
    ) -> TestHTTPConnection:
        """Return a request whose body and response come piece by piece."""
        outgoing = Outgoing.to(
            self.app,
            path,
            method=method,
            headers=headers,
            query_string=query_string,
            scheme=scheme,
            root_path=root_path,
            http_version=http_version,
            scope_base=self._with_state(scope_base),
            auth=auth,
            subdomain=subdomain,
        )
        self._add_cookies(outgoing.headers, outgoing.url)
        return self.http_connection_class(self.app, outgoing.http_scope())

    def websocket(
        self,
        path: str,
        *,
        headers: HeadersSource | None = None,
        query_string: Mapping[str, Any] | None = None,
        scheme: str = "ws",
        subprotocols: list[str] | None = None,
        root_path: str = "",
        http_version: str = "1.1",
        scope_base: Mapping[str, Any] | None = None,
        auth: Auth | None = None,
        subdomain: str | None = None,
    ) -> TestWebsocketConnection:
        """Return a WebSocket, which opens when its block is entered."""
        outgoing = Outgoing.to(
            self.app,
            path,
            method="GET",
            headers=headers,
            query_string=query_string,
            scheme=scheme,
            root_path=root_path,
            http_version=http_version,
            scope_base=self._with_state(scope_base),
            auth=auth,
            subdomain=subdomain,
        )
        if subprotocols:
            offers = ", ".join(subprotocols)
            outgoing.headers["Sec-WebSocket-Protocol"] = offers
        self._add_cookies(outgoing.headers, outgoing.url)
        scope = outgoing.websocket_scope()
        return self.websocket_connection_class(self.app, scope)

    # -- the context --

    async def __aenter__(self) -> Self:
        if self.preserve_context:
            raise RuntimeError("this client is in use already")
        self.preserve_context = True
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.preserve_context = False
        await self._let_go()

    def _keep(self, variables: ContextVariables) -> None:
        """Make the context current here that the application left pushed."""
        ctx = variables.get(current)
        if ctx is not None and ctx.preserved:
            self._kept = ctx, variables, current.set(ctx)

    async def _let_go(self) -> None:
        if self._kept is None:
            return
        ctx, variables, token = self._kept
        self._kept = None
        # A fixture may enter the client and a test use it, in another task.
        with suppress(ValueError):
            current.reset(token)
        await Background(partial(ctx.pop, None), variables).end()

    # -- cookies and sessions --

    def set_cookie(
        self,
        server_name: str | None,
        key: str,
        value: str = "",
        max_age: int | timedelta | None = None,
        expires: int | float | datetime | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: str | None = None,
    ) -> None:
        """Put a cookie into the jar, as if ``server_name`` had set it.

        None stands for the host that requests go to by themselves.
        """
        field = dump_cookie(
            key,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=secure,
            httponly=httponly,
            samesite=samesite,
        )
        # By https, as only then a Secure cookie can be set.
        host = server_name or name_of_server(self.app)
        self._jar().extract([field], f"https://{host}{path}")

    def delete_cookie(
        self,
        server_name: str | None,
        key: str,
        path: str = "/",
        domain: str | None = None,
    ) -> None:
        """Take a cookie out of the jar."""
        self.set_cookie(
            server_name, key, max_age=0, expires=0, path=path, domain=domain
        )

    @asynccontextmanager
    async def session_transaction(
        self, path: str = "/", **options: Any
    ) -> AsyncIterator[SessionMixin]:
        """Open the session, to look into it or to change it in the block.

        The options are those of ``app.test_request_context``.

        Raises:
            RuntimeError: there can be no session: the client keeps no
                cookies, or the application has no secret key.
        """
        jar = self._jar()
        if not isinstance(self.app, SessionHolder):
            raise RuntimeError(f"{self.app!r} has no sessions")
        headers = Headers(options.pop("headers", None))
        host = headers.get("Host") or name_of_server(self.app)
        scheme = options.get("scheme", "http")
        self._add_cookies(headers, f"{scheme}://{host}{path}")
        transaction = Transaction(
            self.app,
            self.app.test_request_context(path, headers=headers, **options),
        )
        async with transaction as session:
            yield session
        jar.extract(transaction.set_cookies, transaction.url)

    def _jar(self) -> CookieJar:
        if self.cookie_jar is None:
            raise RuntimeError(
                "this client keeps no cookies: use_cookies=True"
            )
        return self.cookie_jar

    def _add_cookies(self, headers: Headers, url: str) -> None:
        kept = "" if self.cookie_jar is None else self.cookie_jar.header(url)
        if kept:
            given = headers.get("Cookie")
            headers["Cookie"] = f"{given}; {kept}" if given else kept

    def _with_state(
        self, scope_base: Mapping[str, Any] | None
    ) -> Mapping[str, Any]:
        state = {} if self.state is None else {"state": dict(self.state)}
        return {**state, **(scope_base or {})}
