"""Off, it costs nothing, and nobody knows of it."""

import ast
import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import anyio
import pytest

from microquart import Quart
from microquart.xray.install import install, uninstall
from microquart.xray.tracer import Tracer
from tests.server.applications import hello
from tests.server.running import running

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "microquart"

# The words of tracing: none is part of a name elsewhere.  ("Trace" may be: so
# is a method of HTTP called.)
WORDS = {"xray", "tap", "taps", "tapped", "tracer", "tracing", "traced"}


def counted(how: str) -> tuple[int, bool]:
    """Return the calls of a request, and whether the package is loaded."""
    program = ROOT / "tests" / "xray" / "programs" / "calls.py"
    done = subprocess.run(
        [sys.executable, program, how],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    count, loaded = done.stdout.split()
    return int(count), loaded == "True"


@pytest.mark.slow
def test_a_request_takes_as_many_calls_as_without_the_package():
    without, loaded = counted("hidden")
    assert not loaded
    assert counted("") == (without, False)
    assert counted("imported") == (without, True)
    assert counted("removed") == (without, True)
    assert counted("on")[0] > without


@pytest.mark.slow
def test_a_server_that_is_started_loads_nothing_of_it():
    program = """
import sys
import microquart.cli
from microquart.server import serve
seen = []
serve.run = lambda *args, **kwargs: seen.append(args) or 0
sys.argv = ["microquart", "run", "tests.server.applications:hello"]
try:
    microquart.cli.main()
except SystemExit as ended:
    assert not ended.code, ended
assert seen
print([name for name in sys.modules if name.startswith("microquart.xray")])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


# -- nobody knows of it --


def modules() -> Iterator[Path]:
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] not in {"xray", "cli", "learn"}:
            yield path


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=module, names=names):
                yield from (f"{module}.{name.name}" for name in names)


def named(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(name):
                yield name
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name


@pytest.mark.parametrize(
    "path", sorted(modules()), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_no_module_knows_the_package(path):
    tree = ast.parse(path.read_text())
    found = [name for name in imported(tree) if ".xray" in name]
    if path == PACKAGE / "__init__.py":
        assert found == ["microquart.xray.tracing.trace"]
        return
    assert found == []
    assert [name for name in set(named(tree)) if is_its(name)] == []


def is_its(name: str) -> bool:
    words = re.findall(r"[a-z]+|[A-Z][a-z]*|[A-Z]+(?![a-z])", name)
    return not WORDS.isdisjoint(word.lower() for word in words)


@pytest.mark.parametrize("name", ["tracer", "self_tap", "XrayTap", "isTraced"])
def test_its_names_are_known(name):
    assert is_its(name)


# -- nothing is left --


def everything(thing: object) -> dict[str, object]:
    return {
        name: value.copy() if isinstance(value, dict | list | set) else value
        for name, value in vars(thing).items()
    }


async def test_nothing_is_left_in_an_application():
    class Middleware:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await self.app(scope, receive, send)

    app = Quart(__name__)
    app.asgi_app = middleware = Middleware(app.asgi_app)

    @app.get("/")
    async def view():
        return ""

    app.url_map.update()
    things = app, app.url_map, app.url_map.matcher, middleware
    before = [everything(thing) for thing in things]
    uninstall(install(Tracer(None), app=app))
    assert [everything(thing) for thing in things] == before


async def test_nothing_is_left_in_a_server_that_has_served():
    app = Quart(__name__)
    async with running(app) as server:
        before = vars(server.shells).copy(), vars(app).copy()
        taps = install(Tracer(None), server=server.shells)
        await server.says(
            b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        )
        with anyio.fail_after(2):
            while server.shells.open:
                await anyio.lowlevel.checkpoint()
        taps.remove()
        after = vars(server.shells).copy(), vars(app).copy()
    assert after[0] == before[0]
    changed = {
        name
        for name in after[1]
        if name not in before[1] or after[1][name] is not before[1][name]
    }
    # What any request leaves: it was the first, and its settings are made.
    assert changed <= {"_got_first_request", "_settings", "_settings_version"}


async def test_a_foreign_application_gets_its_own_back():
    class Foreign:
        def __init__(self):
            self.app = hello

        async def __call__(self, scope, receive, send):
            await self.app(scope, receive, send)

    foreign = Foreign()
    async with running(foreign) as server:
        taps = install(Tracer(None), server=server.shells)
        assert foreign.app is not hello
        taps.remove()
        assert foreign.app is hello
        assert server.shells.app is foreign


# -- on, it costs little --


@pytest.mark.slow
def test_what_is_traced_takes_a_millisecond_more_at_most():
    app = Quart(__name__)

    @app.get("/")
    async def view():
        return {}

    async def fastest() -> float:
        client = app.test_client()
        times = []
        for _ in range(60):
            began = perf_counter()
            await client.get("/")
            times.append(perf_counter() - began)
        return min(times)

    off = asyncio.run(fastest())
    taps = install(Tracer(None), app=app)
    on = asyncio.run(fastest())
    taps.remove()
    assert on - off < 0.001
