"""Applications of others on our server, ours on servers of others."""

import socket

import anyio
import httpx
import pytest

from microquart import Quart
from microquart.xray.install import install
from microquart.xray.tracer import Tracer
from tests.server.running import WATCHERS, running
from tests.xray.checks import complaints


@pytest.fixture
def tracer():
    return Tracer(None)


def fastapi_app():
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/items/{number}")
    async def item(number: int) -> dict[str, int]:
        return {"number": number}

    return app


def starlette_app():
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def item(request):
        return JSONResponse({"number": request.path_params["number"]})

    return Starlette(
        routes=[Route("/items/{number:int}", item)],
        middleware=[Middleware(GZipMiddleware)],
    )


def quart_app():
    from quart import Quart as TheirQuart

    app = TheirQuart("theirs")

    @app.get("/items/<int:number>")
    async def item(number: int) -> dict[str, int]:
        return {"number": number}

    return app


def django_app():
    import django
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.http import JsonResponse
    from django.urls import path

    async def item(request, number):
        return JsonResponse({"number": number})

    if not settings.configured:
        settings.configure(
            ROOT_URLCONF=(path("items/<int:number>", item),),
            ALLOWED_HOSTS=["127.0.0.1"],
            LOGGING_CONFIG=None,
        )
        django.setup()
    return get_asgi_application()


@pytest.mark.parametrize(
    "make", [fastapi_app, starlette_app, quart_app, django_app]
)
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_their_application_is_seen_on_our_server(
    tracer, make, version, anyio_backend
):
    http2 = version == "HTTP/2"
    async with running(make()) as server:
        taps = install(tracer, server=server.shells)
        async with httpx.AsyncClient(http1=not http2, http2=http2) as client:
            response = await client.get(f"{server.url}/items/3")
        taps.remove()
    assert response.json() == {"number": 3}
    assert complaints(tracer.records) == []
    own = [each for each in tracer.records if each.req == "r1"]
    assert len(own) > 12
    layers = {each.layer for each in own}
    assert layers == {"h2" if http2 else "h1", "task", "asgi"}


SKINS = (
    "server",
    "below Starlette",
    "below ServerErrorMiddleware",
    "below GZipMiddleware",
    "below ExceptionMiddleware",
    "below Router",
)


def skins(tracer) -> list[str]:
    return [
        each.data["at"]
        for each in tracer.records
        if each.name == "asgi.app" and each.ph == "B"
    ]


@pytest.fixture
def tapped(tracer):
    """Has servers get their taps before the application starts."""
    made = []
    WATCHERS.append(lambda shells: made.append(install(tracer, server=shells)))
    yield made
    WATCHERS.pop()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_middleware_is_seen_that_was_made_at_the_start(
    tracer, tapped, anyio_backend
):
    app = starlette_app()
    async with running(app) as server:
        async with httpx.AsyncClient() as client:
            await client.get(f"{server.url}/items/3")
        stack = app.middleware_stack
        tapped[0].remove()
        async with httpx.AsyncClient() as client:
            await client.get(f"{server.url}/items/3")
    assert skins(tracer) == [*SKINS]
    assert app.middleware_stack is not stack


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_without_a_lifespan_middleware_is_seen_from_then_on(
    tracer, tapped, anyio_backend
):
    async with running(starlette_app(), lifespan="off") as server:
        async with httpx.AsyncClient() as client:
            for _ in range(3):
                await client.get(f"{server.url}/items/3")
    assert skins(tracer) == ["server", *SKINS, *SKINS]


@pytest.fixture
def app():
    app = Quart(__name__, static_folder=None)

    @app.get("/items/<int:number>")
    async def item(number):
        return {"number": number}

    return app


def seen(tracer) -> set[str]:
    assert complaints(tracer.records) == []
    return {each.layer for each in tracer.records if each.req is not None}


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_our_application_is_seen_on_uvicorn(tracer, app, anyio_backend):
    import uvicorn

    config = uvicorn.Config(app, log_level="critical", ws="none")
    theirs = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/items/3"
    taps = install(tracer, app=app)
    async with anyio.create_task_group() as group:
        group.start_soon(theirs.serve, [listener])
        async with httpx.AsyncClient() as client:
            response = await client.get(url)
        theirs.should_exit = True
    taps.remove()
    assert response.json() == {"number": 3}
    assert seen(tracer) == {"asgi", "ctx", "route", "app", "user"}


async def test_our_application_is_seen_on_hypercorn(tracer, app):
    import sniffio
    from hypercorn.config import Config

    if sniffio.current_async_library() == "trio":
        from hypercorn.trio import serve
    else:
        from hypercorn.asyncio import serve

    config = Config()
    listener = socket.create_server(("127.0.0.1", 0))
    config.bind = [f"fd://{listener.fileno()}"]
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/items/3"
    stop = anyio.Event()

    async def run() -> None:
        await serve(app, config, shutdown_trigger=stop.wait)

    taps = install(tracer, app=app)
    async with anyio.create_task_group() as group:
        group.start_soon(run)
        async with httpx.AsyncClient() as client:
            response = await client.get(url)
        stop.set()
    listener.detach()
    taps.remove()
    assert response.json() == {"number": 3}
    assert seen(tracer) == {"asgi", "ctx", "route", "app", "user"}
