"""Which formats there are, each as the octets of a file."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from microquart.xray.exports import (
    har,
    html,
    jsonl,
    mermaid,
    pcap,
    perfetto,
)
from microquart.xray.record import Record

Head: TypeAlias = Mapping[str, object]
Form: TypeAlias = Callable[[Sequence[Record], Head, bool], bytes]


def as_jsonl(records: Sequence[Record], head: Head, bodies: bool) -> bytes:
    return "".join(jsonl.lines(records, head, bodies)).encode()


def as_html(records: Sequence[Record], head: Head, bodies: bool) -> bytes:
    return html.document(records, head, bodies).encode()


def as_har(records: Sequence[Record], head: Head, bodies: bool) -> bytes:
    return json.dumps(har.archive(records, head, bodies), indent=2).encode()


def as_mermaid(records: Sequence[Record], head: Head, bodies: bool) -> bytes:
    return mermaid.diagram(records).encode()


def as_perfetto(records: Sequence[Record], head: Head, bodies: bool) -> bytes:
    return json.dumps(perfetto.timeline(records)).encode()


# By the names of the options of ``microquart trace``; each is called with the
# records, the head, and whether bodies shall be in the file.
FORMS: dict[str, Form] = {
    "jsonl": as_jsonl,
    "html": as_html,
    "har": as_har,
    "mermaid": as_mermaid,
    "perfetto": as_perfetto,
    "pcap": pcap.capture,
}
