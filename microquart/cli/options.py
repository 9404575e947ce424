"""The options of ``microquart run``, made from the settings of the server."""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click
from click.core import ParameterSource

from microquart.config import env_names
from microquart.protocol.limits import Limits
from microquart.server.settings import Settings

HOST, PORT = "127.0.0.1", 8000

LIMITS = "Limits, in bytes, seconds and counts (none turns one off)"

# A limit that is turned off: click's None means that nothing was given.
OFF = "none"

# Where a value may be said; the first of them wins.
SOURCES = (
    ParameterSource.COMMANDLINE,
    ParameterSource.ENVIRONMENT,
    ParameterSource.DEFAULT_MAP,
)
UNSAID = len(SOURCES)

Function = Callable[..., Any]


class Setting(click.Option):
    """An option that a field of ``Settings`` or ``Limits`` stands behind."""

    def __init__(self, *args: Any, limit: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limit = limit


class Lines(click.types.StringParamType):
    """Text with spaces, of which an environment variable may have lines."""

    envvar_list_splitter = "\n"


class SettingsCommand(click.Command):
    """A command whose help shows the limits after the other options."""

    def format_options(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        shown = [
            p for p in self.get_params(ctx) if isinstance(p, click.Option)
        ]
        for limit, title in ((False, "Options"), (True, LIMITS)):
            rows = [
                record
                for param in shown
                if getattr(param, "limit", False) is limit
                and (record := param.get_help_record(ctx))
            ]
            with formatter.section(title):
                formatter.write_dl(rows)


def number(kind: type[int] | type[float], optional: bool) -> Function:
    """Return what reads a number; ``none`` turns off what can be."""

    def read(value: object) -> object:
        if optional and str(value).lower() == OFF:
            return OFF
        number = kind(str(value))
        if not number >= 0:  # not a number is neither
            raise ValueError
        return number

    return read


# -- making --


def add_settings(function: Function) -> Function:
    """Give a command all options of the server, and ``-c FILE``."""
    for option in reversed([*_address(), *_options()]):
        function = option(function)
    return click.option(
        "-c",
        "--config",
        type=click.Path(path_type=Path),
        is_eager=True,
        expose_value=False,
        callback=_read,
        help="A TOML file with any of these options, by their names.",
    )(function)


def _address() -> Iterator[Function]:
    yield click.option(
        "--host", envvar=env_names("HOST")[0], help=f"[default: {HOST}]"
    )
    yield click.option(
        "--port",
        type=click.IntRange(0, 65535),
        envvar=env_names("PORT")[0],
        help=f"[default: {PORT}]",
    )


def _options() -> Iterator[Function]:
    for kind in (Settings, Limits):
        hints = get_type_hints(kind)
        for each in fields(kind):
            if hints[each.name] is not Limits:
                hint = hints[each.name]
                if each.name in kind.ENDS:
                    hint = hint | None
                yield _option(each, hint, kind is Limits)


def _option(each: "Field[Any]", hint: Any, limit: bool) -> Function:
    name = each.name.replace("_", "-")
    shown: dict[str, Any] = {"help": _help(each)}
    if hint is bool:
        name = f"{name}/--no-{name}"
    else:
        shown |= _type(hint)
    if "metavar" in each.metadata:
        shown["metavar"] = each.metadata["metavar"]
    if "lines" in each.metadata:
        shown["type"] = Lines()
    return click.option(
        f"--{name}",
        cls=Setting,
        limit=limit,
        default=None,
        envvar=_variables(each.name),
        **shown,
    )


def _variables(name: str) -> list[str]:
    names = env_names(name.upper())
    return names if name == "debug" else names[:1]


def _type(hint: Any) -> dict[str, Any]:
    """Return what click needs to know to read a value of this type."""
    optional = type(None) in get_args(hint)
    if optional:
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if get_origin(hint) is Literal:
        return {"type": click.Choice(get_args(hint))}
    if get_origin(hint) is tuple:
        if Ellipsis in get_args(hint):
            if Path in get_args(hint):
                return {"multiple": True, "type": click.Path(path_type=Path)}
            return {"multiple": True, "metavar": "ADDRESS"}
        kinds = tuple(number(kind, optional) for kind in get_args(hint))
        return {"type": kinds, "metavar": "COUNT RATE"}
    if hint in (int, float):
        return {"type": number(hint, optional), "metavar": "NUMBER"}
    if hint is Path:
        return {"type": click.Path(path_type=Path)}
    return {}


def _help(each: "Field[Any]") -> str:
    said = each.metadata.get("help", "")
    default = "" if each.default in (MISSING, None) else each.default
    if isinstance(default, bool):
        default = "on" if default else "off"
    elif isinstance(default, tuple):
        default = " ".join(str(value) for value in default)
    elif isinstance(default, float):
        default = f"{default:g}"
    note = f"[default: {default}]" if str(default) else ""
    return f"{said}  {note}".strip()


# -- reading --


def _read(
    ctx: click.Context, param: click.Parameter, path: Path | None
) -> None:
    """Let a file give what neither command line nor environment give."""
    if path is None:
        return
    import tomllib

    try:
        values = tomllib.loads(path.read_text())
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}") from None
    except ValueError as error:  # neither TOML nor UTF-8
        raise click.ClickException(f"{path}: {error}") from None
    known = [each.name or "" for each in ctx.command.params]
    for name in values:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, 1)
            advice = f"; did you mean {near[0]!r}?" if near else ""
            raise click.ClickException(
                f"{path}: {name!r} is no option{advice}"
            )
    ctx.default_map = values


def settings_from(ctx: click.Context) -> Settings:
    """Make the settings of what was given.

    Raises:
        UsageError: ``--bind`` was given together with ``--host``, ``--port``.
    """
    values = {
        param.name: _value(param, ctx.params[param.name])
        for param in ctx.command.params
        if isinstance(param, Setting)
        and param.name
        and _rank(ctx, param.name) < UNSAID
    }
    if chosen := bind(ctx):
        values["bind"] = chosen
    return Settings().with_values(**values)


def _value(param: Setting, given: Any) -> object:
    off = OFF in given if param.nargs > 1 else given == OFF
    return None if off else given


def bind(ctx: click.Context) -> tuple[str, ...]:
    """Return the addresses; what was said nearer to the command line wins."""
    host, port, binds = (_rank(ctx, name) for name in ("host", "port", "bind"))
    if binds == min(host, port) < UNSAID:
        raise click.UsageError("give --bind, or --host and --port, not both")
    if binds < min(host, port):
        return tuple(ctx.params["bind"])
    name = ctx.params["host"] or HOST
    number = PORT if ctx.params["port"] is None else ctx.params["port"]
    return (f"[{name}]:{number}" if ":" in name else f"{name}:{number}",)


def _rank(ctx: click.Context, name: str) -> int:
    """Tell how near to the command line a value was said."""
    source = ctx.get_parameter_source(name)
    return SOURCES.index(source) if source in SOURCES else UNSAID
