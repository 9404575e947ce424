"""Runs the blocks of a page, from the top, as its reader would.

The blocks of one page share a folder, a namespace and a shell.

- ``python`` is executed; ``await`` may stand outside of a function, and what
  is called ``test_`` and takes nothing is called; ``>>>`` is a doctest.
- ``console``: what stands behind ``$`` is given to a shell, with ``>`` before
  the further lines of a command. The output must be what is shown, if there
  is any; ``…`` stands for anything in a line, and alone in a line for any
  lines. Without output the command must succeed.
  ``microquart run``, or a program of the book's, ``python 04_asgi.py``, goes
  on until the page or ``^C`` ends it.
- ``http`` is a request, which is sent to the server that the page started,
  and the response that must come.
- ``json`` and ``toml`` are parsed.
- Behind ``<!-- file: NAME -->`` a block of any language is the content of a
  file, which a later block has to use.
- Behind ``<!-- skip: next "REASON" -->`` a block is not run.
"""

import ast
import asyncio
import doctest
import inspect
import json
import os
import re
import socket
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest import SkipTest

from sybil import Document, Example, Region, Sybil
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer
from sybil.parsers.myst import CodeBlockParser, SkipParser

from tests.docs.processes import TIMEOUT, Failed, Server, Shell, present

Parser = Callable[[Document], Iterable[Region]]
RUNS = ("python", "console", "http", "json", "toml")
# What is only shown.
TEXT = {
    "",
    "css",
    "diff",
    "dockerfile",
    "html",
    "html+jinja",
    "ini",
    "javascript",
    "mermaid",  # test_readme.py compares it with a trace
    "nginx",
    "sql",
    "text",
    "yaml",
}
FENCE = re.compile(r"^ *```+([^\s`{]*)\s*$", re.MULTILINE)
WITHOUT_REASON = re.compile(r"<!-- skip: \w+ *-->")
PORTS = re.compile(r"\b(8000|8001|8443|8444)\b")
SERVER = re.compile(
    r"((python -m )?microquart run|python \d\d_\w+\.py)\b[^>&]*"
)
PORT = re.compile(r"(?:--port |--bind \S*:)(\d+)\b")
STEPS = Path(__file__).parents[2] / "docs" / "steps"


@dataclass
class Count:
    """How many blocks there were, and what became of them."""

    ran: int = 0
    skipped: list[str] = field(default_factory=list)

    @property
    def all(self) -> int:
        return self.ran + len(self.skipped)


# -- output --


def agrees(shown: str, said: str) -> bool:
    """Tell whether output is as a page shows it.

    >>> agrees("a … c", "a b c"), agrees("…", "a\\nb"), agrees("a", "b")
    (True, True, False)
    """
    pattern = ""
    for line in shown.splitlines():
        if line.strip() == "…":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(map(re.escape, line.rstrip().split("…")))
            pattern += r"[ \t]*\n"
    said = said.replace("\r\n", "\n").rstrip("\n")
    return re.fullmatch(pattern, f"{said}\n" if said else "") is not None


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a block with its output.

    >>> list(commands("$ a \\\\\\n  b\\nx\\n$ c"))
    [('a \\\\\\n  b', 'x\\n'), ('c', '')]
    """
    command, output = "", ""
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, output
            command, output = line[2:], ""
        elif not output and command.endswith("\\"):
            command += f"\n{line}"
        elif not output and line.startswith("> "):
            command += f"\n{line[2:]}"
        else:
            output += f"{line}\n"
    if command:
        yield command, output


# -- a page --


class Page:
    """The folder, the namespace and the processes of one page."""

    def __init__(self, folder: Path, count: Count) -> None:
        self.folder = folder
        self.count = count
        self.unused: set[str] = set()  # files that no block has needed yet
        self.pending: str | None = None  # the file that the next block is
        self.ports: dict[str, str] = {}
        self.shell: Shell | None = None
        self.servers: dict[str, Server] = {}  # by the port that is shown

    def run(self, path: Path) -> None:
        text = path.read_text()
        unknown = {*FENCE.findall(text)} - {*RUNS} - TEXT
        if unknown:
            raise Failed(
                f"{path.name} has blocks of {unknown}: who runs them?"
            )
        if WITHOUT_REASON.search(text):
            raise Failed(f"{path.name} skips a block without a reason")
        parsers: list[Parser] = [SkipParser(), self._files]
        parsers += [
            CodeBlockParser(language, self.evaluate)
            for language in (*RUNS, *filter(None, TEXT))
        ]
        document = Sybil(parsers, path=str(path.parent)).parse(path)
        document.namespace["__name__"] = "page"
        before = {*sys.modules}
        sys.path.insert(0, str(self.folder))
        try:
            for example in document.examples():
                self._one(example)
        finally:
            sys.path.remove(str(self.folder))
            for name in {*sys.modules} - before:
                file = getattr(sys.modules[name], "__file__", None) or ""
                if file.startswith(str(self.folder)):
                    del sys.modules[name]
            self.close()
        if self.unused:
            raise Failed(f"{path.name}: nothing used {sorted(self.unused)}")

    def close(self) -> None:
        for server in self.servers.values():
            server.stop()
        if self.shell is not None:
            self.shell.close()

    def _one(self, example: Example) -> None:
        try:
            example.evaluate()
        except SkipTest as reason:
            self.count.skipped.append(f"{example.path}: {reason}")
        except Exception as error:
            error.add_note(f"{example.path}:{example.line}")
            raise

    def _files(self, document: Document) -> Iterator[Region]:
        for region in DirectiveInHTMLCommentLexer("file")(document):
            region.parsed = region.lexemes["arguments"]
            region.evaluator = self._names_file
            yield region

    def _names_file(self, example: Example) -> None:
        self.pending = str(example.parsed).strip()

    def evaluate(self, example: Example) -> None:
        language = example.region.lexemes["arguments"]
        source = str(example.parsed)
        if self.pending is not None:
            path = self.folder / self.pending
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.as_real(source))
            if path.suffix == ".py":
                ast.parse(source)
            self.unused.add(self.pending)
            self.pending = None
        elif language in RUNS:
            RUNNERS[language](self, source, example)
        else:
            return
        self.count.ran += 1

    # -- each language --

    def python(self, source: str, example: Example) -> None:
        namespace = example.namespace
        if source.lstrip().startswith(">>>"):
            self.doctest(source, example)
            return
        before = {*namespace}
        padded = "\n" * (example.line + example.parsed.line_offset) + source
        code = compile(
            padded,
            example.path,
            "exec",
            ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
            dont_inherit=True,
        )
        if code.co_flags & inspect.CO_COROUTINE:
            asyncio.run(eval(code, namespace))
        else:
            exec(code, namespace)
        for name in [*namespace]:
            if name.startswith("test_") and name not in before:
                result = namespace[name]()
                if inspect.iscoroutine(result):
                    asyncio.run(result)
        self.unused -= {
            f"{name}.py" for name in sys.modules if name.isidentifier()
        }

    def doctest(self, source: str, example: Example) -> None:
        test = doctest.DocTestParser().get_doctest(
            source, example.namespace, example.path, example.path, 0
        )
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        report: list[str] = []
        runner.run(test, out=report.append, clear_globs=False)
        example.namespace.update(test.globs)
        if report:
            raise Failed("".join(report))

    def console(self, source: str, example: Example) -> None:
        for command, shown in commands(source):
            self.bring_steps(command)
            real = self.as_real(command)
            if SERVER.fullmatch(command.split("  #")[0]):
                self.start_server(command, shown)
            else:
                present(command)
                self.shell = self.shell or Shell(self.folder, self.environment)
                code, said = self.shell.run(real)
                said = self.as_shown(said)
                if not agrees(shown, said) if shown else code:
                    raise Failed(f"{command}\nsaid, with {code}:\n{said}")
            self.unused.clear()

    def http(self, source: str, example: Example) -> None:
        request, _, response = source.partition("\nHTTP/1.1 ")
        if not self.servers:
            raise Failed("this page has not started a server")
        head, _, body = request.partition("\n\n")
        content = body.strip("\n").encode()
        raw = head.strip("\n").replace("\n", "\r\n").encode() + b"\r\n\r\n"
        address = ("127.0.0.1", int(self.port("8000")))
        with socket.create_connection(address, TIMEOUT) as connection:
            connection.sendall(raw + content)
            connection.shutdown(socket.SHUT_WR)
            said = b"".join(iter(lambda: connection.recv(65536), b""))
        if not agrees(f"HTTP/1.1 {response}", said.decode()):
            raise Failed(f"answered:\n{said.decode()}")

    # -- processes --

    @property
    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        port = self.port("8000")
        return {
            **os.environ,
            "PATH": path,
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "",
            "MICROQUART_BIND": f"127.0.0.1:{port}",
            "NO_COLOR": "1",
            "COLUMNS": "80",
        }

    def port(self, shown: str) -> str:
        """Return a free port, the same for the same on the page."""
        if shown not in self.ports:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.ports[shown] = str(free.getsockname()[1])
        return self.ports[shown]

    def as_real(self, text: str) -> str:
        return PORTS.sub(lambda found: self.port(found[0]), text)

    def as_shown(self, said: str) -> str:
        for shown, port in self.ports.items():
            said = said.replace(port, shown)
        return said.replace(f"{self.folder}/", "")

    def start_server(self, command: str, shown: str) -> None:
        """Run a server until it has said what is shown, up to a ``^C``."""
        found = PORT.search(command)
        port = found[1] if found else "8000"
        if (old := self.servers.pop(port, None)) is not None:
            old.stop()
        server = Server(self.as_real(command), self.folder, self.environment)
        self.servers[port] = server
        server.wait_for(int(self.port(port)))
        whole, stopped, rest = shown.partition("^C\n")
        if stopped:
            server.interrupt()
            whole += rest
        if shown and not server.said.until(
            lambda text: agrees(whole, self.as_shown(text))
        ):
            said = self.as_shown(server.said.text)
            raise Failed(f"{command} said:\n{said}")

    def bring_steps(self, command: str) -> None:
        """Copy the programs of the book that a command names."""
        for path in STEPS.glob("*.py"):
            if path.name in command:
                text = self.as_real(path.read_text())
                (self.folder / path.name).write_text(text)


RUNNERS: dict[str, Callable[[Page, str, Example], None]] = {
    "python": Page.python,
    "console": Page.console,
    "http": Page.http,
    "json": lambda page, source, example: json.loads(source),
    "toml": lambda page, source, example: print(tomllib.loads(source)),
}
