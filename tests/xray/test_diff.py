"""What counts as a difference between two traces, and what does not."""

from dataclasses import replace

import pytest

from microquart import Quart
from microquart.xray.clients import Asked, H1Client, H2Client
from microquart.xray.diff import diff
from microquart.xray.record import Record
from microquart.xray.tracing import trace
from tests.xray.conversing import SECRETS, make_app, trace_of


@pytest.mark.parametrize("client", [H1Client, H2Client])
def test_two_runs_of_the_same_are_the_same(client):
    runs = [trace_of(client(Asked("GET", "/", SECRETS))) for _ in range(2)]
    marks = {str(run.requests[0].headers) for run in runs}
    assert len(marks) == 2  # each has a salt of its own
    assert diff(*runs) == []


SAME = [
    ({"t": 5}, {"t": 9}),
    ({"seq": 5}, {"seq": 9}),
    ({"task": "Task-1"}, {"task": "Task-2"}),
    ({"src": "app.py:7"}, {"src": "app.py:8"}),
    ({"conn": "c1", "req": "r1"}, {"conn": "c7", "req": "r9"}),
    ({"raw": b"a"}, {"raw": None}),
    ({"bytes": (0, 5)}, {"bytes": (7, 5)}),
    (
        {"data": {"client": "127.0.0.1:5"}},
        {"data": {"client": "127.0.0.1:6"}},
    ),
    (
        {"data": {"headers": [["date", "now"]]}},
        {"data": {"headers": [["date", "then"]]}},
    ),
    (
        {"data": {"value": "<redacted 3 B #0a0b>"}},
        {"data": {"value": "<redacted 3 B #0c0d>"}},
    ),
    (
        {"data": {"hpack": [{"name": "date", "value": "a"}], "len": 5}},
        {"data": {"hpack": [{"name": "date", "value": "b"}], "len": 6}},
    ),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_is_another_in_each_run_does_not_count(one, other):
    plain = Record(0, 0, "I", "h2.frame")
    assert diff([replace(plain, **one)], [replace(plain, **other)]) == []


OTHER = [
    ({"name": "h2.event"}, {"name": "h2.frame"}),
    ({"ph": "B"}, {"ph": "E"}),
    ({"stream": 1}, {"stream": 3}),
    ({"dir": "in"}, {"dir": "out"}),
    ({"conn": "c1"}, {"conn": None}),
    ({"data": {"status": 200}}, {"data": {"status": 404}}),
    (
        {"data": {"value": "<redacted 3 B #0a0b>"}},
        {"data": {"value": "<redacted 4 B #0a0b>"}},
    ),
]


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_all_else_counts(one, other):
    plain = Record(0, 0, "I", "h2.frame")
    before, after = replace(plain, **one), replace(plain, **other)
    [difference] = diff([before], [after])
    assert difference.before == before
    assert difference.after == after


def test_what_is_new_shifts_nothing():
    before = [Record(n, n, "I", f"h1.{n}", span=n) for n in range(50)]
    new = Record(0, 0, "I", "h1.error", data={"message": "bad"})
    after = [*before[:20], new, *before[20:]]
    [difference] = diff(before, after)
    assert difference.before is None
    assert str(difference) == "+ -    h1.error       error message=bad"
    assert diff(after, before)[0].after is None


def test_a_span_counts_by_what_it_is_in():
    outer = Record(0, 0, "B", "app.stage", span=1, data={"stage": "a"})
    inner = Record(1, 1, "I", "ctx.push", parent=1)
    other = replace(outer, data={"stage": "b"})
    assert len(diff([outer, inner], [other, inner])) == 2


def test_what_is_in_a_span_that_differs_is_the_same():
    data = {"at": "server", "message": "http.response.body"}
    outer = Record(0, 0, "B", "asgi.send", span=1, data={**data, "len": 5})
    inner = Record(1, 1, "I", "h1.state", parent=1)
    other = replace(outer, data={**data, "len": 6})
    assert len(diff([outer, inner], [other, inner])) == 1


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("headers", [["a", "b"], ["c", "d"]], [["a", "b"], ["c", "e"]]),
        (
            "hpack",
            [{"name": "a", "value": "b"}, {"name": "c", "value": "d"}],
            [{"name": "a", "value": "b"}, {"name": "c", "value": "e"}],
        ),
    ],
)
def test_a_difference_says_which_field_it_is(key, before, after):
    plain = Record(0, 0, "I", "h2.event", data={"event": "X"})
    one, other = (
        replace(plain, data={"event": "X", key: value})
        for value in (before, after)
    )
    [difference] = diff([one], [other])
    assert str(difference).splitlines() == [
        "- -    h2.event       event X  c: d",
        "+ -    h2.event       event X  c: e",
    ]


def test_a_router_that_takes_the_last_match_is_found_out():
    def app_with(first: str, last: str) -> Quart:
        app = Quart(__name__, static_folder=None)
        app.add_url_rule("/", first, lambda: "hello")
        app.add_url_rule("/", last, lambda: "hello")
        return app

    client = H1Client(Asked("GET", "/"))
    found = diff(
        trace_of(client, app_with("a", "b")),
        trace_of(H1Client(Asked("GET", "/")), app_with("b", "a")),
    )
    names = {each.before.name for each in found if each.before}
    assert names == {"route.try", "route.match"}


async def test_it_is_a_function_of_the_trace():
    app = make_app()
    seen = []
    for _ in range(2):
        with trace(app) as t:
            await app.test_client().get("/")
        seen.append(t)
    assert trace.diff(*seen) == []
