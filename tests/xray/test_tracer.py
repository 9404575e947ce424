"""The tracer: numbers, times, what is current, and what is kept."""

import gc
import threading

import anyio
import pytest

from microquart.xray.record import Record
from microquart.xray.tasks import Tasks
from microquart.xray.tracer import Place, Ring, Span, Tracer


@pytest.fixture
def tracer():
    return Tracer(None)


def test_records_are_numbered_without_a_gap(tracer):
    threads = [
        threading.Thread(
            target=lambda: [tracer.emit("x.y") for _ in range(50)]
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = tracer.records
    assert [each.seq for each in records] == list(range(200))
    assert [each.t for each in records] == sorted(each.t for each in records)


def test_a_span_is_the_parent_of_what_happens_in_it(tracer):
    with tracer.span("outer", {}):
        tracer.emit("inside")
        with tracer.span("inner", {}):
            pass
    begin, inside, inner, _, end = tracer.records
    assert (begin.ph, end.ph) == ("B", "E")
    assert begin.span == end.span
    assert inside.parent == inner.parent == begin.span
    assert begin.parent is None


def test_a_span_says_how_it_ended(tracer):
    with pytest.raises(LookupError), tracer.span("x.y", {}):
        raise LookupError
    end = tracer.records[-1]
    assert end.data == {"outcome": "exception", "exception": "LookupError"}


async def test_a_span_that_is_cancelled_says_so(tracer):
    with anyio.CancelScope() as scope:
        with tracer.span("x.y", {}):
            scope.cancel()
            await anyio.sleep(1)
    assert tracer.records[-1].data == {"outcome": "cancelled"}


def test_what_belongs_to_another_request_has_no_parent_here(tracer):
    with tracer.span("x.y", {}, at=Place("c1", "r1")):
        tracer.emit("its.own")
        tracer.emit("another", at=Place("c1", "r2"))
    _, own, another, _ = tracer.records
    assert own.parent is not None
    assert (own.conn, own.req) == ("c1", "r1")
    assert (another.req, another.parent) == ("r2", None)


def test_a_span_that_ends_elsewhere_disturbs_nobody(tracer):
    span = Span(tracer, "x.y", {}).begin()
    thread = threading.Thread(target=span.end)
    thread.start()
    thread.join()
    span.end()
    assert [each.ph for each in tracer.records] == ["B", "E"]


def test_the_redactor_is_asked_once_before_every_sink():
    class Hiding:
        names = ("secret",)

        def record(self, record: Record) -> Record:
            record.data = {"hidden": True}
            return record

    seen = []
    tracer = Tracer(Hiding(), [seen.append])
    tracer.emit("x.y", data={"secret": "s"})
    assert [each.data for each in seen] == [{"hidden": True}]
    assert tracer.records == seen
    assert tracer.head()["redaction"] == ("secret",)


# -- the ring --


def kept(ring: Ring) -> list[str | None]:
    return [record.req for record in ring.records]


def record(seq: int, req: str | None, raw: bytes = b"") -> Record:
    return Record(seq, seq, "I", "x.y", req=req, raw=raw)


def test_the_oldest_request_goes_first_and_as_a_whole():
    ring = Ring(max_requests=2)
    for seq, req in enumerate([None, "r1", "r2", "r1", None, "r2", "r3"]):
        ring.append(record(seq, req))
    assert kept(ring) == ["r2", None, "r2", "r3"]


def test_what_is_kept_has_a_size():
    ring = Ring(max_bytes=10_000)
    for seq in range(20):
        ring.append(record(seq, f"r{seq}", bytes(1000)))
    assert ring.size <= 10_000
    assert kept(ring)[-1] == "r19"
    assert "r0" not in kept(ring)


def test_connections_without_requests_go_too():
    ring = Ring(max_bytes=10_000)
    for seq in range(20):
        ring.append(record(seq, None, bytes(1000)))
    assert ring.size <= 10_000
    assert ring.records[-1].seq == 19


def test_a_request_without_an_end_keeps_what_is_newest():
    ring = Ring(max_bytes=20_000)
    for seq in range(100):
        ring.append(record(seq, "r1" if seq % 3 else None, bytes(1000)))
    seqs = [each.seq for each in ring.records]
    assert ring.size <= 20_000
    assert seqs == list(range(seqs[0], 100))
    assert ring.size == 1800 * len(seqs)
    for seq in range(100, 112):
        ring.append(record(seq, "r2", bytes(1000)))
    assert ring.size == 1800 * len(ring.records)


# -- tasks --


async def test_a_task_is_called_what_a_tap_calls_it_until_it_is_gone():
    tasks = Tasks()

    async def call() -> None:
        tasks.call("call r1")
        names.append(tasks.name())

    names = [tasks.name()]
    async with anyio.create_task_group() as group:
        group.start_soon(call)
    names.append(tasks.name())
    assert names[1] == "call r1"
    assert names[0] == names[2] != "call r1"
    gc.collect()
    assert not tasks._known


def test_a_thread_has_its_name():
    names = []
    thread = threading.Thread(
        target=lambda: names.append(Tasks().name()), name="worker"
    )
    thread.start()
    thread.join()
    assert names == ["worker"]
