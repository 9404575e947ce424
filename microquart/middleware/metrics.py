"""Counters for Prometheus: requests, how long they took, WebSockets.

Needs prometheus-client (the extra ``metrics``).  With several workers set
``PROMETHEUS_MULTIPROC_DIR`` to an empty folder, and each of them answers for
all (prometheus-client's documentation, "Multiprocess Mode").
"""

import os
from collections.abc import Callable, Sequence
from time import perf_counter
from weakref import WeakKeyDictionary

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from microquart.asgi import (
    ASGIApplication,
    HTTPScope,
    Receive,
    Scope,
    Send,
    SendMessage,
    WebSocketScope,
)
from microquart.http.urls import path_below
from microquart.middleware.answers import answer

Route = Callable[[HTTPScope], str | None]

METHODS = frozenset(
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
)
OTHER = "other"  # a label for what would be too many
MAX_ROUTES = 1_000  # different ones that get a label of their own

BUCKETS = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25),
    *(0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)  # seconds


class Metrics:
    """What is counted in one registry, by however many middlewares."""

    def __init__(
        self, registry: CollectorRegistry, buckets: Sequence[float]
    ) -> None:
        self.requests = Counter(
            "http_requests_total",
            "Requests that have ended",
            ["method", "route", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "From the call of the application to the end of its response",
            ["method", "route"],
            buckets=buckets,
            registry=registry,
        )
        self.open_requests = Gauge(
            "http_requests_in_progress",
            "Requests that have not ended",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.websockets = Counter(
            "websocket_connections_total",
            "WebSockets that have ended",
            ["outcome"],
            registry=registry,
        )
        self.open_websockets = Gauge(
            "websocket_connections_open",
            "WebSockets that have not ended",
            registry=registry,
            multiprocess_mode="livesum",
        )


# It has no types of its own.
_collect_all: Callable[[CollectorRegistry], object] = MultiProcessCollector
_known: WeakKeyDictionary[CollectorRegistry, Metrics] = WeakKeyDictionary()


class MetricsMiddleware:
    """Count what an application does, and show it at ``path``.

    Labels stay few whatever clients ask for: a path is none.  ``route`` may
    name the route of a request, which it gets as a scope when the response
    has ended; beyond ``MAX_ROUTES`` the name is ``other``.  Without ``path``
    the counters are shown elsewhere (``prometheus_client.make_asgi_app``).
    """

    def __init__(
        self,
        app: ASGIApplication,
        path: str | None = "/metrics",
        *,
        route: Route | None = None,
        registry: CollectorRegistry = REGISTRY,
        buckets: Sequence[float] = BUCKETS,
    ) -> None:
        self.app = app
        self.path = path
        self.metrics = _known.get(registry) or Metrics(registry, buckets)
        _known[registry] = self.metrics
        self._shown = _shown(registry)
        self._route = route
        self._routes: set[str] = set()

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._count_websocket(scope, receive, send)
        elif path_below(scope.get("root_path", ""), scope["path"]) == (
            self.path
        ):
            await self._show(scope, send)
        else:
            await self._count_request(scope, receive, send)

    async def _show(self, scope: HTTPScope, send: Send) -> None:
        accept = ",".join(
            value.decode("latin-1")
            for name, value in scope["headers"]
            if name == b"accept"
        )
        encode, kind = choose_encoder(accept)
        line = (b"content-type", kind.encode("latin-1"))
        await answer(scope, send, 200, encode(self._shown), [line])

    async def _count_request(
        self, scope: HTTPScope, receive: Receive, send: Send
    ) -> None:
        began = perf_counter()
        status = "none"  # it was given up
        ended: float | None = None

        async def counted(message: SendMessage) -> None:
            nonlocal status, ended
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)
            if message["type"] == "http.response.body":
                # What an application does after that keeps nobody waiting.
                ended = None if message.get("more_body") else perf_counter()

        self.metrics.open_requests.inc()
        try:
            await self.app(scope, receive, counted)
        except Exception:
            status = "500" if status == "none" else status
            raise
        finally:
            self.metrics.open_requests.dec()
            seconds = (ended or perf_counter()) - began
            method = scope["method"]
            method = method if method in METHODS else OTHER
            route = self._route_of(scope)
            self.metrics.requests.labels(method, route, status).inc()
            self.metrics.seconds.labels(method, route).observe(seconds)

    async def _count_websocket(
        self, scope: WebSocketScope, receive: Receive, send: Send
    ) -> None:
        outcome = "refused"

        async def counted(message: SendMessage) -> None:
            nonlocal outcome
            await send(message)
            if message["type"] == "websocket.accept":
                outcome = "accepted"

        self.metrics.open_websockets.inc()
        try:
            await self.app(scope, receive, counted)
        finally:
            self.metrics.open_websockets.dec()
            self.metrics.websockets.labels(outcome).inc()

    def _route_of(self, scope: HTTPScope) -> str:
        route = self._route(scope) if self._route is not None else None
        if route is None:
            return ""
        if route not in self._routes:
            if len(self._routes) >= MAX_ROUTES:
                return OTHER
            self._routes.add(route)
        return route


def _shown(registry: CollectorRegistry) -> CollectorRegistry:
    """Return the registry to show: that of all workers, if there are more."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return registry
    together = CollectorRegistry()
    _collect_all(together)
    return together
