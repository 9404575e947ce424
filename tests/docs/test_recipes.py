"""A recipe is found by the question of who looks for it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPES = sorted(
    path
    for path in (ROOT / "docs" / "how-to").glob("*.md")
    if path.name != "index.md"
)


@pytest.mark.parametrize("path", RECIPES, ids=[path.stem for path in RECIPES])
def test_the_title_of_a_recipe_is_a_question(path):
    title = path.read_text().splitlines()[0]
    assert title.startswith("# … ")
    assert title.endswith("?")
