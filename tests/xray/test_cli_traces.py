"""``microquart trace``, ``xray`` and ``replay``."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from microquart.cli import main
from microquart.xray.trace import load

PROGRAM = """
from microquart import Quart, abort, request, websocket
app = Quart(__name__, static_folder=None)

@app.before_request
async def load_user(): pass
@app.get("/")
async def index(): return "hello"
@app.get("/users/<int:id>")
def user(id): return {"id": id}
@app.post("/echo")
async def echo(): return await request.get_data()
@app.get("/broken")
async def broken(): raise ZeroDivisionError
@app.websocket("/ws")
async def ws():
    await websocket.send(f"got {await websocket.receive()}\\n\\x1b")
    await websocket.send(b"\\0")
    await websocket.receive()
"""

OTHER = PROGRAM.replace('return "hello"', "abort(410)")

FASTAPI = """
from fastapi import FastAPI
app = FastAPI()

@app.get("/items/{number}")
async def item(number: int) -> dict[str, int]:
    return {"number": number}
"""

DJANGO = """
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import JsonResponse
from django.urls import path

def item(request, number): return JsonResponse({"number": number})

if not settings.configured:
    settings.configure(
        ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="x"
    )
urlpatterns = [path("items/<int:number>", item)]
app = get_asgi_application()
"""

QUART = """
from quart import Quart
app = Quart("theirs")

@app.get("/items/<int:number>")
async def item(number): return {"number": number}
"""

FAILING = """
async def app(scope, receive, send):
    await receive()
    message = {"type": "lifespan.startup.failed", "message": "no database"}
    await send(message)
"""

ENDLESS = """
import sys, anyio
from microquart import Quart
app = Quart(__name__, static_folder=None)

@app.get("/")
async def forever():
    print("it waits", file=sys.stderr, flush=True)
    await anyio.sleep_forever()
"""

CUT = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        fields = [(b"content-length", b"9")]
        await send(
            {"type": "http.response.start", "status": 200, "headers": fields}
        )
        await send(
            {"type": "http.response.body", "body": b"1", "more_body": True}
        )
"""

PROGRAMS = {
    "cut.py": CUT,
    "shop.py": PROGRAM,
    "other.py": OTHER,
    "their_fastapi.py": FASTAPI,
    "their_django.py": DJANGO,
    "their_quart.py": QUART,
    "failing.py": FAILING,
}

LINE = re.compile(r"r1 GET /users/7  HTTP/1.1  200  9 B  \d+\.\d\d ms │ .*")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A current folder with programs."""
    known = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in os.environ:
        if name.startswith(("MICROQUART_", "QUART_")):
            monkeypatch.delenv(name)
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(text)
    yield tmp_path
    for name in set(sys.modules) - known:
        if f"{name}.py" in PROGRAMS:
            del sys.modules[name]


@pytest.fixture
def microquart():
    """Run a command line: its exit code, its output, its errors."""

    def run(line, *more, given=None):
        args = [*line.split(), *more]
        result = CliRunner().invoke(main, args, given)
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


@pytest.fixture
def shown(microquart):
    """Return what a command line that succeeds prints."""

    def run(*args, given=None):
        code, output, errors = microquart(*args, given=given)
        assert (code, errors) == (0, "")
        return output

    return run


@pytest.fixture
def saved(shown):
    """A recording of a request over HTTP/2, in a file."""
    shown("trace shop POST /echo -d abc --http2 --save x.jsonl")
    return "x.jsonl"


# -- trace --


def test_a_line_tells_of_the_request(shown):
    assert LINE.fullmatch(shown("trace", "shop", "GET", "/users/7").strip())


def test_v_tells_its_story(shown):
    output = shown("trace", "shop:app", "get", "/users/7", "-v")
    story = [
        "startup",
        "server GET /users/7 {",
        "match method=GET",
        "✔ /users/<int:id>",
        "before_request load_user",
        "view user",
        "http.response.start status=200",
        "shutdown",
    ]
    places = [output.index(words) for words in story]
    assert places == sorted(places)


def test_vv_tells_also_messages_and_vvv_octets(shown):
    ask = "trace", "shop", "GET", "/"
    assert "http.response.body" not in shown(*ask, "-v")
    assert "http.response.body" in shown(*ask, "-vv")
    assert "b'GET / HTTP/1.1" not in shown(*ask, "-vv")
    assert "b'GET / HTTP/1.1" in shown(*ask, "-vvv")


def test_only_some_layers_can_be_told(shown):
    output = shown("trace", "shop", "GET", "/", "--only", "user,h1.state")
    layers = {line[28:34].strip() for line in output.splitlines()}
    assert layers == {"user", "h1"}
    assert "event" not in output


def test_http2_has_frames(shown):
    output = shown("trace shop POST /echo -d abc --http2 -vvv")
    assert "HEADERS stream=1" in output
    assert ":path: /echo" in output
    assert "content-length: 3" in output


def test_a_websocket_says_a_text_and_hears_what_comes(shown):
    lines = shown("trace shop GET /ws --ws -d hi").splitlines()
    assert lines[0].startswith("r1 WEBSOCKET /ws  HTTP/1.1  101")
    # Nothing that comes speaks to the terminal.
    assert lines[1:] == [r"got hi\n\x1b", r"b'\x00'"]


def test_a_body_can_be_in_a_file(shown, folder):
    (folder / "body").write_bytes(b"12345")
    output = shown("trace shop POST /echo -d @body")
    assert "200  5 B" in output


def test_fields_are_sent(shown):
    fields = "-H", "Host: a.test", "-H", "X-One:1", "-H", "x-two: 2"
    output = shown("trace", "shop", "GET", "/", "-vvv", *fields)
    for line in ("Host: a.test", "X-One: 1", "x-two: 2"):
        assert line.lower() in output.lower()


def test_json_is_for_pipes(shown):
    lines = shown("trace", "shop", "GET", "/", "--json").splitlines()
    head, *records = map(json.loads, lines)
    assert head["xray"] == 1
    assert [each["seq"] for each in records] == list(range(len(records)))


def test_an_answer_of_any_status_is_an_answer(shown):
    output = shown("trace", "shop", "GET", "/nowhere")
    assert "  404  " in output
    assert "no rule for GET /nowhere" in output


@pytest.mark.filterwarnings("default")
def test_a_view_that_fails_is_told(microquart):
    code, output, _ = microquart("trace", "shop", "GET", "/broken")
    assert code == 0
    assert "broken raised ZeroDivisionError, shop.py:13" in output


@pytest.mark.parametrize("http2", [(), ("--http2",)])
@pytest.mark.parametrize("name", ["fastapi", "django", "quart"])
def test_any_asgi_application_is_traced(shown, name, http2):
    args = "trace", f"their_{name}", "GET", "/items/3", "-vv", *http2
    output = shown(*args)
    assert "http.response.start status=200" in output
    assert ("RequestReceived" if http2 else "event Request ") in output


def test_their_middleware_is_seen(shown):
    output = shown("trace their_fastapi GET /items/3 -v")
    skins = [
        "below FastAPI GET",
        "below ServerErrorMiddleware GET",
        "below ExceptionMiddleware GET",
    ]
    places = [output.index(words) for words in skins]
    assert places == sorted(places)


@pytest.mark.parametrize("http2", [(), ("--http2",)])
@pytest.mark.parametrize("name", ["fastapi", "django", "quart"])
def test_any_asgi_application_is_replayed(microquart, name, http2):
    app = f"their_{name}"
    microquart(f"trace {app} GET /items/3 --save x.jsonl", *http2)
    code, output, _ = microquart(f"replay x.jsonl {app}")
    assert code == 0, output


FORMS = {
    "save": b'{"xray":1',
    "html": b"<!doctype html>",
    "har": b"{",
    "pcap": b"\x4d\x3c\xb2\xa1",
    "perfetto": b"{",
    "mermaid": b"sequenceDiagram",
}


def test_it_is_written_in_each_form(shown, folder):
    options = [word for form in FORMS for word in (f"--{form}", f"x.{form}")]
    shown("trace", "shop", "GET", "/", *options)
    for form, beginning in FORMS.items():
        data = (folder / f"x.{form}").read_bytes()
        assert data[: len(beginning)].lower() == beginning.lower()


def test_no_secret_is_in_anything(shown, folder):
    options = [word for form in FORMS for word in (f"--{form}", f"x.{form}")]
    fields = "-H", "Cookie: s=swordfish", "-H", "x-mine: swordfish"
    for http2 in ((), ("--http2",)):
        output = shown(
            *("trace", "shop", "GET", "/?mine=swordfish", "-vvv", "--bodies"),
            *(*fields, "--redact", "mine", "--redact", "x-mine"),
            *(*options, *http2),
        )
        assert "redacted" in output
        assert "swordfish" not in output
        for form in FORMS:
            assert b"swordfish" not in (folder / f"x.{form}").read_bytes()


@pytest.mark.parametrize("bodies", [False, True])
def test_bodies_are_in_files_if_asked_for(shown, folder, bodies):
    options = ["--bodies"] * bodies
    shown("trace shop POST /echo -d swordfish --save x", *options)
    assert (
        any(b"swordfish" in (record.raw or b"") for record in load("x"))
        is bodies
    )


def test_the_reading_list_is_a_page_of_code(shown):
    output = shown("trace", "shop", "GET", "/", "--reading-list")
    lines = output.splitlines()
    assert lines[0].endswith("AsyncioShell.data_received")
    assert re.fullmatch(r"# \d+ lines of microquart, in \d+ files", lines[-1])
    assert "Ways._gather" not in output  # the first request has done it


def test_what_changes_something_is_asked_once(shown):
    args = "trace", "shop", "POST", "/echo", "-d", "abc", "--reading-list"
    assert "microquart/ways.py" in shown(*args)


# -- mistakes --

MISTAKES = [
    ("nowhere GET /", 1, "Error: no module 'nowhere' in "),
    ("shop:nothing GET /", 1, "shop has no 'nothing'"),
    ("failing GET /", 1, "Error: startup failed: no database"),
    ("shop GET users", 2, "'users' is no path; use /users"),
    ("shop G@T /", 2, "'G@T' is no method"),
    ("shop CONNECT /", 2, "'CONNECT' is no method"),
    ("shop GET / -H novalue", 2, "'novalue' is no field: use NAME: VALUE"),
    ("shop GET / -H content-length:5", 1, "this is no request"),
    ("shop GET / -d @nofile", 1, "Error: nofile: No such file"),
    ("shop GET / --only h3", 2, "'h3' is in no trace; use net, tls, h1"),
    ("shop GET / --until h2.x", 2, "use h2.preface, h2.frame"),
    ("shop GET / --http2 --ws", 2, "give --http2 or --ws, not both"),
    ("shop GET / --reading-list --json", 2, "--reading-list is shown alone"),
    ("shop GET / --step --json", 2, "give --step or --json, not both"),
    ("shop GET / --save no/x", 1, "Error: no/x: no such folder"),
]


@pytest.mark.parametrize(("words", "status", "reason"), MISTAKES)
def test_a_mistake_is_told_in_a_line(microquart, words, status, reason):
    code, output, errors = microquart(f"trace {words}")
    assert (code, output) == (status, "")
    assert reason in errors.splitlines()[-1]


def test_a_websocket_that_is_refused_has_a_response(shown):
    assert "  404  " in shown("trace shop GET /nowhere --ws")


@pytest.mark.filterwarnings("default")
def test_a_response_that_breaks_off_is_shown_and_an_error(microquart):
    code, output, errors = microquart("trace cut GET /")
    assert code == 1
    assert "r1 GET /  HTTP/1.1  200" in output
    assert "Error: the response: peer closed connection" in errors


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("option", ["--reading-list", "--step"])
def test_what_breaks_off_is_told_in_every_view(microquart, option):
    code, _, errors = microquart("trace cut GET /", option, given="c\n")
    assert code == 1
    assert "Error: the response: peer closed connection" in errors


@pytest.mark.slow
def test_ctrl_c_shows_what_was_so_far(folder):
    (folder / "endless.py").write_text(ENDLESS)
    command = [sys.executable, "-m", "microquart", "trace", "endless"]
    with subprocess.Popen(
        [*command, "GET", "/", "-v"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What runs the tests in the background may ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "it waits\n"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "view forever cancelled" in output
    assert "shutdown" in output
    assert errors.splitlines()[-1] == "Error: interrupted"


# -- step --


def test_each_record_is_a_step(shown):
    args = "trace", "shop", "GET", "/", "--step", "--only", "user"
    lines = shown(*args, given="n\n\nn\nn\n").splitlines()
    assert len(lines) == 5
    assert "before_request load_user {" in lines[0]
    assert "} before_request load_user" in lines[1]
    assert "view index {" in lines[2]
    assert "} view index" in lines[3]
    assert re.fullmatch(r"-- the end, after \d+ records --", lines[4])


def test_one_can_go_back(shown):
    args = "trace", "shop", "GET", "/", "--step", "--only", "user"
    lines = shown(*args, given="n\nn\nb\nn\nq\nn\n").splitlines()
    assert "view index {" in lines[2]
    assert lines[3].startswith("-- back to record ")
    assert "} before_request load_user" in lines[4]
    assert "view index {" in lines[5]
    assert len(lines) == 6


def test_one_can_go_until_something(shown):
    args = "trace", "shop", "POST", "/echo", "-d", "abc", "--http2"
    given = "u user.call qualname=echo\nu nothing\nc\nx\n"
    lines = shown(*args, "--until", "h2.frame frame=DATA", given=given)
    first, rest = lines.split("view echo {")
    assert first.count("DATA stream=1") == 1
    assert "'nothing' is in no trace" in rest
    assert "-- the end" in rest
    assert "Enter next" in rest


# -- xray --


def test_a_file_is_shown(shown, saved):
    assert "r1 POST /echo  HTTP/2 s1  200  3 B" in shown("xray", saved)
    assert "view echo" in shown("xray", saved, "-v")
    assert "view echo" in shown("xray", "-v", saved)
    assert "HEADERS" in shown("xray", saved, "--only", "h2.frame")


def test_a_file_is_written_in_another_form(shown, saved, folder):
    shown("xray", saved, "--mermaid", "x.mmd", "--save", "y.jsonl")
    assert (folder / "x.mmd").read_text().startswith("sequenceDiagram")
    assert list(load("y.jsonl")) == list(load(saved))


def test_two_files_are_compared(microquart, shown, saved):
    shown("trace shop POST /echo -d abc --http2 --save y.jsonl")
    assert "the same 7" in shown("xray", "diff", saved, "y.jsonl")
    shown("trace shop POST /echo -d abcd --http2 --save y.jsonl")
    code, output, _ = microquart("xray", "diff", saved, "y.jsonl")
    assert code == 1
    assert "-r1   h2.frame" in output.replace("- ", "-")
    assert re.search(r"^\d+ records differ$", output, re.MULTILINE)


@pytest.mark.parametrize("command", ["xray {}", "xray diff {} {}"])
def test_what_is_no_trace_is_told(microquart, command):
    code, _, errors = microquart(command.format("shop.py", "x"))
    assert code > 0
    assert "Traceback" not in errors
    code, _, errors = microquart("xray", "shop.py")
    assert (code, errors) == (1, "Error: shop.py is no trace\n")


def test_help_is_of_the_group(shown):
    assert "Show what differs between two traces" in shown("xray", "--help")


# -- replay --

REDACTED = "the recording is redacted"


def test_a_replay_is_the_same(microquart, saved):
    code, output, errors = microquart("replay", saved, "shop")
    assert code == 0
    assert "r1 POST /echo  HTTP/2 s1  200  3 B" in output
    assert re.search(
        r"^the same \d+ records, the same \d+ bytes written$",
        output,
        re.MULTILINE,
    )
    assert errors.startswith(REDACTED)


def test_another_application_answers_otherwise(microquart, shown):
    shown("trace shop GET / --save x.jsonl")
    code, output, _ = microquart("replay", "x.jsonl", "other")
    assert code == 1
    assert "+ r1   asgi.send" in output
    assert re.search(
        r"^\d+ records differ, not the same \d+ bytes written$",
        output,
        re.MULTILINE,
    )


def test_frames_can_come_one_by_one(microquart, saved):
    code, output, _ = microquart("replay", saved, "shop", "--h2-slow")
    assert code == 0
    assert re.search(r"^\d+ records, the same \d+ bytes", output, re.MULTILINE)


def test_a_replay_can_be_stepped_through(microquart, saved):
    args = "replay", saved, "shop", "--until", "user.call", "-v"
    code, output, _ = microquart(*args, given="b\nq\n")
    assert code == 0
    assert "-- back to record" in output


def test_json_of_a_replay_is_alone_in_the_output(microquart, saved):
    code, output, errors = microquart("replay", saved, "shop", "--json")
    assert code == 0
    assert [json.loads(line) for line in output.splitlines()]
    assert "the same" in errors


def test_what_cannot_be_replayed_is_told(microquart, folder):
    (folder / "x.jsonl").write_text('{"xray": 1}\n')
    code, output, errors = microquart("replay", "x.jsonl", "shop")
    assert (code, output) == (1, "")
    assert errors == (
        "Error: x.jsonl: it has no connection from its beginning: record a "
        "server, not an application alone\n"
    )
