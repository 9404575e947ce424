"""What is true of every trace: each byte is told once, each span ends once."""

from collections.abc import Iterable, Iterator

from microquart.xray.record import Record

Key = tuple[str | None, str | None]


def complaints(records: Iterable[Record]) -> list[str]:
    """Say what is wrong with a trace whose connections are all closed.

    Nothing may be redacted in it: the octets are looked at.
    """
    records = list(records)
    return [*of_order(records), *of_spans(records), *of_bytes(records)]


def of_order(records: list[Record]) -> Iterator[str]:
    if [each.seq for each in records] != list(range(len(records))):
        yield "seq has a gap"
    times = [each.t for each in records]
    if times != sorted(times):
        yield "t goes back"


def of_spans(records: list[Record]) -> Iterator[str]:
    begun: dict[int | None, Record] = {}
    for record in records:
        match record.ph:
            case "B":
                if record.span is None or record.span in begun:
                    yield f"{record}: begins again"
                begun[record.span] = record
            case "E":
                first = begun.pop(record.span, None)
                if first is None or first.name != record.name:
                    yield f"{record}: ends what has not begun"
    yield from (f"{record}: never ends" for record in begun.values())


def of_bytes(records: list[Record]) -> Iterator[str]:
    """Every octet of a connection belongs to exactly one event."""
    wire: dict[Key, bytes] = {}
    told: dict[Key, int] = {}
    for record in records:
        if record.layer == "net" and record.raw is not None:
            key = record.conn, record.dir
            wire[key] = wire.get(key, b"") + record.raw
    for record in records:
        if record.bytes is None or record.layer == "net":
            continue
        key = record.conn, record.dir
        offset, size = record.bytes
        if offset != told.get(key, 0):
            yield f"{record}: begins at {offset}, not {told.get(key, 0)}"
        told[key] = offset + size
        octets = wire.get(key, b"")[offset : offset + size]
        if len(octets) < size:
            yield f"{record}: its octets have not passed"
        elif reason := misread(record, octets):
            yield f"{record}: {reason}: {octets[:60]!r}"
    for key, octets in wire.items():
        if told.get(key, 0) != len(octets):
            yield f"{key}: {told.get(key, 0)} of {len(octets)} are told"


def misread(record: Record, octets: bytes) -> str:
    """Say why octets cannot be what a record says of them."""
    data = record.data
    match record.name, data.get("event"):
        case "h1.event", "Request" | "Response" | "InformationalResponse":
            if not octets.endswith(b"\r\n\r\n"):
                return "a head ends in an empty line"
            first = data.get("method") or f"HTTP/1.1 {data['status']}"
            if not octets.lstrip().startswith(str(first).encode()):
                return f"it begins with {first}"
        case "h1.event", "Data":
            if int(str(data["len"])) > len(octets):
                return "content is longer than its octets"
        case "h1.event", "Unknown":
            return "nobody knows what it is"
        case "h2.frame", _:
            if record.dir == "out" and data.get("unreadable"):
                return "we sent it, and it is no frame"
            if data["frame"] != "Rest" and data["len"] != len(octets) - 9:
                return "its length is another"
        case "ws.frame", _:
            if data["size"] != len(octets):
                return "its size is another"
    return ""
