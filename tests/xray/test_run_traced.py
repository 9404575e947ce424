"""``microquart run --trace``: where it is refused, and what it says."""

import json
import os
import re
import socket
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner
from websockets.sync.client import connect

from microquart.cli import main, tracing
from tests.server.process import RUN, command, started

PROGRAM = """
import os
from microquart import Quart
app = Quart(__name__)

@app.get("/")
async def index():
    return os.environ["MICROQUART_TRACE_URL"]
"""
TOKEN = "a-token-of-22-letters-"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A current folder with a program, an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("MICROQUART_", "QUART_")):
            monkeypatch.delenv(name)
    (tmp_path / "app.py").write_text(PROGRAM)
    return tmp_path


# -- refused before anything runs --


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ("--trace --host 0.0.0.0", "sent to 0.0.0.0:8000, which others"),
        ("--trace --host ::", "add --trace-i-know"),
        ("--trace --host example.com", "add --trace-i-know"),
        ("--trace --bind unix:socket", "add --trace-i-know"),
        ("--trace --bind fd://9", "add --trace-i-know"),
        ("--trace --bind [::1]:0 --bind :0", "add --trace-i-know"),
        ("--trace --workers 2", "leave out --workers"),
        ("--trace --workers 1", "leave out --workers"),
        ("--trace --trace-prefix _xray", "'_xray' is no path"),
        ("--trace --trace-prefix /", "'/' is no path"),
        ("--trace-port 8001", "--trace-port is for --trace"),
        ("--redact x-secret", "--redact is for --trace"),
        ("-v", "--verbose is for --trace"),
    ],
)
def test_a_trace_that_others_could_see_is_refused_in_a_line(args, reason):
    result = CliRunner().invoke(main, ["run", "absent.py", *args.split()])
    assert result.exit_code in (1, 2)
    *_, line = result.output.splitlines()
    assert line.startswith("Error: ")
    assert reason in line


@pytest.mark.parametrize("name", ["MICROQUART_ENV", "QUART_ENV"])
def test_production_is_not_traced(name):
    result = CliRunner(env={name: "production"}).invoke(
        main, ["run", "absent.py", "--trace", "--trace-i-know"]
    )
    assert "it is not for production" in result.output


def test_sockets_of_systemd_may_be_reached_by_others():
    environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    result = CliRunner(env=environment).invoke(
        main, ["run", "absent.py", "--trace"]
    )
    assert "add --trace-i-know" in result.output


def test_a_token_that_could_be_guessed_is_refused():
    result = CliRunner(env={"MICROQUART_TRACE_TOKEN": "guess"}).invoke(
        main, ["run", "absent.py", "--trace"]
    )
    assert "MICROQUART_TRACE_TOKEN is no token" in result.output


@pytest.mark.parametrize(
    ("address", "only_here"),
    [
        ("127.0.0.1:8000", True),
        ("127.8.8.8:1", True),
        ("[::1]:8000", True),
        ("localhost:80", True),
        ("0.0.0.0:8000", False),
        (":8000", False),
        ("[::]:8000", False),
        ("10.0.0.1:8000", False),
        ("localhost.example:80", False),
    ],
)
def test_only_loopback_is_this_machine_alone(address, only_here):
    assert tracing.is_loopback(address) is only_here


@pytest.mark.parametrize(
    ("args", "filter_", "app"),
    [
        (["--trace", "app.py"], "", "app.py"),
        (["app.py", "--trace"], "", "app.py"),
        (["--trace=status:5xx", "app.py"], "status:5xx", "app.py"),
        (["app.py"], None, "app.py"),
    ],
)
def test_the_word_behind_trace_is_the_application(args, filter_, app):
    seen = {}

    @click.command(cls=tracing.RunCommand)
    @click.argument("app")
    @tracing.add_options
    def show(app, trace, **_):
        seen.update(app=app, trace=trace)

    show.main(args, standalone_mode=False)
    assert seen == {"app": app, "trace": filter_}


# -- a server --


def address_in(process):
    return re.search(r"X-ray: (\S+)", process.said)[1]


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_it_says_where_the_page_is_and_a_line_for_each_request(folder, loop):
    program = str(folder / "app.py")
    with started(program, "--trace", "--loop", loop) as server:
        url = address_in(server)
        token = url.split("/")[3]
        app = f"http://127.0.0.1:{server.port}/"
        assert httpx.get(app).text == url
        assert 'src="page.js"' in httpx.get(url).text
        line = server.wait_for("r1 GET /")
        assert server.stop() == 0
    assert re.match(r"r1 GET /  HTTP/1\.1  200  \d+ B  [\d.]+ ms │", line)
    assert server.said.count(token) == 1  # and no access log
    assert len(token) == 22


@pytest.mark.slow
def test_a_filter_goes_to_the_page_and_to_the_lines(folder):
    program = str(folder / "app.py")
    with started(program, "--trace=status:4xx -two") as server:
        assert address_in(server).endswith("/#status:4xx%20-two")
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as user:
            for path in ("/", "/one", "/two", "/three"):
                user.get(path)
        server.wait_for("/three")
        server.stop()
    assert re.findall(r"^r\d GET (\S+)", server.said, re.M) == [
        "/one",
        "/three",
    ]


@pytest.mark.slow
def test_a_filter_of_layers_leaves_their_events(folder):
    with started(str(folder / "app.py"), "--trace=layer:route") as server:
        httpx.get(f"http://127.0.0.1:{server.port}/nowhere")
        server.wait_for("route")
        server.stop()
    lines = [line for line in server.said.splitlines() if " r1 " in line]
    assert lines
    assert all(re.search(r" r1 +route ", line) for line in lines)


@pytest.mark.slow
def test_what_is_named_is_redacted(folder):
    options = ("--trace", "-vvv", "--redact", "x-magic")
    with started(str(folder / "app.py"), *options) as server:
        url = f"http://127.0.0.1:{server.port}/?x-magic=open1"
        httpx.get(url, headers={"X-Magic": "sesame2"})
        server.wait_for("task")
        server.stop()
    assert "<redacted" in server.said
    assert not re.search("open1|sesame2", server.said)


@pytest.mark.slow
def test_a_port_of_the_page_that_is_taken_is_said_in_a_line(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = [*RUN, "app.py", "--trace", "--trace-port", port]
        with command(*words, folder=folder) as process:
            assert process.end() == 1
    assert re.fullmatch(
        rf"Error: port {port} is used by .*; try --trace-port \d+\n",
        process.said,
    )


@pytest.mark.slow
def test_who_knows_can_trace_below_a_path_of_one_port(folder):
    options = ("--trace", "--trace-prefix", "/_xray", "--trace-i-know")
    with started(str(folder / "app.py"), *options) as server:
        path = address_in(server)
        assert path.startswith("/_xray/")
        app = f"http://127.0.0.1:{server.port}"
        assert httpx.get(app).text == path
        assert "X-ray" in httpx.get(app + path).text
        server.stop()


@pytest.mark.slow
def test_without_trace_nothing_of_it_is_loaded(folder):
    source = "import sys\nfrom microquart import Quart\napp = Quart('app')\n"
    source += "@app.get('/')\ndef loaded():\n"
    source += "    return [n for n in sys.modules if '.xray.' in n]\n"
    (folder / "app.py").write_text(source)
    with started(str(folder / "app.py")) as server:
        answer = httpx.get(f"http://127.0.0.1:{server.port}/").json()
        server.stop()
    assert answer == []


# -- again and again --


def follow(url: str):
    feed = f"{url.replace('http', 'ws')}feed"
    return connect(feed, origin=url[: url.index("/", 8)])


@pytest.mark.slow
def test_an_open_page_finds_the_server_again_after_a_reload(folder: Path):
    words = [*RUN, "app.py", "--bind", "127.0.0.1:0", "--trace", "--reload"]
    with command(*words, folder=folder) as server:
        server.wait_for("listening on")
        url = address_in(server)
        with follow(url) as page:
            first = json.loads(page.recv())
            (folder / "app.py").write_text(PROGRAM + "\n")
            list(page)  # up to its end
        server.wait_for(" serves")
        with follow(url) as page:
            second = json.loads(page.recv())
        assert server.stop() == 0
    assert first["started"] < second["started"]
    assert server.said.count("X-ray: ") == 1


@pytest.mark.slow
def test_a_token_can_be_chosen_to_stay_the_same(folder):
    program = str(folder / "app.py")
    chosen = {"MICROQUART_TRACE_TOKEN": TOKEN}
    with started(program, "--trace", **chosen) as server:
        assert address_in(server).endswith(f"/{TOKEN}/")
        server.stop()
