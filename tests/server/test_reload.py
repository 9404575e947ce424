"""Development: a change to a file is a new worker; an error waits for one."""

import os
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from microquart.server.crew import Crew
from microquart.server.reload import (
    Notified,
    Polled,
    Rehearsal,
    Watcher,
    is_watched,
    named,
    watcher,
)
from microquart.server.settings import Settings
from tests.server.process import RUN, Process, command

ROOT = Path(__file__).parents[2]
SOON = 5.0  # seconds for a change to be seen

# -- which files --


@pytest.mark.parametrize(
    ("path", "watched"),
    [
        ("app.py", True),
        ("shop/views.py", True),
        ("README.md", False),
        ("app.pyc", False),
        ("__pycache__/app.py", False),
        ("node_modules/x/setup.py", False),
        (".git/hook.py", False),
        (".venv/lib/site.py", False),
        ("venv/lib/site.py", False),
    ],
)
def test_code_that_somebody_writes_is_watched(path, watched):
    assert is_watched(Path(path)) is watched


@pytest.fixture(params=[Polled, Notified])
def watch(request) -> Iterator[Callable[..., Watcher]]:
    """Make a watcher, of both kinds."""
    with ExitStack() as stack:
        yield lambda *folders: stack.enter_context(
            closing(request.param(folders))
        )


def seen(watcher: Watcher) -> list[Path]:
    """Wait for changes."""
    until = time.monotonic() + SOON
    while not (paths := watcher.changes()):
        assert time.monotonic() < until
    return paths


@pytest.fixture
def folder(tmp_path) -> Path:
    # A folder above the one that is watched may have any name.
    folder = tmp_path / ".hidden" / "project"
    (folder / "shop").mkdir(parents=True)
    (folder / "app.py").write_text("old")
    (folder / "shop" / "views.py").write_text("old")
    return folder


def test_a_file_that_is_written_has_changed(watch, folder):
    watcher = watch(folder)
    assert watcher.changes() == []
    (folder / "shop" / "views.py").write_text("new")
    assert seen(watcher) == [folder / "shop" / "views.py"]


def test_a_file_that_is_new_or_gone_has_changed(watch, folder):
    watcher = watch(folder)
    (folder / "new.py").write_text("new")
    assert seen(watcher) == [folder / "new.py"]
    (folder / "app.py").unlink()
    assert folder / "app.py" in seen(watcher)


def test_a_file_that_replaces_another_has_changed(watch, folder):
    watcher = watch(folder)
    (folder / "app.txt").write_text("new")
    os.replace(folder / "app.txt", folder / "app.py")
    assert folder / "app.py" in seen(watcher)


def test_other_files_do_not_count(watch, folder):
    watcher = watch(folder)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "x.py").write_text("new")
    (folder / "notes.txt").write_text("new")
    (folder / "app.py").write_text("new")
    assert seen(watcher) == [folder / "app.py"]


def test_a_file_elsewhere_can_be_watched_too(watch, folder, tmp_path):
    library = tmp_path / "library.py"
    library.write_text("old")
    watcher = watch(folder)
    watcher.add(library)
    library.write_text("new")
    os.utime(library, (1, 1))
    assert seen(watcher) == [library]


def test_without_folders_it_is_the_current_one(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with closing(watcher([])) as watching:
        (folder / "app.py").write_text("new")
        assert seen(watching) == [folder / "app.py"]


def test_changes_are_named_in_few_words(folder, monkeypatch):
    monkeypatch.chdir(folder)
    views = folder / "shop" / "views.py"
    assert named([views]) == "shop/views.py"
    assert named([views, Path("/x.py")]) == "shop/views.py and 1 more"


# -- what is decided --


@pytest.fixture
def crew() -> Crew:
    return Rehearsal(Settings())


def test_the_new_one_starts_when_the_old_one_has_ended(crew):
    old = crew.started(pid=1, now=0)
    crew.heard(old, "ready", now=0)
    crew.roll(now=10)
    assert crew.superfluous() == [old]
    crew.told(old, now=10)
    assert crew.missing(10) == 0
    crew.ended(old, 0, now=11)
    assert crew.missing(11) == 1


@pytest.mark.parametrize("ready", [True, False])
def test_one_that_ends_by_itself_is_replaced_at_the_next_change(crew, ready):
    worker = crew.started(pid=1, now=0)
    if ready:
        crew.heard(worker, "ready", now=0)
    crew.ended(worker, 1, now=1)
    assert crew.missing(100) == 0
    assert not crew.stopping
    crew.roll(now=100)
    assert crew.missing(100) == 1


def test_one_that_stands_in_a_debugger_does_not_hang(crew):
    worker = crew.started(pid=1, now=0)
    assert crew.overdue(1e9) == []
    crew.heard(worker, "ready", now=0)
    assert crew.overdue(1e9) == []


# -- with processes --

APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({{"type": "http.response.start", "status": 200}})
        await send({{"type": "http.response.body", "body": b"{}"}})
"""


WORDS = (*RUN, "app.py", "--reload", "--port", "0", "--no-access-log")


def reloading(folder: Path, *options: str, words: tuple[str, ...] = WORDS):
    """Run ``microquart run app.py --reload`` in a folder, round a block."""
    path = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return command(*words, *options, folder=folder, **path)


def up(server: Process) -> None:
    """Wait until a worker serves."""
    server.wait_for("serves")
    if not server.port:
        server.listening()


def ask(server: Process) -> str:
    url = f"http://127.0.0.1:{server.port}/"
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_a_change_is_served_within_a_second(tmp_path, loop):
    app = tmp_path / "app.py"
    app.write_text(APP.format("one"))
    with reloading(tmp_path, "--loop", loop) as server:
        up(server)
        assert ask(server) == "one"
        app.write_text(APP.format("two, which is longer"))
        began = time.monotonic()
        up(server)
        took = time.monotonic() - began
        assert ask(server) == "two, which is longer"
        assert server.stop(signal.SIGINT) == 0
    assert "app.py changed: restarting" in server.said
    # A second on a machine that has nothing else to do.
    assert took < 3


@pytest.mark.slow
def test_a_request_between_two_workers_waits(tmp_path):
    app = tmp_path / "app.py"
    app.write_text(APP.format("one"))
    with reloading(tmp_path) as server:
        up(server)
        assert ask(server) == "one"
        app.write_text("import time; time.sleep(0.3)" + APP.format("two"))
        server.wait_for("restarting")
        assert ask(server) in ("one", "two")
        up(server)
        assert ask(server) == "two"


@pytest.mark.slow
def test_an_error_is_told_and_the_next_change_is_waited_for(tmp_path):
    app = tmp_path / "app.py"
    app.write_text("def broken(:")
    with reloading(tmp_path) as server:
        assert "app.py:1: SyntaxError" in server.wait_for("Error")
        server.wait_for("waiting for a change")
        app.write_text("import nothing_of_that_name")
        assert "nothing_of_that_name" in server.wait_for("Error")
        server.wait_for("waiting for a change")
        app.write_text(APP.format("good"))
        up(server)
        assert ask(server) == "good"
        assert server.stop(signal.SIGINT) == 0
    assert "Traceback" not in server.said


@pytest.mark.slow
def test_a_module_from_elsewhere_is_watched_too(tmp_path):
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    (elsewhere / "texts.py").write_text("")
    program = f"import sys; sys.path.append({str(elsewhere)!r}); import texts"
    (project / "app.py").write_text(program + APP.format("x"))
    with reloading(project, "--log-level", "debug") as server:
        server.wait_for(f"watching {elsewhere / 'texts.py'}")
        (elsewhere / "texts.py").write_text("TEXT = 'new'")
        server.wait_for("texts.py changed: restarting")
        server.wait_for("serves")


@pytest.mark.slow
def test_an_open_stream_does_not_hold_a_restart_up(tmp_path):
    app = tmp_path / "app.py"
    app.write_text(
        "import anyio"
        + APP.format("x").replace('"}', '", "more_body": True}')
        + "        await anyio.sleep_forever()\n"
    )
    with reloading(tmp_path) as server:
        up(server)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(1000)
            app.write_text(APP.format("two"))
            began = time.monotonic()
            up(server)
            took = time.monotonic() - began
        assert ask(server) == "two"
    assert "cancelled: GET /events" in server.said
    # 0.7 s are for the stop.
    assert took < 4


@pytest.mark.slow
def test_a_program_that_calls_run_is_restarted_too(tmp_path):
    app = tmp_path / "app.py"
    program = (
        "from microquart.server.serve import run\n"
        "from microquart.server.settings import Settings\n"
        "print('imported')\n"
        + APP
        + "run(app, Settings(bind=('127.0.0.1:0',), reload=True))\n"
    )
    app.write_text(program.format("one"))
    with reloading(tmp_path, words=(sys.executable, "app.py")) as server:
        up(server)
        assert ask(server) == "one"
        app.write_text(program.format("two"))
        up(server)
        assert ask(server) == "two"
        assert server.stop(signal.SIGINT) == 0


@pytest.mark.slow
def test_what_is_no_program_serves_without_reloading(tmp_path):
    program = (
        "from microquart.server.serve import run\n"
        "from microquart.server.settings import Settings\n"
        + APP.format("one")
        + "run(app, Settings(bind=('127.0.0.1:0',), reload=True))\n"
    )
    words = (sys.executable, "-c", program)
    with reloading(tmp_path, words=words) as server:
        assert "no reload" in server.wait_for("this is no program in a file")
        server.listening()
        assert ask(server) == "one"
        assert server.stop() == 0
