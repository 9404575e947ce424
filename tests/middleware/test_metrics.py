"""Counters for Prometheus: what is counted, by which labels, and where."""

import os
import subprocess
import sys
from typing import Any

import anyio
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from microquart import Quart, request
from microquart.asgi import HTTPScope, Receive, Scope, Send
from microquart.middleware import metrics
from microquart.middleware.metrics import MetricsMiddleware
from tests.middleware import conversation
from tests.middleware.conversation import handshake, response, said
from tests.server.applications import answer, hello
from tests.server.running import running

GET = b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def counted(registry: CollectorRegistry) -> dict[tuple[str, ...], float]:
    """Return how many requests there were of each method, route, status."""
    return {
        tuple(sample.labels[name] for name in ("method", "route", "status")): (
            sample.value
        )
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "http_requests_total"
    }


def answering(status: int) -> Any:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status})
        await send({"type": "http.response.body"})

    return app


async def test_requests_are_counted_by_method_and_status(registry):
    for status, method in ((200, "GET"), (404, "GET"), (200, "POST")):
        app = MetricsMiddleware(answering(status), registry=registry)
        await said(app, conversation.request(method=method))
    await said(app, conversation.request())
    assert counted(registry) == {
        ("GET", "", "200"): 2,
        ("GET", "", "404"): 1,
        ("POST", "", "200"): 1,
    }


async def test_what_clients_invent_makes_no_label(registry):
    app = MetricsMiddleware(answering(200), registry=registry)
    for number in range(50):
        scope = conversation.request(f"/{number}", method=f"X{number}")
        await said(app, scope)
    assert counted(registry) == {("other", "", "200"): 50}


async def test_a_route_is_what_the_application_says(registry):
    def route(scope: HTTPScope) -> str | None:
        return scope["path"][1:] or None

    app = MetricsMiddleware(answering(200), route=route, registry=registry)
    for path in ("/users", "/users", "/"):
        await said(app, conversation.request(path))
    assert counted(registry) == {
        ("GET", "users", "200"): 2,
        ("GET", "", "200"): 1,
    }


@pytest.mark.slow
async def test_too_many_routes_are_one(registry):
    app = MetricsMiddleware(
        answering(200), route=lambda scope: scope["path"], registry=registry
    )
    more = metrics.MAX_ROUTES + 5
    for number in range(more):
        await said(app, conversation.request(f"/{number}"))
    assert len(counted(registry)) == metrics.MAX_ROUTES + 1
    assert counted(registry)["GET", "other", "200"] == 5


async def test_an_error_is_a_500_and_passes(registry):
    async def fails(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("no such luck")

    app = MetricsMiddleware(fails, registry=registry)
    with pytest.raises(ValueError, match="no such luck"):
        await said(app, conversation.request())
    assert counted(registry) == {("GET", "", "500"): 1}


async def test_a_request_that_was_given_up_is_counted_too(registry):
    async def waits(scope: Scope, receive: Receive, send: Send) -> None:
        assert registry.get_sample_value("http_requests_in_progress") == 1
        here.set()
        await anyio.sleep_forever()

    here = anyio.Event()
    app = MetricsMiddleware(waits, registry=registry)
    async with anyio.create_task_group() as group:
        group.start_soon(said, app, conversation.request())
        await here.wait()
        group.cancel_scope.cancel()
    assert counted(registry) == {("GET", "", "none"): 1}
    assert registry.get_sample_value("http_requests_in_progress") == 0


async def test_the_time_ends_with_the_response(registry):
    async def goes_on(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send)
        with anyio.move_on_after(0.05):
            await anyio.sleep_forever()

    app = MetricsMiddleware(goes_on, registry=registry)
    await said(app, conversation.request())
    labels = {"method": "GET", "route": ""}
    name = "http_request_duration_seconds"
    assert registry.get_sample_value(f"{name}_count", labels) == 1
    took = registry.get_sample_value(f"{name}_sum", labels)
    assert took is not None
    assert took < 0.05
    last = {**labels, "le": "+Inf"}
    assert registry.get_sample_value(f"{name}_bucket", last) == 1


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("websocket.accept", "accepted"), ("websocket.close", "refused")],
)
async def test_websockets_are_counted_apart(registry, kind, outcome):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert registry.get_sample_value("websocket_connections_open") == 1
        await send({"type": kind})

    await said(MetricsMiddleware(app, registry=registry), handshake())
    assert registry.get_sample_value("websocket_connections_open") == 0
    found = registry.get_sample_value(
        "websocket_connections_total", {"outcome": outcome}
    )
    assert found == 1
    assert counted(registry) == {}


# -- where it is shown --


async def test_it_is_shown_at_its_path_and_not_counted(registry):
    app = MetricsMiddleware(answering(200), registry=registry)
    await said(app, conversation.request())
    for _ in range(2):
        messages = await said(app, conversation.request("/metrics"))
    status, headers, content = response(messages)
    assert status == 200
    assert headers[b"content-type"].startswith(b"text/plain; version=")
    families = {
        family.name
        for family in text_string_to_metric_families(content.decode())
    }
    assert families >= {
        "http_requests",
        "http_request_duration_seconds",
        "http_requests_in_progress",
        "websocket_connections",
        "websocket_connections_open",
    }
    assert sum(counted(registry).values()) == 1


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (b"application/openmetrics-text", b"application/openmetrics-text"),
        (b"*/*", b"text/plain"),
        (b"\xff\xfe", b"text/plain"),
    ],
)
async def test_the_format_is_agreed_on(registry, accept, kind):
    app = MetricsMiddleware(answering(200), registry=registry)
    scope = conversation.request("/metrics", headers=[(b"accept", accept)])
    _, headers, _ = response(await said(app, scope))
    assert headers[b"content-type"].startswith(kind)


async def test_the_path_is_below_the_root(registry):
    app = MetricsMiddleware(answering(404), registry=registry)
    scope = conversation.request("/all/metrics", root_path="/all")
    assert response(await said(app, scope))[0] == 200


async def test_without_a_path_it_is_not_shown(registry):
    app = MetricsMiddleware(answering(404), None, registry=registry)
    assert (
        response(await said(app, conversation.request("/metrics")))[0] == 404
    )


async def test_the_lifespan_passes(registry):
    seen = conversation.Seen()
    scope: Any = {"type": "lifespan", "asgi": {"version": "3.0"}}
    await said(MetricsMiddleware(seen, registry=registry), scope)
    assert seen.scope is scope


async def test_on_our_server_with_the_rules_of_a_quart_application(
    loop_name, registry
):
    app = Quart(__name__)

    @app.get("/users/<int:id>")
    async def user(id: int) -> str:
        return str(id)

    @app.after_request
    async def name_route(response: Any) -> Any:
        if request.url_rule is not None:
            request.scope["route"] = request.url_rule.rule
        return response

    counting = MetricsMiddleware(
        app, route=lambda scope: scope.get("route"), registry=registry
    )
    async with running(counting) as server:
        for path in (b"/users/1", b"/users/2", b"/users/x"):
            await server.says(GET % path)
        shown = await server.says(GET % b"/metrics")
    line = b'http_requests_total{method="GET",route="%b",status="%b"} %b\n'
    assert line % (b"/users/<int:id>", b"200", b"2.0") in shown
    assert line % (b"", b"404", b"1.0") in shown


PROGRAM = """
import anyio, httpx
from microquart import Quart
from microquart.middleware.metrics import MetricsMiddleware

app = MetricsMiddleware(Quart(__name__))

async def main():
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost"
    ) as client:
        await client.get("/")
        print((await client.get("/metrics")).text)

anyio.run(main)
"""


@pytest.mark.slow
def test_of_several_workers_each_shows_the_sum(tmp_path):
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    line = 'http_requests_total{method="GET",route="",status="404"} 2.0'
    assert line in done.stdout


def test_hello_needs_no_registry_of_its_own():
    app, other = MetricsMiddleware(hello), MetricsMiddleware(hello)
    assert app.metrics is other.metrics
