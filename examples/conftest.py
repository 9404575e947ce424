"""What the examples' own tests share: the application, a client, a server.

Each example is tested as a project of its own would be.  In yours
``from your_package import app`` takes the place of the fixture ``app``.
"""

import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.browser import Page, browsing
from microquart import Quart
from microquart.loading import load
from microquart.testing import QuartClient
from tests import conftest as shared

# Async tests run on asyncio and on trio, and no test leaves anything behind.
pytest_configure = shared.pytest_configure
anyio_backend = shared.anyio_backend
loop_name = shared.loop_name
no_task_is_left = shared.no_task_is_left
no_task_is_left_on_the_loop = shared.no_task_is_left_on_the_loop
nothing_is_left = shared.nothing_is_left
program = shared.program

ROOT = Path(__file__).parents[1]
TIMEOUT = 10.0  # seconds to start, to stop, or to say something


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run async tests on the loops that the example's meta.toml names."""
    if "anyio_backend" in metafunc.fixturenames:
        meta = read_meta(metafunc.definition.path.parent)
        names = [name for name in meta["loops"] if name != "uvloop"]
        metafunc.parametrize(
            "anyio_backend", names, indirect=True, scope="module"
        )


def read_meta(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "meta.toml").read_text())


@pytest.fixture
def here(request: pytest.FixtureRequest) -> Path:
    """The folder of the example."""
    return request.path.parent


@pytest.fixture
def importable(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The modules of the example can be imported, and are anew each time."""
    # Sixteen of them are called app.
    forget(here.parent)
    monkeypatch.syspath_prepend(here)
    yield
    forget(here.parent)


@pytest.fixture
def app(here: Path, importable: None) -> Quart:
    """The application, made anew for each test."""
    app: Quart = load(str(here / "app.py"))
    return app


def forget(folder: Path) -> None:
    """Have the modules of a folder imported again, the next time."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        own = name.partition(".")[0] != "examples"
        if own and Path(file).is_relative_to(folder):
            del sys.modules[name]


@pytest.fixture
async def client(app: Quart) -> AsyncIterator[QuartClient]:
    """A client that asks the started application in memory."""
    async with app.test_app() as started:
        yield started.test_client()


class Server:
    """The example in a process of its own, as its command starts it."""

    def __init__(self, words: list[str], environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            words,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log: list[str] = []  # its lines on standard error
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.log.append(line)
                self._changed.notify_all()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Return where the log has a pattern, once it is there."""

        def found() -> re.Match[str] | None:
            return re.search(pattern, "".join(self.log))

        with self._changed:
            match = self._changed.wait_for(found, TIMEOUT)
        assert match is not None, f"no {pattern!r} in:\n{''.join(self.log)}"
        return match

    @property
    def url(self) -> str:
        return self.wait_for(r'listening on (https?://[^\s",]+)')[1]

    def stop(self) -> int:
        """Stop it as Kubernetes and systemd do; return the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(TIMEOUT)
        finally:
            self.process.kill()
            self._reader.join()
            assert self.process.stderr is not None
            self.process.stderr.close()


@pytest.fixture
def serve(here: Path) -> Iterator[Callable[..., Server]]:
    """Start the example: ``server = serve("--loop", "trio", QUART_X="1")``."""
    servers: list[Server] = []
    command = read_meta(here)["command"].split()[1:]

    def start(*options: str, **environment: object) -> Server:
        words = [sys.executable, *command, "--port", "0", *options]
        texts = {name: str(value) for name, value in environment.items()}
        server = Server(words, texts)
        servers.append(server)
        assert server.url
        return server

    yield start
    for server in servers:
        assert server.stop() == 0, "".join(server.log)


@pytest.fixture
def browser(program: Callable[[str], str]) -> Iterator[Page]:
    """A page of a real browser."""
    with browsing(program("chromium")) as page:
        yield page
        assert not page.console
