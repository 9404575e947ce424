"""Programs as users type them in, run with one word changed.

``play`` gives a program requests and writes down what it answers, so that two
transcripts can be compared.
"""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import trio

PROGRAMS = Path(__file__).parent / "programs"
IMPORT = re.compile(r"^(from|import) (quart|werkzeug)\b", re.MULTILINE)

# What does not say the same twice, or is of the test clients alone.
UNCOMPARED = {"accept-ranges", "content-length", "date", "server", "vary"}

# Of these, that they are there.
MADE = {"etag", "expires", "last-modified"}

# The pages of errors have their own words.
SENTENCE = re.compile(rb"<p>.*", re.DOTALL)

Step = tuple[str, str, dict[str, Any]] | Callable[[Any, Any], Awaitable[Any]]


@contextmanager
def loaded(name: str, package: str) -> Iterator[ModuleType]:
    """Import a program of the folder, for Quart or for ours."""
    path = PROGRAMS / f"{name}.py"
    source = path.read_text()
    if package != "quart":
        source = IMPORT.sub(rf"\1 {package}", source)
    module = ModuleType(f"{package}_{name}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, str(path), "exec"), vars(module))
        yield module
    finally:
        del sys.modules[module.__name__]


def play(name: str, package: str, loop: str, steps: list[Step]) -> list[Any]:
    """Run a program through its steps; return what was seen."""
    with loaded(name, package) as module:
        if loop == "trio":
            return trio.run(played, module, steps)
        return asyncio.run(played(module, steps))


async def played(module: ModuleType, steps: list[Step]) -> list[Any]:
    seen = []
    async with module.app.test_app() as running:
        client = running.test_client()
        for step in steps:
            if callable(step):
                seen.append(await step(client, module))
            else:
                method, path, options = step
                response = await client.open(path, method=method, **options)
                seen.append(await told(response, method))
    return seen


async def told(
    response: Any, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    """Return the parts of a response that are to be the same."""
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        if name.lower() == "set-cookie":
            value = value.partition("=")[0]
        if name.lower() == "location":
            value = value.removeprefix("http://localhost")  # ours is a path
        if name.lower() in MADE:
            value = "made here"
        if name.lower() == "allow":
            value = ", ".join(sorted(value.split(", ")))
        if name.lower() not in UNCOMPARED:
            headers[name.lower()] = value
    body: bytes = await response.get_data(as_text=False)
    if method == "HEAD":
        body = b""  # the one client leaves that to the server
    if response.status_code >= 300:
        body = SENTENCE.sub(b"<p>", body)
    return response.status_code, headers, body
