"""The command line of an application: its commands, and how it is found."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar

import click
import pytest

from microquart.commands import (
    AppGroup,
    NoAppException,
    QuartGroup,
    ScriptInfo,
    pass_script_info,
    with_appcontext,
)
from microquart.dotenv import load_dotenv, parse_dotenv
from microquart.testing import QuartCliRunner

inside: ContextVar[str] = ContextVar("inside", default="outside")


class Application:
    """As much of an application as a command line sees."""

    debug = False

    def __init__(self, name: str = "app") -> None:
        self.name = name
        self.cli = AppGroup(name)
        self.ended: list[object] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("no command serves")

    @asynccontextmanager
    async def app_context(self) -> AsyncIterator[None]:
        token = inside.set(f"in {self.name}")
        try:
            await asyncio.sleep(0)
            yield
            self.ended.append(None)
        except BaseException as error:
            self.ended.append(error)
            raise
        finally:
            # A token is of use in its own context only.
            inside.reset(token)


@pytest.fixture
def app() -> Application:
    return Application()


def run(app: Application, *args: str, **options: Any) -> str:
    result = QuartCliRunner(app).invoke(args=args, **options)
    assert result.exception is None, result.output
    return result.output


# -- commands --


def test_a_plain_command_runs_in_the_context(app: Application) -> None:
    @app.cli.command()
    @click.argument("name")
    def greet(name: str) -> None:
        click.echo(f"{name} {inside.get()}")

    assert run(app, "greet", "anna") == "anna in app\n"
    assert app.ended == [None]


def test_an_async_command_runs_in_the_context(app: Application) -> None:
    @app.cli.command()
    @click.option("--count", default=1)
    async def work(count: int) -> None:
        await asyncio.sleep(0)
        click.echo(f"{count} {inside.get()}")

    assert run(app, "work", "--count", "2") == "2 in app\n"


def test_a_plain_command_may_run_a_loop_of_its_own(app: Application) -> None:
    @app.cli.command()
    def work() -> None:
        async def inner() -> str:
            return inside.get()

        click.echo(asyncio.run(inner()))

    assert run(app, "work") == "in app\n"


def test_a_command_may_do_without_the_context(app: Application) -> None:
    @app.cli.command(with_appcontext=False)
    def work() -> None:
        click.echo(inside.get())

    assert run(app, "work") == "outside\n"


def test_the_decorator_needs_no_parentheses(app: Application) -> None:
    @app.cli.command
    def work() -> None:
        click.echo(inside.get())

    assert run(app, "work") == "in app\n"


def test_groups_in_a_group_are_of_the_same_kind(app: Application) -> None:
    @app.cli.group()
    def users() -> None:
        pass

    @users.command()
    def add() -> None:
        click.echo(inside.get())

    assert run(app, "users", "add") == "in app\n"


@pytest.mark.parametrize("kind", ["plain", "async"])
def test_a_failure_ends_the_context_and_is_reported(
    app: Application, kind: str
) -> None:
    @app.cli.command("plain")
    def plain() -> None:
        raise KeyError("failed")

    @app.cli.command("async")
    async def waiting() -> None:
        raise KeyError("failed")

    result = QuartCliRunner(app).invoke(args=[kind])
    assert isinstance(result.exception, KeyError)
    assert app.ended == [result.exception]


def test_a_command_of_plain_click_can_have_the_context(
    app: Application,
) -> None:
    @click.command()
    @with_appcontext
    def one() -> None:
        click.echo(inside.get())

    @click.command()
    @with_appcontext()
    def two() -> None:
        click.echo(inside.get())

    assert run(app, cli=one) == run(app, cli=two) == "in app\n"


def test_a_command_can_have_the_script_info(app: Application) -> None:
    @app.cli.command(with_appcontext=False)
    @pass_script_info
    def work(info: ScriptInfo) -> None:
        click.echo(str(info.load_app() is app))

    assert run(app, "work") == "True\n"


# -- finding the application --

PROGRAM = """
from microquart.testing.app import TestApp
from tests.app.test_commands import Application, click

app = Application("found")
other = Application("other")
no_app = 1

def create_app(name="made"):
    return Application(name)

@app.cli.command()
def hello():
    "Say hello."
    click.echo("hello")
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory to be in, with modules and variables of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = dict(os.environ)
    yield tmp_path
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def program(here: Path, request: pytest.FixtureRequest) -> str:
    """A module with applications; its name is new for each test."""
    name = f"program_{abs(hash(request.node.nodeid))}"
    (here / f"{name}.py").write_text(PROGRAM)
    return name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "found"),
        (":other", "other"),
        (":create_app()", "made"),
        (":create_app('x')", "x"),
    ],
)
def test_an_application_is_found_by_its_name(
    program: str, name: str, expected: str
) -> None:
    app: Any = ScriptInfo(f"{program}{name}").load_app()
    assert app.name == expected


def test_an_application_is_loaded_once(program: str) -> None:
    info = ScriptInfo(program)
    assert info.load_app() is info.load_app()


def test_a_function_may_make_it(app: Application) -> None:
    assert ScriptInfo(create_app=lambda: app).load_app() is app


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_module_x", "no_such_module_x"),
        ("{program}:nope", "nope"),
        ("{program}:no_app", "no ASGI application"),
        (None, "no application: name one by --app"),
    ],
)
def test_a_wrong_name_is_explained(
    program: str, target: str | None, message: str
) -> None:
    path = target and target.format(program=program)
    with pytest.raises(NoAppException, match=message):
        ScriptInfo(path).load_app()


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("0", False), (None, True)]
)
def test_the_environment_may_set_the_debug_mode(
    app: Application,
    monkeypatch: pytest.MonkeyPatch,
    value: str | None,
    expected: bool,
) -> None:
    app.debug = True
    if value is not None:
        monkeypatch.setenv("MICROQUART_DEBUG", value)
    assert ScriptInfo(create_app=lambda: app).load_app().debug is expected


# -- a group for applications --


@pytest.fixture
def group() -> QuartGroup:
    group = QuartGroup(name="program")

    @group.command()
    @pass_script_info
    def which(info: ScriptInfo) -> None:
        app: Any = info.load_app()
        click.echo(f"{app.name} {app.debug}")

    return group


def call(group: QuartGroup, *args: str) -> str:
    from click.testing import CliRunner

    result = CliRunner().invoke(group, args)
    return f"{result.exit_code} {result.output}"


def test_the_application_is_an_option(program: str, group: QuartGroup) -> None:
    assert call(group, "--app", program, "which") == "0 found False\n"


@pytest.mark.parametrize("prefix", ["MICROQUART", "QUART"])
def test_the_application_is_a_variable(
    program: str,
    group: QuartGroup,
    monkeypatch: pytest.MonkeyPatch,
    prefix: str,
) -> None:
    monkeypatch.setenv(f"{prefix}_APP", f"{program}:other")
    assert call(group, "which") == "0 other False\n"


def test_debug_is_an_option(program: str, group: QuartGroup) -> None:
    answer = call(group, "--app", program, "--debug", "which")
    assert answer == "0 found True\n"
    assert os.environ["MICROQUART_DEBUG"] == "1"


def test_a_file_has_the_variables(
    here: Path, program: str, group: QuartGroup
) -> None:
    (here / "vars").write_text(f"MICROQUART_APP={program}:other")
    assert call(group, "--env-file", "vars", "which") == "0 other False\n"


def test_a_dotenv_file_has_the_variables(
    here: Path, program: str, group: QuartGroup
) -> None:
    (here / ".env").write_text(f"MICROQUART_APP={program}:other")
    assert call(group, "which") == "0 other False\n"


def test_the_commands_of_the_application_are_there(
    program: str, group: QuartGroup
) -> None:
    assert call(group, "--app", program, "hello") == "0 hello\n"
    assert "Say hello." in call(group, "--app", program, "--help")


def test_the_help_without_arguments_knows_them_too(
    program: str, group: QuartGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROQUART_APP", program)
    assert "Say hello." in call(group)


def test_a_help_without_an_application_says_why(
    here: Path, group: QuartGroup
) -> None:
    answer = call(group, "--help")
    assert "no application: name one by --app" in answer
    assert "which" in answer


def test_an_unknown_command_is_an_error(
    program: str, group: QuartGroup
) -> None:
    answer = call(group, "--app", program, "nope")
    assert answer.startswith("2 ")
    assert "No such command 'nope'" in answer


def test_default_commands_are_added_unless_it_is_told_not_to() -> None:
    class Group(QuartGroup):
        default_commands: ClassVar = [click.Command("usual")]

    assert "usual" in Group().commands
    assert "usual" not in Group(add_default_commands=False).commands


# -- .env files --


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1", {"A": "1"}),
        ("A = 1 \nB=2", {"A": "1", "B": "2"}),
        ("export A=1\r\nB=2", {"A": "1", "B": "2"}),
        ("# A=1\n\n  # B=2\nC=3", {"C": "3"}),
        ("A=1 # one", {"A": "1"}),
        ("A=1#2", {"A": "1#2"}),
        ("A=", {"A": ""}),
        ("A= # nothing", {"A": ""}),
        ("A='a # ${B} \\n' # one", {"A": "a # ${B} \\n"}),
        ('A="a # \\n\\"b\\" \\$"', {"A": 'a # \n"b" $'}),
        ('A="one\ntwo"\nB=2', {"A": "one\ntwo", "B": "2"}),
        ("A=1\nB=${A}2${C}${D}", {"A": "1", "B": "12c"}),
        ("no assignment\nA=1", {"A": "1"}),
        ("1A=2", {}),
        ("A=ü", {"A": "ü"}),
    ],
)
def test_a_line_sets_a_variable(text: str, expected: dict[str, str]) -> None:
    assert parse_dotenv(text, {"C": "c"}) == expected


def test_what_is_set_already_stays(here: Path) -> None:
    os.environ["SET_BEFORE_TEST"] = "before"
    (here / "vars").write_text("SET_BEFORE_TEST=file\nNEW_IN_TEST=file")
    assert load_dotenv("vars")
    assert os.environ["SET_BEFORE_TEST"] == "before"
    assert os.environ["NEW_IN_TEST"] == "file"


def test_the_nearest_file_is_read(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = here / "a" / "b"
    below.mkdir(parents=True)
    (here / ".env").write_text("NEAREST_IN_TEST=far\nFAR_IN_TEST=far")
    (here / "a" / ".env").write_text("NEAREST_IN_TEST=near")
    (here / ".quartenv").write_text("OTHER_IN_TEST=1")
    monkeypatch.chdir(below)
    assert load_dotenv()
    assert os.environ["NEAREST_IN_TEST"] == "near"
    assert os.environ["OTHER_IN_TEST"] == "1"
    assert "FAR_IN_TEST" not in os.environ


def test_a_missing_file_is_told(here: Path) -> None:
    assert load_dotenv("missing") is False
