"""Every name that the reference shows says what it is for."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import FunctionType, MemberDescriptorType

import pytest

from microquart.protocol import Connection
from microquart.protocol.h1 import H1Connection
from microquart.protocol.stream import Transport

ROOT = Path(__file__).parents[2]
SHOWN = re.compile(r"\{generated\} names (\S+)(.*)")
# What a class obeys without naming it as its base is told at the interface.
INTERFACES: dict[type, tuple[type, ...]] = {
    H1Connection: (Connection, Transport)
}


def names_of(module: str) -> dict[str, object]:
    held = import_module(module)
    own = [
        name
        for name, value in vars(held).items()
        if not name.startswith("_")
        and isinstance(value, type | FunctionType)
        and value.__module__ == module
    ]
    names = getattr(held, "__all__", own)
    return {name: getattr(held, name) for name in names}


def shown() -> Iterator[tuple[str, object]]:
    """Yield the functions and classes of all pages of the reference."""
    for page in sorted((ROOT / "docs" / "reference").rglob("*.md")):
        for module, rest in SHOWN.findall(page.read_text()):
            wanted = rest.split()
            for name, value in names_of(module).items():
                kind = "functions" if inspect.isfunction(value) else name
                if isinstance(value, type | FunctionType) and (
                    not wanted or kind in wanted
                ):
                    yield f"{module}.{name}", value


def members(kind: type) -> Iterator[str]:
    """Yield what a class of ours can do: no plain values, no slots."""
    for owner in kind.__mro__:
        if not owner.__module__.startswith("microquart"):
            continue
        for name, value in vars(owner).items():
            value = inspect.unwrap(getattr(value, "__func__", value))
            if (
                not name.startswith("_")
                and not isinstance(value, type | MemberDescriptorType)
                and (callable(value) or hasattr(value, "__get__"))
            ):
                yield name


def is_told(kind: type, name: str) -> bool:
    """Tell whether a member has a docstring, its own or an inherited one."""
    return any(
        getattr(vars(owner).get(name), "__doc__", None)
        for above in (kind, *INTERFACES.get(kind, ()))
        for owner in above.__mro__
    )


@pytest.mark.parametrize(
    ("name", "value"), [pytest.param(*one, id=one[0]) for one in shown()]
)
def test_a_name_of_the_reference_has_a_docstring(name, value):
    untold = []
    if isinstance(value, type):
        if not vars(value).get("__doc__"):
            untold.append(name)
        for member in dict.fromkeys(members(value)):
            if not is_told(value, member):
                untold.append(f"{name}.{member}")
    elif not value.__doc__:
        untold.append(name)
    assert untold == []


def test_the_class_of_a_name_is_not_its_docstring():
    class Untold:
        @property
        def told(self) -> int:
            """Count."""
            return 1

        def untold(self) -> None: ...

    assert is_told(Untold, "told")
    assert not is_told(Untold, "untold")
