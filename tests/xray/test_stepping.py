"""Stop between any two records, forwards and backwards."""

import sys
from functools import partial

import pytest

from microquart import Quart
from microquart.xray.clients import Asked, H1Client, H2Client
from microquart.xray.inprocess import traced
from microquart.xray.redaction import Redactor
from microquart.xray.replay import play, whole
from microquart.xray.stepping import Clock, Stepper
from microquart.xray.vocabulary import Condition
from tests.xray.conversing import make_app, trace_of


@pytest.fixture
def stepping():
    """Return what makes steppers; none goes on after the test."""
    made = []

    def make(client=H1Client, path="/", app=None):
        app = app or make_app()

        def ask(tracer):
            return traced(app, client(Asked("GET", path)), tracer)

        made.append(Stepper(ask, lambda: whole(Redactor())))
        return made[-1]

    yield make
    for each in made:
        each.close()


def all_of(stepper):
    records = []
    while (record := stepper.next()) is not None:
        records.append(record)
    return records


def names(records):
    return [(record.name, record.ph) for record in records]


@pytest.mark.parametrize("client", [H1Client, H2Client])
def test_it_stops_at_each_record(stepping, client):
    records = all_of(stepping(client))
    assert names(records) == names(trace_of(client(Asked("GET", "/"))))


def test_what_is_to_come_has_not_happened(stepping):
    called = []
    app = Quart(__name__)

    @app.get("/")
    async def view():
        called.append("view")
        return ""

    stepper = stepping(app=app)
    stepper.next(Condition("user.call ph=B"))
    assert called == []
    stepper.next()
    assert called == ["view"]


def functions(frame) -> set[str]:
    """Return the names of all functions that a thread is in."""
    names = set()
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    return names


def test_it_stops_inside_of_code_that_never_waits(stepping):
    stepping().next(Condition("net.recv"))
    stacks = map(functions, sys._current_frames().values())
    assert any("data_received" in stack for stack in stacks)


def test_a_view_in_a_thread_is_stopped_too(stepping):
    stepper = stepping(path="/plain")
    record = stepper.next(Condition("user.call ph=E"))
    assert record.data["qualname"] == "plain"
    assert stepper.next() is not None


def test_back_is_everything_anew_and_one_record_less(stepping):
    stepper = stepping(H2Client)
    stepper.next(Condition("h2.frame frame=HEADERS"))
    before = names(stepper.records)
    record = stepper.back()
    assert names(stepper.records) == before[:-1]
    assert record is stepper.records[-1]
    stepper.next()
    assert names(stepper.records) == before


def test_back_can_want_a_record(stepping):
    stepper = stepping()
    stepper.next(Condition("user.call"))
    record = stepper.back(Condition("net"))
    assert record.name == "net.recv"


def test_back_from_the_end_is_the_last_record(stepping):
    stepper = stepping()
    records = all_of(stepper)
    assert stepper.over
    assert names([stepper.back()]) == names(records[-1:])
    assert not stepper.over


def test_nothing_is_before_the_beginning(stepping):
    stepper = stepping()
    stepper.next()
    assert stepper.back() is None
    assert stepper.records == []
    assert stepper.next() is not None


def test_a_recording_is_stepped_through():
    seen = trace_of(H2Client(Asked("GET", "/")))
    replayed = partial(play, seen, make_app())
    stepper = Stepper(replayed, lambda: whole(Redactor()))
    assert names(all_of(stepper)) == names(seen)
    stepper.close()


def test_what_fails_is_said():
    async def fail(tracer):
        raise ZeroDivisionError

    stepper = Stepper(fail, lambda: whole(Redactor()))
    with pytest.raises(ZeroDivisionError):
        stepper.next()
    stepper.close()


def test_the_clock_stands_still_while_it_is_stopped():
    clock = Clock()
    before = clock.time()
    clock.stopped = 1_000_000_000_000
    assert clock.time() < before
    clock.close()


def test_times_are_those_of_what_ran(stepping):
    stepper = stepping()
    records = all_of(stepper)
    assert [each.t for each in records] == sorted(each.t for each in records)


CONDITIONS = [
    ("h2", True),
    ("h2.frame", True),
    ("h2.frame frame=DATA", True),
    ("h2.frame frame=DATA flags=END_STREAM req=r1", True),
    ("h2.frame frame=HEADERS", False),
    ("h2.event", False),
    ("h2.frame conn=c9", False),
    ("h2.frame nothing=here", False),
]


@pytest.mark.parametrize(("text", "holds"), CONDITIONS)
def test_a_condition_asks_for_data_and_place(stepping, text, holds):
    seen = trace_of(H2Client(Asked("GET", "/")))
    record = next(filter(Condition("h2.frame frame=DATA"), seen))
    assert Condition(text)(record) is holds


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("h3", "use net, tls, h1"),
        ("h2.farm", "use h2.preface, h2.frame"),
        ("h2 DATA", "use KEY=VALUE"),
        ("", "use net"),
    ],
)
def test_what_is_no_condition_is_told(text, reason):
    with pytest.raises(ValueError, match=reason):
        Condition(text)
