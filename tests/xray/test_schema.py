"""The vocabulary: every record is of it, and all of it occurs.

``schema.json`` says of each name which letters of ``ph`` it has and which
keys of ``data``, each with its types.  Names and keys may be added; one that
is changed or goes breaks whoever reads traces, and needs another SCHEMA.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from microquart.xray.record import Record
from tests.xray.scenes import Scenes

SCHEMA = json.loads(Path(__file__).with_name("schema.json").read_text())


def shape(value: object) -> str:
    """Return the type of a value as JSON has it, with that of its items."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "str"
        case list():
            shapes = sorted({shape(each) for each in value} - {"list[]"})
            return f"list[{','.join(shapes)}]"
        case dict():
            return "object"
    raise TypeError(f"{value!r} is nothing of JSON's")


def own(record: Record) -> Iterator[tuple[str, object]]:
    """Yield what is of this name: any span may end by an exception."""
    for key, value in record.data.items():
        if record.ph != "E" or key not in {"outcome", "exception"}:
            yield key, value
        else:
            assert isinstance(value, str)


async def test_each_record_is_of_the_vocabulary():
    scenes = Scenes()
    await scenes.play()
    for record in scenes.records:
        told = SCHEMA[record.name]
        assert record.ph in told["ph"], record
        for key, value in own(record):
            shapes = told["data"][key].split("|")
            assert shape(value) in (*shapes, "list[]"), record


async def test_all_of_the_vocabulary_occurs():
    scenes = Scenes()
    await scenes.play()
    seen = {
        (record.name, key)
        for record in scenes.records
        for key in ("", *(key for key, _ in own(record)))
    }
    assert seen == {
        (name, key)
        for name, told in SCHEMA.items()
        for key in ("", *told["data"])
    }


def test_there_are_thirty_eight_names_in_fourteen_layers():
    assert len(SCHEMA) == 38
    assert len({name.partition(".")[0] for name in SCHEMA}) == 14
