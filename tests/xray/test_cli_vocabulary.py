"""The words of a trace are the same in the code, the schema and the page."""

import json
import re
from pathlib import Path

import pytest

from microquart.xray.vocabulary import LAYERS, NAMES, known

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads(Path(__file__).with_name("schema.json").read_text())
PAGE = ROOT / "docs" / "reference" / "xray.md"

ROW = re.compile(r"\| `(\w+\.\w+)` \| ([BEI ]+) \| (.*?) \| (.*) \|")


def test_the_vocabulary_is_that_of_the_schema():
    assert set(NAMES) == set(SCHEMA)
    assert len(LAYERS) == 14


def test_the_page_is_the_vocabulary():
    rows = ROW.findall(PAGE.read_text())
    told = {
        name: {
            "ph": letters.replace(" ", ""),
            "data": re.findall("`(.*?)`", data),
        }
        for name, letters, data, _ in rows
    }
    assert told == {
        name: {"ph": row["ph"], "data": list(row["data"])}
        for name, row in SCHEMA.items()
    }
    assert {name: words for name, _, _, words in rows} == NAMES


@pytest.mark.parametrize("word", ["h2", "h2.frame", "user.call"])
def test_layers_and_names_are_known(word):
    assert known(word) == word
