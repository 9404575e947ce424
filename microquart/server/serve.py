"""A server's life: open, start, serve, stop, in that order.

The sockets are opened first, so that a port in use is known before anything
runs; the application starts before the first connection is accepted.  A stop
goes through phases, each with its bound: accept nothing new, tell every
connection and the application, let open requests end, cancel what is left,
have the application shut down, close.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from logging import getLogger
from typing import Any

import anyio
import anyio.lowlevel

from microquart.asgi import ASGIApplication
from microquart.server import listen, log
from microquart.server.access import AccessLog
from microquart.server.crew import OK, STARTUP_FAILED
from microquart.server.deadline import Deadline
from microquart.server.ids import named
from microquart.server.leash import Leash, Overseer
from microquart.server.lifespan import Lifespan, StartupFailed
from microquart.server.names import ServerNames
from microquart.server.process import Reins, pid_file, serve_as_worker
from microquart.server.protocols import Protocols, offered, speaking
from microquart.server.quota import Quota
from microquart.server.settings import Certificates, Settings, stopping_soon
from microquart.server.shells import Shells, service_of
from microquart.server.systemd import Notifier, activated
from microquart.server.watchdog import Watchdog
from microquart.server.workers import is_supervisor, supervise

logger = getLogger("microquart.server")

_TICK = 1.0  # seconds between two sweeps
_STOPPING_TICK = 0.05  # while a stop waits for connections to end
_SAY_EVERY = 1.0  # seconds of waiting before saying for what

Trigger = Callable[[], Awaitable[object]]


def run(
    app: ASGIApplication,
    settings: Settings,
    made: Callable[[Shells], object] | None = None,
    protocols: Protocols | None = None,
) -> int:
    """Serve until SIGINT or SIGTERM; return the exit code of the process.

    With ``workers`` or ``reload`` set, others serve: each is the command line
    of this process run anew, up to this call.  ``made`` and ``protocols`` are
    those of ``serve``.

    Raises:
        BindError, ValueError: an address cannot be listened on.
        OSError: a certificate cannot be read, the pid file not be written.
    """
    if is_supervisor(settings):
        return supervise(settings)
    if settings.reload:
        settings = stopping_soon(settings)
    # Made for the addresses of the settings, which descriptors replace below.
    certificates = Certificates(settings)
    leash = Leash.inherited(settings.reload)
    if leash is not None:
        serve_as_worker()
        settings = replace(settings, bind=leash.bind, pid_file=None)
    settings = activated(settings)
    sockets = listen.open_sockets(settings)
    log.configure(settings)
    options = {}
    if settings.loop == "uvloop":
        options["use_uvloop"] = True
    with pid_file(settings.pid_file):
        return anyio.run(
            partial(
                _until_told,
                app,
                settings,
                sockets,
                certificates,
                leash,
                made,
                protocols,
            ),
            backend="trio" if settings.loop == "trio" else "asyncio",
            backend_options=options,
        )


async def serve(
    app: ASGIApplication,
    settings: Settings | None = None,
    *,
    shutdown_trigger: Trigger = anyio.sleep_forever,
    sockets: Sequence[socket.socket] | None = None,
    certificates: Certificates | None = None,
    overseer: Overseer | None = None,
    ready: Callable[[list[str]], object] | None = None,
    made: Callable[[Shells], object] | None = None,
    protocols: Protocols | None = None,
) -> None:
    """Serve until ``shutdown_trigger()`` returns, then stop in order.

    It stops after ``max_requests``, too.  ``sockets`` listen already; without
    them those of the settings are opened.  ``made`` is called first, with
    what will hold the connections; ``ready`` when they are let in, with the
    URLs.  ``protocols`` are spoken beside HTTP: by the name with which TLS
    agrees on one (ALPN), what makes its ``protocol.Connection`` of a peer,
    the service and the time.  "h2" and "http/1.1" take the place of ours.

    Raises:
        StartupFailed: the application could not start.
        BindError, ValueError: an address cannot be listened on.
    """
    settings = settings or Settings()
    certificates = certificates or Certificates(settings)
    listening = list(sockets or listen.open_sockets(settings))
    # The applications are told of a stop through the state: a stream that
    # would never end by itself can wait for this event.
    stopping = anyio.Event()
    state: dict[str, Any] = {"microquart.shutdown": stopping}
    try:
        quota = Quota(settings)
        server = _server(quota.around(app), settings, state)
        if protocols:
            certificates.offer(offered(protocols))
            server.make_connection = speaking(protocols)
        if made is not None:
            made(server)
        async with Lifespan(app, state, settings.lifespan) as lifespan:
            await lifespan.startup(settings.startup_timeout)
            server.renew_fields()  # that may have taken a while
            trigger = partial(_first, shutdown_trigger, quota.spent.wait)
            await _serve(
                server,
                listening,
                certificates,
                trigger,
                stopping,
                overseer or Notifier(),
                ready,
            )
            await lifespan.shutdown(settings.shutdown_timeout)
    finally:
        for listener in listening:
            listen.close_socket(listener)


async def _first(*triggers: Trigger) -> None:
    """Wait until one of them returns."""

    async def wait(trigger: Trigger) -> None:
        await trigger()
        group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for trigger in triggers:
            group.start_soon(wait, trigger)


async def _serve(
    server: Shells,
    listening: list[socket.socket],
    certificates: Certificates,
    shutdown_trigger: Trigger,
    stopping: anyio.Event,
    overseer: Overseer,
    ready: Callable[[list[str]], object] | None,
) -> None:
    def admit(peer: socket.socket) -> None:
        server.admit(peer, certificates.context)

    settings = server.settings
    limit = listen.connection_limit(settings)
    pauses = listen.Pauses()

    async def room() -> None:
        # No event: nothing on the way of a closing connection should have
        # to know that accepting pauses, which is rare.
        while len(server.open) + len(server.joining) >= limit:
            pauses.tell(f"{limit} connections are open")
            await anyio.sleep(_STOPPING_TICK)

    async with anyio.create_task_group() as server.group:
        if server.deadline is not None:
            server.group.start_soon(server.deadline.run)
        async with anyio.create_task_group() as accepting:
            for listener in listening:
                accepting.start_soon(
                    listen.accept, listener, admit, room, pauses, settings
                )
            accepting.start_soon(_tick, server, overseer)
            if server.watchdog is not None:
                accepting.start_soon(server.watchdog.run)
            secure = certificates.context is not None
            urls = [listen.url(each, secure) for each in listening]
            overseer.ready(urls)
            if ready is not None:
                ready(urls)
            await shutdown_trigger()
            overseer.stopping()
            if any([listen.refuse(listener) for listener in listening]):
                wait = settings.limits.stop_linger * listen.LAST_CALL
                await anyio.sleep(wait)
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
    soon = min(_SAY_EVERY, server.settings.graceful_timeout / 2)
    say_at = anyio.current_time() + soon
    while server.busy:
        await anyio.sleep(_STOPPING_TICK)
        now = anyio.current_time()
        server.sweep(now)
        if now >= say_at:
            say_at = now + _SAY_EVERY
            for what in server.waiting_for(now):
                logger.info("waiting for %s", what)


async def _tick(server: Shells, overseer: Overseer) -> None:
    """The one clock of the server: it sweeps what has waited too long."""
    while True:
        await anyio.sleep(_TICK)
        server.sweep(anyio.current_time())
        overseer.beat()


def _server(
    app: ASGIApplication, settings: Settings, state: dict[str, Any]
) -> Shells:
    deadline = None
    if settings.request_timeout is not None:
        deadline = Deadline(settings.request_timeout)
        app = deadline.around(app)
    if settings.server_names:
        app = ServerNames(app, settings.server_names)
    if settings.request_id:
        app = named(app)
    access_log = None
    if settings.access_log:
        access_log = AccessLog(settings.access_log_format, settings.log_json)
    asyncio_runs = _on_asyncio()
    server = _shells(asyncio_runs)(
        app=app,
        settings=settings,
        service=service_of(settings, state),
        access_log=access_log,
    )
    server.deadline = deadline
    if settings.debug and settings.blocked_loop is not None:
        library = "asyncio" if asyncio_runs else "trio"
        server.watchdog = Watchdog(
            f"{library}.sleep", blocked=settings.blocked_loop
        )
    return server


def _shells(asyncio_runs: bool) -> type[Shells]:
    """Return what holds the connections; who runs on one loop needs one."""
    if asyncio_runs:
        from microquart.server.asyncio_shell import AsyncioServer

        return AsyncioServer
    from microquart.server.anyio_shell import AnyioServer

    return AnyioServer


def _on_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _until_told(
    app: ASGIApplication,
    settings: Settings,
    sockets: list[socket.socket],
    certificates: Certificates,
    leash: Leash | None,
    made: Callable[[Shells], object] | None,
    protocols: Protocols | None,
) -> int:
    code = OK
    async with anyio.create_task_group() as group:
        reins = Reins(group.cancel_scope, certificates)
        if leash is None:
            await group.start(reins.obey_signals)
        else:
            await group.start(reins.obey_supervisor, leash)
        try:
            await serve(
                app,
                settings,
                shutdown_trigger=reins.stop.wait,
                sockets=sockets,
                certificates=certificates,
                overseer=leash,
                ready=reins.serving,
                made=made,
                protocols=protocols,
            )
        except StartupFailed as error:
            logger.error("startup failed: %s", error, exc_info=error.__cause__)
            code = STARTUP_FAILED
        group.cancel_scope.cancel()
    return code
