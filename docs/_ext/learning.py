"""``mistake`` and ``exercise``: what goes wrong, on purpose.

A mistake is a program and the message that it gets, which is made when the
page is. An exercise is an entry of the table that ``microquart learn`` reads.
"""

import asyncio
import sys
import tempfile
import tomllib
from contextlib import chdir
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sources import ROOT
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

EXERCISES = ROOT / "microquart" / "learn" / "info.toml"


class Mistake(SphinxDirective):
    """Show a program, ``app.py``, and what is said of it.

    Its ``app`` is asked for ``:get:`` or ``:post:``; without either it is
    only imported.
    """

    has_content = True
    option_spec: ClassVar = {
        "get": directives.unchanged_required,
        "post": directives.unchanged_required,
        "body": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        source = "\n".join(self.content)
        message = said_of(source, self.options)
        if not message:
            raise self.error("nothing is wrong with this program")
        program = nodes.literal_block("", source, language="python")
        program["linenos"] = True
        answer = nodes.literal_block("", message, language="text")
        answer["classes"] = ["mistake"]
        return [program, answer]


def said_of(source: str, options: dict[str, str]) -> str:
    """Run a program and return the exception it gets, or the error page."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        Path("app.py").write_text(f"{source}\n")
        sys.path.insert(0, folder)
        invalidate_caches()
        try:
            app = import_module("app").app
            app.testing = True
            return asyncio.run(asked(app, options))
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        finally:
            sys.path.remove(folder)
            sys.modules.pop("app", None)


async def asked(app: Any, options: dict[str, str]) -> str:
    client = app.test_client()
    for method in ("get", "post"):
        if method in options:
            body = options.get("body")
            await getattr(client, method)(options[method], data=body)
    return ""


class Exercise(SphinxDirective):
    """Show an exercise: its symptom, the command, and the hints, folded."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        table = tomllib.loads(EXERCISES.read_text())
        if name not in table:
            raise self.error(f"{EXERCISES.name} has no exercise {name}")
        entry = table[name]
        lines = [
            f"**{entry['title']}**",
            "",
            entry["symptom"],
            "",
            "```text",
            f"$ microquart learn {name}",
            "```",
        ]
        box = nodes.admonition("", classes=["exercise"])
        box += nodes.title("", f"Exercise: {name}")
        box += self.parse_text_to_nodes("\n".join(lines))
        for number, hint in enumerate(entry["hints"], 1):
            fold = f"<details><summary>Hint {number}</summary>"
            box += nodes.raw("", fold, format="html")
            box += self.parse_text_to_nodes(hint)
            box += nodes.raw("", "</details>", format="html")
        return [box]


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("mistake", Mistake)
    app.add_directive("exercise", Exercise)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
