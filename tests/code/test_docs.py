"""What the documentation shows runs: its blocks, and those of docstrings."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

import microquart

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
# These start a server, or want the real quart out of the way, when imported.
NOT_IMPORTED = {"microquart.__main__"}
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(microquart.__path__, "microquart.")
    if module.name not in NOT_IMPORTED
)


@pytest.mark.parametrize(
    "page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES]
)
def test_the_python_blocks_of_a_page_run(page):
    sybil = Sybil(
        parsers=[PythonCodeBlockParser(), SkipParser()], path=str(ROOT)
    )
    document = sybil.parse(page)
    document.namespace["__name__"] = "page"
    for example in document.examples():
        example.evaluate()


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_docstring_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
