"""What a record is, in words."""

from collections.abc import Iterator, Mapping

from microquart.xray.record import Data, Record
from microquart.xray.requests import headers_of

# What is told of a frame of HTTP/2 in other words.
FRAME = ("frame", "stream", "len", "flags", "hpack", "ns")
# How something ended that did not return.
ENDS = ("outcome", "exception")
# What is told in lines of its own, or not at all.
LONG = ("headers", "hpack", "entries", "ns", "args", "settings")
# What needs no name before it.
PLAIN = ("at", "method", "target", "message", "outcome", "stage")
# Octets of a read or a write that are shown.
SHOWN = 44


def sentence(record: Record, begin: Record | None = None) -> str:
    """Say in words what a record is; ``begin`` is of its span."""
    data = record.data
    if begin is not None and record.name in ("user.call", "app.stage"):
        data = {**begin.data, **data}
    match record.name:
        case "net.accept":
            return f"accept {data.get('peer')} alpn={data.get('alpn')}"
        case "net.recv" | "net.write":
            start = record.bytes[0] if record.bytes else "?"
            return f"{data.get('len')} bytes @{start}  {octets(record)}"
        case "asgi.app":
            return said(data, "at", "method", "target", *ENDS)
        case "asgi.receive" | "asgi.send":
            words = said(data, "message", "status", "len", "more_body")
            words = words or record.name.removeprefix("asgi.")
            return f"{words}  (at {data.get('at')})"
        case "app.stage":
            return said(data, "stage", "result", *ENDS)
        case "route.try":
            sign = "✔" if data.get("verdict") == "match" else "✘"
            verb = ",".join(strings(data.get("methods")))
            return f"{sign} {data.get('rule')} {verb}  {data.get('why')}"
        case "user.call":
            call = f"{data.get('kind')} {data.get('qualname')}"
            return f"{call} {said(data, 'result', *ENDS)}".rstrip()
        case "h2.frame":
            flags = "|".join(strings(data.get("flags"))) or "-"
            rest = {k: v for k, v in data.items() if k not in FRAME}
            words = f"{data.get('frame')} stream={record.stream or 0}"
            words += f" len={data.get('len')} flags={flags} {pairs(rest)}"
            return words.rstrip()
        case "h1.event" | "h2.event" | "ws.event":
            rest = {k: v for k, v in data.items() if k != "event"}
            return f"event {data.get('event')} {pairs(rest)}".rstrip()
        case "h1.state" | "h2.stream" | "ws.state":
            return changes(data)
    event = record.name.partition(".")[2]
    return f"{event} {pairs(data)}".rstrip()


def details(record: Record) -> Iterator[str]:
    """Yield the lines below a record: settings and fields."""
    match record.data.get("settings"):
        case Mapping() as settings if settings:
            yield pairs(settings)
    match record.data.get("hpack"):
        case [*fields]:
            for field in fields:
                if isinstance(field, Mapping):
                    yield (
                        f"{field.get('octets'):<28} {field.get('name')}: "
                        f"{field.get('value')}   ({field.get('how')})"
                    )
    if record.name in ("h1.event", "h2.event"):
        for name, value in headers_of(record):
            yield f"{name}: {value}"


def pairs(data: Data) -> str:
    return " ".join(
        f"{key}={value}"
        for key, value in data.items()
        if key not in LONG and value not in (None, "")
    )


def said(data: Data, *keys: str) -> str:
    return " ".join(
        str(data[key]) if key in PLAIN else f"{key}={data[key]}"
        for key in keys
        if data.get(key) is not None
    )


def changes(data: Data) -> str:
    """Say each ``[from, to]`` with an arrow."""
    words = []
    for key, value in data.items():
        match value:
            case [before, after]:
                words.append(f"{key} {before} → {after}")
    return ", ".join(words)


def strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def octets(record: Record) -> str:
    if record.raw is None:
        return ""
    more = "…" if len(record.raw) > SHOWN else ""
    return f"{record.raw[:SHOWN]!r}{more}"
