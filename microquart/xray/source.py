"""Where a function of the user's was written: ``app.py:12``."""

import inspect
import os
import sys
from functools import cache, partial
from types import CodeType
from typing import Any


def source_of(func: Any) -> str | None:
    """Return file and line of a function, not of what is wrapped round it.

    >>> source_of(len) is None
    True
    """
    code = code_of(func)
    return None if code is None else line_of(code)


def code_of(func: Any) -> CodeType | None:
    """Return the code of a function, method, partial or class's view."""
    while True:
        func = inspect.unwrap(func)
        if isinstance(func, partial):
            func = func.func
        elif inspect.ismethod(func):
            func = func.__func__
        elif (kind := getattr(func, "view_class", None)) is not None:
            func = kind.dispatch_request
        else:
            break
    code = getattr(func, "__code__", None)
    if code is None and not inspect.isclass(func):
        method = inspect.getattr_static(type(func), "__call__", None)
        code = getattr(method, "__code__", None)
    return code if isinstance(code, CodeType) else None


def line_of(code: CodeType) -> str:
    return f"{shown(code.co_filename)}:{code.co_firstlineno}"


@cache
def shown(path: str) -> str:
    """Return a path as seen from here, or from where it is imported from."""
    for root in [os.getcwd(), *sorted(sys.path, key=len, reverse=True)]:
        if root and path.startswith(os.path.join(root, "")):
            return os.path.relpath(path, root)
    return path


def name_of(func: Any) -> str:
    """Return the name of a function as its source has it."""
    func = inspect.unwrap(func)
    while isinstance(func, partial):
        func = func.func
    name: str = getattr(func, "__qualname__", type(func).__qualname__)
    return name.rpartition("<locals>.")[2]
