"""A trace as an HTTP Archive, version 1.2.

The times are those of the client that HAR thinks of, seen from the server:
``send`` is while the request arrives, ``receive`` while the response leaves.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from importlib.metadata import version
from urllib.parse import parse_qsl, quote

from microquart.xray.record import Record
from microquart.xray.requests import Messages, TracedRequest, requests_of

NOT_KNOWN = -1  # as HAR says it

# What a target may hold as it is; the mark of a secret has other characters.
RESERVED = "%/:?[]@!$&'()*+,;="


def archive(
    records: Sequence[Record],
    head: Mapping[str, object],
    bodies: bool = False,
) -> dict[str, object]:
    """Return the archive as JSON's types.

    With ``bodies``, contents are those of the records: their beginnings.
    """
    accepted = {
        record.conn: record
        for record in records
        if record.name == "net.accept"
    }
    started = moment(head.get("started"))
    return {
        "log": {
            "version": "1.2",
            "creator": {
                "name": "microquart",
                "version": version("microquart"),
            },
            "entries": [
                entry(request, accepted.get(request.conn), started, bodies)
                for request in requests_of(records)
            ],
        }
    }


def entry(
    request: TracedRequest,
    accepted: Record | None,
    started: datetime,
    bodies: bool,
) -> dict[str, object]:
    timings = timings_of(request, accepted)
    told: dict[str, object] = {
        "startedDateTime": at(started, request.began).isoformat(),
        "time": sum(time for time in timings.values() if time > 0),
        "request": asked(request, bodies),
        "response": answered(request, bodies),
        "cache": {},
        "timings": timings,
        "connection": request.conn or "",
        "_xray": request.id,
    }
    if request.kind == "websocket":
        told["_resourceType"] = "websocket"
        told["_webSocketMessages"] = [
            spoken(record, way, started, bodies)
            for record, way in conversation(request)
        ]
    return told


def asked(request: TracedRequest, bodies: bool) -> dict[str, object]:
    fields = dict(request.headers)
    host = fields.get("host") or fields.get(":authority") or "localhost"
    target = quote(request.target, safe=RESERVED)
    told: dict[str, object] = {
        "method": "GET" if request.kind == "websocket" else request.method,
        "url": f"{request.scheme}://{host}{target}",
        "httpVersion": request.protocol,
        "cookies": [],
        "headers": named(request.headers),
        "queryString": named(
            parse_qsl(request.target.partition("?")[2], keep_blank_values=True)
        ),
        "headersSize": NOT_KNOWN,
        "bodySize": request.length("receive"),
    }
    if bodies and request.kind == "http" and told["bodySize"]:
        kind = fields.get("content-type", "")
        content = content_of(request.asgi("receive"))
        told["postData"] = {"mimeType": kind, "text": content}
    return told


def answered(request: TracedRequest, bodies: bool) -> dict[str, object]:
    fields = dict(request.response_headers)
    status = request.status or 0
    size = request.length("send")
    content: dict[str, object] = {
        "size": size,
        "mimeType": fields.get("content-type", ""),
    }
    if bodies and request.kind == "http":
        content["text"] = content_of(request.asgi("send"))
    return {
        "status": status,
        "statusText": phrase(status),
        "httpVersion": request.protocol,
        "cookies": [],
        "headers": named(request.response_headers),
        "content": content,
        "redirectURL": fields.get("location", ""),
        "headersSize": NOT_KNOWN,
        "bodySize": size,
    }


def timings_of(
    request: TracedRequest, accepted: Record | None
) -> dict[str, float]:
    """Return milliseconds."""
    records = request.records
    first, last = records[0].t, records[-1].t
    asked = [record.t for record in records if is_carried(record, "in")]
    said = [record.t for record in records if is_carried(record, "out")]
    heard = max((t for t in asked if not said or t <= said[0]), default=first)
    spoke = max(said[0], heard) if said else last
    end = max(said[-1], spoke) if said else last
    blocked = NOT_KNOWN if accepted is None else (first - accepted.t) / 1e6
    return {
        "blocked": max(blocked, NOT_KNOWN),
        "dns": NOT_KNOWN,
        "connect": NOT_KNOWN,
        "ssl": NOT_KNOWN,
        "send": (heard - first) / 1e6,
        "wait": (spoke - heard) / 1e6,
        "receive": (end - spoke) / 1e6,
    }


def is_carried(record: Record, way: str) -> bool:
    """Tell whether this moved content: on the wire, or else by ASGI."""
    wire = ("net.recv", "net.write", "h1.event", "h2.frame", "ws.frame")
    return record.dir == way and (
        record.name in wire
        or (record.conn is None and record.name.startswith("asgi."))
    )


def conversation(
    request: TracedRequest,
) -> list[tuple[Record, str]]:
    """Return the messages of a WebSocket, as the client sees their way."""
    both = [(record, "send") for record in request.asgi("receive")]
    both += [(record, "receive") for record in request.asgi("send")]
    spoken = ("websocket.receive", "websocket.send")
    return sorted(
        (pair for pair in both if pair[0].data["message"] in spoken),
        key=lambda pair: pair[0].seq,
    )


def spoken(
    record: Record, way: str, started: datetime, bodies: bool
) -> dict[str, object]:
    return {
        "type": way,
        "time": at(started, record.t).timestamp(),
        "opcode": 1 if record.data.get("text") else 2,
        "data": content_of(Messages([record])) if bodies else "",
        "_length": record.data.get("len", 0),
    }


def content_of(messages: Messages) -> str:
    octets = b"".join(record.raw or b"" for record in messages)
    return octets.decode("utf-8", "replace")


def named(pairs: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def moment(started: object) -> datetime:
    """Return when a trace began; without a word about it, 1970."""
    if isinstance(started, str):
        return datetime.fromisoformat(started)
    return datetime.fromtimestamp(0, UTC)


def at(started: datetime, t: int) -> datetime:
    return started + timedelta(microseconds=t / 1000)
