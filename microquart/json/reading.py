"""Reading JSON that a stranger wrote.

Python's parser takes any depth that its stack has room for and says nothing
of places in bytes.  Here too much is an error like any other, with its place.
"""

import json
import re
from itertools import accumulate
from typing import Any, NoReturn

MAX_DEPTH = 200  # arrays and objects in each other
MAX_DIGITS = 4300  # of one integer; int() takes no more (CVE-2020-10735)

_TOO_LONG = re.compile(rf"\d{{{MAX_DIGITS + 1}}}")
_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"|([\[{])|([\]}])', re.DOTALL)
_NO_MARKS = bytes(set(range(256)) - set(b'"[]{}'))
_STEPS = [1 if byte in b"[{" else -1 for byte in range(256)]

_parse = json.JSONDecoder().decode


def parse(source: str | bytes, **kwargs: Any) -> Any:
    """Return what JSON stands for; keywords are those of ``json.loads``.

    Raises:
        ValueError: a JSONDecodeError with the place, for what is no JSON, no
            UTF-8, deeper than MAX_DEPTH, or an integer of more than
            MAX_DIGITS.
    """
    text = source if isinstance(source, str) else _decode(source)
    _limit_depth(text)
    try:
        return json.loads(text, **kwargs) if kwargs else _parse(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        number = _TOO_LONG.search(text)
        if number is None:
            raise
    _refuse(f"More than {MAX_DIGITS} digits", text, number.start())


def _refuse(problem: str, text: str, position: int) -> NoReturn:
    raise json.JSONDecodeError(problem, text, position)


def _decode(data: bytes) -> str:
    # RFC 8259, section 8.1: UTF-8 only; a byte order mark may be ignored.
    try:
        return str(data, "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
    _refuse("Not UTF-8", before, len(before))


def _limit_depth(text: str) -> None:
    """Raise if there is too much nesting.

    Most texts have too few brackets for that.  Of the others drop the
    escapes, all but quotes and brackets, and what is quoted; then sum up.
    Each step is one call of C.
    """
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    shape = text
    if "\\" in shape:
        shape = shape.replace("\\\\", "").replace('\\"', "")
    marks = shape.encode("ascii", "replace").translate(None, _NO_MARKS)
    brackets = b"".join(marks.replace(b'""', b"").split(b'"')[::2])
    depths = accumulate(map(_STEPS.__getitem__, brackets))
    if max(depths, default=0) > MAX_DEPTH:
        _refuse(f"More than {MAX_DEPTH} levels", text, _deep_place(text))


def _deep_place(text: str) -> int:
    """Return where the first bracket too many is."""
    depth = 0
    for match in _BRACKET.finditer(text):
        depth += (match[1] is not None) - (match[2] is not None)
        if depth > MAX_DEPTH:
            return match.start()
    return 0
