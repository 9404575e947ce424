"""What the documentation shows runs: its blocks, and those of docstrings."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import microquart
from tests.docs.blocks import Count, Page

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
# These start a server, or want the real quart out of the way, when imported.
NOT_IMPORTED = {"microquart.__main__"}
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(microquart.__path__, "microquart.")
    if module.name not in NOT_IMPORTED
)
MOST_SKIPPED = 3  # percent of the blocks


@pytest.mark.parametrize(
    "page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES]
)
def test_the_blocks_of_a_page_run(page, tmp_path, monkeypatch, count):
    monkeypatch.chdir(tmp_path)
    Page(tmp_path, count).run(page)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_docstring_run(name, count):
    module = importlib.import_module(name)
    found = doctest.DocTestFinder(exclude_empty=True).find(module)
    count.ran += sum(bool(test.examples) for test in found)
    assert doctest.testmod(module).failed == 0


def test_few_blocks_are_skipped(count: Count, request):
    if count.all < len(PAGES):
        pytest.skip("only some pages were run")
    assert len(count.skipped) <= count.all * MOST_SKIPPED / 100
