"""Finds the application that a command line names.

``app.py``, ``app.py:name``, ``package.module``, ``package.module:name`` and
``module:create_app("x", debug=True)`` name one. Without a name after the colon
it is ``app``, ``application``, the only application in the module, or what
``create_app()`` or ``make_app()`` returns.
"""

import ast
import re
import sys
import traceback
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from inspect import iscoroutine, iscoroutinefunction, signature
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from microquart.http.errors import MicroquartError

# "module", or "module:name", "module:name.name", "module:name(...)"; the
# colon of C:\app.py is none of these.
_TARGET = re.compile(r"(.+?)(?::([A-Za-z_][\w.]*(?:\(.*\))?))?", re.DOTALL)
_NAMES = ("app", "application")
_FACTORIES = ("create_app", "make_app")


class LoadError(MicroquartError):
    """There is no such application; the message says what to do."""


def load(target: str) -> Any:
    """Import what ``target`` names and return the application.

    Raises:
        LoadError: there is none; ``__cause__`` is what the module raised.
    """
    match = _TARGET.fullmatch(target)
    if match is None:
        raise LoadError("the name of the application is empty")
    name, expression = match.groups()
    module = load_module(name)
    if expression is None:
        return _only_application(module, name)
    app = _evaluate(module, name, expression)
    _check(app, f"{name}:{expression}")
    return app


# -- the module --


def load_module(name: str) -> ModuleType:
    """Import a module by its name, or by the path of its file.

    Raises:
        LoadError: there is no such module, or it does not import.
    """
    path = Path(name)
    if path.suffix == ".py" or len(path.parts) > 1:
        return _from_file(path)
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return _imported(name, lambda: import_module(name))


def _from_file(path: Path) -> ModuleType:
    path = path.with_suffix(".py").resolve()
    if not path.is_file():
        raise LoadError(f"no file {path.name} in {_shown(path.parent)}")
    names, root = [path.stem], path.parent
    while (root / "__init__.py").exists():
        names.insert(0, root.name)
        root = root.parent
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    name = ".".join(names)
    # A file may have the name of a module of the standard library.
    known = sys.modules.get(name)
    if name in sys.stdlib_module_names or (
        known is not None and getattr(known, "__file__", None) != str(path)
    ):
        return _imported(name, lambda: _by_path(name, path))
    return _imported(name, lambda: import_module(name))


def _by_path(name: str, path: Path) -> ModuleType:
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _imported(name: str, importer: Callable[[], ModuleType]) -> ModuleType:
    try:
        return importer()
    except Exception as error:
        absent = error.name if isinstance(error, ModuleNotFoundError) else None
        if absent and f"{name}.".startswith(f"{absent}."):
            raise LoadError(_no_module(absent)) from error
        place = _place(error) or name
        raise LoadError(f"{place}: {_reason(error)}") from error


def _no_module(name: str) -> str:
    here = Path.cwd()
    files = ", ".join(sorted(path.name for path in here.glob("*.py")))
    also = f"; Python files there: {files}" if files else ""
    return f"no module {name!r} in {here}{also}"


def _reason(error: Exception) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}".splitlines()[0]


def _place(error: Exception) -> str:
    """Return the file and line at fault: the last that is the user's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_shown(Path(error.filename))}:{error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and frame.filename != __file__
    ]
    theirs = [
        frame
        for frame in frames
        if not frame.filename.startswith(_installed())
    ]
    for frame in (theirs or frames)[-1:]:
        return f"{_shown(Path(frame.filename))}:{frame.lineno}"
    return ""


@cache
def _installed() -> tuple[str, ...]:
    import sysconfig

    names = ("stdlib", "purelib", "platlib")
    return tuple(sysconfig.get_path(name) for name in names)


def _shown(path: Path) -> str:
    """Shorten a path for a person who is in the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


# -- the name in the module --


def _evaluate(module: ModuleType, name: str, expression: str) -> Any:
    found: Any = module
    path, bracket, _ = expression.partition("(")
    for part in path.split("."):
        if not hasattr(found, part):
            raise LoadError(_no_name(module, name, path))
        found = getattr(found, part)
    if not bracket:
        return found
    args, kwargs = _arguments(name, expression)
    return _made(found, f"{name}:{expression}", *args, **kwargs)


def _arguments(name: str, expression: str) -> tuple[list[Any], dict[str, Any]]:
    try:
        call = ast.parse(expression, mode="eval").body
        assert isinstance(call, ast.Call)
        args = [ast.literal_eval(value) for value in call.args]
        named = [(word.arg, word.value) for word in call.keywords if word.arg]
        return args, {word: ast.literal_eval(value) for word, value in named}
    except (SyntaxError, ValueError):
        raise LoadError(
            f"{name}:{expression}: only plain values can be arguments here, "
            'as in create_app("production", debug=True)'
        ) from None


def _made(factory: Any, target: str, *args: Any, **kwargs: Any) -> Any:
    try:
        app = factory(*args, **kwargs)
    except Exception as error:
        place = f" ({_place(error)})" if _place(error) else ""
        raise LoadError(f"{target}: {_reason(error)}{place}") from error
    if iscoroutine(app):
        app.close()
        raise LoadError(
            f"{target} is async; a factory has to be a plain function"
        )
    return app


def _only_application(module: ModuleType, name: str) -> Any:
    apps = applications(module)
    for usual in _NAMES:
        if hasattr(module, usual):
            app = getattr(module, usual)
            _check(app, f"{name}:{usual}")
            return app
    # A view of three values looks like an application, too.
    for names in (apps, [name for name in apps if _is_object(module, name)]):
        if len(names) == 1:
            return getattr(module, names[0])
    for usual in _FACTORIES:
        if hasattr(module, usual):
            app = _made(getattr(module, usual), f"{name}:{usual}()")
            _check(app, f"{name}:{usual}()")
            return app
    if apps:
        raise LoadError(f"{name} has {len(apps)}: {_choice(name, apps)}")
    raise LoadError(_no_name(module, name, "app"))


def _is_object(module: ModuleType, name: str) -> bool:
    return type(getattr(module, name)) is not FunctionType


def _no_name(module: ModuleType, name: str, wanted: str) -> str:
    from difflib import get_close_matches

    apps = applications(module)
    near = get_close_matches(wanted, vars(module), 1)
    if apps:
        advice = f"it has {_choice(name, apps)}"
    elif near:
        advice = f"did you mean {name}:{near[0]}?"
    else:
        advice = "and no other ASGI application; write app = Quart(__name__)"
    return f"{name} has no {wanted!r}; {advice}"


def _choice(name: str, apps: list[str]) -> str:
    return ", ".join(f"{name}:{app}" for app in apps)


# -- what an application is --


def applications(module: ModuleType) -> list[str]:
    """Return the names in a module that are surely ASGI applications."""
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and _surely_asgi(value)
        # A helper of the framework, imported here, takes three values too.
        and not (
            type(value) is FunctionType and _from_elsewhere(value, module)
        )
    ]


def _from_elsewhere(function: FunctionType, module: ModuleType) -> bool:
    return function.__globals__ is not vars(module)


def _surely_asgi(value: object) -> bool:
    # By its type alone: asking a proxy such as request for an attribute fails
    # outside of a request.
    kind = type(value)
    if kind is FunctionType:
        return iscoroutinefunction(value) and _takes(value, 3)
    calls = (vars(base).get("__call__") for base in kind.__mro__)
    call = next(filter(None, calls), None)
    return iscoroutinefunction(call) and _takes(call, 4)


def _takes(function: Any, count: int) -> bool:
    try:
        signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        return True
    return True


def _check(app: Any, target: str) -> None:
    """Refuse what cannot be called as an ASGI application is.

    Raises:
        LoadError: the message guesses what it is instead.
    """
    if not callable(app):
        kind = type(app).__name__
        raise LoadError(f"{target} is no ASGI application but a {kind}")
    if _takes(app, 3):
        return
    if _takes(app, 0) and not isinstance(app, type):
        advice = f"if it makes one, write {target}()"
    elif _takes(app, 2):
        advice = (
            "it looks like a WSGI application, and those need WSGI servers"
        )
    else:
        advice = "one is called as app(scope, receive, send)"
    raise LoadError(f"{target} is no ASGI application; {advice}")
