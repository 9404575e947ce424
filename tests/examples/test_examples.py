"""Each example keeps the promises of its meta.toml, and leaves nothing."""

import os
import re
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from tests.server.process import Process, command

ROOT = Path(__file__).parents[2]
STOP = 2.0  # seconds that a stop may take
LINES = 80  # of an app.py, blank ones apart


@dataclass(frozen=True)
class Example:
    """A folder of examples/, and what its meta.toml says."""

    folder: Path
    name: str
    teaches: str
    command: str
    requires: list[str]
    loops: list[str]
    ask: dict[str, str | int]
    # Where it may keep files; {folder} is a folder of the test's own.
    environment: dict[str, str]

    def __str__(self) -> str:
        return self.folder.name


def read(meta: Path) -> Example:
    values = tomllib.loads(meta.read_text())
    return Example(
        folder=meta.parent, **{"environment": {}, "requires": [], **values}
    )


EXAMPLES = [read(meta) for meta in sorted(ROOT.glob("examples/*/meta.toml"))]
LOOPS = [(example, loop) for example in EXAMPLES for loop in example.loops]

each_example = pytest.mark.parametrize("example", EXAMPLES, ids=str)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("example", "loop"), LOOPS, ids=[f"{e}-{loop}" for e, loop in LOOPS]
)
def test_the_printed_command_starts_it_and_a_signal_stops_it(
    example: Example, loop: str, tmp_path: Path
):
    for name in example.requires:
        pytest.importorskip(name)
    files = set(files_of(example))
    environment = {
        name: value.format(folder=tmp_path)
        for name, value in example.environment.items()
    }
    with starting(example, loop, environment) as (process, url):
        with asking(example, url) as answers:
            assert answers()
            held = psutil.Process(process.popen.pid).num_fds()
            assert all(answers() for _ in range(5))
            assert psutil.Process(process.popen.pid).num_fds() == held
        began = time.monotonic()
        assert process.stop() == 0, process.said
        assert time.monotonic() - began < STOP
        assert not processes_of(process.popen.pid)
    assert set(files_of(example)) == files
    # With warnings on, these are tasks, files and coroutines left behind.
    for word in ("Traceback", "Warning", "was destroyed", "never awaited"):
        assert word not in process.said


@contextmanager
def starting(
    example: Example, loop: str, environment: dict[str, str]
) -> Iterator[tuple[Process, str]]:
    """Run the command of an example round a block; give its address."""
    words = example.command.split()
    assert words[0] == "python"
    with command(
        *(sys.executable, "-X", "dev", *words[1:]),
        *("--port", "0", "--loop", loop),
        folder=ROOT,
        own_session=True,
        PYTHONDONTWRITEBYTECODE="1",
        **environment,
    ) as process:
        line = process.wait_for("listening on ")
        found = re.search(r'https?://[^\s",]+', line)
        assert found is not None
        yield process, found[0]


@contextmanager
def asking(example: Example, url: str) -> Iterator[Callable[[], bool]]:
    """Give what asks, on one connection, and tells if the answer is right."""
    ask = example.ask
    with httpx.Client(http2=True, verify=False, timeout=10) as client:

        def answers() -> bool:
            response = client.get(f"{url}{ask['path']}")
            assert response.status_code == ask.get("status", 200)
            return str(ask["answer"]) in response.text

        yield answers


def processes_of(session: int) -> list[psutil.Process]:
    """Return what still runs in the session that a process has begun."""
    return [
        process
        for process in psutil.process_iter()
        if session_of(process) == session
    ]


def session_of(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:  # it has ended
        return None


def files_of(example: Example) -> Iterator[Path]:
    for path in example.folder.rglob("*"):
        if "__pycache__" not in path.parts and path.is_file():
            yield path


@each_example
def test_its_readme_has_the_command_and_says_what_to_do(example: Example):
    text = (example.folder / "README.md").read_text()
    assert f"```console\n$ {example.command}\n" in text
    assert "**Look at**" in text
    assert "**Change**" in text
    assert "--trace" in text


@each_example
def test_it_is_tested_as_its_reader_would_test_it(example: Example):
    assert (example.folder / "test_app.py").is_file()


@each_example
def test_it_says_what_it_is(example: Example):
    assert example.folder.name.split("-", 1)[1] == example.name
    assert example.teaches
    assert set(example.loops) <= {"asyncio", "uvloop", "trio"}


@each_example
def test_one_file_is_short(example: Example):
    lines = (example.folder / "app.py").read_text().splitlines()
    assert len(list(filter(None, lines))) <= LINES


@each_example
def test_it_stands_in_the_list(example: Example):
    name = example.folder.name
    row = f"| [{name}]({name}/README.md) | {example.teaches} |"
    assert row in (ROOT / "examples/README.md").read_text().splitlines()
