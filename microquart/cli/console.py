"""Python's prompt inside an application, with ``await``."""

import ast
import asyncio
import code
from contextlib import AsyncExitStack
from importlib import import_module
from importlib.util import find_spec
from inspect import iscoroutine
from types import CodeType

from microquart.app import Quart


def interact(app: Quart, banner: str) -> None:
    """Read and run lines until the end of input."""
    if find_spec("readline"):
        import_module("readline")  # from now on, input() has a history
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        runner.run(stack.enter_async_context(app.app_context()))
        console = Console(app.make_shell_context(), runner)
        console.interact(banner, exitmsg="")
        runner.run(stack.aclose())


class Console(code.InteractiveConsole):
    """A prompt whose lines run on one event loop, in one context."""

    def __init__(
        self, names: dict[str, object], runner: asyncio.Runner
    ) -> None:
        super().__init__(names)
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self.runner = runner

    def runcode(self, code: CodeType) -> None:
        try:
            self.runner.run(self._run(code))
        except (Exception, KeyboardInterrupt):
            self.showtraceback()

    async def _run(self, code: CodeType) -> None:
        result = eval(code, self.locals)
        if iscoroutine(result):
            await result
