"""What the last step has become: the table at the end of the chapter."""

import ast
import importlib
import re
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from tests.steps.program import FOLDER, ROOT, STEPS

PAGE = ROOT / "docs" / "book" / "part-1" / "12-tls.md"
ROW = re.compile(r"^\| `([\w.]+)` \| \{line\}`([\w/.]+)::([\w.]+)` \|", re.M)
ROWS = ROW.findall(PAGE.read_text())
VIEWS = {"hello"}  # the demonstration


@pytest.fixture(scope="module")
def step() -> ModuleType:
    sys.path.insert(0, str(FOLDER))
    try:
        return importlib.import_module(STEPS[-1])
    finally:
        sys.path.remove(str(FOLDER))


def has(owner: object, name: str) -> bool:
    """Tell whether there is something of this name, maybe below a class."""
    for part in name.split("."):
        if not hasattr(owner, part):
            return False
        owner = getattr(owner, part)
    return True


def module_of(path: str) -> ModuleType:
    name = Path("microquart", path).with_suffix("").as_posix()
    return importlib.import_module(
        name.removesuffix("/__init__").replace("/", ".")
    )


@pytest.mark.parametrize(("here", "path", "there"), ROWS)
def test_a_name_of_the_table_is_on_both_sides(step, here, path, there):
    assert has(step, here)
    # What a package exports may be a value in the place of its module.
    assert has(module_of(path), there)


def test_no_class_and_no_function_of_the_last_step_is_missing():
    tree = ast.parse((FOLDER / f"{STEPS[-1]}.py").read_text())
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    names = {node.name for node in tree.body if isinstance(node, kinds)}
    assert names - {here for here, _, _ in ROWS} == VIEWS


def test_each_step_has_its_chapter_and_shows_what_is_new():
    for before, after in pairwise(STEPS):
        number = after[:2]
        [page] = PAGE.parent.glob(f"{number}-*.md")
        text = page.read_text()
        assert f"```{{step-diff}} {before[:2]} {number}\n" in text
