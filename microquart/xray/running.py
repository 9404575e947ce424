"""``microquart run --trace``: a server that is looked at while it serves."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from microquart.asgi import ASGIApplication
from microquart.server import serve
from microquart.server.settings import Settings
from microquart.server.shells import Shells
from microquart.xray import filters, live
from microquart.xray.apart import Apart, Prefixed
from microquart.xray.feed import Feed
from microquart.xray.install import install
from microquart.xray.redaction import Redactor
from microquart.xray.story import Console
from microquart.xray.tracer import Tracer

# Where a program finds the address of the page, to link to it.
ADDRESS = "MICROQUART_TRACE_URL"

Around = Callable[[ASGIApplication], ASGIApplication]


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    token: str
    port: int = 0
    prefix: str | None = None
    """Where the page is in the application; None: on a port of its own."""
    redact: tuple[str, ...] = ()
    """Secret fields and keys, besides the known ones."""
    level: int = 0
    """How much is told in lines: 0 to 3."""
    wanted: str = ""
    """A filter, of the lines."""


def run(
    app: ASGIApplication,
    settings: Settings,
    options: Options,
    tell: Callable[[str], object],
) -> int:
    """Serve as ``serve.run`` does; return the exit code of the process.

    ``tell`` is told where the page is.

    Raises:
        BindError: as ``serve.run``, and for the port of the page.
    """
    console = console_for(options)
    tracer = Tracer(Redactor(options.redact, options.redact), [console])
    with page(tracer, options) as (address, around):

        def made(shells: Shells) -> None:
            install(tracer, server=shells)
            shells.app = around(shells.app)

        os.environ[ADDRESS] = address
        tell(address)
        try:
            return serve.run(app, settings, made)
        finally:
            console.close()


def console_for(options: Options) -> Console:
    only = filters.layers(options.wanted)
    level = max(options.level, 1) if only else options.level
    console = Console.on(sys.stderr, level, only)
    console.wants = filters.parse(options.wanted)
    return console


@contextmanager
def page(tracer: Tracer, options: Options) -> Iterator[tuple[str, Around]]:
    """Have the page served; yield its address and what goes round the app."""
    if options.prefix is None:
        with live.serving(tracer, options.token, options.port) as address:
            yield address, lambda app: app
        return
    prefix, token = options.prefix, options.token
    feed = Feed(tracer)
    own = live.make_page(tracer, feed, token, live.is_loopback)
    tracer.sinks[:] = [Apart(prefix, [*tracer.sinks, feed])]
    yield (
        f"{prefix}/{token}/",
        lambda app: Prefixed(tracer, prefix, own, app),
    )
