"""The command line of an application."""

from importlib import import_module

import click
import pytest

row = pytest.mark.row
differs = pytest.mark.differs


@pytest.fixture
def cli(quart):
    return import_module(f"{quart.__name__}.cli")


@pytest.fixture
def program(quart, tmp_path, monkeypatch):
    """A program app.py in the current directory."""
    (tmp_path / "app.py").write_text(
        f"from {quart.__name__} import Quart\n"
        "app = Quart('app', static_folder=None)\n"
        "@app.route('/a/<int:x>', methods=['GET', 'POST'])\n"
        "async def view(x):\n    return 'x'\n"
        "@app.shell_context_processor\n"
        "def names():\n    return {'mine': 1}\n"
        "@app.cli.command('hello')\n"
        "def hello():\n    print('hello', app.debug)\n"
        "def create_app(name):\n    return Quart(name, static_folder=None)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "app", raising=False)
    for prefix in ("QUART", "MICROQUART"):
        for name in ("APP", "DEBUG"):
            # What a command line sets is taken back after the test.
            monkeypatch.setenv(f"{prefix}_{name}", "")
            monkeypatch.delenv(f"{prefix}_{name}")
    yield tmp_path
    monkeypatch.delitem(__import__("sys").modules, "app", raising=False)


@pytest.fixture
def run(cli, program):
    """Run a command line; return its status and what it wrote."""
    group = getattr(cli, "cli", cli.main)

    def run(*args, **kwargs):
        result = click.testing.CliRunner().invoke(group, args, **kwargs)
        return result.exit_code, result.output

    return run


@row("quart run")
def test_run_has_its_options(run):
    status, text = run("run", "--help")
    assert status == 0
    for option in ("--host", "--port", "--certfile", "--keyfile", "--reload"):
        assert option in text


@row("quart routes")
@pytest.mark.parametrize("options", [[], ["--sort", "rule"]])
def test_the_routes_are_shown(run, options):
    status, text = run("--app", "app:app", "routes", *options)
    assert status == 0
    assert "view" in text
    assert "GET" in text
    assert "/a/<" in text
    assert "HEAD" not in text


@row("quart routes")
def test_all_methods_are_shown_when_asked_for(run):
    status, text = run("--app", "app:app", "routes", "--all-methods")
    assert (status, "HEAD" in text) == (0, True)


@row("quart shell")
def test_the_shell_knows_names(app):
    @app.shell_context_processor
    def names():
        return {"mine": 1}

    assert app.make_shell_context()["mine"] == 1
    assert app.make_shell_context()["app"] is app


@row("--app, QUART_APP, app.py")
@pytest.mark.parametrize(
    "options",
    [
        ["--app", "app:app"],
        ["--app", "app"],
        ["--app", "app.py"],
        [],
    ],
)
def test_the_application_is_found(run, options):
    assert run(*options, "hello") == (0, "hello False\n")


@row("--app, QUART_APP, app.py")
def test_the_application_is_named_by_the_environment(run, monkeypatch):
    monkeypatch.setenv("QUART_APP", "app:app")
    assert run("hello") == (0, "hello False\n")


@row("--app, QUART_APP, app.py")
def test_the_application_is_made_by_a_factory(run):
    status, text = run("--app", 'app:create_app("other")', "routes")
    assert (status, "view" in text) == (0, False)


@row("--app, QUART_APP, app.py")
@pytest.mark.parametrize("target", ["nope", "app:nope"])
def test_an_application_that_is_not_there_is_an_error(run, target):
    status, text = run("--app", target, "routes")
    assert status != 0
    assert "nope" in text


@row("--debug, QUART_DEBUG")
def test_the_debug_mode_is_an_option(run, monkeypatch):
    monkeypatch.setenv("QUART_DEBUG", "0")
    status, text = run("--app", "app:app", "--debug", "hello")
    assert (status, text) == (0, "hello True\n")


@row("--debug, QUART_DEBUG")
def test_the_debug_mode_is_in_the_environment(run, monkeypatch):
    monkeypatch.setenv("QUART_DEBUG", "1")
    assert run("--app", "app:app", "hello") == (0, "hello True\n")


@row("--env-file, .env, .quartenv")
@pytest.mark.parametrize("name", [".env", ".quartenv"])
@differs("files of the environment need no further package")
def test_files_of_the_environment_are_read(run, program, monkeypatch, name):
    monkeypatch.setenv("MINE", "x")  # so that it is restored
    monkeypatch.delenv("MINE")
    (program / name).write_text("MINE=from the file")
    with (program / "app.py").open("a") as file:
        file.write("import os\n@app.cli.command('mine')\n")
        file.write("def mine():\n    print(os.environ['MINE'])\n")
    assert run("--app", "app:app", "mine") == (0, "from the file\n")


@row("--env-file, .env, .quartenv")
@differs("files of the environment need no further package")
def test_a_file_of_the_environment_can_be_named(run, program, monkeypatch):
    monkeypatch.setenv("MINE", "x")
    monkeypatch.delenv("MINE")
    (program / "mine.env").write_text("MINE=named")
    with (program / "app.py").open("a") as file:
        file.write("import os\n@app.cli.command('mine')\n")
        file.write("def mine():\n    print(os.environ['MINE'])\n")
    line = ("--env-file", "mine.env", "--app", "app:app", "mine")
    assert run(*line) == (0, "named\n")


@row("--version")
def test_the_version_is_shown(run, quart):
    status, text = run("--version")
    assert status == 0
    assert quart.__name__ in text.lower()


@row("app.cli.command, AppGroup")
def test_a_command_has_arguments_and_options(app):
    @app.cli.command("name")
    @click.argument("word")
    @click.option("--times", default=1)
    def name(word, times):
        print(word * times)

    runner = app.test_cli_runner()
    result = runner.invoke(args=["name", "a", "--times", "2"])
    assert result.output == "aa\n"


@row("app.cli.command, AppGroup")
@differs("a command has the application's context: in Quart when it asks")
def test_a_command_has_the_context_of_the_application(quart, app):
    @app.cli.command("name")
    def name():
        print(quart.current_app.name)

    result = app.test_cli_runner().invoke(args=["name"])
    assert result.output == f"{app.name}\n"


@row("app.cli.command, AppGroup")
def test_commands_are_grouped(app, cli):
    group = cli.AppGroup("users")

    @group.command("add")
    def add():
        print("added")

    app.cli.add_command(group)
    result = app.test_cli_runner().invoke(args=["users", "add"])
    assert result.output == "added\n"


@row("app.cli.command, AppGroup")
def test_a_command_of_click_can_have_the_context(quart, app, cli):
    @click.command("mine")
    @cli.with_appcontext
    def mine():
        print(quart.current_app.name)

    app.cli.add_command(mine)
    result = app.test_cli_runner().invoke(args=["mine"])
    assert result.output == f"{app.name}\n"


@row("app.cli.command, AppGroup")
def test_a_command_can_be_given_what_loads_the_application(app, cli):
    @click.command("mine")
    @cli.pass_script_info
    def mine(info):
        print(type(info).__name__, info.load_app().name)

    app.cli.add_command(mine)
    result = app.test_cli_runner().invoke(args=["mine"])
    assert result.output == f"ScriptInfo {app.name}\n"


@row("app.cli.command, AppGroup")
@differs("a command may be async: Quart's have to start a loop themselves")
def test_a_command_may_be_async(quart, app):
    @app.cli.command("mine")
    async def mine():
        print(quart.current_app.name)

    result = app.test_cli_runner().invoke(args=["mine"])
    assert result.output == f"{app.name}\n"


@row("quart.commands entry points")
def test_packages_may_bring_commands(cli, quart, program, monkeypatch):
    info = program / "plugin-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{quart.__name__}.commands]\nplugged = plugin:plugged\n"
    )
    (program / "plugin.py").write_text(
        "import click\n@click.command()\n"
        "def plugged():\n    print('plugged in')\n"
    )
    monkeypatch.syspath_prepend(str(program))
    line = ["--app", "app:app", "plugged"]
    result = click.testing.CliRunner().invoke(cli.QuartGroup(), line)
    assert result.output == "plugged in\n"
