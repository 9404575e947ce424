"""From an event to the code behind it, and to what the book says of that."""

import re
from pathlib import Path

import pytest

import microquart
from microquart.xray import book
from microquart.xray.listings import listing, of_package
from microquart.xray.places import ASYNCIO, FUNCTIONS, TASKS, place_of
from microquart.xray.record import Record
from microquart.xray.vocabulary import NAMES

PACKAGE = Path(microquart.__file__).parent
# What their records are about stands in them.
TOLD = {"route.match", "route.try", "app.stage", "user.call", "loop.blocked"}


@pytest.mark.parametrize("trio", [False, True])
@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_event_has_its_code(name, trio):
    places = {place_of(name, way, trio) for way in ("", "in", "out")} - {None}
    assert bool(places) is (name not in TOLD)
    for place in places:
        found = listing(place)
        here = found["lines"][found["line"] - found["first"]]
        assert re.match(r" *(async )?def |@", here.strip() + " ")
        assert found["path"].startswith(str(PACKAGE))


def test_both_shells_have_the_same_events():
    assert set(ASYNCIO) == set(TASKS)
    words = {key.split()[0] for key in (*FUNCTIONS, *ASYNCIO)}
    assert words == set(NAMES) - TOLD


def test_what_is_nowhere_has_no_listing():
    for where in ("", "no/such.py:1", "README.md:1", "x.py", "/etc/passwd:1"):
        assert listing(where) is None


def test_a_file_for_others_has_the_package_s_code_alone():
    records = [
        Record(0, 0, "I", "h1.event", dir="in"),
        Record(1, 0, "I", "user.call", src="tests/xray/test_listings.py:1"),
        Record(2, 0, "I", "app.stage", src="microquart/pipeline.py:20"),
    ]
    code = of_package(records)
    assert set(code) == {"h1.event in", "microquart/pipeline.py:20"}
    assert all("path" not in each for each in code.values())


# -- the book --

PAGE = """# 1. A chapter

## First

Of the first.

```{listing} a.py::x
```

```{listing} a.py::y
:from: one
:to: two
```

See [20](20-app.md), {line}`it <a.py::z>` and {line}`a.py::z`.
It goes on.

What follows:

```{trace} GET /
```
"""


def test_a_page_is_taken_apart():
    told = [(each.kind, each.text) for each in book.pieces(PAGE)]
    assert told == [
        ("title", "1. A chapter"),
        ("heading", "First"),
        ("prose", "Of the first."),
        ("listing", "a.py::x"),
        ("listing", "a.py::y"),
        ("prose", "See 20, `it` and `a.py::z`. It goes on."),
        ("prose", "What follows:"),
        ("other", ""),
    ]


def test_what_is_said_of_a_listing_stands_round_it():
    page = [*book.pieces(PAGE)]
    first, second = (book.passage_at(page, at) for at in (3, 4))
    assert first.title == second.title == "1. A chapter · First"
    after = "See 20, `it` and `a.py::z`. It goes on."
    assert first.text == ("Of the first.", after)
    assert second.text == (after,)


def test_of_the_rest_the_words_before_count():
    page = [*book.pieces(PAGE.replace("A chapter", "The rest of a chapter"))]
    assert book.passage_at(page, 3).text == ("Of the first.",)


def test_a_listing_has_lines(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("class A:\n    def x(self):\n        return 1\n\ny = 2\n")
    piece = book.Piece("listing", "")
    assert book.lines_of(file, "A.x", piece) == (2, 3)
    assert book.lines_of(file, "", piece) == (1, 5)
    assert book.lines_of(file, "A.z", piece) is None
    cut = book.Piece("listing", "", "def x", "return")
    assert book.lines_of(file, "A", cut) == (2, 3)
    gone = book.Piece("listing", "", "def x", "no such")
    assert book.lines_of(file, "A", gone) is None


def test_most_of_what_runs_is_in_the_book():
    places = {place_of(name, way) for name in NAMES for way in ("in", "out")}
    told = [bool(listing(place)["book"]) for place in places - {None}]
    assert sum(told) / len(told) > 0.7


def test_code_that_is_not_ours_is_not_in_the_book(tmp_path):
    assert book.passages(tmp_path / "a.py", 1) == []
