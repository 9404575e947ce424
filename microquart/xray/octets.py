"""The octets of connections, each secret overwritten at the same length.

What is left can still be read as HTTP/1.1, HTTP/2 or WebSocket. Every chunk
is answered at once, so a value that was cut in two is found by what came
before; what cannot be read is overwritten whole.

Each protocol is a generator that takes its octets in the order of its
grammar and yields where it needs the next chunk.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Literal, Protocol, TypeAlias, TypeVar

from hpack.exceptions import HPACKError
from hpack.table import HeaderTable

from microquart.xray.blocks import FILLER, Block
from microquart.xray.record import Record
from microquart.xray.secrecy import Secrets, Span

T = TypeVar("T")
Steps: TypeAlias = Generator[None, None, T]
Direction: TypeAlias = Literal["in", "out"]

# How much of a long body is looked at again when more of it arrives.
OVERLAP = 256
# A line or a value that is longer, in octets, is not followed to its end.
LONGEST = 64 * 1024

# The types of the frames of HTTP/2 that hold what may be secret.
DATA, HEADERS, RESET, PROMISE, CONTINUATION = 0x0, 0x1, 0x3, 0x5, 0x9
END_STREAM, END_HEADERS, PADDED, PRIORITY = 0x1, 0x4, 0x8, 0x20

# Of a WebSocket's frames.
TEXT, BINARY, CLOSE = 1, 2, 8
COMPRESSED, MASKED = 0x40, 0x80


class Content(Protocol):
    """What is carried by something else: a body, or a WebSocket."""

    def feed(self, data: bytes) -> bytes: ...


class Octets:
    """The octets of all connections of a trace.

    Of each body and each message of a WebSocket the first ``bodies`` octets
    stay, or all if it is None.
    """

    def __init__(self, secrets: Secrets, bodies: int | None) -> None:
        self.secrets = secrets
        self.bodies = bodies
        self.talks: dict[str | None, Talk] = {}

    def shown(self, record: Record) -> bytes | None:
        """Return the octets of the next record of a connection."""
        if record.name == "net.close":
            self.talks.pop(record.conn, None)
        if record.raw is None or record.dir is None:
            return None
        talk = self.talks.get(record.conn)
        if talk is None:
            talk = self.talks[record.conn] = Talk(self.secrets, self.bodies)
        return talk.sides[record.dir].take(record.raw, record.bytes)


class Talk:
    """What the two directions of one connection know of each other."""

    def __init__(self, secrets: Secrets, bodies: int | None) -> None:
        self.secrets = secrets
        self.bodies = bodies
        self.methods: deque[bytes] = deque()
        self.upgrading = False  # it is asked for
        self.upgraded = False
        self.websockets: set[int] = set()
        self.sides: dict[Direction, Side] = {
            "in": Requests(self),
            "out": Responses(self),
        }


class Side:
    """One direction of a connection."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.data = b""
        self.output = bytearray()
        self.at = 0
        self.offset = 0
        self.steps = self.messages()

    def take(self, data: bytes, place: tuple[int, int] | None) -> bytes:
        """Return the octets at this place; after a gap nothing is known."""
        if place is not None and place[0] != self.offset:
            self.steps = self._opaque()
        self.offset += len(data)
        return self.feed(data)

    def feed(self, data: bytes) -> bytes:
        self.data, self.output, self.at = data, bytearray(data), 0
        while self.at < len(data):
            try:
                next(self.steps)
            except (ValueError, IndexError, HPACKError):
                self.steps = self._opaque()
        return bytes(self.output)

    def messages(self) -> Steps[None]:
        """Go through HTTP/1.1, and through what follows it."""
        raise NotImplementedError

    # -- how a generator gets its octets --

    def _more(self) -> Steps[None]:
        while self.at == len(self.data):
            yield

    def _exactly(self, length: int) -> Steps[bytes]:
        taken = b""
        while len(taken) < length:
            yield from self._more()
            piece = self.data[self.at : self.at + length - len(taken)]
            self.at += len(piece)
            taken += piece
        return taken

    def _through(
        self, length: float, feed: Callable[[bytes], bytes]
    ) -> Steps[None]:
        """Put so many octets through a function that keeps their number."""
        while length > 0:
            yield from self._more()
            stop = int(min(len(self.data), self.at + length))
            piece = self.data[self.at : stop]
            self.output[self.at : stop] = feed(piece)
            length -= len(piece)
            self.at = stop

    def _opaque(self) -> Steps[None]:
        yield from self._through(float("inf"), blank)

    # -- HTTP/1.1 --

    def _line(self, folded: bool = False) -> Steps[bytes]:
        """Take a line; it is secret if it goes on with one that was."""
        line, plain = b"", True
        while not line.endswith(b"\n"):
            yield from self._more()
            seen, start = len(line), self.at
            self.at = self.data.find(b"\n", start) + 1 or len(self.data)
            line += self.data[start : self.at]
            if len(line) > LONGEST:
                self.at = start
                raise ValueError("an endless line")
            if line in self.talk.secrets.lines:
                continue
            goes_on = line[:1] in (b" ", b"\t")
            if folded and goes_on:
                spans: Iterable[Span] = [(0, len(line.rstrip(b"\r\n")))]
            else:
                spans = self.talk.secrets.in_line(line.decode("latin-1"))
            plain = plain and not goes_on
            for first, stop in spans:
                plain = False
                first = max(first, seen)
                if first < stop:
                    place = slice(first - seen + start, stop - seen + start)
                    self.output[place] = FILLER * (stop - first)
        if plain:
            self.talk.secrets.lines.remember(line, len(line))
        return line

    def _head(self) -> Steps[list[bytes]]:
        """Take a head, or the trailers: lines up to an empty one."""
        lines: list[bytes] = []
        secret = False
        while line := (yield from self._line(folded=secret)).rstrip(b"\r\n"):
            if line[:1] not in (b" ", b"\t"):
                name = line.partition(b":")[0].decode("latin-1")
                secret = self.talk.secrets.is_field(name)
            lines.append(line)
        return lines

    def _body(self, fields: dict[bytes, bytes], length: float) -> Steps[None]:
        body = self._content(fields)
        if b"transfer-encoding" not in fields:
            yield from self._through(length, body.feed)
            return
        while size := int((yield from self._line()).partition(b";")[0], 16):
            yield from self._through(size, body.feed)
            yield from self._line()
        yield from self._head()

    def _content(self, fields: dict[bytes, bytes]) -> "Body":
        return body_of(self.talk.secrets, fields, self.talk.bodies)

    # -- HTTP/2 --

    def frames(self) -> Steps[None]:
        table = HeaderTable()
        block = Block(self.talk.secrets, table)
        contents: dict[int, Content] = {}
        while True:
            head = yield from self._exactly(9)
            length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
            stream = int.from_bytes(head[5:]) & 0x7FFFFFFF
            if kind == DATA:
                body = contents.get(stream) or self._content({})
                yield from self._padded(length, flags, 0, body.feed)
            elif kind in (HEADERS, PROMISE, CONTINUATION):
                yield from self._padded(
                    length,
                    0 if kind == CONTINUATION else flags,
                    before_block(kind, flags),
                    block.feed,
                )
                if flags & END_HEADERS:
                    if stream not in contents:
                        contents[stream] = self._carried(stream, block)
                    block = Block(self.talk.secrets, table)
            else:
                yield from self._exactly(length)
            if kind == RESET or (kind <= HEADERS and flags & END_STREAM):
                contents.pop(stream, None)

    def _padded(
        self,
        length: int,
        flags: int,
        skip: int,
        feed: Callable[[bytes], bytes],
    ) -> Steps[None]:
        padding = 0
        if flags & PADDED:
            padding = (yield from self._exactly(1))[0]
            length -= 1
        length -= skip + padding
        if length < 0:
            raise ValueError("a frame is shorter than its padding")
        yield from self._exactly(skip)
        yield from self._through(length, feed)
        yield from self._exactly(padding)

    def _carried(self, stream: int, block: Block) -> Content:
        """Return what the DATA of a stream is, by the head of the stream."""
        fields = dict(block.fields)
        if fields.get(b":protocol") == b"websocket":
            self.talk.websockets.add(stream)
        if stream in self.talk.websockets:
            return Carried(self.talk)
        return self._content(fields)

    # -- WebSocket --

    def websocket(self) -> Steps[None]:
        body = self._content({})
        while True:
            first, second = yield from self._exactly(2)
            length = second & 0x7F
            if length > 125:
                size = yield from self._exactly(2 if length == 126 else 8)
                length = int.from_bytes(size)
            key = (
                (yield from self._exactly(4)) if second & MASKED else bytes(4)
            )
            opcode = first & 0xF
            content = body
            if opcode:
                keep = 0 if first & COMPRESSED else self.talk.bodies
                content = Body(self.talk.secrets, keep)
            if opcode in (TEXT, BINARY):
                body = content
            if opcode == CLOSE and length:  # the code is no secret
                yield from self._exactly(2)
                key, length = key[2:] + key[:2], length - 2
            yield from self._through(length, Unmasked(content, key).feed)


class Requests(Side):
    def messages(self) -> Steps[None]:
        while True:
            yield from self._more()
            if self.talk.upgraded:
                yield from self.websocket()
            if self.talk.upgrading:  # what comes too early is anything
                yield from self._opaque()
            lines = yield from self._head()
            if lines == [b"PRI * HTTP/2.0"]:
                yield from self._exactly(len(b"SM\r\n\r\n"))
                yield from self.frames()
            if lines:
                self.talk.methods.append(lines[0].partition(b" ")[0])
                fields = by_name(lines[1:])
                self.talk.upgrading = b"upgrade" in fields
                length = int(fields.get(b"content-length", b"0"))
                yield from self._body(fields, length)


class Responses(Side):
    def messages(self) -> Steps[None]:
        yield from self._more()
        if not self.data.startswith(b"H"):  # of "HTTP/1.1 200"
            yield from self.frames()
        while True:
            lines = yield from self._head()
            status = int(lines[0].split(b" ")[1])
            if status == 101:
                self.talk.upgraded = True
                yield from self.websocket()
            if status >= 200:
                self.talk.upgrading = False
                methods = self.talk.methods
                method = methods.popleft() if methods else b""
                if method != b"HEAD" and status not in (204, 304):
                    fields = by_name(lines[1:])
                    told = fields.get(b"content-length", b"inf")
                    yield from self._body(fields, float(told))


class Carried(Side):
    """A WebSocket inside a stream of HTTP/2 (RFC 8441)."""

    def messages(self) -> Steps[None]:
        return self.websocket()


class Body:
    """A body or a message: its beginning, without its secrets."""

    def __init__(
        self, secrets: Secrets, keep: int | None, form: bool = False
    ) -> None:
        self.spans = secrets.in_form if form else secrets.in_text
        self.left = float("inf") if keep is None else keep
        self.seen = ""

    def feed(self, data: bytes) -> bytes:
        kept = data[: int(min(self.left, len(data)))]
        self.left -= len(kept)
        return self._clean(kept) + blank(data[len(kept) :])

    def _clean(self, data: bytes) -> bytes:
        if not data:
            return data
        seen, output = len(self.seen), bytearray(data)
        text = self.seen + data.decode("latin-1")
        open_from = len(text)
        for start, stop in self.spans(text):
            first = max(start - seen, 0)
            if first < stop - seen:
                output[first : stop - seen] = FILLER * (stop - seen - first)
            if stop == len(text):
                open_from = min(open_from, start)
        self.seen = text[max(0, open_from - OVERLAP) :]
        if len(self.seen) > LONGEST:
            self.left = 0
        return bytes(output)


def body_of(
    secrets: Secrets, fields: Mapping[bytes, bytes], keep: int | None
) -> Body:
    """Return the body under these fields; what is coded is not looked into."""
    kind = fields.get(b"content-type", b"").lower()
    form = kind.startswith(b"application/x-www-form-urlencoded")
    if b"content-encoding" in fields or kind.startswith(b"multipart/"):
        keep = 0
    return Body(secrets, keep, form)


class Unmasked:
    """The payload of one frame of a WebSocket, without its masking key."""

    def __init__(self, content: Content, key: bytes) -> None:
        self.content = content
        self.key = key

    def feed(self, data: bytes) -> bytes:
        shown = self._xor(self.content.feed(self._xor(data)))
        turn = len(data) % 4
        self.key = self.key[turn:] + self.key[:turn]
        return shown

    def _xor(self, data: bytes) -> bytes:
        keys = (self.key * (len(data) // 4 + 1))[: len(data)]
        value = int.from_bytes(data) ^ int.from_bytes(keys)
        return value.to_bytes(len(data))


def before_block(kind: int, flags: int) -> int:
    """Return how many octets a frame has before its fragment of a block."""
    if kind == PROMISE:
        return 4
    return 5 if kind == HEADERS and flags & PRIORITY else 0


def blank(data: bytes) -> bytes:
    return FILLER * len(data)


def by_name(lines: list[bytes]) -> dict[bytes, bytes]:
    """Return the fields that frame a body.

    Raises:
        ValueError: the framing is ambiguous; no server may take it.
    """
    fields: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        name, value = name.strip().lower(), value.strip()
        if name == b"content-length" and fields.get(name, value) != value:
            raise ValueError("two lengths")
        fields[name] = value
    if b"transfer-encoding" in fields and b"content-length" in fields:
        raise ValueError("two framings")
    return fields
