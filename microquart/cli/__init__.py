"""The command line: ``microquart run``, ``routes``, ``shell``, and X-ray's.

What is given comes from the command line, else from the environment
(``MICROQUART_`` before the option's name), else from a TOML file (``-c``).
"""

import os
import platform
import ssl
import sys
import traceback
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from microquart.app import Quart
from microquart.cli import learn, options, routes, tracing, xray
from microquart.cli.ports import explain
from microquart.commands import (
    AppGroup,
    NoAppException,
    QuartGroup,
    ScriptInfo,
    pass_script_info,
    with_appcontext,
)
from microquart.config import env_names
from microquart.dotenv import load_dotenv
from microquart.loading import LoadError, load
from microquart.server import leash, serve
from microquart.server.access import compiled
from microquart.server.authority import Authority, NoAuthority
from microquart.server.fields import parse_fields
from microquart.server.forwarding import trusted_proxies
from microquart.server.listen import BindError, parse_bind, parse_mode
from microquart.server.settings import Settings, development, tls_context
from microquart.server.workers import is_supervisor, supervise

# What programs import from quart.cli, and the entry point.
__all__ = [
    "AppGroup",
    "NoAppException",
    "QuartGroup",
    "ScriptInfo",
    "cli",
    "load_dotenv",
    "main",
    "pass_script_info",
    "with_appcontext",
]

ABOUT = "microquart {} (Python {}, h11 {}, h2 {}, wsproto {})"

LEVELS = ("debug", "info", "warning", "error", "critical")

NO_APP = (
    "no application: name one, as in microquart run module:app, or set "
    "MICROQUART_APP, or call its file app.py"
)

application = click.argument("app", required=False)


@click.command(cls=tracing.RunCommand)
@application
@options.add_settings
@tracing.add_options
@click.pass_context
def run(ctx: click.Context, /, app: str | None, **_: Any) -> None:
    """Serve APP until Ctrl-C.

    Each setting has an environment variable of its name: --keep-alive-timeout
    is MICROQUART_KEEP_ALIVE_TIMEOUT.
    """
    settings = options.settings_from(ctx)
    _check(settings)
    is_traced = tracing.is_on(ctx)
    if is_traced:
        tracing.check(ctx, settings)
    if settings.debug:
        settings = development(settings)
        # For a factory, which may ask before there is an application.
        os.environ[env_names("DEBUG")[0]] = "1"
    try:
        if is_supervisor(settings):
            if is_traced:
                tracing.supervise(ctx)
            code = supervise(settings)  # its workers load the application
        else:
            served = _load(ctx, app)
            if settings.debug and isinstance(served, Quart):
                served.debug = True
            server = partial(tracing.run, ctx) if is_traced else serve.run
            code = server(served, settings)
    except BindError as error:
        option = "--bind" if ctx.params["bind"] else "--port"
        raise click.ClickException(explain(error, option)) from None
    sys.exit(code)


@click.command("routes")
@application
@click.option(
    "--sort",
    type=click.Choice(routes.ORDERS),
    default="endpoint",
    show_default=True,
    help="What the rules are sorted by; match is the order of trying.",
)
@click.option("--all-methods", is_flag=True, help="Show HEAD and OPTIONS too.")
@click.pass_context
def show_routes(
    ctx: click.Context, /, app: str | None, sort: str, all_methods: bool
) -> None:
    """Show the rules of APP, a Quart application."""
    for line in routes.table(_quart(ctx, app), sort, all_methods):
        click.echo(line)


@click.command()
@application
@click.pass_context
def shell(ctx: click.Context, /, app: str | None) -> None:
    """Open a Python prompt in the context of APP, a Quart application.

    await works there; the event loop is asyncio's.
    """
    from microquart.cli import console

    quart = _quart(ctx, app)
    banner = f"Python {platform.python_version()}, {quart.name}; await works"
    console.interact(quart, banner)


QuartGroup.default_commands = [
    run,
    show_routes,
    shell,
    xray.trace,
    xray.xray,
    xray.replay,
]


def _tell_versions(
    ctx: click.Context, param: click.Parameter, asked: bool
) -> None:
    if asked:
        from importlib.metadata import version

        libraries = map(version, ("h11", "h2", "wsproto"))
        python = platform.python_version()
        click.echo(ABOUT.format(version("microquart"), python, *libraries))
        ctx.exit()


@click.group(
    cls=QuartGroup, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_tell_versions,
    help="Show the version and exit.",
)
def main() -> None:
    """Run an ASGI application, and look into a Quart one.

    APP is a file (app.py), a module (package.module:app), or a call
    (module:create_app()).  Without one it is --app, else MICROQUART_APP,
    else app.py.
    """


main.add_command(learn.learn)

cli = main  # Quart's name


# -- inside: each mistake is one line, and nothing has started yet --


def _load(ctx: click.Context, app: str | None) -> Any:
    info = ctx.ensure_object(ScriptInfo)
    if app is None and info.create_app is not None:
        return info.create_app()
    target = app or info.app_import_path
    if target is None and not Path("app.py").is_file():
        raise click.ClickException(NO_APP)
    try:
        return load(target or "app.py")
    except LoadError as error:
        if ctx.params.get("debug"):
            traceback.print_exception(error.__cause__)
        raise click.ClickException(str(error)) from error


def _quart(ctx: click.Context, target: str | None) -> Quart:
    app = _load(ctx, target)
    if isinstance(app, Quart):
        return app
    kind = f"{type(app).__module__}.{type(app).__qualname__}"
    raise click.ClickException(
        f"the application is a {kind}; this command is for Quart's"
    )


def _check(settings: Settings) -> None:
    """Refuse settings that cannot work, before the application is imported."""
    try:
        for address in settings.bind:
            parse_bind(address)
        parse_mode(settings.socket_mode)
        parse_fields(settings.response_fields)
        trusted = trusted_proxies(settings)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if settings.proxy_protocol and not trusted:
        raise click.ClickException(
            "--proxy-protocol serves trusted proxies alone: name them with "
            "--forwarded-allow-ips"
        )
    if settings.log_level not in LEVELS:
        known = f"{', '.join(LEVELS[:-1])} or {LEVELS[-1]}"
        raise click.ClickException(
            f"no log level {settings.log_level!r}; use {known}"
        )
    if settings.workers and settings.reload:
        raise click.ClickException("give --workers or --reload, not both")
    if settings.pid_file and not settings.pid_file.parent.is_dir():
        raise click.ClickException(f"{settings.pid_file}: no such folder")
    try:
        compiled(settings.access_log_format or "")
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    loop = settings.loop
    if loop != "asyncio" and find_spec(loop) is None:
        raise click.ClickException(
            f"{loop} is not installed; pip install 'microquart[{loop}]'"
        )
    if settings.https and (settings.certfile or settings.keyfile):
        raise click.ClickException(
            "--https makes a certificate: give it, or --certfile, not both"
        )
    if settings.certfile is None and (
        settings.keyfile or (settings.ca_certs and not settings.https)
    ):
        raise click.ClickException("--keyfile and --ca-certs need --certfile")
    _check_tls(settings)


def _check_tls(settings: Settings) -> None:
    authority = Authority() if settings.https else None
    is_new = authority is not None and not authority.exists
    try:
        tls_context(settings)
    except NoAuthority as error:
        raise click.ClickException(str(error)) from None
    except ssl.SSLError as error:
        raise click.ClickException(_tls(settings, error)) from None
    except OSError as error:
        reason = f"{error.filename}: {error.strerror}"
        raise click.ClickException(reason) from None
    if authority is not None and is_new:
        for line in authority.advice():
            click.echo(line, err=True)
    elif authority is not None and leash.VARIABLE not in os.environ:
        click.echo(f"HTTPS by {authority.certificate}", err=True)


def _tls(settings: Settings, error: ssl.SSLError) -> str:
    """Say which file OpenSSL does not like: it says too little itself."""
    certificate = settings.certfile
    if certificate is None:  # the one of --https is ours, and good
        return f"{settings.ca_certs} has no certificate in it (PEM)"
    key = settings.keyfile or certificate
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{key} is not the key of the certificate {certificate}"
    if b"-----BEGIN CERTIFICATE-----" not in certificate.read_bytes():
        return f"{certificate} has no certificate in it (PEM)"
    if b"PRIVATE KEY-----" not in key.read_bytes():
        return f"{key} has no private key in it (PEM); see --keyfile"
    files = dict.fromkeys([certificate, key, settings.ca_certs])
    names = ", ".join(str(file) for file in files if file)
    return f"{names}: OpenSSL cannot read one of them ({error.args[-1]})"
