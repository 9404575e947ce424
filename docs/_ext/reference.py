"""Tables and pages that are made from the source: ``generated KIND``.

``names MODULE`` documents what a module has for its users; the other kinds
are the functions at the end of this file, each of which returns Markdown.
"""

import inspect
import re
from collections.abc import Callable, Sequence, Set
from dataclasses import fields
from datetime import timedelta
from importlib import import_module
from types import FunctionType
from typing import Any, get_type_hints

import click
from docutils import nodes
from messages import error_table, refusal_table
from sources import ROOT
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from microquart import exceptions
from microquart.cli import cli
from microquart.config import DEFAULT_CONFIG
from microquart.protocol.limits import Limits
from microquart.server.settings import Settings

OWNERS = re.compile(r"\b(typing|collections\.abc|microquart\.asgi)\.")
OF_A_CLASS = """\
   :members:
   :undoc-members:
   :show-inheritance:
   :inherited-members: """

# -- names --


def public(module: str) -> dict[str, object]:
    """Return what a module has for its users: ``__all__``, or its own."""
    held = import_module(module)
    own = [
        name
        for name, value in vars(held).items()
        if not name.startswith("_")
        and isinstance(value, type | FunctionType)
        and value.__module__ == module
    ]
    names = sorted(getattr(held, "__all__", own))
    return {name: getattr(held, name) for name in names}


def documented(module: str, *names: str) -> str:
    """Return directives for autodoc: of classes, or of all functions."""
    held = public(module)
    shown = [
        name
        for name, value in held.items()
        if name in names or (not names and isinstance(value, type))
    ]
    # What a class has from another one of the page, is shown there only.
    until = ", ".join(("dict", "Exception", *shown))
    parts = []
    for name, value in held.items():
        if name in shown:
            options = f"{OF_A_CLASS}{until}\n"
            parts.append(f".. autoclass:: {module}.{name}\n{options}")
        elif isinstance(value, FunctionType) and names in ((), ("functions",)):
            parts.append(f".. autofunction:: {module}.{name}\n")
    return "\n".join(["```{eval-rst}", *parts, "```"])


def objects() -> str:
    """Return a table of the names that are neither class nor function."""
    found = {
        name
        for name, value in public("microquart").items()
        if not issubclass(type(value), type | FunctionType)
    }
    told = told_in("objects.txt")
    agree("objects.txt", told.keys(), found)
    rows = [(f"`{name}`", text) for name, text in told.items()]
    return table(("name", "what it is"), rows)


def told_in(file: str) -> dict[str, str]:
    """Read a file of lines ``name: what it is for``."""
    text = (ROOT / "docs" / "reference" / file).read_text()
    lines = (line.partition(": ") for line in text.splitlines() if line)
    return {name: told for name, _, told in lines}


# -- tables --


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        f"| {' | '.join(map(in_a_cell, line))} |" for line in lines
    )


def in_a_cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def shown(value: object) -> str:
    """Write a default as one would set it.

    >>> shown(65536), shown(None), shown(("a", "b")), shown(True)
    ('65536', 'none', 'a b', 'on')
    """
    match value:
        case None | () | "":
            return "none"
        case bool():
            return "on" if value else "off"
        case timedelta():
            return (
                f"timedelta({value.days} days)"
                if value.days
                else f"{value.seconds} s"
            )
        case tuple():
            return " ".join(map(str, value))
        case float():
            return f"{value:g}"
    return str(value)


def settings() -> str:
    rows = [
        (
            f"`{field.name}`",
            f"`{shown(field.default)}`",
            field.metadata["help"],
        )
        for field in fields(Settings)
        if field.name != "limits"
    ]
    return table(("setting", "default", "what it is for"), rows)


def limits() -> str:
    """Return a table for each group of limits."""
    default = {field.name: field.default for field in fields(Limits)}
    text = (ROOT / "docs" / "reference" / "limits.txt").read_text()
    parts, told = [], set()
    for group in text.strip().split("\n\n"):
        title, *lines = group.splitlines()
        rows = []
        for line in lines:
            name, _, said = line.partition(": ")
            told.add(name)
            if name in default:
                rows.append((f"`{name}`", f"`{shown(default[name])}`", said))
        head = ("limit", "default", "what it bounds")
        parts += [f"#{title}", table(head, rows)]
    agree("limits.txt", told, default.keys())
    return "\n\n".join(parts)


def agree(file: str, told: Set[str], names: Set[str]) -> None:
    """Refuse a file of texts that lacks a name, or has one too many."""
    if told != names:
        wrong = ", ".join(sorted(told ^ names))
        raise ExtensionError(f"reference/{file}: {wrong}")


def config() -> str:
    told = told_in("config.txt")
    agree("config.txt", told.keys(), DEFAULT_CONFIG.keys())
    rows = [
        (f"`{key}`", f"`{shown(value)}`", told[key])
        for key, value in DEFAULT_CONFIG.items()
    ]
    return table(("key", "default", "what it is for"), rows)


def statuses() -> str:
    rows = []
    for name, kind in vars(exceptions).items():
        code = getattr(kind, "code", None)
        if isinstance(kind, type) and isinstance(code, int):
            said = getattr(kind, "description", None) or "-"
            rows.append((str(code), f"`{name}`", said))
    return table(("status", "class", "what its page says"), sorted(rows))


def words() -> str:
    """Return a table of ASGI's scopes and messages with their keys."""
    rows = []
    for name, kind in public("microquart.asgi").items():
        optional: frozenset[str] | None = getattr(
            kind, "__optional_keys__", None
        )
        if isinstance(kind, type) and optional is not None:
            keys = [
                f"`{key}`: {type_of(hint)}{' (or absent)' * (key in optional)}"
                for key, hint in get_type_hints(kind).items()
            ]
            rows.append((f"`{name}`", "; ".join(keys)))
    return table(("type", "its keys"), rows)


def type_of(hint: object) -> str:
    """Write a type without the modules of its parts."""
    text = hint.__name__ if isinstance(hint, type) else str(hint)
    return f"`{OWNERS.sub('', text)}`"


# -- the command line --


def commands() -> str:
    """Describe each command of ``microquart`` and its options."""
    parts = []
    context = click.Context(cli, info_name="microquart")
    for name, command in sorted(cli.commands.items()):
        own = click.Context(command, info_name=name, parent=context)
        parts.append(f"## microquart {name}")
        parts.append(inspect.cleandoc(command.help or ""))
        rows = []
        for parameter in command.get_params(own):
            record = parameter.get_help_record(own)
            if record is not None:
                rows.append((f"`{record[0]}`", record[1] or ""))
        parts.append(table(("option", "what it does"), rows))
    return "\n\n".join(parts)


KINDS: dict[str, Callable[..., str]] = {
    "names": documented,
    "objects": objects,
    "words": words,
    "settings": settings,
    "limits": limits,
    "config": config,
    "statuses": statuses,
    "commands": commands,
    "errors": error_table,
    "refusals": refusal_table,
}


class Generated(SphinxDirective):
    """Put in what one of the functions above returns."""

    required_arguments = 1
    optional_arguments = 9

    def run(self) -> list[nodes.Node]:
        kind, *rest = self.arguments
        return self.parse_text_to_nodes(
            KINDS[kind](*rest), allow_section_headings=True
        )


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("generated", Generated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
