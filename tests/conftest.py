"""The loops on which tests run, and what none of them may leave behind."""

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module
from importlib.util import find_spec

import anyio.lowlevel
import pytest

from tests import leaks

# The ways a test can be run by anyio's plugin, by the names that ids show.
BACKENDS: dict[str, tuple[str, dict[str, object]]] = {
    "asyncio": ("asyncio", {}),
    "asyncio+uvloop": ("asyncio", {"use_uvloop": True}),
    "trio": ("trio", {}),
}

# How long what a test has let go may need to end, seconds: a thread returns
# after the last thing that the test can see of it.
GRACE = 0.5

# Set by .ci/run: what is missing on this machine fails instead of being
# skipped.
ALL = "MICROQUART_TEST_ALL"


def pytest_configure(config: pytest.Config) -> None:
    config.option.anyio_mode = "auto"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run async tests on asyncio and trio; with ``loop_name`` on uvloop too.

    A test can choose: ``parametrize("anyio_backend", ["asyncio"])``.
    """
    if "anyio_backend" not in metafunc.fixturenames or chooses(metafunc):
        return
    names = ["asyncio", "trio"]
    if "loop_name" in metafunc.fixturenames:
        names.insert(1, "asyncio+uvloop")
    metafunc.parametrize("anyio_backend", names, indirect=True, scope="module")


def chooses(metafunc: pytest.Metafunc) -> bool:
    marks = metafunc.definition.iter_markers("parametrize")
    return any("anyio_backend" in mark.args[0] for mark in marks)


@pytest.fixture(scope="module")
def anyio_backend(
    request: pytest.FixtureRequest,
) -> tuple[str, dict[str, object]]:
    """The loop on which an async test runs."""
    name: str = request.param
    if name == "asyncio+uvloop":
        warm_up_uvloop()
    return BACKENDS[name]


@pytest.fixture
def loop_name(anyio_backend: tuple[str, dict[str, object]]) -> str:
    """The opt-in for tests over sockets: runs on uvloop too; the loop's name.

    The name is what ``microquart run --loop`` takes, or ``asyncio+uvloop``.
    """
    return next(name for name, way in BACKENDS.items() if way == anyio_backend)


@pytest.fixture
def program() -> Callable[[str], str]:
    """Return where an external program is, or skip the test and say why."""

    def find(name: str) -> str:
        path = shutil.which(name)
        present(name, path is not None)
        return path or name

    return find


def warm_up_uvloop() -> None:
    """Have libuv open the pipe that all loops of the process share."""
    present("uvloop", find_spec("uvloop") is not None)
    loop: asyncio.AbstractEventLoop = import_module("uvloop").new_event_loop()
    loop.close()


def present(what: str, there: bool) -> None:
    """Skip a test that needs what is absent; fail it where all must be."""
    if there:
        return
    if os.environ.get(ALL):
        pytest.fail(f"{what} is not installed, and {ALL} is set")
    pytest.skip(f"{what} is not installed")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """After the end of a test and its loop, what they opened is closed."""
    before = leaks.held()
    yield
    until = time.monotonic() + GRACE
    while (left := leaks.held() - before) and time.monotonic() < until:
        time.sleep(0.002)
    if left:
        pytest.fail(leaks.told(left))


@pytest.fixture(autouse=True)
def no_task_is_left(
    request: pytest.FixtureRequest, nothing_is_left: None
) -> None:
    """After a test its tasks are gone: the end of the loop would hide them."""
    if "anyio_backend" in request.fixturenames:
        request.getfixturevalue("no_task_is_left_on_the_loop")


@pytest.fixture
async def no_task_is_left_on_the_loop() -> AsyncIterator[None]:
    before = frozenset(leaks.tasks())
    yield
    until = time.monotonic() + GRACE
    while (
        left := frozenset(leaks.tasks()) - before
    ) and time.monotonic() < until:
        await anyio.lowlevel.checkpoint()
    if left:
        pytest.fail(leaks.told(left))
