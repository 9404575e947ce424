"""Reading JSON that a stranger wrote.

Python's parser takes any depth that its stack has room for and says nothing
of places in bytes.  Here too much is an error like any other, with its place.
"""

import json
import re
import sys
from functools import partial
from itertools import accumulate
from math import inf
from typing import Any, NoReturn

_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"|([\[{])|([\]}])', re.DOTALL)
_NO_MARKS = bytes(set(range(256)) - set(b'"[]{}'))
_STEPS = [1 if byte in b"[{" else -1 for byte in range(256)]

_parse = json.JSONDecoder().decode


def parse(
    source: str | bytes, depth: int | None, digits: int | None, **kwargs: Any
) -> Any:
    """Return what JSON stands for; keywords are those of ``json.loads``.

    At most so many arrays and objects in each other, and so many digits of an
    integer; None: no limit but Python's, which for the digits is
    ``sys.get_int_max_str_digits()``.

    Raises:
        RecursionError: without a limit of ours, too deep for Python.
        ValueError: a JSONDecodeError with the place, for what is no JSON, no
            UTF-8, or beyond a limit.
    """
    text = source if isinstance(source, str) else _decode(source)
    if depth is not None:
        _limit_depth(text, depth)
    most = sys.get_int_max_str_digits() or inf
    if digits is not None and digits < most:
        most = digits
        kwargs.setdefault("parse_int", partial(_integer, digits))
    try:
        return json.loads(text, **kwargs) if kwargs else _parse(text)
    except json.JSONDecodeError:
        raise
    except ValueError:
        runs = re.finditer(r"\d+", text)
        places = (run.start() for run in runs if len(run[0]) > most)
        place = next(places, None)
        if place is None:
            raise
    _refuse(f"More than {most} digits", text, place)


def _integer(most: int, digits: str) -> int:
    if len(digits) - digits.startswith("-") > most:
        raise ValueError  # parse() says where
    return int(digits)


def _refuse(problem: str, text: str, position: int) -> NoReturn:
    raise json.JSONDecodeError(problem, text, position)


def _decode(data: bytes) -> str:
    # RFC 8259, section 8.1: UTF-8 only; a byte order mark may be ignored.
    try:
        return str(data, "utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
    _refuse("Not UTF-8", before, len(before))


def _limit_depth(text: str, limit: int) -> None:
    """Raise if there is too much nesting.

    Most texts have too few brackets for that.  Of the others drop the
    escapes, all but quotes and brackets, and what is quoted; then sum up.
    Each step is one call of C.
    """
    if text.count("[") + text.count("{") <= limit:
        return
    shape = text
    if "\\" in shape:
        shape = shape.replace("\\\\", "").replace('\\"', "")
    marks = shape.encode("ascii", "replace").translate(None, _NO_MARKS)
    brackets = b"".join(marks.replace(b'""', b"").split(b'"')[::2])
    depths = accumulate(map(_STEPS.__getitem__, brackets))
    if max(depths, default=0) > limit:
        place = _deep_place(text, limit)
        _refuse(f"More than {limit} levels", text, place)


def _deep_place(text: str, limit: int) -> int:
    """Return where the first bracket too many is."""
    depth = 0
    for match in _BRACKET.finditer(text):
        depth += (match[1] is not None) - (match[2] is not None)
        if depth > limit:
            return match.start()
    return 0
