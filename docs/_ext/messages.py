"""The messages of our errors, as the source has them, and what to do.

``reference/errors.txt`` has, for each message, its cause and its fix.  A
message without an entry, or an entry without a message, fails the build.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sources import PACKAGE, ROOT
from sphinx.util.logging import getLogger

log = getLogger(__name__)

TABLE = ROOT / "docs" / "reference" / "errors.txt"

LEFT_OUT = ("xray", "learn")
# What reads like code, and stands where Python asks for it.
NOT_TOLD = {
    "_mistake",
    "built in",
    "module {__name__} has no attribute {name}",
}
# What the peer did: said to it, and not to who writes an application.
OF_THE_PEER = {
    "ProtocolError",
    "_wrong",
    "malformed",
    "cannot_be_served",
    "too_much",
    "ParserError",
}


@dataclass(frozen=True)
class Message:
    """A message; what is different each time stands in braces."""

    file: str
    line: int
    error: str
    text: str


def messages() -> Iterator[Message]:
    """Find what is raised with a text, and the sentences of mistakes.py."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] not in LEFT_OUT:
            yield from messages_of(path)


def messages_of(path: Path) -> Iterator[Message]:
    file = path.relative_to(ROOT).as_posix()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Raise(exc=ast.Call(func=func, args=args)):
                name = ast.unparse(func).rpartition(".")[2]
                texts = [text for arg in args if (text := said(arg))]
                if texts and re.search(r"[a-z]{3}", texts[0]):
                    yield Message(file, node.lineno, name, texts[0])
            case ast.Return(value=ast.expr() as value) if path.stem == (
                "mistakes"
            ):
                text = said(value)
                if text and " " in text:
                    yield Message(file, node.lineno, "mistake", text)


def said(node: ast.expr) -> str:
    """Return the text of an expression, with braces round its variables.

    >>> said(ast.parse('f"no {x!r}" + "!"', mode="eval").body)
    'no {x}!'
    """
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(map(said, parts))
        case ast.FormattedValue(value=value):
            return f"{{{ast.unparse(value)}}}"
        case ast.BinOp(left=left, right=right):
            return said(left) + (said(right) or "{…}")
    return ""


def entries() -> dict[str, tuple[str, str]]:
    """Return the cause and the fix for each beginning in the table."""
    found = {}
    for entry in TABLE.read_text().strip().split("\n\n"):
        beginning, cause, fix = entry.split("\n    ")
        found[beginning] = cause, fix
    return found


def of_users() -> dict[str, Message]:
    return {
        one_line(message.text): message
        for message in messages()
        if not {message.error, message.text} & (OF_THE_PEER | NOT_TOLD)
    }


def one_line(text: str) -> str:
    return " ".join(text.split())


def of_table() -> tuple[list[tuple[str, Message, str, str]], list[str]]:
    """Return messages with cause and fix, and what is wrong with the table."""
    known = entries()
    told, used = [], set()
    wrong = []
    for text, message in of_users().items():
        fitting = [each for each in known if text.startswith(each)]
        if not fitting:
            wrong.append(f"no entry for {message.file}: {text}")
            continue
        beginning = max(fitting, key=len)
        used.add(beginning)
        told.append((text, message, *known[beginning]))
    wrong += [f"no message begins: {each}" for each in known.keys() - used]
    return told, wrong


def error_table() -> str:
    told, wrong = of_table()
    for each in wrong:
        log.warning("reference/errors.txt: %s", each)
    parts = []
    for text, message, cause, fix in told:
        place = message.file.removeprefix("microquart/")
        kind = "" if message.error == "mistake" else f"{message.error}, "
        parts.append(f"`` {text} ``\n: {cause} **{fix}** ({kind}{place})\n")
    return "\n".join(parts)


def refusal_table() -> str:
    """Return a list of what a peer is told, by the module that says it."""
    parts = []
    for message in messages():
        if message.error in OF_THE_PEER:
            place = message.file.removeprefix("microquart/")
            parts.append(f"- `` {one_line(message.text)} `` ({place})")
    return "\n".join(dict.fromkeys(parts))
