"""One record: something that happened to one connection or one request."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Data: TypeAlias = Mapping[str, object]
Octets: TypeAlias = bytes  # a field of Record has the name of the type

# Version of the vocabulary below; it only grows within a version.
SCHEMA = 1


@dataclass(slots=True)
class Record:
    """What one tap saw.

    ``seq`` counts from 0 without a gap; ``t`` is nanoseconds since the
    trace began, by a clock that never goes back.  ``ph`` is ``B`` where
    something begins, ``E`` where it ends (then ``span`` is the same) and
    ``I`` for what has no length, as in the format of Chrome's traces.
    """

    seq: int
    t: int
    ph: Literal["B", "E", "I"]
    name: str
    """``layer.event``: ``h2.frame``, ``route.try``."""

    conn: str | None = None
    """The connection, ``c3``; none for what happens outside of one."""
    stream: int | None = None
    """The stream of HTTP/2."""
    req: str | None = None
    """The request or the WebSocket, ``r7``."""
    span: int | None = None
    parent: int | None = None
    dir: Literal["in", "out"] | None = None
    bytes: tuple[int, int] | None = None
    """Offset and length in this connection and direction."""
    src: str | None = None
    """``file:line`` of the code that it is about."""
    task: str | None = None
    """The task or thread, ``call r7``; none in a callback of the loop."""
    data: Data = field(default_factory=dict[str, object])
    """What the vocabulary says of this name; JSON's types only."""
    raw: Octets | None = None
    """Redacted octets of ``net.recv`` and ``net.write``; in memory only."""

    @property
    def layer(self) -> str:
        return self.name.partition(".")[0]
