"""How a field section was said: each representation of HPACK, in its octets.

It has a table of its own for each direction and follows the wire, so it shows
what any decoder must come to (RFC 7541, section 6).
"""

from typing import NamedTuple

from hpack.exceptions import HPACKError
from hpack.hpack import decode_integer
from hpack.table import HeaderTable

from microquart.xray.blocks import representation

_STATIC = 61  # entries of the static table


class Said(NamedTuple):
    """One field line as it was said."""

    octets: bytes
    name: bytes
    value: bytes
    how: str


class Explainer:
    """Reads the field blocks of one direction, in their order."""

    def __init__(self) -> None:
        self.table = HeaderTable()
        self.lost = False  # the table is not known any more

    def explain(self, block: bytes) -> list[Said]:
        """Return the representations, whose octets make up the block.

        After one that cannot be read, the rest is one of an unknown field,
        and so are all later blocks.
        """
        found: list[Said] = []
        at = 0
        while at < len(block):
            said = None if self.lost else self._read(block, at)
            if said is None:
                self.lost = True
                said = Said(block[at:], b"", b"", "unreadable")
            found.append(said)
            at += len(said.octets)
        return found

    def _read(self, block: bytes, at: int) -> Said | None:
        try:
            one = representation(block, at, self.table)
        except (HPACKError, IndexError, ValueError):
            return None
        if one is None or one.end > len(block):
            return None
        how = means(block, at)
        if one.at < one.end:
            size = one.end - one.at
            coded = f"huffman {size}→{len(one.value)} B"
            how += f", {coded if one.huffman else 'plain'}"
        return Said(block[at : one.end], one.name, one.value, how)


def means(block: bytes, at: int) -> str:
    """Say by which means a field is said (RFC 7541, section 6)."""
    first = block[at]
    if first & 0xE0 == 0x20:
        return f"table size {decode_integer(block[at:], 5)[0]}"
    bits, how = 4, "literal"
    if first & 0x80:
        bits, how = 7, "indexed"
    elif first & 0x40:
        bits, how = 6, "literal, indexed"
    elif first & 0x10:
        how = "literal, NEVER indexed"
    index, _ = decode_integer(block[at:], bits)
    if not index:
        return f"{how}, name literal"
    place = "static" if index <= _STATIC else "dynamic"
    name = "" if first & 0x80 else ", name"
    return f"{how}{name} #{index} {place}"
