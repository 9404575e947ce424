"""What an application adds to the command line: groups and commands.

A command may be plain or async.  It runs in the application's context: that
is opened and closed on an event loop of the command's own, an async command
runs on the loop, and a plain one runs outside of it, so it may start a loop
itself.
"""

import asyncio
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias, overload

import click
from click.core import ParameterSource

from microquart.config import (
    ENV_PREFIX,
    env_names,
    env_value,
    get_debug_flag,
    get_load_dotenv,
)
from microquart.dotenv import load_dotenv
from microquart.loading import LoadError, load

Function: TypeAlias = Callable[..., Any]

# Packages announce their commands under this name.
PLUGINS = "microquart.commands"


class NoAppException(click.UsageError):
    """There is no application to load; the message says why."""


class CommandApplication(Protocol):
    """What the command line asks of an application."""

    debug: bool

    @property
    def cli(self) -> click.Group: ...

    def app_context(self) -> AbstractAsyncContextManager[Any]: ...


class ScriptInfo:
    """Loads the application that a command line is about, once.

    ``data`` is for commands to share things.  ``create_app`` stands above
    ``app_import_path``, and that above an ``app.py`` in the directory.
    """

    def __init__(
        self,
        app_import_path: str | None = None,
        create_app: Callable[[], CommandApplication] | None = None,
        set_debug_flag: bool = True,
    ) -> None:
        self.app_import_path = app_import_path
        self.create_app = create_app
        self.set_debug_flag = set_debug_flag
        self.data: dict[Any, Any] = {}
        self._loaded: CommandApplication | None = None

    def load_app(self) -> CommandApplication:
        """Return the application.

        Raises:
            NoAppException: there is none.
        """
        if self._loaded is None:
            self._loaded = app = self._load()
            if self.set_debug_flag and env_value("DEBUG") is not None:
                app.debug = get_debug_flag()
        return self._loaded

    def _load(self) -> CommandApplication:
        if self.create_app is not None:
            return self.create_app()
        target = self.app_import_path
        if not target and not Path("app.py").is_file():
            raise NoAppException(
                "no application: name one by --app module:name, or by the "
                f"variable {ENV_PREFIX}_APP, or call its file app.py"
            )
        try:
            app = load(target or "app.py")
        except LoadError as error:
            raise NoAppException(str(error)) from error
        if not hasattr(type(app), "app_context"):
            raise NoAppException(
                f"{target or 'app.py'} is a {type(app).__name__}: "
                "only microquart's applications have commands"
            )
        found: CommandApplication = app
        return found


pass_script_info = click.make_pass_decorator(ScriptInfo, ensure=True)


@overload
def with_appcontext(f: Function) -> Function: ...


@overload
def with_appcontext(f: None = None) -> Callable[[Function], Function]: ...


def with_appcontext(f: Function | None = None) -> Any:
    """Run a command in the application's context."""
    if f is None:  # written with parentheses
        return with_appcontext

    @click.pass_context
    def decorator(ctx: click.Context, /, *args: Any, **kwargs: Any) -> Any:
        app = ctx.ensure_object(ScriptInfo).load_app()
        return _run(f, app.app_context(), ctx, args, kwargs)

    return update_wrapper(decorator, f)


def _run(
    f: Function,
    context: AbstractAsyncContextManager[Any],
    ctx: click.Context,
    args: Sequence[Any],
    kwargs: dict[str, Any],
) -> Any:
    # What the context sets is set in these variables, for all the steps.
    variables = copy_context()
    with asyncio.Runner() as runner:
        run = partial(runner.run, context=variables)
        run(context.__aenter__())
        try:
            result = variables.run(ctx.invoke, f, *args, **kwargs)
            return run(result) if inspect.iscoroutine(result) else result
        finally:
            run(context.__aexit__(*sys.exc_info()))


class AppGroup(click.Group):
    """A group whose commands run in the application's context.

    ``@app.cli.command(with_appcontext=False)`` makes one that does not,
    which then has to be a plain function.
    """

    @overload
    def command(self, func: Function, /) -> click.Command: ...

    @overload
    def command(
        self, *args: Any, **kwargs: Any
    ) -> Callable[[Function], click.Command]: ...

    def command(self, *args: Any, **kwargs: Any) -> Any:
        wanted = kwargs.pop("with_appcontext", True)
        if wanted and args and callable(args[0]):
            return super().command(with_appcontext(args[0]))
        decorate = super().command(*args, **kwargs)

        def decorator(f: Function) -> click.Command:
            made: click.Command = decorate(with_appcontext(f) if wanted else f)
            return made

        return decorator

    @overload
    def group(self, func: Function, /) -> "AppGroup": ...

    @overload
    def group(
        self, *args: Any, **kwargs: Any
    ) -> "Callable[[Function], AppGroup]": ...

    def group(self, *args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("cls", AppGroup)
        return super().group(*args, **kwargs)


# -- the options that find the application --


def _set_app(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> str | None:
    if value is not None:
        ctx.ensure_object(ScriptInfo).app_import_path = value
    return value


def _set_debug(
    ctx: click.Context, param: click.Parameter, value: bool
) -> bool | None:
    source = ctx.get_parameter_source(param.name or "")
    if source in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP):
        return None
    # By the environment, for a factory may ask before there is an app.
    os.environ[f"{ENV_PREFIX}_DEBUG"] = "1" if value else "0"
    return value


def _load_env_file(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> str | None:
    if value is not None:
        load_dotenv(value)
    return value


def app_options() -> list[click.Option]:
    """Return --env-file, --app and --debug, in the order of their effects.

    The first two are eager: with them, --help knows the app's commands.
    """
    env_file = click.Option(
        ["-e", "--env-file"],
        type=click.Path(exists=True, dir_okay=False),
        help="Set the environment variables that this file names.",
        is_eager=True,
        expose_value=False,
        callback=_load_env_file,
    )
    app = click.Option(
        ["-A", "--app"],
        metavar="IMPORT",
        envvar=env_names("APP"),
        help="The application: module:name, file.py:name, or "
        "module:create_app('argument').",
        is_eager=True,
        expose_value=False,
        callback=_set_app,
    )
    debug = click.Option(
        ["--debug/--no-debug"],
        help="Turn the application's debug mode on or off.",
        expose_value=False,
        callback=_set_debug,
    )
    return [env_file, app, debug]


class QuartGroup(AppGroup):
    """A group that finds an application and has its commands as well.

    For a script of one's own: ``cli = QuartGroup(create_app=create_app)``.
    """

    # ``microquart.cli`` puts its commands here; this floor cannot know them.
    default_commands: ClassVar[list[click.Command]] = []

    def __init__(
        self,
        add_default_commands: bool = True,
        create_app: Callable[[], CommandApplication] | None = None,
        load_dotenv: bool = True,
        set_debug_flag: bool = True,
        **extra: Any,
    ) -> None:
        params = [*(extra.pop("params", None) or ()), *app_options()]
        super().__init__(params=params, **extra)
        self.create_app = create_app
        self.load_dotenv = load_dotenv
        self.set_debug_flag = set_debug_flag
        self._has_plugins = False
        if add_default_commands:
            for command in self.default_commands:
                self.add_command(command)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Any:
        # What is built in comes first: reading what all the packages announce
        # takes longer than loading the server.
        command = super().get_command(ctx, cmd_name)
        if command is None:
            self._add_plugins()
            command = super().get_command(ctx, cmd_name)
        if command is not None:
            return command
        try:
            app = ctx.ensure_object(ScriptInfo).load_app()
        except NoAppException as error:
            click.secho(f"Error: {error.format_message()}", err=True, fg="red")
            return None
        return app.cli.get_command(ctx, cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        self._add_plugins()
        names = set(super().list_commands(ctx))
        try:
            app = ctx.ensure_object(ScriptInfo).load_app()
            names.update(app.cli.list_commands(ctx))
        except NoAppException as error:
            # The help without the application's commands is still a help.
            click.secho(f"Error: {error.format_message()}", err=True, fg="red")
        return sorted(names)

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        if get_load_dotenv(self.load_dotenv):
            load_dotenv()
        if "obj" not in extra and "obj" not in self.context_settings:
            extra["obj"] = ScriptInfo(
                create_app=self.create_app, set_debug_flag=self.set_debug_flag
            )
        return super().make_context(info_name, args, parent, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and self.no_args_is_help:
            # The help comes before the options, which may be variables.
            for option in app_options()[:2]:
                option.handle_parse_result(ctx, {}, [])
        return super().parse_args(ctx, args)

    def _add_plugins(self) -> None:
        if not self._has_plugins:
            from importlib.metadata import entry_points

            self._has_plugins = True
            for point in entry_points(group=PLUGINS):
                self.add_command(point.load(), point.name)
