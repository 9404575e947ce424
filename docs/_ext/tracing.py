"""``trace``: what X-ray sees of a request, recorded when the page is made.

A server runs on a port of its own, a client asks it, and the page shows the
text of ``microquart trace``, or a sequence diagram.
"""

import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from html import escape
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any, ClassVar

import anyio
import h2.config
import h2.connection
import h2.events
from anyio.abc import ByteStream
from docutils import nodes
from docutils.parsers.rst import directives
from machines import ARROWHEAD
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from microquart.server.serve import serve
from microquart.server.settings import Settings
from microquart.server.shells import Shells
from microquart.xray import story
from microquart.xray.trace import Trace
from microquart.xray.tracing import trace

COLUMN, ROW, TOP = 150, 34, 44  # pixels
ARROW = re.compile(r"\s*(\w+)(--?>>)(\w+): (.*)")
NOTE = re.compile(r"\s*Note over (\w+): (.*)")
NAMED = re.compile(r"\s*participant (\w+) as (.*)")
ENTITY = re.compile(r"#(\d+|lt|gt);")
WIDEST = 100  # columns of a trace; the rest of a line is cut


# -- clients --


async def ask_h1(stream: ByteStream, method: str, target: str) -> None:
    request = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n"
    await stream.send(f"{request}Connection: close\r\n\r\n".encode())
    async for _ in stream:
        pass


async def ask_h2(stream: ByteStream, method: str, target: str) -> None:
    client = h2.connection.H2Connection(h2.config.H2Configuration())
    client.initiate_connection()
    fields = [
        (":method", method),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", target),
    ]
    client.send_headers(1, fields, end_stream=True)
    ended = False
    while not ended:
        await stream.send(client.data_to_send())
        events = client.receive_data(await stream.receive())
        ended = any(isinstance(e, h2.events.StreamEnded) for e in events)
    client.close_connection()
    await stream.send(client.data_to_send())


Client = Callable[[ByteStream, str, str], Awaitable[None]]
CLIENTS: dict[str, Client] = {"1.1": ask_h1, "2": ask_h2}


async def recorded(app: Any, lines: list[str], client: Client) -> Trace:
    """Serve an application, ask it, and return the trace."""
    servers: list[Shells] = []
    urls: list[str] = []
    ready, stop = anyio.Event(), anyio.Event()

    def listening(found: list[str]) -> None:
        urls.extend(found)
        ready.set()

    seen = Trace()
    settings = Settings().with_values(
        bind=("127.0.0.1:0",), access_log=False, stop_linger=0.0
    )
    async with anyio.create_task_group() as group:

        async def serving() -> None:
            await serve(
                app,
                settings,
                shutdown_trigger=stop.wait,
                made=servers.append,
                ready=listening,
            )

        group.start_soon(serving)
        await ready.wait()
        port = int(urls[0].rpartition(":")[2])
        with trace(servers[0]) as seen:
            for line in lines:
                method, _, target = line.partition(" ")
                async with await anyio.connect_tcp("127.0.0.1", port) as line_:
                    await client(line_, method, target)
            stop.set()
            while servers[0].busy:
                await anyio.lowlevel.checkpoint()
    return seen


def run(source: str, lines: list[str], client: Client) -> Trace:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "app.py").write_text(f"{source}\n")
        sys.path.insert(0, folder)
        invalidate_caches()
        try:
            app = import_module("app").app
            seen: Trace = anyio.run(recorded, app, lines, client)
            return seen
        finally:
            sys.path.remove(folder)
            sys.modules.pop("app", None)


# -- pictures --


def diagram(text: str) -> str:
    """Draw a sequence diagram, which is written in Mermaid's language."""
    names: dict[str, str] = {}
    steps: list[tuple[str, str, str, bool]] = []
    for line in text.splitlines():
        if named := NAMED.fullmatch(line):
            names[named[1]] = plain(named[2])
        elif note := NOTE.fullmatch(line):
            steps.append((note[1], note[1], plain(note[2]), True))
        elif arrow := ARROW.fullmatch(line):
            back = arrow[2] == "-->>"
            steps.append((arrow[1], arrow[3], plain(arrow[4]), back))
    at = {name: COLUMN * (n + 0.5) for n, name in enumerate(names)}
    height, width = TOP + ROW * len(steps) + 10, COLUMN * (len(names) + 0.5)
    parts = [ARROWHEAD]
    for name, x in at.items():
        parts.append(
            f'<path d="M{x} {TOP - 12}V{height}" class="line"/>'
            f'<rect x="{x - COLUMN / 2 + 4}" y="4" width="{COLUMN - 8}" '
            f'height="{TOP - 16}" rx="6" class="box"/>'
            f'<text x="{x}" y="22" text-anchor="middle">'
            f"{escape(names[name])}</text>"
        )
    for number, (here, there, told, dashed) in enumerate(steps):
        y = TOP + ROW * (number + 1) - 10
        start, end = at[here], at[there]
        if here != there:
            tip = end - 2 if start < end else end + 2
            dashes = ' stroke-dasharray="4"' if dashed else ""
            parts.append(
                f'<path d="M{start} {y}H{tip}" class="arrow" '
                f'marker-end="url(#head)"{dashes}/>'
            )
        x = min(start, end) + 6
        parts.append(f'<text x="{x}" y="{y - 6}">{escape(told)}</text>')
    return (
        f'<div class="picture"><svg class="picture" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}">'
        f"{''.join(parts)}</svg></div>"
    )


def plain(text: str) -> str:
    """Undo Mermaid's entities.

    >>> plain("#lt;int:id#gt;#59;")
    '<int:id>;'
    """

    def letter(found: re.Match[str]) -> str:
        code = found[1]
        return {"lt": "<", "gt": ">"}.get(code) or chr(int(code))

    return ENTITY.sub(letter, text)


def cut(line: str) -> str:
    return line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…"


class TraceDirective(SphinxDirective):
    """Show a program, and what is seen when it is asked."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True
    option_spec: ClassVar = {
        "level": directives.nonnegative_int,
        "http": directives.unchanged_required,
        "as": directives.unchanged_required,
        "only": directives.unchanged_required,
        "hide": directives.flag,
    }

    def run(self) -> list[nodes.Node]:
        source = "\n".join(self.content)
        client = CLIENTS[self.options.get("http", "1.1")]
        seen = run(source, self.arguments[0].split(", "), client)
        program = nodes.literal_block("", source, language="python")
        shown: list[nodes.Node] = [] if "hide" in self.options else [program]
        if self.options.get("as") == "diagram":
            picture = diagram(seen.to_mermaid())
            return [*shown, nodes.raw("", picture, format="html")]
        text = story.told(
            seen,
            level=self.options.get("level", 1),
            only=self.options.get("only", "").split(),
        )
        lines = [cut(line) for line in text.splitlines()]
        block = nodes.literal_block("", "\n".join(lines), language="text")
        block["classes"] = ["trace"]
        return [*shown, block]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("trace", TraceDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
