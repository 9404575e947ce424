"""``microquart trace``, ``xray`` and ``replay``: X-ray without a server."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Function = Callable[..., Any]

FORMS = ("html", "har", "pcap", "perfetto", "mermaid")
FIELD = re.compile(r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t -~]*)")

FILE = click.Path(path_type=Path, dir_okay=False)
SAVED = click.Path(path_type=Path, dir_okay=False, exists=True)


class Default(click.Group):
    """A group of which one command needs no name."""

    default = "show"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


def add(*options: Function) -> Callable[[Function], Function]:
    """Return what gives a command several options."""

    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


OUTPUT = (
    click.option(
        "-v",
        "--verbose",
        count=True,
        help="The story of each request; -vv also messages and events, -vvv "
        "also frames and octets.",
    ),
    click.option(
        "--only",
        metavar="LAYER,…",
        help="Only these layers or records, as route,user or h2.frame.",
    ),
    click.option("--json", is_flag=True, help="JSON Lines, for other tools."),
)
EXPORTS = (
    click.option("--save", type=FILE, help="Write the trace, to replay it."),
    *(
        click.option(f"--{form}", type=FILE, help=f"Write it as {name}.")
        for form, name in zip(
            FORMS,
            (
                "a page that needs nothing else",
                "HTTP Archive",
                "packets for Wireshark",
                "a timeline for ui.perfetto.dev",
                "a Mermaid sequence diagram",
            ),
            strict=True,
        )
    ),
    click.option(
        "--bodies",
        is_flag=True,
        help="Keep bodies in files; else only their lengths.",
    ),
)
STEPS = (
    click.option(
        "--step",
        is_flag=True,
        help="Stop at each record: Enter goes on, b back, c to the end, "
        "u until, q quits.",
    ),
    click.option(
        "--until",
        metavar="RECORD",
        help="Stop first at such a record, as 'h2.frame frame=DATA'.",
    ),
)
REDACT = click.option(
    "--redact",
    metavar="NAME",
    multiple=True,
    help="A field, or a key of a URL or a body, whose values are not shown; "
    "the usual ones are known.",
)


@click.command()
@click.argument("app")
@click.argument("method")
@click.argument("path")
@click.option(
    "-d",
    "--data",
    metavar="BODY",
    help="The body, or the text for a WebSocket; @FILE is what is in a file.",
)
@click.option(
    "-H",
    "--header",
    metavar="'NAME: VALUE'",
    multiple=True,
    help="A field of the request.",
)
@click.option("--http2", is_flag=True, help="Ask over HTTP/2.")
@click.option("--ws", is_flag=True, help="Open a WebSocket.")
@add(*OUTPUT, *STEPS)
@click.option(
    "--reading-list",
    is_flag=True,
    help="Show the lines of microquart that ran for it instead, in order.",
)
@add(*EXPORTS, REDACT)
@click.pass_context
def trace(ctx: click.Context, /, **_: Any) -> None:
    """Ask APP, any ASGI application, for PATH and show the request's way.

    In this process: no server, no port.  A line tells of the request, -v its
    story.  Secrets are redacted.
    """
    from microquart.cli import traces

    params = ctx.params
    if params["http2"] and params["ws"]:
        raise click.UsageError("give --http2 or --ws, not both")
    stepping = params["step"] or params["until"]
    if params["reading_list"] and (stepping or params["json"]):
        raise click.UsageError("--reading-list is shown alone")
    if stepping and params["json"]:
        raise click.UsageError("give --step or --json, not both")
    traces.trace(params, fields(params["header"]))


@click.group(cls=Default, subcommand_metavar="FILE | diff A B")
def xray() -> None:
    """Show a saved trace, or what differs between two."""


@xray.command("show", hidden=True)
@click.argument("file", type=SAVED)
@add(*OUTPUT, *EXPORTS)
@click.pass_context
def show(ctx: click.Context, /, file: Path, **_: Any) -> None:
    """Show FILE, a trace that was saved: a line for each request."""
    from microquart.cli import traces

    traces.show(traces.opened(file), traces.wish(ctx.params))


@xray.command()
@click.argument("a", type=SAVED)
@click.argument("b", type=SAVED)
@click.pass_context
def diff(ctx: click.Context, /, a: Path, b: Path) -> None:
    """Show what differs between two traces; times do not count.

    The exit code is 1 if anything does.
    """
    from microquart.cli import traces

    ctx.exit(traces.diff(a, b))


@click.command()
@click.argument("file", type=SAVED)
@click.argument("app")
@click.option(
    "--h2-slow",
    is_flag=True,
    help="Each frame of HTTP/2 comes alone, when nothing more happens.",
)
@add(*OUTPUT, *STEPS, *EXPORTS)
@click.pass_context
def replay(ctx: click.Context, /, **_: Any) -> None:
    """Have APP read what FILE has recorded; show what differs then.

    The exit code is 1 if anything does.
    """
    from microquart.cli import traces

    ctx.exit(traces.replay(ctx.params))


def fields(lines: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return fields as they were typed, taken apart.

    Raises:
        BadParameter: one is none.
    """
    found = []
    for line in lines:
        match = FIELD.fullmatch(line.strip())
        if match is None:
            raise click.BadParameter(
                f"{line!r} is no field: use NAME: VALUE", param_hint="-H"
            )
        found.append((match[1], match[2]))
    return found
