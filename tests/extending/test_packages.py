"""What the packages may be: small, and made of documented names alone."""

import ast
import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REFERENCE = HERE.parents[1] / "docs" / "reference" / "modules"
PACKAGES = sorted(path.parent for path in HERE.glob("*/pyproject.toml"))
LINES = 80

# Beside these, "words" has microquart.asgi, and "statuses" the exceptions.
ENTRY = re.compile(r"^```\{generated\} names (\S+)((?: \w+)*)$", re.MULTILINE)


def documented() -> dict[str, set[str]]:
    """Return the names of each module that the reference has."""
    names = {
        module: set(dir(import_module(module)))
        for module in ("microquart.asgi", "microquart.exceptions")
    }
    for page in REFERENCE.glob("*.md"):
        for module, some in ENTRY.findall(page.read_text()):
            known = names.setdefault(module, set())
            known |= set(some.split()) or public(module)
    return names


def public(module: str) -> set[str]:
    held = import_module(module)
    own = {
        name
        for name, value in vars(held).items()
        if getattr(value, "__module__", None) == module
    }
    return set(getattr(held, "__all__", own))


def source_of(package: Path) -> str:
    (module,) = package.glob("*.py")
    return module.read_text()


@pytest.fixture(params=PACKAGES, ids=lambda path: path.name)
def package(request):
    return request.param


def test_an_extension_is_one_small_module(package):
    lines = [line for line in source_of(package).split("\n") if line.strip()]
    assert len(lines) <= LINES


def test_an_extension_imports_what_the_reference_has(package):
    known = documented()
    for node in ast.walk(ast.parse(source_of(package))):
        module = getattr(node, "module", None) or ""
        if isinstance(node, ast.ImportFrom) and "microquart" in module:
            assert {each.name for each in node.names} <= known[module]


def test_an_extension_touches_nothing_private(package):
    for node in ast.walk(ast.parse(source_of(package))):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_"):
            own = isinstance(node.value, ast.Name) and node.value.id == "self"
            assert own or node.attr.startswith("__"), node.attr


def test_an_extension_is_a_package_of_its_own(package):
    project = tomllib.loads((package / "pyproject.toml").read_text())
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert included["only-include"] == [
        module.name for module in package.glob("*.py")
    ]
    assert "microquart" in project["project"]["dependencies"]
