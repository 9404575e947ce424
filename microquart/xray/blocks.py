"""A block of HPACK with what is secret overwritten (RFC 7541).

A value that is replaced has as many characters and as many octets as before,
so that every reader's dynamic table stays what it was.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from hpack.exceptions import HPACKDecodingError
from hpack.hpack import decode_integer
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from hpack.table import HeaderTable

from microquart.xray.secrecy import Secrets, Span

FILLER = b"*"

# A character for each length of a Huffman code, in bits.
STAND_INS = {REQUEST_CODES_LENGTH[code]: code for code in range(256)}
STAND_INS |= {5: ord("0"), 6: ord("-"), 7: ord(":"), 8: ord("*")}

HUFFMAN = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


@dataclass(slots=True)
class Representation:
    """One field of a block; it is cut off if its end is beyond the block."""

    name: bytes
    value: bytes
    end: int
    at: int
    """Where the octets of a literal value begin; else the end."""
    huffman: bool = False


class Block:
    """One block of fields, as its fragments arrive."""

    def __init__(self, secrets: Secrets, table: HeaderTable) -> None:
        self.secrets = secrets
        self.table = table
        self.fields: list[tuple[bytes, bytes]] = []
        self.rest = b""

    def feed(self, piece: bytes) -> bytes:
        seen = len(self.rest)
        block = self.rest + piece
        shown, at = bytearray(block), 0
        while at < len(block):
            field = representation(block, at, self.table)
            if field is None:
                break
            self._hide(shown, field, whole=at >= seen)
            if field.end > len(block):
                break
            self.fields.append((field.name, field.value))
            at = field.end
        self.rest = block[at:]
        return bytes(shown[seen:])

    def _hide(
        self, shown: bytearray, field: Representation, whole: bool
    ) -> None:
        start, end = field.at, field.end
        if not whole or end > len(shown):  # it may be secret: nobody can say
            filled = filler(end - start, field.huffman)
            shown[start:end] = filled[: len(shown) - start]
        elif start < end and (spans := list(self._spans(field))):
            new = overwritten(field.value, spans, field.huffman)
            shown[start:end] = HUFFMAN.encode(new) if field.huffman else new

    def _spans(self, field: Representation) -> Iterable[Span]:
        if self.secrets.is_field(field.name.decode("latin-1")):
            return [(0, len(field.value))]
        return self.secrets.in_url(field.value.decode("latin-1"))


def representation(
    block: bytes, at: int, table: HeaderTable
) -> Representation | None:
    """Read what begins here, and enter it in the table.

    None: it is cut off before its value.
    """
    first = block[at]
    if first & 0x80:
        index, at = integer(block, at, 7)
        if at > len(block):
            return None
        return Representation(*table.get_by_index(index), at, at)
    if first & 0xE0 == 0x20:
        size, at = integer(block, at, 5)
        if at <= len(block):
            table.maxsize = size
        return Representation(b"", b"", at, at)
    index, at = integer(block, at, 6 if first & 0x40 else 4)
    if index:
        name = table.get_by_index(index)[0]
    else:
        start, at, huffman = string(block, at)
        name = text(block, start, at, huffman)
    if at >= len(block):
        return None
    start, end, huffman = string(block, at)
    if start > len(block):
        return None
    value = text(block, start, end, huffman)
    if end <= len(block) and first & 0x40:
        table.add(name, value)
    return Representation(name, value, end, start, huffman)


def integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    """Return a number and where it ends: beyond the block if cut off."""
    if at >= len(block):
        return 0, len(block) + 1
    try:
        number, length = decode_integer(block[at : at + 8], bits)
    except HPACKDecodingError:
        if len(block) - at >= 8:
            raise
        return 0, len(block) + 1
    return number, at + length


def string(block: bytes, at: int) -> tuple[int, int, bool]:
    """Return where the octets of a string begin and end; is it Huffman's?"""
    huffman = at < len(block) and block[at] & 0x80 > 0
    length, start = integer(block, at, 7)
    return start, start + length, huffman


def text(block: bytes, start: int, end: int, huffman: bool) -> bytes:
    octets = block[start:end]
    if not huffman or end > len(block):
        return octets
    return decode_huffman(octets)


def overwritten(value: bytes, spans: Iterable[Span], huffman: bool) -> bytes:
    shown = bytearray(value)
    for start, stop in spans:
        secret = value[start:stop]
        shown[start:stop] = (
            as_long(secret) if huffman else FILLER * len(secret)
        )
    return bytes(shown)


def as_long(secret: bytes) -> bytes:
    """Return as many characters whose codes have as many bits in sum."""
    if not secret:
        return secret
    lengths = [REQUEST_CODES_LENGTH[octet] for octet in secret]
    each, more = divmod(sum(lengths), len(lengths))
    if each < 8 or (each == 8 and not more):
        shorter = len(lengths) - more
        lengths = [each] * shorter + [each + 1] * more
    return bytes(STAND_INS[length] for length in sorted(lengths))


def filler(length: int, huffman: bool) -> bytes:
    """Return octets for a string of which nothing more is known.

    For Huffman's code zeros, which are so many times the character ``0``,
    and at the end the ones that fill the last octet.
    """
    if not huffman:
        return FILLER * length
    ones = (1 << 8 * length % 5) - 1
    return ones.to_bytes(length) if length else b""
