"""Several applications side by side: below prefixes, or for hosts.

What an application sees is what the ASGI text says: ``path`` stays whole,
and ``root_path`` grows by the prefix below which the application is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from logging import getLogger
from typing import Any

import anyio

from microquart.asgi import (
    ASGIApplication,
    LifespanScope,
    LifespanShutdown,
    LifespanStartup,
    Receive,
    ReceiveMessage,
    Scope,
    Send,
    SendMessage,
    StreamScope,
)
from microquart.http.urls import split_port
from microquart.middleware.answers import answer

logger = getLogger("microquart.middleware")


@dataclass
class Mount:
    """An application, and for what it is there."""

    name: str  # as it was given
    app: ASGIApplication
    host: str  # "": any
    prefix: str  # "": everything
    state: dict[str, Any]  # that of its lifespan

    def takes(self, host: str, path: str) -> bool:
        """Tell whether a request is its own; a prefix ends at a slash."""
        return self.host in ("", host) and (
            path.startswith(self.prefix)
            and path[len(self.prefix) :][:1] in ("", "/")
        )


class DispatcherMiddleware:
    """Give each request to the application that is mounted for it.

    A mount is a prefix (``/api``), a host (``docs.example.com``, for any
    port) or both (``example.com/api``); an empty one, or ``/``, takes what
    is left.  Hosts go before prefixes, and the longer prefix before the
    shorter.  What nobody takes is answered 404.

    Each application has a lifespan of its own, with a state of its own: they
    start in the order of the mounts, and stop in the reverse.  If one cannot
    start, those before it stop again, and the server is told why.
    """

    def __init__(self, mounts: Mapping[str, ASGIApplication]) -> None:
        states: dict[int, dict[str, Any]] = {}
        self.mounts = [
            _mount(name, app, states.setdefault(id(app), {}))
            for name, app in mounts.items()
        ]
        self._by_need = sorted(
            self.mounts, key=lambda mount: (not mount.host, -len(mount.prefix))
        )

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
            return
        root, path = _cut(scope)
        host = _host(scope)
        for mount in self._by_need:
            if mount.takes(host, path):
                seen = _below(mount, scope, root, path)
                await mount.app(seen, receive, send)
                return
        await answer(scope, send, 404, b"Not Found")

    async def _live(
        self, scope: LifespanScope, receive: Receive, send: Send
    ) -> None:
        lives = self._lives(scope)
        async with anyio.create_task_group() as group:
            await receive()
            for number, life in enumerate(lives):
                group.start_soon(life.run)
                failure = await life.ask({"type": "lifespan.startup"})
                if failure is not None:
                    await _stop(lives[:number])
                    await send(
                        {
                            "type": "lifespan.startup.failed",
                            "message": f"{life.name}: {failure}",
                        }
                    )
                    break
            else:
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await _tell_end(await _stop(lives), send)
            group.cancel_scope.cancel()

    def _lives(self, scope: LifespanScope) -> list["Life"]:
        """Return a lifespan for each application, however often mounted."""
        lives: dict[int, Life] = {}
        for mount in self.mounts:
            if id(mount.app) not in lives:
                mount.state.clear()
                mount.state.update(scope.get("state", {}))
                lives[id(mount.app)] = Life(mount, scope)
        return list(lives.values())


class Life:
    """The lifespan of one application among others."""

    def __init__(self, mount: Mount, scope: LifespanScope) -> None:
        self.name = mount.name or "/"
        self._app = mount.app
        self._scope = scope.copy()
        self._scope["state"] = mount.state
        self._asked: list[ReceiveMessage] = []
        self._news = anyio.Event()
        self._answered = anyio.Event()
        self._answers: list[str | None] = []  # what has failed, or None
        self._failure: str | None = None  # after the last answer
        self._started = False
        self._ended = False

    async def run(self) -> None:
        """Call the application, which may not know lifespan at all."""
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception as error:
            self._failed(error)
        self._ended = True
        self._answered.set()

    async def ask(
        self, message: LifespanStartup | LifespanShutdown
    ) -> str | None:
        """Tell the application, and return what it says to have failed."""
        self._asked.append(message)
        self._news.set()
        while not (self._answers or self._ended):
            self._answered = anyio.Event()
            await self._answered.wait()
        return self._answers.pop(0) if self._answers else self._failure

    def _failed(self, error: Exception) -> None:
        if not self._started:
            logger.debug("%s does not know lifespan: %r", self.name, error)
        else:
            self._failure = f"{type(error).__name__}: {error}"
            logger.error("%s: its lifespan failed", self.name, exc_info=error)

    async def _receive(self) -> ReceiveMessage:
        while not self._asked:
            self._news = anyio.Event()
            await self._news.wait()
        return self._asked.pop(0)

    async def _send(self, message: SendMessage) -> None:
        self._started = True
        failure = None
        if (
            message["type"] == "lifespan.startup.failed"
            or message["type"] == "lifespan.shutdown.failed"
        ):
            failure = message.get("message") or message["type"]
        self._answers.append(failure)
        self._answered.set()


# -- inside --


def _mount(name: str, app: ASGIApplication, state: dict[str, Any]) -> Mount:
    host, slash, prefix = name.partition("/")
    prefix = f"{slash}{prefix}".rstrip("/")
    return Mount(name, app, split_port(host)[0].lower(), prefix, state)


def _cut(scope: StreamScope) -> tuple[str, str]:
    """Return the path in two: where this application is, and the rest."""
    root = scope.get("root_path", "").rstrip("/")
    path = scope["path"]
    if path.startswith(root) and path[len(root) :][:1] in ("", "/"):
        return root, path[len(root) :]
    return root, path  # a server that leaves the root out


def _host(scope: StreamScope) -> str:
    for name, value in scope["headers"]:
        if name == b"host":
            return split_port(value.decode("latin-1"))[0].lower()
    return ""


def _below(
    mount: Mount, scope: StreamScope, root: str, path: str
) -> StreamScope:
    scope = scope.copy()
    scope["root_path"] = root + mount.prefix
    scope["path"] = root + path
    if mount.state:
        scope["state"] = scope.get("state", {}) | mount.state
    return scope


async def _stop(lives: list[Life]) -> list[str]:
    """Have them shut down, the last one first; return what has failed."""
    failures = []
    for life in reversed(lives):
        failure = await life.ask({"type": "lifespan.shutdown"})
        if failure is not None:
            failures.append(f"{life.name}: {failure}")
    return failures


async def _tell_end(failures: list[str], send: Send) -> None:
    if failures:
        await send(
            {
                "type": "lifespan.shutdown.failed",
                "message": "; ".join(failures),
            }
        )
    else:
        await send({"type": "lifespan.shutdown.complete"})
