"""Header compression (RFC 7541): hpack, with a memory.

hpack looks at each field, each time.  But while a table has not changed, the
same fields make the same block, and the same block means the same fields: a
client that asks again, a server that answers as before.  Such blocks are kept
with the state of the table for which they were true.
"""

from collections.abc import Iterable
from typing import TypeAlias

import hpack
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from hpack.table import HeaderTable

# How many blocks are kept, and up to which size in bytes.
_BLOCKS = 32
_BLOCK_SIZE = 512

# What h2 is not to see of a head: it would end the connection over them.
_HIDDEN = frozenset([b"content-length", b":status"])


# What hpack takes; h2 gives it a list of pairs of bytes.
_Headers: TypeAlias = (
    Iterable[
        hpack.HeaderTuple
        | tuple[bytes | str, bytes | str]
        | tuple[bytes | str, bytes | str, bool | None]
    ]
    | dict[bytes | str, bytes | str]
)


class CompressionError(ProtocolError):
    """A block that cannot be decoded: the tables differ from here on."""

    error_code = ErrorCodes.COMPRESSION_ERROR  # RFC 9113, 4.3


class TableState:
    """What a table was like.  It grows at one end and shrinks at the other."""

    __slots__ = ("_newest", "_size")

    def __init__(self, table: HeaderTable) -> None:
        entries = table.dynamic_entries
        self._newest = entries[0] if entries else None
        self._size = len(entries)

    def holds(self, table: HeaderTable) -> bool:
        """Return whether it is still so; equal entries may be others."""
        entries = table.dynamic_entries
        return len(entries) == self._size and (
            not entries or entries[0] is self._newest
        )


class Decoder(hpack.Decoder):
    """Field sections: ``fields`` has the last one as a whole.

    A list of more than ``size`` bytes ends the connection with
    ENHANCE_YOUR_CALM, since the rest of it is not decoded.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.fields: list[hpack.HeaderTuple] = []
        self._known: dict[
            bytes,
            tuple[
                TableState, list[hpack.HeaderTuple], list[hpack.HeaderTuple]
            ],
        ] = {}

    def decode(
        self, data: bytes, raw: bool = False
    ) -> list[hpack.HeaderTuple]:
        """Return what h2 is to see of a field section."""
        known = self._known.get(data)
        if known is not None and known[0].holds(self.header_table):
            self.fields = known[1]
            return known[2]
        state = TableState(self.header_table)
        try:
            self.fields = list(super().decode(data, raw=True))
        except hpack.OversizedHeaderListError:
            raise
        except (hpack.HPACKError, IndexError) as error:
            raise CompressionError(str(error)) from error
        seen = [line for line in self.fields if line[0] not in _HIDDEN]
        if len(data) <= _BLOCK_SIZE and state.holds(self.header_table):
            if len(self._known) >= _BLOCKS:
                self._known.clear()
            self._known[data] = state, self.fields, seen
        return seen


class Encoder(hpack.Encoder):
    """Field sections of ours, given as a list of pairs of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[object, tuple[TableState, bytes]] = {}

    def encode(self, headers: _Headers, huffman: bool = True) -> bytes:
        """Return the block for a field section."""
        if isinstance(headers, dict):
            return super().encode(headers, huffman)
        fields = tuple(headers)
        table = self.header_table
        known = self._known.get(fields)
        if known is not None and known[0].holds(table) and not table.resized:
            return known[1]
        state = TableState(table)
        block = super().encode(fields, huffman)
        if len(block) <= _BLOCK_SIZE and state.holds(table):
            if len(self._known) >= _BLOCKS:
                self._known.clear()
            self._known[fields] = state, block
        return block
