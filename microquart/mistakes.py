"""What a program did wrong, in a sentence that names its line and the fix.

Nothing here raises or decides: who finds the mistake asks for the sentence.
A place is ``app.py:12``, the file's name and the first line of a function.
"""

import ast
import inspect
import os
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import CodeType, FrameType

LONGEST = 60  # characters of a value that a sentence shows

# Modules whose frames mean that a loop runs what is called from them.
LOOPS = ("asyncio", "trio", "uvloop")


# -- who and where --


def place(func: object) -> str:
    """Return where the user's function begins, below partials and wraps."""
    code = _code(func)
    if code is None:
        return "built in"
    return _at(code.co_filename, code.co_firstlineno)


def name_of(func: object) -> str:
    """Return the name of a function, or of the class of a callable."""
    while isinstance(func, partial):
        func = func.func
    return str(getattr(func, "__name__", type(func).__name__))


def _code(func: object) -> CodeType | None:
    while isinstance(func, partial):
        func = func.func
    func = getattr(func, "__func__", func)
    if callable(func):
        func = inspect.unwrap(func)
    view_class = getattr(func, "view_class", None)
    if view_class is not None:
        func = view_class.dispatch_request
    code = getattr(func, "__code__", None)
    if code is None:  # an object that can be called
        code = getattr(type(func).__call__, "__code__", None)
    return code if isinstance(code, CodeType) else None


def _at(filename: str, line: int) -> str:
    return f"{os.path.basename(filename)}:{line}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


# -- what a function returned --


def of_view(view: object, problem: str) -> str:
    """Speak of a view whose value cannot become a response.

    ``problem`` goes on behind the view's name: ``returned 42 (int); ...``.
    """
    told = f"view '{name_of(view)}' ({place(view)}) {problem}"
    if problem.startswith("returned None"):
        line = _open_end(view)
        return told if line is None else f"{told} line {line} has none"
    return told


def stopped_with(kind: str, hook: object, value: object) -> str:
    """Speak of a before hook whose value cannot become a response."""
    return (
        f"{kind} '{name_of(hook)}' ({place(hook)}) returned {_shown(value)}; "
        "return None to go on, or a response to stop"
    )


def answered_with(kind: str, handler: object, value: object) -> str:
    """Speak of an error handler whose value cannot become a response."""
    return (
        f"{kind} '{name_of(handler)}' ({place(handler)}) returned "
        f"{_shown(value)}: must return a response, or what becomes one"
    )


def gave_no_response_back(kind: str, hook: object, value: object) -> str:
    """Speak of an after hook that forgot what it was given."""
    return (
        f"{kind} '{name_of(hook)}' ({place(hook)}) returned {_shown(value)}: "
        "must return the response"
    )


# -- what a rule and its view disagree about --


def surplus_argument(rule: str, name: str, view: object) -> str:
    return (
        f"rule '{rule}' passes {name}, but {name_of(view)}() at "
        f"{place(view)} does not take it"
    )


def two_views(endpoint: str, old: object, new: object) -> str:
    return (
        "View function mapping is overwriting an existing endpoint "
        f"function: {endpoint} ({place(old)}, now {place(new)}); "
        'give one of them a name of its own: endpoint="..."'
    )


def refused_arguments(
    view: Callable[..., object], names: Iterable[str]
) -> list[str]:
    """Return those of the keyword arguments that a function does not take."""
    try:
        parameters = inspect.signature(view).parameters.values()
    except (TypeError, ValueError):  # it does not say what it takes
        return []
    if any(one.kind is one.VAR_KEYWORD for one in parameters):
        return []
    taken = {
        one.name
        for one in parameters
        if one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD)
    }
    return sorted(set(names) - taken)


# -- where there is no context --


def no_context(wanted: str, otherwise: str) -> str:
    """Say why there is no ``wanted`` here; unless it is known, ``otherwise``.

    The frames of the callers tell: a module being imported, a loop, or the
    bottom of a thread, whatever comes first.
    """
    direct = True
    for frame in _frames(sys._getframe(1)):
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] in LOOPS:
            return otherwise
        if frame.f_code.co_name == "<module>" and (
            _imported(frame) or (direct and frame.f_back is None)
        ):
            where = _at(frame.f_code.co_filename, frame.f_lineno)
            return (
                f"no {wanted} here: this runs at import time ({where}). "
                "Move it into a view"
            )
        direct = direct and module.startswith("microquart.")
    thread = threading.current_thread()
    if thread is not threading.main_thread():
        return (
            f"no {wanted} here: this runs in thread '{thread.name}': contexts "
            "do not follow into threads; use await run_in_thread(f)"
        )
    return otherwise


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _imported(module: FrameType) -> bool:
    """Tell whether a module's code runs because something imports it."""
    callers = list(_frames(module.f_back))[:4]
    return any(
        "importlib" in caller.f_code.co_filename
        or caller.f_code.co_name == "exec_module"
        for caller in callers
    )


# -- where a function ends without a value --


def _open_end(view: object) -> int | None:
    """Return the line after which a function ends without returning."""
    code = _code(view)
    if code is None:
        return None
    try:
        lines, first = inspect.getsourcelines(code)
        tree = ast.parse(textwrap.dedent("".join(lines)))
    except (OSError, SyntaxError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            line = _falls_off(node.body)
            return None if line is None else first + line - 1
    return None


def _falls_off(body: list[ast.stmt]) -> int | None:
    """Return the line after which the end of a block is passed."""
    last = body[-1]
    match last:
        case ast.Return(value=None) | ast.Return(value=ast.Constant(None)):
            return last.lineno
        case ast.Return() | ast.Raise():
            return None
        case ast.If(body=then, orelse=[]):
            return _first_open([then]) or last.lineno
        case ast.If(body=then, orelse=other):
            return _first_open([then, other])
        case ast.With(body=inner) | ast.AsyncWith(body=inner):
            return _falls_off(inner)
        case ast.Try(body=tried, handlers=caught, orelse=other):
            branches = [other or tried, *(one.body for one in caught)]
            return _first_open(branches)
        case ast.Match(cases=cases):
            return _first_open([case.body for case in cases]) or last.lineno
    return last.lineno


def _first_open(branches: list[list[ast.stmt]]) -> int | None:
    for body in branches:
        line = _falls_off(body)
        if line is not None:
            return line
    return None
