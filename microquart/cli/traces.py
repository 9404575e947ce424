"""What the commands of X-ray do."""

import asyncio
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import click

from microquart.asgi import ASGIApplication
from microquart.cli.walk import Walk, typed
from microquart.loading import LoadError, load
from microquart.server.lifespan import StartupFailed
from microquart.xray import replay as replaying
from microquart.xray.clients import (
    BROKEN,
    Asked,
    Client,
    H1Client,
    H2Client,
    WebSocketClient,
)
from microquart.xray.diff import Difference
from microquart.xray.diff import diff as differences
from microquart.xray.exports import jsonl
from microquart.xray.exports.forms import FORMS
from microquart.xray.inprocess import traced
from microquart.xray.reading import read
from microquart.xray.record import Record
from microquart.xray.redaction import PREVIEW, Redactor
from microquart.xray.stepping import Play, Stepper
from microquart.xray.story import Console, escaped, told, wanted
from microquart.xray.trace import Trace
from microquart.xray.trace import load as open_trace
from microquart.xray.tracer import Tracer
from microquart.xray.vocabulary import Condition, known

Params = Mapping[str, Any]

METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Asking for these twice does no more than asking once (RFC 9110, 9.2.1).
SAFE = ("GET", "HEAD", "OPTIONS")
# Of differences, so many are shown.
MOST = 40

REDACTED = (
    "the recording is redacted: secrets are overwritten in what APP reads, "
    "and bodies, too, unless it was saved with --bodies"
)


@dataclass(frozen=True)
class Wish:
    """What is to be shown, and written."""

    level: int
    only: tuple[str, ...]
    json: bool
    files: Mapping[str, Path]
    """By the form."""
    bodies: bool


def wish(params: Params) -> Wish:
    """Read the options of what comes out.

    Raises:
        ClickException: a layer is unknown, a file cannot be written.
    """
    try:
        only = tuple(
            map(known, filter(None, (params["only"] or "").split(",")))
        )
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--only") from None
    options = {form: form for form in FORMS} | {"jsonl": "save"}
    files = {
        form: params[option]
        for form, option in options.items()
        if params[option]
    }
    for path in files.values():
        if not path.parent.is_dir():
            raise click.ClickException(f"{path}: no such folder")
    level = max(params["verbose"], 1 if only else 0)
    return Wish(level, only, params["json"], files, params["bodies"])


def until(params: Params) -> Condition | None:
    if not params["until"]:
        return None
    try:
        return Condition(params["until"])
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--until") from None


def opened(path: Path) -> Trace:
    """Open a trace.

    Raises:
        ClickException: it is none.
    """
    try:
        return open_trace(path)
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    except (JSONDecodeError, UnicodeDecodeError):
        raise click.ClickException(f"{path} is no trace") from None
    except ValueError as error:
        raise click.ClickException(f"{path}: {error}") from None


def loaded(target: str) -> ASGIApplication:
    try:
        app: ASGIApplication = load(target)
    except LoadError as error:
        raise click.ClickException(str(error)) from error
    return app


# -- showing --


def show(trace: Trace, wish: Wish) -> None:
    """Print a trace, and write the files."""
    if wish.json:
        for line in jsonl.lines(trace, trace.head, wish.bodies):
            click.echo(line, nl=False)
    else:
        teller = Console.on(sys.stdout).teller
        colour, width = teller.colour, teller.width
        text = told(trace, wish.level, colour, width, wish.only)
        if text:
            click.echo(text, color=colour)
    for form, path in wish.files.items():
        try:
            path.write_bytes(trace.export(form, wish.bodies))
        except OSError as error:
            raise click.ClickException(f"{path}: {error.strerror}") from None


def walk(params: Params, wish: Wish, play: Play, redactor: Redactor) -> None:
    """Step through what is played."""
    level = wish.level or 3

    def shown(record: Record) -> bool:
        return wanted(record, level, frozenset(wish.only))

    stepper = Stepper(play, lambda: replaying.whole(redactor))
    Walk(stepper, shown).go(until(params), typed())


# -- microquart trace --


def trace(params: Params, fields: list[tuple[str, str]]) -> None:
    """Ask an application, and show what was seen."""
    wished = wish(params)
    until(params)
    asked = what(params, fields)
    make = partial(client_of, params, asked)
    try:
        make().ask()  # nothing has run yet
    except ValueError as error:
        raise click.ClickException(f"{error}: this is no request") from None
    app = loaded(params["app"])
    keep = None if wished.bodies else PREVIEW
    redactor = Redactor(params["redact"], params["redact"], keep)
    try:
        if params["reading_list"]:
            again = asked.method in SAFE and not params["ws"]
            click.echo(str(asyncio.run(read(app, make, again))))
        elif params["step"] or params["until"]:
            walk(params, wished, lambda t: traced(app, make(), t), redactor)
        else:
            ask(app, make(), replaying.whole(redactor), wished)
    except StartupFailed as error:
        raise click.ClickException(f"startup failed: {error}") from error
    except BROKEN as broken:
        raise click.ClickException(f"the response: {broken}") from broken


def ask(
    app: ASGIApplication, client: Client, tracer: Tracer, wish: Wish
) -> None:
    """Ask, and show what was seen, however it ends."""
    try:
        asyncio.run(traced(app, client, tracer))
    except KeyboardInterrupt:
        raise click.ClickException("interrupted") from None
    finally:
        show(Trace(tracer.records, tracer.head()), wish)
        if isinstance(client, WebSocketClient) and not wish.json:
            heard(client)
    if client.status is None:
        raise click.ClickException("there was no response")


def heard(client: WebSocketClient) -> None:
    for message in client.messages:
        text = message if isinstance(message, str) else repr(message)
        click.echo("".join(c if c.isprintable() else escaped(c) for c in text))


def what(params: Params, fields: list[tuple[str, str]]) -> Asked:
    """Return what to ask for.

    Raises:
        ClickException: nobody could ask for that.
    """
    method, path = params["method"].upper(), params["path"]
    if not METHOD.fullmatch(method) or method == "CONNECT":
        raise click.BadParameter(
            f"{params['method']!r} is no method", param_hint="METHOD"
        )
    if not path.startswith("/") and (method, path) != ("OPTIONS", "*"):
        raise click.BadParameter(
            f"{path!r} is no path; use /{path}", param_hint="PATH"
        )
    content = None if params["data"] is None else data(params["data"])
    if params["ws"]:
        return Asked(method, path, fields)
    return Asked(method, path, fields, content)


def data(text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode("utf-8", "surrogateescape")
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        reason = f"{text[1:]}: {error.strerror}"
        raise click.ClickException(reason) from None


def client_of(params: Params, asked: Asked) -> Client:
    if params["ws"]:
        text = params["data"]
        said = None if text is None else data(text).decode("utf-8", "replace")
        return WebSocketClient(asked, said)
    return (H2Client if params["http2"] else H1Client)(asked)


# -- microquart xray diff, microquart replay --


def diff(a: Path, b: Path) -> int:
    """Show what differs; return the exit code."""
    before, after = opened(a), opened(b)
    found = differences(before, after)
    same = f"the same {len(before)} records"
    tell(found, f"{len(found)} records differ" if found else same)
    return 1 if found else 0


def tell(found: list[Difference], summary: str, err: bool = False) -> None:
    for each in found[:MOST]:
        click.echo(str(each), err=err)
    if len(found) > MOST:
        click.echo(f"… and {len(found) - MOST} more", err=err)
    click.echo(summary, err=err)


def replay(params: Params) -> int:
    """Replay a file, and compare; return the exit code."""
    wished = wish(params)
    until(params)
    recorded = opened(params["file"])
    app, slow = loaded(params["app"]), params["h2_slow"]
    if recorded.head.get("redaction"):
        click.echo(REDACTED, err=True)
    try:
        if params["step"] or params["until"]:
            redactor = replaying.redactor_of(recorded.head)
            play = partial(replaying.play, recorded, app, slow=slow)
            walk(params, wished, play, redactor)
            return 0
        again = recorded.replay(app, slow)
    except StartupFailed as error:
        raise click.ClickException(f"startup failed: {error}") from error
    except replaying.CannotReplay as error:
        raise click.ClickException(f"{params['file']}: {error}") from None
    show(again, wished)
    return compared(recorded, again, slow, wished.json)


def compared(recorded: Trace, again: Trace, slow: bool, quiet: bool) -> int:
    """Say what came out otherwise; reads that were cut do not count."""
    found = [] if slow else differences(recorded, again)
    same = replaying.same_output(recorded, again)
    size = sum(map(len, replaying.outputs(again).values()))
    output = f"{'the same' if same else 'not the same'} {size} bytes written"
    records = f"the same {len(again)} records"
    if slow:
        records = f"{len(again)} records"
    elif found:
        records = f"{len(found)} records differ"
    tell(found, f"{records}, {output}", err=quiet)
    return 0 if same and not found else 1
