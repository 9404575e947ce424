"""The command line: where a setting comes from, and what a mistake is told."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import click
import pytest
import trustme
from click.testing import CliRunner

from microquart.cli import main
from microquart.cli.options import SettingsCommand, add_settings, settings_from
from microquart.protocol.limits import ENDLESS, FOREVER, Limits
from microquart.server.settings import Settings

NO_RESET_BUDGET = "h2_reset_budget", (ENDLESS, FOREVER)

HELLO = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"hello"})
"""

QUART = """
from microquart import Quart, current_app
app = Quart(__name__)

@app.get("/users/<int:id>")
def user(id): return "user"
@app.post("/about")
def about(): return "about"
@app.websocket("/chat")
async def chat(): ...
@app.shell_context_processor
def names(): return {"answer": 42}
@app.cli.command("greet")
def greet(): print("hello from", current_app.name)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A current folder with two programs, an environment without settings."""
    known = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in os.environ:
        if name.startswith(("MICROQUART_", "QUART_")):
            monkeypatch.delenv(name)
    (tmp_path / "hello.py").write_text(HELLO)
    (tmp_path / "shop.py").write_text(QUART)
    yield tmp_path
    for name in set(sys.modules) - known:
        if name in {"hello", "shop", "broken"}:
            del sys.modules[name]


@pytest.fixture
def settings(monkeypatch):
    """Return the settings that arguments and an environment make."""

    def read(*args, **environment):
        seen = []

        @click.command(cls=SettingsCommand)
        @add_settings
        @click.pass_context
        def show(ctx, /, **_):
            seen.append(settings_from(ctx))

        result = CliRunner(env=environment).invoke(show, args)
        assert result.exit_code == 0, result.output
        return seen[0]

    return read


@pytest.fixture
def microquart():
    """Run a command line in this process: its exit code and its output."""

    def run(*args, given=None, **environment):
        result = CliRunner(env=environment).invoke(main, args, given)
        return result.exit_code, result.output

    return run


# -- settings --


def test_without_options_the_settings_are_the_defaults(settings):
    assert settings() == Settings()


def test_every_setting_and_limit_is_an_option(microquart):
    _, output = microquart("run", "--help")
    names = [each.name for each in [*fields(Settings), *fields(Limits)]]
    for name in names:
        assert name == "limits" or f"--{name.replace('_', '-')}" in output


@pytest.mark.parametrize(
    ("args", "name", "value"),
    [
        (["--loop", "trio"], "loop", "trio"),
        (["--root-path", "/shop"], "root_path", "/shop"),
        (["--lifespan", "off"], "lifespan", "off"),
        (["--certfile", "c.pem"], "certfile", Path("c.pem")),
        (["--graceful-timeout", "1.5"], "graceful_timeout", 1.5),
        (["--max-connections", "10"], "max_connections", 10),
        (["--no-access-log"], "access_log", False),
        (["--access-log"], "access_log", True),
        (["--no-server-header"], "server_header", False),
        (["--no-date-header"], "date_header", False),
        (["--log-level", "debug"], "log_level", "debug"),
        (["--debug"], "debug", True),
        (["--workers", "2"], "workers", 2),
        (["--worker-timeout", "none"], "worker_timeout", None),
        (["--max-requests", "9"], "max_requests", 9),
        (["--limit-concurrency", "9"], "limit_concurrency", 9),
        (["--pid-file", "pid"], "pid_file", Path("pid")),
        (
            ["--reload-dir", "a", "--reload-dir", "b"],
            "reload_dir",
            (Path("a"), Path("b")),
        ),
        (["--https"], "https", True),
        (["--proxy-headers"], "proxy_headers", True),
        (["--proxy-protocol"], "proxy_protocol", True),
        (
            ["--forwarded-allow-ips", "::1", "--forwarded-allow-ips", "unix"],
            "forwarded_allow_ips",
            ("::1", "unix"),
        ),
        (["--server-names", "a.example"], "server_names", ("a.example",)),
        (["--response-fields", "X-A: b c"], "response_fields", ("X-A: b c",)),
        (["--socket-mode", "660"], "socket_mode", "660"),
        (["--no-h2c"], "h2c", False),
        (["--accept-batch", "8"], "accept_batch", 8),
        (["--request-timeout", "2.5"], "request_timeout", 2.5),
        (["--worker-backoff", "1", "8"], "worker_backoff", (1, 8)),
        (["--worker-backoff", "none", "none"], "worker_backoff", None),
        (["--worker-failures", "none"], "worker_failures", None),
        (["--log-repeats", "none"], "log_repeats", None),
        (["--blocked-loop", "1"], "blocked_loop", 1),
        (["--graceful-timeout", "none"], "graceful_timeout", FOREVER),
    ],
)
def test_an_option_is_a_setting(settings, args, name, value):
    assert getattr(settings(*args), name) == value


@pytest.mark.parametrize(
    ("args", "name", "value"),
    [
        (["--max-header-bytes", "1024"], "max_header_bytes", 1024),
        (["--keep-alive-timeout", "5"], "keep_alive_timeout", 5.0),
        (["--keep-alive-timeout", "none"], "keep_alive_timeout", None),
        (["--h2-reset-budget", "10", "0.5"], "h2_reset_budget", (10, 0.5)),
        (["--no-ws-compression"], "ws_compression", False),
        (["--max-fields", "none"], "max_fields", ENDLESS),
        (["--h2-reset-budget", "none", "none"], *NO_RESET_BUDGET),
    ],
)
def test_a_limit_is_an_option_too(settings, args, name, value):
    assert getattr(settings(*args).limits, name) == value


def test_none_turns_off_whatever_is_a_limit(microquart):
    _, output = microquart("run", "--help")
    names = {each.name for each in [*fields(Settings), *fields(Limits)]}
    refused = set()
    for name, kind in re.findall(
        r"--([a-z0-9-]+) (NUMBER|COUNT RATE|FIRST LONGEST)", output
    ):
        if name.replace("-", "_") not in names:
            continue
        said = ["none"] * len(kind.split())
        code, _ = microquart("run", "nope", f"--{name}", *said)
        if code == 2:  # not 1: there is no such module
            refused.add(name)
    # These say how a limit counts, or for how long the server itself waits.
    assert refused == {
        "half-close-timeout",
        "max-requests-jitter",
        "rate-grace",
        "stop-linger",
        "workers",
    }


def test_fields_have_lines_in_the_environment_and_addresses_words(settings):
    read = settings(
        MICROQUART_RESPONSE_FIELDS="X-A: b c\nX-D: e",
        MICROQUART_FORWARDED_ALLOW_IPS="127.0.0.1 ::1",
    )
    assert read.response_fields == ("X-A: b c", "X-D: e")
    assert read.forwarded_allow_ips == ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("args", "environment", "file", "value"),
    [
        ([], {}, "", "info"),
        ([], {}, "log_level = 'error'", "error"),
        ([], {"MICROQUART_LOG_LEVEL": "warning"}, "", "warning"),
        (
            [],
            {"MICROQUART_LOG_LEVEL": "warning"},
            "log_level = 'error'",
            "warning",
        ),
        (
            ["--log-level", "debug"],
            {"MICROQUART_LOG_LEVEL": "warning"},
            "log_level = 'error'",
            "debug",
        ),
    ],
)
def test_the_command_line_is_above_the_environment_and_that_above_the_file(
    settings, folder, args, environment, file, value
):
    (folder / "run.toml").write_text(file)
    assert settings("-c", "run.toml", *args, **environment).log_level == value


@pytest.mark.parametrize(
    ("args", "environment", "file", "bind"),
    [
        ([], {}, "", ("127.0.0.1:8000",)),
        (["--port", "1"], {}, "", ("127.0.0.1:1",)),
        (["--host", "::1"], {}, "", ("[::1]:8000",)),
        (["--bind", "a:1", "--bind", "b:2"], {}, "", ("a:1", "b:2")),
        ([], {"MICROQUART_PORT": "1"}, "", ("127.0.0.1:1",)),
        ([], {"MICROQUART_BIND": "a:1 unix:b"}, "", ("a:1", "unix:b")),
        ([], {}, "bind = ['a:1', 'b:2']", ("a:1", "b:2")),
        ([], {}, "port = 1", ("127.0.0.1:1",)),
        (["--port", "2"], {"MICROQUART_BIND": "a:1"}, "", ("127.0.0.1:2",)),
        (["--bind", "b:2"], {"MICROQUART_PORT": "1"}, "", ("b:2",)),
        ([], {"MICROQUART_PORT": "1"}, "bind = ['a:2']", ("127.0.0.1:1",)),
        (["--port", "1"], {}, "host = 'a'", ("a:1",)),
    ],
)
def test_the_nearest_address_is_listened_on(
    settings, folder, args, environment, file, bind
):
    (folder / "run.toml").write_text(file)
    assert settings("-c", "run.toml", *args, **environment).bind == bind


# -- mistakes: one line, and nothing has started --


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["nope"],
            "no module 'nope' in {folder}; Python files there: "
            "hello.py, shop.py",
        ),
        (["hello:nope"], "hello has no 'nope'; it has hello:app"),
        (
            [],
            "no application: name one, as in microquart run module:app, or "
            "set MICROQUART_APP, or call its file app.py",
        ),
        (
            ["hello", "--bind", "nowhere"],
            "'nowhere' is no address: use HOST:PORT, [::1]:PORT, unix:PATH "
            "or fd://N",
        ),
        (
            ["hello", "--certfile", "no.pem"],
            "no.pem: No such file or directory",
        ),
        (
            ["hello", "--certfile", "hello.py"],
            "hello.py has no certificate in it (PEM)",
        ),
        (
            ["hello", "--keyfile", "key.pem"],
            "--keyfile and --ca-certs need --certfile",
        ),
        (
            ["hello", "--https", "--certfile", "cert.pem"],
            "--https makes a certificate: give it, or --certfile, not both",
        ),
        (
            ["hello", "--forwarded-allow-ips", "127.0.0.1, localhost"],
            "'localhost' is nobody to trust: use addresses, networks, unix "
            "or * ('localhost' does not appear to be an IPv4 or IPv6 network)",
        ),
        (
            ["hello", "--forwarded-fields", "Via"],
            "'via' is no field of proxies: x-forwarded-for, "
            "x-forwarded-proto, x-forwarded-host, x-forwarded-port, "
            "x-forwarded-prefix, forwarded",
        ),
        (
            ["hello", "--proxy-protocol"],
            "--proxy-protocol serves trusted proxies alone: name them with "
            "--forwarded-allow-ips",
        ),
        (
            ["hello", "--response-fields", "X-A"],
            "'X-A' is no field: use NAME: VALUE",
        ),
        (
            ["hello", "--socket-mode", "rw"],
            "'rw' is no mode: use octal digits, as 660",
        ),
        (
            ["hello", "--log-level", "loud"],
            "no log level 'loud'; use debug, info, warning, error or critical",
        ),
        (
            ["hello", "--workers", "2", "--reload"],
            "give --workers or --reload, not both",
        ),
        (["hello", "--pid-file", "no/pid"], "no/pid: no such folder"),
        (
            ["hello", "--access-log-format", "%(h)s %s"],
            "access log format '%(h)s %s': not enough arguments for format "
            "string",
        ),
        (["hello", "-c", "no.toml"], "no.toml: No such file or directory"),
        (
            ["hello", "-c", "hello.py"],
            "hello.py: Expected '=' after a key in a key/value pair "
            "(at line 2, column 7)",
        ),
        (
            ["hello", "-c", "typo.toml"],
            "typo.toml: 'keep_alive' is no option; "
            "did you mean 'keep_alive_timeout'?",
        ),
        (
            ["hello", "--bind", "192.0.2.1:8000"],
            "192.0.2.1 is no address of this machine; try 127.0.0.1, or "
            "0.0.0.0 for all of its addresses",
        ),
        (
            ["hello", "--bind", "unix:no/such/folder"],
            "unix:no/such/folder: No such file or directory",
        ),
    ],
)
def test_a_mistake_is_one_line(microquart, folder, args, message):
    (folder / "typo.toml").write_text("keep_alive = 5")
    line = f"Error: {message.format(folder=folder)}\n"
    assert microquart("run", *args) == (1, line)


@pytest.mark.parametrize(
    "args",
    [
        ["--port", "65536"],
        ["--keep-alive-timeout", "-1"],
        ["--keep-alive-timeout", "nan"],
        ["--stop-linger", "none"],
        ["--workers", "none"],
        ["--loop", "curio"],
        ["--bind", "a:1", "--port", "2"],
        ["--no-such-option"],
    ],
)
def test_a_wrong_option_is_a_usage_error(microquart, args):
    code, output = microquart("run", "hello", *args)
    assert code == 2
    assert "Try 'main run --help' for help." in output


def test_a_port_in_use_names_its_process(microquart):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, output = microquart("run", "hello", "--port", str(port))
    name = "another process"
    if sys.platform == "linux":
        comm = Path("/proc/self/comm").read_text().strip()
        name = f"{comm} (pid {os.getpid()})"
    assert code == 1
    said = re.escape(f"Error: port {port} is used by {name}; try --port ")
    assert re.fullmatch(rf"{said}\d+\n", output)


def test_a_free_port_is_offered_in_the_way_it_was_asked_for(microquart):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        _, output = microquart("run", "hello", "--bind", bind)
    assert re.search(r"; try --bind 127\.0\.0\.1:\d+\n$", output)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            ["one.pem", "--keyfile", "two.key"],
            "two.key is not the key of the certificate one.pem",
        ),
        (
            ["one.pem"],
            "one.pem has no private key in it (PEM); see --keyfile",
        ),
        (
            ["one.pem", "--keyfile", "one.pem"],
            "one.pem has no private key in it (PEM); see --keyfile",
        ),
        (
            ["one.key", "--keyfile", "one.key"],
            "one.key has no certificate in it (PEM)",
        ),
    ],
)
def test_a_certificate_that_does_not_fit_is_told(
    microquart, folder, files, message
):
    authority = trustme.CA()
    for name in ("one", "two"):
        certificate = authority.issue_cert("localhost")
        certificate.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        certificate.private_key_pem.write_to_path(folder / f"{name}.key")
    args = ("run", "hello", "--certfile", *files)
    assert microquart(*args) == (1, f"Error: {message}\n")


def test_in_debug_mode_the_traceback_is_shown_too(
    microquart, folder, monkeypatch
):
    monkeypatch.setenv("MICROQUART_DEBUG", "0")  # the option sets it
    (folder / "broken.py").write_text("1 / 0")
    _, output = microquart("run", "broken", "--debug")
    assert output.startswith("Traceback (most recent call last):\n")
    assert output.endswith(
        "Error: broken.py:1: ZeroDivisionError: division by zero\n"
    )


# -- a Quart application --


def test_routes_shows_endpoint_methods_and_rule(microquart):
    _, output = microquart("routes", "shop")
    assert output.splitlines() == [
        "Endpoint  Methods  Rule",
        "--------  -------  -----------------------",
        "about     POST     /about",
        "chat      WS       /chat",
        "static    GET      /static/<path:filename>",
        "user      GET      /users/<int:id>",
    ]


@pytest.mark.parametrize(
    ("order", "endpoints"),
    [
        ("endpoint", ["about", "chat", "static", "user"]),
        ("methods", ["static", "user", "about", "chat"]),
        ("rule", ["about", "chat", "static", "user"]),
    ],
)
def test_routes_are_sorted(microquart, order, endpoints):
    _, output = microquart("routes", "shop", "--sort", order)
    assert [line.split()[0] for line in output.splitlines()[2:]] == endpoints


def test_routes_shows_the_implied_methods_if_asked(microquart):
    _, output = microquart("routes", "shop", "--all-methods")
    assert "user      GET, HEAD, OPTIONS  /users/<int:id>" in output


@pytest.mark.parametrize("command", ["routes", "shell"])
def test_another_application_has_no_routes_to_show(microquart, command):
    assert microquart(command, "hello") == (
        1,
        "Error: the application is a builtins.function; "
        "this command is for Quart's\n",
    )


SESSION = """\
app.name
answer + 1
async def later(): return "waited"

await later()
from microquart import current_app
current_app.name * 2
1 / 0
answer
"""


def test_the_shell_has_names_the_context_and_await(microquart):
    code, output = microquart("shell", "shop", given=SESSION)
    assert code == 0
    for shown in ("'shop'", "43", "'waited'", "'shopshop'", "42"):
        assert f"{shown}\n" in output
    assert "ZeroDivisionError: division by zero" in output


def test_the_application_brings_its_own_commands(microquart):
    assert microquart("--app", "shop", "greet") == (0, "hello from shop\n")
    assert microquart("greet", MICROQUART_APP="shop")[0] == 0


# -- the process --


@contextmanager
def process(*args):
    command = [sys.executable, "-m", "microquart", *args]
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=env
    ) as running:
        yield running
        if running.poll() is None:
            running.kill()


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_run_serves_until_it_is_interrupted(loop):
    args = ("run", "hello", "--port", "0", "--loop", loop, "--no-access-log")
    with process(*args) as running:
        line = running.stderr.readline()
        url = re.fullmatch(r"listening on (http://127.0.0.1:\d+)\n", line)[1]
        with urllib.request.urlopen(url) as response:
            assert response.read() == b"hello"
        running.send_signal(signal.SIGINT)
        assert running.wait() == 0
        assert running.stderr.read() == "SIGINT: stopping\n"


@pytest.mark.slow
def test_a_failed_startup_ends_with_3(folder):
    (folder / "broken.py").write_text(
        "async def app(scope, receive, send):\n"
        "    assert scope['type'] == 'lifespan'\n"
        "    await receive()\n"
        "    await send({'type': 'lifespan.startup.failed',"
        " 'message': 'no database'})\n"
    )
    with process("run", "broken", "--port", "0") as running:
        assert running.stderr.read() == "startup failed: no database\n"
        assert running.wait() == 3


@pytest.mark.slow
def test_the_version_names_the_libraries():
    command = [sys.executable, "-m", "microquart", "--version"]
    output = subprocess.check_output(command, text=True)
    assert re.fullmatch(
        r"microquart \S+ \(Python \S+, h11 \S+, h2 \S+, wsproto \S+\)\n",
        output,
    )
