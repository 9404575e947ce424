"""A server's life: open, start, serve, stop, in that order.

The sockets are opened first, so that a port in use is known before anything
runs; the application starts before the first connection is accepted.  A stop
goes through phases, each with its bound: accept nothing new, tell every
connection and the application, let open requests end, cancel what is left,
have the application shut down, close.
"""

import asyncio
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from logging import getLogger
from typing import Any

import anyio
import anyio.lowlevel

from microquart.asgi import ASGIApplication
from microquart.server import listen, log
from microquart.server.anyio_shell import AnyioServer
from microquart.server.asyncio_shell import AsyncioServer
from microquart.server.lifespan import Lifespan, StartupFailed
from microquart.server.settings import Settings, tls_context
from microquart.server.shells import Shells, service_of

logger = getLogger("microquart.server")

OK, CANNOT_START, STARTUP_FAILED = 0, 1, 3  # exit codes of the process
_TICK = 1.0  # seconds between two sweeps
_STOPPING_TICK = 0.05  # while a stop waits for connections to end
_SAY_EVERY = 1.0  # seconds of waiting before saying for what

Trigger = Callable[[], Awaitable[object]]


def run(app: ASGIApplication, settings: Settings) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code of the process.

    Raises:
        BindError, ValueError: an address cannot be listened on.
        OSError: a certificate cannot be read.
    """
    context = tls_context(settings)
    sockets = listen.open_sockets(settings)
    log.configure(settings.log_level)
    options = {}
    if settings.loop == "uvloop":
        options["use_uvloop"] = True
    return anyio.run(
        partial(_until_signalled, app, settings, sockets, context),
        backend="trio" if settings.loop == "trio" else "asyncio",
        backend_options=options,
    )


async def serve(
    app: ASGIApplication,
    settings: Settings | None = None,
    *,
    shutdown_trigger: Trigger = anyio.sleep_forever,
    sockets: Sequence[socket.socket] | None = None,
    context: ssl.SSLContext | None = None,
    ready: Callable[[list[str]], object] | None = None,
) -> None:
    """Serve until ``shutdown_trigger()`` returns, then stop in order.

    ``sockets`` listen already; without them those of the settings are
    opened.  ``ready`` is called with their URLs when connections are let in.

    Raises:
        StartupFailed: the application could not start.
        BindError, ValueError: an address cannot be listened on.
    """
    settings = settings or Settings()
    context = context or tls_context(settings)
    listening = list(sockets or listen.open_sockets(settings))
    # The applications are told of a stop through the state: a stream that
    # would never end by itself can wait for this event.
    stopping = anyio.Event()
    state: dict[str, Any] = {"microquart.shutdown": stopping}
    try:
        async with Lifespan(app, state, settings.lifespan) as lifespan:
            await lifespan.startup(settings.startup_timeout)
            server = _server(app, settings, state)
            await _serve(
                server, listening, context, shutdown_trigger, stopping, ready
            )
            await lifespan.shutdown(settings.shutdown_timeout)
    finally:
        for listener in listening:
            listen.close_socket(listener)


async def _serve(
    server: Shells,
    listening: list[socket.socket],
    context: ssl.SSLContext | None,
    shutdown_trigger: Trigger,
    stopping: anyio.Event,
    ready: Callable[[list[str]], object] | None,
) -> None:
    def admit(peer: socket.socket) -> None:
        server.admit(peer, context)

    limit = listen.connection_limit(server.settings)

    async def room() -> None:
        # No event: nothing on the way of a closing connection should have
        # to know that accepting pauses, which is rare.
        while len(server.open) + server.joining >= limit:  # noqa: ASYNC110
            await anyio.sleep(_STOPPING_TICK)

    async with anyio.create_task_group() as server.group:
        async with anyio.create_task_group() as accepting:
            for listener in listening:
                accepting.start_soon(listen.accept, listener, admit, room)
            accepting.start_soon(_tick, server)
            urls = [
                listen.url(each, context is not None) for each in listening
            ]
            logger.info("listening on %s", ", ".join(urls))
            if ready is not None:
                ready(urls)
            await shutdown_trigger()
            accepting.cancel_scope.cancel()
        for listener in listening:
            listen.drain(listener, admit)
            listen.close_socket(listener)
        listening.clear()
        stopping.set()
        await _stop(server)
        server.group.cancel_scope.cancel()


async def _stop(server: Shells) -> None:
    """Let what is open end: by itself, then cancelled, then dropped."""
    settings = server.settings
    server.shutdown(anyio.current_time())
    with anyio.move_on_after(settings.graceful_timeout):
        await _until_idle(server)
        return
    for what in server.waiting_for(anyio.current_time()):
        logger.warning("cancelled: %s", what)
    server.cancel()
    with anyio.move_on_after(settings.cancel_timeout):
        await _until_idle(server)
    server.abort()
    await anyio.lowlevel.checkpoint()


async def _until_idle(server: Shells) -> None:
    say_at = anyio.current_time() + _SAY_EVERY
    while server.busy:
        await anyio.sleep(_STOPPING_TICK)
        now = anyio.current_time()
        server.sweep(now)
        if now >= say_at:
            say_at = now + _SAY_EVERY
            for what in server.waiting_for(now):
                logger.info("waiting for %s", what)


async def _tick(server: Shells) -> None:
    """The one clock of the server: it sweeps what has waited too long."""
    while True:
        await anyio.sleep(_TICK)
        server.sweep(anyio.current_time())


def _server(
    app: ASGIApplication, settings: Settings, state: dict[str, Any]
) -> Shells:
    return (AsyncioServer if _on_asyncio() else AnyioServer)(
        app=app,
        settings=settings,
        service=service_of(settings, state),
        access_log=log.AccessLog() if settings.access_log else None,
    )


def _on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _until_signalled(
    app: ASGIApplication,
    settings: Settings,
    sockets: list[socket.socket],
    context: ssl.SSLContext | None,
) -> int:
    stop = anyio.Event()
    code = OK

    async def watch(scope: anyio.CancelScope) -> None:
        with anyio.open_signal_receiver(
            signal.SIGINT, signal.SIGTERM
        ) as signals:
            async for number in signals:
                if stop.is_set():
                    logger.warning("stopping now")
                    scope.cancel()
                    return
                logger.info("%s: stopping", signal.Signals(number).name)
                stop.set()

    async with anyio.create_task_group() as group:
        group.start_soon(watch, group.cancel_scope)
        try:
            await serve(
                app,
                settings,
                shutdown_trigger=stop.wait,
                sockets=sockets,
                context=context,
            )
        except StartupFailed as error:
            logger.error("startup failed: %s", error, exc_info=error.__cause__)
            code = STARTUP_FAILED
        group.cancel_scope.cancel()
    return code
