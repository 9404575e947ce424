"""The options of ``microquart run`` for X-ray, and what they ask for."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

import click
from click.core import ParameterSource

from microquart.asgi import ASGIApplication
from microquart.cli.options import SettingsCommand
from microquart.cli.ports import explain, free_port
from microquart.config import env_value
from microquart.server import leash
from microquart.server.listen import BindError, parse_bind
from microquart.server.settings import Settings

# Known to a worker that is started anew, so that an open page finds it again.
TOKEN, PORT = "MICROQUART_TRACE_TOKEN", "MICROQUART_TRACE_PORT"
NEAR = 8001  # a port from here on that is free
ENOUGH = re.compile(r"[\w-]{22,}", re.ASCII)  # 128 bits

PREFIX = re.compile(r"(/[\w.~-]+)+", re.ASCII)

Function = Callable[..., Any]

OPTIONS = (
    click.option(
        "--trace",
        metavar="[=FILTER]",
        help="Development: show the way of each request, in lines here and "
        "on a page, whose address is printed. FILTER picks requests, as "
        "'status:5xx' or '>50ms', or events, as 'layer:route'; ? on the page "
        "tells more.",
    ),
    click.option(
        "-v",
        "--verbose",
        count=True,
        help="With --trace: the story of each request; -vv also messages "
        "and events, -vvv also frames and octets.",
    ),
    click.option(
        "--trace-port",
        type=click.IntRange(0, 65535),
        metavar="NUMBER",
        default=0,
        envvar=PORT,
        help="The port of the page.  [default: a free one]",
    ),
    click.option(
        "--trace-prefix",
        metavar="PATH",
        help="Have the page below a path of the application, not on a port "
        "of its own: for a container with one port.",
    ),
    click.option(
        "--trace-i-know",
        is_flag=True,
        help="Trace although others than this machine can send requests.",
    ),
    click.option(
        "--redact",
        metavar="NAME",
        multiple=True,
        help="A field, or a key of a URL or a body, whose values the trace "
        "does not show; the usual ones are known.",
    ),
)
OTHERS = ("verbose", "trace_port", "trace_prefix", "trace_i_know", "redact")


class RunCommand(SettingsCommand):
    """A command that takes ``--trace`` with a value and without."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # Else the word behind it, the application, would be its value.
        plain = ["--trace=" if arg == "--trace" else arg for arg in args]
        return super().parse_args(ctx, plain)


def add_options(function: Function) -> Function:
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def is_on(ctx: click.Context) -> bool:
    """Tell whether requests are to be traced.

    Raises:
        UsageError: they are not, and other options are about it.
    """
    if ctx.params["trace"] is not None:
        return True
    for name in OTHERS:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = name.replace("_", "-")
            raise click.UsageError(f"--{option} is for --trace")
    return False


def check(ctx: click.Context, settings: Settings) -> None:
    """Refuse to trace where secrets of others would be seen.

    Raises:
        ClickException: with the reason.
    """
    params = ctx.params
    if (env_value("ENV") or "").lower() == "production":
        raise click.ClickException(
            "--trace shows what users send; it is not for production "
            "(MICROQUART_ENV)"
        )
    if settings.workers:
        raise click.ClickException(
            "--trace looks into one process: leave out --workers"
        )
    if not params["trace_i_know"]:
        addresses = settings.bind
        if os.environ.get("LISTEN_PID") == str(os.getpid()):
            addresses = ("fd://3",)  # sockets of systemd take their place
        for address in addresses:
            if not is_loopback(address):
                raise click.ClickException(
                    f"--trace shows what is sent to {address}, which others "
                    "than this machine may reach; if you know that, add "
                    "--trace-i-know"
                )
    prefix = params["trace_prefix"]
    if prefix is not None and not PREFIX.fullmatch(prefix):
        raise click.ClickException(
            f"--trace-prefix {prefix!r} is no path, as /_xray"
        )
    token = os.environ.get(TOKEN)
    if token is not None and not ENOUGH.fullmatch(token):
        raise click.ClickException(
            f"{TOKEN} is no token: use 22 letters and digits or more"
        )


def is_loopback(address: str) -> bool:
    """Tell whether only this machine reaches an address to listen on.

    >>> is_loopback("127.0.0.1:8000"), is_loopback("0.0.0.0:8000")
    (True, False)

    Who stands before a Unix socket, nobody knows.
    """
    bind = parse_bind(address)
    if bind.kind != "tcp":
        return False
    try:
        return bind.host == "localhost" or ip_address(bind.host).is_loopback
    except ValueError:  # another name
        return False


def supervise(ctx: click.Context) -> None:
    """Choose what each worker is to use: an open page finds the next one."""
    token, prefix = chosen_token(), ctx.params["trace_prefix"]
    if prefix is not None:
        announce(ctx, f"{prefix}/{token}/")
        return
    port = ctx.params["trace_port"] or free_port("127.0.0.1", NEAR)
    os.environ[PORT] = str(port)
    announce(ctx, f"http://127.0.0.1:{port}/{token}/")


def run(ctx: click.Context, app: ASGIApplication, settings: Settings) -> int:
    """Serve and trace; return the exit code.

    Raises:
        BindError: as ``serve.run``, and for the port of the page.
    """
    from microquart.xray import running

    params = ctx.params
    if ctx.get_parameter_source("access_log") is ParameterSource.DEFAULT:
        # The trace has a line for each request, which says more.
        settings = replace(settings, access_log=False)
    options = running.Options(
        token=chosen_token(),
        port=params["trace_port"],
        prefix=params["trace_prefix"],
        redact=params["redact"],
        level=params["verbose"],
        wanted=params["trace"],
    )
    try:
        return running.run(app, settings, options, partial(tell, ctx))
    except BindError as error:
        if error.bind in settings.bind:
            raise
        reason = explain(error, "--port").replace("--port", "--trace-port")
        raise click.ClickException(reason) from None


def chosen_token() -> str:
    import secrets

    return os.environ.setdefault(TOKEN, secrets.token_urlsafe(16))


def tell(ctx: click.Context, address: str) -> None:
    """Say where the page is, unless the supervisor has."""
    if leash.VARIABLE not in os.environ:
        announce(ctx, address)


def announce(ctx: click.Context, address: str) -> None:
    wanted = ctx.params["trace"]
    fragment = f"#{quote(wanted, safe=':<>/')}" if wanted else ""
    where = " of the application" if address.startswith("/") else ""
    click.echo(f"X-ray: {address}{fragment}{where}", err=True)
