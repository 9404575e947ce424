"""Two traces, and what differs: not when it was, nor on which port.

Numbers of connections and requests are those of their order; the task, the
line of the source, and where octets lie in their stream do not count.  What
was redacted is the same if it is as long.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest

from microquart.xray.record import Record
from microquart.xray.sentences import sentence

# What another run says otherwise, by the layer.
VOLATILE = {
    "net": ("len", "write_buffer"),  # how octets were gathered
    "timer": ("seconds",),
    "loop": ("ms",),
}
ADDRESSES = ("client", "peer")
# By which a span is known.
IDENTITY = ("at", "stage", "kind", "qualname")

MARK = re.compile(r"(<redacted \d+ B) #[0-9a-f]{4}>")
PORT = re.compile(r":\d+$")


@dataclass(frozen=True)
class Difference:
    """A record that one trace has, or two that stand at the same place."""

    before: Record | None
    after: Record | None

    def __str__(self) -> str:
        pair = ("-", self.before), ("+", self.after)
        words = {
            sign: f"{place(record)} {sentence(record)}".rstrip()
            for sign, record in pair
            if record is not None
        }
        if words.get("-") == words.get("+"):
            for sign, record in pair:
                words[sign] += f"  {self._rest(record)}"
        return "\n".join(f"{sign} {said}" for sign, said in words.items())

    def _rest(self, record: Record | None) -> str:
        """Say what the one has and the other has not."""
        both = [items(each) for each in (self.before, self.after)]
        own = items(record)
        return ", ".join(
            item for item in own if not all(item in each for each in both)
        )


def items(record: Record | None) -> list[str]:
    """Return the data of a record in pieces, each field for itself."""
    if record is None:
        return []
    pieces = []
    for key, value in record.data.items():
        fields = value if key in ("headers", "hpack") else None
        if isinstance(fields, list):
            pieces += [": ".join(field_of(each)) for each in fields]
        else:
            pieces.append(f"{key}={value}")
    return pieces


def field_of(field: object) -> tuple[str, str]:
    match field:
        case [str(name), str(value)]:
            return name, value
        case {"name": str(name), "value": str(value)}:
            return name, value
    return "", str(field)


def place(record: Record) -> str:
    """Say where something happened, and whether it begins or ends."""
    where = record.req or record.conn or "-"
    brace = {"B": "{", "E": "}"}.get(record.ph, "")
    return f"{where:<4} {record.name:<12}{brace:>2}"


def diff(a: Sequence[Record], b: Sequence[Record]) -> list[Difference]:
    """Return what has to change in ``a`` to be ``b``, in order."""
    keys = keys_of(a), keys_of(b)
    start, stop = same_ends(*keys)
    left, right = a[start : len(a) - stop], b[start : len(b) - stop]
    matcher = SequenceMatcher(
        None,
        keys[0][start : len(a) - stop],
        keys[1][start : len(b) - stop],
        autojunk=False,
    )
    return [
        Difference(before, after)
        for tag, i, j, k, m in matcher.get_opcodes()
        if tag != "equal"
        for before, after in zip_longest(left[i:j], right[k:m])
    ]


def same_ends(a: Sequence[str], b: Sequence[str]) -> tuple[int, int]:
    """Return how many are equal from the start, and then from the end."""
    most = min(len(a), len(b))
    start = next((n for n in range(most) if a[n] != b[n]), most)
    most -= start
    stop = next((n for n in range(most) if a[-1 - n] != b[-1 - n]), most)
    return start, stop


# -- what is compared --


def keys_of(records: Sequence[Record]) -> list[str]:
    """Return a text for each record that is equal for what is equal."""
    numbers: dict[str, dict[str, int]] = {"conn": {}, "req": {}}
    begun: dict[int, str] = {}
    keys = []
    for record in records:
        own = words_of(record)
        conn = number(numbers["conn"], record.conn)
        req = number(numbers["req"], record.req)
        if record.ph == "B" and record.span is not None:
            begun[record.span] = identity(record)
        parent = begun.get(record.parent or -1, "")
        where = (record.ph, conn, req, record.stream, record.dir)
        keys.append(json.dumps([where, parent, own], default=str))
    return keys


def identity(record: Record) -> str:
    """Return which span it is: whatever differs in it, that in it is the
    same."""
    told = [record.data.get(key) for key in IDENTITY]
    return " ".join(map(str, [record.name, *told]))


def number(known: dict[str, int], name: str | None) -> int | None:
    return None if name is None else known.setdefault(name, len(known))


def words_of(record: Record) -> str:
    skip = VOLATILE.get(record.layer, ())
    data = {
        key: PORT.sub("", str(value)) if key in ADDRESSES else value
        for key, value in record.data.items()
        if key not in skip
    }
    if says_date(data.get("hpack")):  # Huffman's code may be shorter
        del data["len"]
    text = json.dumps(plain(data), sort_keys=True, default=str)
    return record.name + " " + MARK.sub(r"\1>", text)


def plain(value: object) -> object:
    """Return a value without what it says of dates."""
    match value:
        case [str("date"), str()]:
            return ["date"]
        case Mapping() if value.get("name") == "date":
            return {"name": "date", "how": value.get("how")}
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
    return value


def says_date(hpack: object) -> bool:
    return any(name == "date" for name in names_in(hpack))


def names_in(hpack: object) -> Iterator[object]:
    match hpack:
        case [*fields]:
            for field in fields:
                if isinstance(field, Mapping):
                    yield field.get("name")
