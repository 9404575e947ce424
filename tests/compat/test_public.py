"""Every public name of Quart is here, or the page says why it is not."""

import inspect
from importlib import import_module
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

import pytest
import quart

import microquart
from tests.compat.page import OTHER, PAGE, rows

MODULES = [
    *("app", "asgi", "blueprints", "cli", "config", "ctx", "datastructures"),
    *("debug", "formparser", "globals", "helpers", "json", "json.provider"),
    *("json.tag", "logging", "routing", "sessions", "signals", "templating"),
    *("testing", "testing.app", "testing.client", "testing.connections"),
    *("testing.utils", "typing", "utils", "views", "wrappers"),
    *("wrappers.base", "wrappers.request", "wrappers.response"),
    "wrappers.websocket",
]

# A decorator's only argument, which nobody names.
DECORATED = {"f", "fn", "func"}


VARIABLE = (
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.VAR_KEYWORD,
)


def excused() -> dict[str, str]:
    """Return what the page says to be missing, or to be otherwise."""
    return {
        name.strip(): state
        for name_list, state in rows(PAGE.read_text())["names"]
        for name in name_list.split(",")
    }


def own_names(module: ModuleType) -> list[str]:
    """Return the names that a module of Quart defines for its users."""
    return [
        name
        for name in dir(module)
        if not name.startswith("_") and is_own(getattr(module, name), module)
    ]


def is_own(value: Any, module: ModuleType) -> bool:
    if inspect.ismodule(value) or isinstance(value, TypeVar | ParamSpec):
        return False
    return getattr(value, "__module__", None) == module.__name__


def members() -> list[tuple[str, Any]]:
    """Return the classes and functions of Quart, each by its full name."""
    found = {}
    for name in MODULES:
        module = import_module(f"quart.{name}")
        for member in own_names(module):
            found[f"quart.{name}.{member}"] = getattr(module, member)
    return sorted(found.items())


MEMBERS = members()


def counterpart(name: str) -> Any:
    """Return what is here under a name of Quart, or None."""
    path, _, last = name.replace("quart", "microquart", 1).rpartition(".")
    return getattr(import_module(path), last, None)


CLASSES = [
    (name, value)
    for name, value in MEMBERS
    if inspect.isclass(value) and counterpart(name) is not None
]


def test_each_name_of_the_package_is_here():
    names = {name for name in dir(quart) if not name.startswith("_")}
    names = {
        name for name in names if not inspect.ismodule(getattr(quart, name))
    }
    assert names - {"annotations"} - set(dir(microquart)) == set()


def test_each_name_of_the_package_is_listed():
    assert set(microquart.__all__) <= set(dir(microquart))
    listed = set(getattr(quart, "__all__", ()))
    assert listed - set(microquart.__all__) == set()


@pytest.mark.parametrize("name", MODULES)
def test_each_module_is_here(name):
    assert import_module(f"microquart.{name}").__doc__


def test_each_class_and_function_is_here_or_excused():
    excuses = excused()
    lost = [
        name
        for name, _ in MEMBERS
        if counterpart(name) is None and name not in excuses
    ]
    assert lost == []


@pytest.mark.parametrize(
    ("name", "theirs"), CLASSES, ids=[name for name, _ in CLASSES]
)
def test_each_attribute_of_a_class_is_here_or_excused(name, theirs):
    ours, excuses = counterpart(name), excused()
    lost = [
        attribute
        for attribute in dir(theirs)
        if not attribute.startswith("_")
        and not has(ours, attribute)
        and f"{name}.{attribute}" not in excuses
    ]
    assert lost == []


def has(cls: type, attribute: str) -> bool:
    """Tell whether instances have it: by the class, or as annotated."""
    return hasattr(cls, attribute) or any(
        attribute in getattr(base, "__annotations__", ())
        or attribute in base.__init__.__code__.co_names
        for base in cls.__mro__
        if hasattr(base.__init__, "__code__")
    )


def functions() -> list[tuple[str, Any, Any]]:
    """Return the functions and methods that are in both packages."""
    found = []
    for name, theirs in MEMBERS:
        ours = counterpart(name)
        if inspect.isfunction(theirs) and callable(ours):
            found.append((name, theirs, ours))
        if inspect.isclass(theirs) and inspect.isclass(ours):
            found += [
                (f"{name}.{method}", getattr(theirs, method), there)
                for method in dir(theirs)
                if method == "__init__" or not method.startswith("_")
                if callable(there := getattr(ours, method, None))
                and not inspect.isclass(there)
            ]
    return found


def parameters(function: Any) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


def complaint(theirs: Any, ours: Any) -> str:
    """Say which of their parameters are not taken here; "" if all are."""
    wanted, taken = parameters(theirs), parameters(ours)
    named = [
        name
        for name, parameter in wanted.items()
        if name not in ("self", "cls") and parameter.kind not in VARIABLE
    ]
    if (
        not wanted
        or not taken
        or (len(named) == 1 and set(named) <= DECORATED)
    ):
        return ""
    kinds = {parameter.kind for parameter in taken.values()}
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        lost = [name for name in named if name not in taken]
        if lost:
            return f"does not take {', '.join(lost)}"
    more = [
        name
        for name, parameter in taken.items()
        if name not in wanted
        and name not in ("self", "cls")
        and parameter.default is parameter.empty
        and parameter.kind not in VARIABLE
    ]
    if more and not any(p.kind in VARIABLE for p in wanted.values()):
        return f"wants {', '.join(more)} too"
    both = [name for name in named if name in taken]
    if both != [name for name in taken if name in both]:
        return f"takes {', '.join(taken)} in another order"
    return ""


def test_each_function_takes_the_same_or_is_excused():
    excuses = excused()
    complaints = [
        f"{name} {what}"
        for name, theirs, ours in functions()
        if name not in excuses and (what := complaint(theirs, ours))
    ]
    assert complaints == []


def test_no_excuse_is_without_need():
    pairs = {name: (theirs, ours) for name, theirs, ours in functions()}
    needless = []
    for name, state in excused().items():
        if state.startswith(OTHER):
            there = name in pairs and not complaint(*pairs[name])
        else:
            there = found(name) is not None
        needless += [name] if there else []
    assert needless == []


def found(name: str) -> Any:
    """Return what is here under a name of Quart or of a class of its."""
    path, _, last = name.rpartition(".")
    if path.rpartition(".")[2][:1].isupper():
        cls = counterpart(path)
        return last if cls is not None and has(cls, last) else None
    return counterpart(name)
