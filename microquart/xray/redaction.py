"""The one door to the sinks: what a trace shows instead of a secret.

Redaction happens once, before any sink: what it has taken out is nowhere.
It looks at names, those of fields and those of keys in URLs and bodies, and
not at values: a secret under a name that nobody has listed is shown.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from microquart.xray.octets import Body, Octets, body_of
from microquart.xray.record import Data, Record
from microquart.xray.secrecy import Harmless, Secrets

# How many octets of each body stay, as a preview.
PREVIEW = 4 * 1024

# The fields that say what a body is.
DESCRIBE = ("content-type", "content-encoding")

# The opcodes of frames that begin a message, and that go on with one.
MESSAGES = ("TEXT", "BINARY", "CONTINUATION")

HARMLESS = frozenset([int, bool, float, type(None)])

MARK = re.compile(r"<redacted \d+ B #[0-9a-f]{4}>")


class Redactor:
    """Changes each record in place.

    ``fields`` and ``keys`` are secret besides FIELDS and KEYS; of each body
    the first ``bodies`` octets stay, or all if it is None. ``salt`` makes
    the marks: with the same one, equal secrets have equal marks.
    """

    def __init__(
        self,
        fields: Iterable[str] = (),
        keys: Iterable[str] = (),
        bodies: int | None = PREVIEW,
        salt: bytes | None = None,
    ) -> None:
        self.secrets = Secrets(fields, keys)
        self.octets = Octets(self.secrets, bodies)
        self.previews = Previews(self.secrets, bodies)
        self.salt = salt or secrets.token_bytes(16)
        self._harmless = Harmless[tuple[str, str]]()

    @property
    def names(self) -> list[str]:
        """What is redacted, as the head of a file tells it."""
        fields = sorted(self.secrets.fields)
        return [*fields, *(f"{key}=" for key in sorted(self.secrets.keys))]

    def record(self, record: Record) -> Record:
        layer = record.name[:3]
        if layer == "net":
            record.raw = self.octets.shown(record)
        elif layer == "asg" or layer == "ws.":
            record.raw = self.previews.shown(record)
        for value in record.data.values():
            if not is_harmless(value):
                record.data = self._object(record.data)
                break
        return record

    def mark(self, value: str) -> str:
        """Return what stands for a secret.

        >>> Redactor(salt=b"0").mark("Bearer abc")
        '<redacted 10 B #d1c6>'

        The four digits are 16 bits of a salted hash: they tell whether two
        secrets of one run are the same, and nothing across runs.
        """
        if MARK.fullmatch(value):
            return value
        octets = value.encode("utf-8", "backslashreplace")
        digest = hashlib.blake2b(octets, key=self.salt, digest_size=2)
        return f"<redacted {len(octets)} B #{digest.hexdigest()}>"

    def text(self, text: str) -> str:
        """Return a text with the secrets of its URLs replaced."""
        if "=" not in text and "@" not in text:
            return text
        shown, at = [], 0
        for start, stop in sorted(self.secrets.in_url(text)):
            if start >= at and start < stop:
                shown += [text[at:start], self.mark(text[start:stop])]
                at = stop
        return "".join([*shown, text[at:]])

    def _object(self, data: Mapping[str, object]) -> Mapping[str, object]:
        if "octets" in data and "name" in data:
            return self._representation(data)
        return {
            key: value if is_harmless(value) else self._value(value)
            for key, value in data.items()
        }

    def _value(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list | tuple):
            return self._items(value)
        return self._object(value) if isinstance(value, dict) else value

    def _items(self, items: Sequence[object]) -> list[object]:
        if len(items) == 2:
            name, value = items
            if isinstance(name, str) and isinstance(value, str):
                # A field, perhaps.
                return [name, self._field(name, value)]
        return [self._value(item) for item in items]

    def _field(self, name: str, value: str) -> str:
        if (name, value) in self._harmless:
            return value
        if self.secrets.is_field(name):
            return self.mark(value)
        shown = self.text(value)
        if shown == value:
            self._harmless.remember((name, value), len(name) + len(value))
        return shown

    def _representation(self, data: Mapping[str, object]) -> dict[str, object]:
        """Redact a field of HPACK, with its octets if it is secret."""
        name, value, octets = map(
            str, (data["name"], data.get("value", ""), data["octets"])
        )
        shown = self._field(name, value)
        if shown != value:
            octets = "-" * len(octets)
        return {**data, "value": shown, "octets": octets}


def is_harmless(value: object) -> bool:
    """Tell, fast, of a value that holds no other and no URL with a secret.

    Most records have only such values.
    """
    if isinstance(value, str):
        return "=" not in value and "@" not in value
    return type(value) in HARMLESS


class Previews:
    """What messages of ASGI and frames of WebSockets carry: its beginning."""

    def __init__(self, secrets: Secrets, bodies: int | None) -> None:
        self.secrets = secrets
        self.bodies = bodies
        self.open: dict[tuple[object, ...], Body] = {}

    def shown(self, record: Record) -> bytes | None:
        data = record.data
        place = (record.conn, record.req, data.get("at"), record.layer)
        if record.name == "asgi.app":
            if record.ph == "B":
                self._begin((*place, "in"), data)
            else:
                self._end(record.req)
        elif data.get("message") == "http.response.start":
            self._begin((*place, "out"), data)
        if record.raw is None:
            return None
        body = self._body((*place, record.dir), record)
        shown = body.feed(record.raw)
        if data.get("len", 0) != len(record.raw):
            body.left = 0  # the tap has cut it off
        return shown

    def _begin(self, key: tuple[object, ...], data: Data) -> None:
        fields: dict[bytes, bytes] = {}
        headers: Any = data.get("headers") or ()  # as the taps have them
        for name, value in headers:
            if name.lower() in DESCRIBE:
                fields[name.lower().encode()] = value.encode()
        self.open[key] = body_of(self.secrets, fields, self.bodies)

    def _end(self, req: str | None) -> None:
        self.open = {
            key: body for key, body in self.open.items() if key[1] != req
        }

    def _body(self, key: tuple[object, ...], record: Record) -> Body:
        """Return the body that this goes on with, or a new one."""
        data = record.data
        opcode = data.get("opcode")
        keep = 0 if data.get("rsv") else self.bodies
        if record.name == "ws.frame" and opcode not in MESSAGES:
            return Body(self.secrets, keep)  # in the middle of a message
        message = str(data.get("message", ""))
        whole = message.startswith("websocket.") or opcode in MESSAGES[:2]
        if whole or key not in self.open:
            self.open[key] = Body(self.secrets, keep)
        return self.open[key]
