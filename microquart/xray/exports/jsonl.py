"""A trace as JSON Lines: a head, then a record in each line.

Octets are base64. Those of bodies are overwritten, and so only their length
is told, unless the caller wants them.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, replace

from microquart.xray.octets import Octets
from microquart.xray.record import SCHEMA, Record
from microquart.xray.secrecy import Secrets

FIELDS = tuple(field.name for field in fields(Record))


def lines(
    records: Iterable[Record],
    head: Mapping[str, object],
    bodies: bool = False,
) -> Iterator[str]:
    """Yield the lines of a file, each with its end."""
    yield dumped({"xray": SCHEMA, **head})
    kept = records if bodies else lengths(records)
    yield from map(line, kept)


def line(record: Record) -> str:
    """Return one record; what is absent is left out."""
    told = {name: getattr(record, name) for name in FIELDS}
    if record.raw is not None:
        told["raw"] = b64encode(record.raw).decode()
    return dumped(
        {name: value for name, value in told.items() if value is not None}
    )


def dumped(value: Mapping[str, object]) -> str:
    return json.dumps(value, separators=(",", ":"), default=str) + "\n"


class JSONLines:
    """A sink that writes each record as it comes."""

    def __init__(
        self,
        write: Callable[[str], object],
        head: Mapping[str, object],
        bodies: bool = False,
    ) -> None:
        self.write = write
        self.kept = None if bodies else Lengths()
        write(dumped({"xray": SCHEMA, **head}))

    def __call__(self, record: Record) -> None:
        if self.kept is not None:
            record = self.kept.shown(record)
        self.write(line(record))


class Lengths:
    """Takes the bodies out of records, and leaves the heads and lengths."""

    def __init__(self) -> None:
        # The names that are secret were seen to before.
        self.octets = Octets(Secrets(), 0)

    def shown(self, record: Record) -> Record:
        if record.layer == "net":
            return replace(record, raw=self.octets.shown(record))
        return record if record.raw is None else replace(record, raw=None)


def lengths(records: Iterable[Record]) -> Iterator[Record]:
    return map(Lengths().shown, records)


def read(
    lines: Iterable[str],
) -> tuple[dict[str, object], list[Record]]:
    """Return the head and the records of a file.

    Raises:
        ValueError: it is no trace, or one of a newer version.
    """
    rest = iter(lines)
    try:
        head = json.loads(next(rest, ""))
        if not isinstance(head, dict) or "xray" not in head:
            raise ValueError("this is no trace: its first line has no xray")
        if head["xray"] > SCHEMA:
            raise ValueError(f"this trace has version {head['xray']}")
        records = [record_of(line) for line in rest if line.strip()]
    except (KeyError, TypeError) as error:
        raise ValueError(f"this is no trace: {error!r}") from error
    return head, records


def record_of(line: str) -> Record:
    told = json.loads(line)
    if "raw" in told:
        told["raw"] = b64decode(told["raw"])
    if "bytes" in told:
        told["bytes"] = tuple(told["bytes"])
    # A later minor version may say more.
    return Record(**{name: told[name] for name in FIELDS if name in told})
