"""Reads .env files: ``NAME=value`` lines for the environment.

A value may be in single quotes (taken as it is) or in double quotes (with
``\\n`` and the like); outside of single quotes ``${NAME}`` is the value of
another variable.  ``export`` before a name and comments are allowed.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

NAMES = (".env", ".quartenv")

_LINE = re.compile(
    r"""
    ^[ \t]* (?:export[ \t]+)? ([A-Za-z_][A-Za-z0-9_.]*)
    [ \t]* = [ \t]*
    (?: '([^']*)' | "((?:[^"\\]|\\.)*)" | ([^\n]*?) )
    [ \t]* (?:(?:^|(?<=[\s'"]))\#[^\n]*)? $
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def load_dotenv(path: str | os.PathLike[str] | None = None) -> bool:
    """Set environment variables from a file, and tell if there was one.

    Without a path, the nearest ``.env`` and ``.quartenv`` are read, in the
    current directory or above.  What is set already stays, so the first
    file wins.
    """
    paths = list(nearest()) if path is None else [Path(path)]
    found = [path for path in paths if path.is_file()]
    for file in found:
        text = file.read_text(encoding="utf-8")
        for name, value in parse_dotenv(text, os.environ).items():
            os.environ.setdefault(name, value)
    return bool(found)


def nearest() -> Iterator[Path]:
    here = Path.cwd()
    for name in NAMES:
        places = (folder / name for folder in (here, *here.parents))
        yield from [path for path in places if path.is_file()][:1]


def parse_dotenv(text: str, known: Mapping[str, str]) -> dict[str, str]:
    """Return what a file sets; ``known`` are variables to refer to.

    >>> parse_dotenv('A=1 # one\\nexport B="${A} ${C}\\\\n"', {"C": "3"})
    {'A': '1', 'B': '1 3\\n'}
    """
    values: dict[str, str] = {}
    for match in _LINE.finditer(text.replace("\r\n", "\n")):
        name, literal, quoted, plain = match.groups()
        if literal is not None:
            values[name] = literal
            continue
        value = plain if quoted is None else _unescaped(quoted)
        values[name] = _resolved(value, {**values, **known})
    return values


def _resolved(value: str, known: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda match: known.get(match[1], ""), value)


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda m: _ESCAPES.get(m[1], m[1]), text)
