"""What a WebSocket message may grow to, compressed or not.

wsproto has no limit of its own: of a message, of its fragments, of what a
frame announces, of what 16 kB inflate to.  For each of them its extensions
have a hook.  ``MessageLimit`` counts what comes out of ``Deflate``, which is
permessage-deflate (RFC 7692) that inflates no more than is allowed.
"""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from wsproto.extensions import Extension
from wsproto.frame_protocol import (
    CloseReason,
    FrameDecoder,
    FrameProtocol,
    Opcode,
    RsvBits,
)

from microquart.protocol.limits import Limits

Decoder: TypeAlias = FrameDecoder | FrameProtocol

# The window in which repetitions are found has 2**12 bytes.  With the 2**15
# that are allowed each connection would hold 300 kB for it, so it is 50.
_WINDOW_BITS = 12
_MEMORY_LEVEL = 5

# Of a fragment.  Larger ones are limited by the size of their message: a
# limit of their number, too, would refuse 4 MB in pieces of 64 bytes.
_SMALL = 64

_TAIL = b"\x00\x00\xff\xff"  # RFC 7692 7.2.1: it ends what is not sent
_PARAMETER = re.compile(r'([a-z_]+)(?:\s*=\s*("?)(\w+)\2)?').fullmatch
_SIZES = {str(bits) for bits in range(9, 16)}
# What each parameter of an offer may be (RFC 7692, section 7.1); None: it
# has no value.  zlib cannot deflate in a window of 2**8.
_VALUES: dict[str, set[str | None]] = {
    "server_no_context_takeover": {None},
    "client_no_context_takeover": {None},
    "server_max_window_bits": {*_SIZES},
    "client_max_window_bits": {*_SIZES, "8", None},
}


class MessageLimit(Extension):
    """Refuses a message that is too large, as soon as that can be told."""

    name = "limit"  # it is never offered

    def __init__(self, limits: Limits) -> None:
        self._size = limits.ws_max_message_size
        self._fragments = limits.ws_max_fragments
        self._in_message = False  # the frame at hand is no control frame
        self._surplus = 0
        self._count = 0  # small fragments so far
        self.left = self._size  # bytes by which the message may still grow

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool | str:
        return False

    def frame_inbound_header(
        self, proto: Decoder, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        self._in_message = not opcode.iscontrol()
        if self._in_message:
            if opcode is not Opcode.CONTINUATION:
                # Deflate makes random data a little longer.
                self._surplus = self._size // 1000 + 64 if rsv.rsv1 else 0
            if payload_length < _SMALL:
                self._count += 1
            if (
                payload_length > self.left + self._surplus
                or self._count > self._fragments
            ):
                return CloseReason.MESSAGE_TOO_BIG
        return RsvBits(False, False, False)

    def frame_inbound_payload_data(
        self, proto: Decoder, data: bytes
    ) -> bytes | CloseReason:
        return self.count(data) if self._in_message else data

    def frame_inbound_complete(
        self, proto: Decoder, fin: bool
    ) -> bytes | CloseReason | None:
        if fin and self._in_message:
            self.left = self._size
            self._count = 0
        return None

    def count(self, data: bytes) -> bytes | CloseReason:
        """Return the data, if the message may have them."""
        self.left -= len(data)
        return data if self.left >= 0 else CloseReason.MESSAGE_TOO_BIG


@dataclass(frozen=True, slots=True)
class Parameters:
    """What both sides have agreed on (RFC 7692, section 7.1)."""

    server_no_context_takeover: bool = False
    client_no_context_takeover: bool = False
    server_max_window_bits: int = _WINDOW_BITS
    client_max_window_bits: int | None = None  # it cannot be asked for less

    def __str__(self) -> str:
        parts = ["permessage-deflate"]
        if self.server_no_context_takeover:
            parts.append("server_no_context_takeover")
        if self.client_no_context_takeover:
            parts.append("client_no_context_takeover")
        parts.append(f"server_max_window_bits={self.server_max_window_bits}")
        if self.client_max_window_bits is not None:
            parts.append(
                f"client_max_window_bits={self.client_max_window_bits}"
            )
        return "; ".join(parts)


class Deflate(Extension):
    """permessage-deflate that inflates no more than a message may have."""

    name = "permessage-deflate"

    def __init__(self, limit: MessageLimit, parameters: Parameters) -> None:
        self._limit = limit
        self._parameters = parameters
        self._inflater: zlib._Decompress | None = None
        self._deflater: zlib._Compress | None = None
        self._compressed = False  # the message at hand
        self._in_message = False  # the frame at hand is no control frame

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool | str:
        return str(self._parameters)

    # -- what comes --

    def frame_inbound_header(
        self, proto: Decoder, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        self._in_message = not opcode.iscontrol()
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            self._compressed = rsv.rsv1
            if rsv.rsv1 and self._inflater is None:
                # zlib cannot do with 2**8; what is larger than agreed works.
                bits = self._parameters.client_max_window_bits or 15
                self._inflater = zlib.decompressobj(-max(bits, 9))
        elif rsv.rsv1:
            return CloseReason.PROTOCOL_ERROR
        return RsvBits(True, False, False)

    def frame_inbound_payload_data(
        self, proto: Decoder, data: bytes
    ) -> bytes | CloseReason:
        if self._compressed and self._in_message:
            return self._inflate(data)
        return data

    def frame_inbound_complete(
        self, proto: Decoder, fin: bool
    ) -> bytes | CloseReason | None:
        if not (fin and self._in_message and self._compressed):
            return None
        self._compressed = False  # a stray continuation is no part of it
        data = self._inflate(_TAIL)
        if isinstance(data, CloseReason):
            return data
        inflater = self._inflater
        if self._parameters.client_no_context_takeover or (
            inflater is not None and inflater.eof
        ):
            self._inflater = None
        return self._limit.count(data)

    def _inflate(self, data: bytes) -> bytes | CloseReason:
        inflater = self._inflater
        assert inflater is not None
        try:
            # One byte more than allowed is enough to know.
            return inflater.decompress(data, self._limit.left + 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA

    # -- what leaves --

    def frame_outbound(
        self,
        proto: Decoder,
        opcode: Opcode,
        rsv: RsvBits,
        data: bytes,
        fin: bool,
    ) -> tuple[RsvBits, bytes]:
        if opcode.iscontrol():
            return rsv, data
        deflater = self._deflater
        if deflater is None:
            deflater = self._deflater = zlib.compressobj(
                zlib.Z_DEFAULT_COMPRESSION,
                zlib.DEFLATED,
                -self._parameters.server_max_window_bits,
                _MEMORY_LEVEL,
            )
        data = deflater.compress(data)
        if fin:
            data += deflater.flush(zlib.Z_SYNC_FLUSH)
            data = data[: -len(_TAIL)]
            if self._parameters.server_no_context_takeover:
                self._deflater = None
        return RsvBits(opcode is not Opcode.CONTINUATION, *rsv[1:]), data


def choose(offers: str) -> Parameters | None:
    """Return what to agree on, of all that a client offers; None: nothing.

    >>> str(choose("permessage-deflate; client_max_window_bits"))[20:]
    'server_max_window_bits=12; client_max_window_bits=12'
    >>> choose("permessage-deflate; x=1"), choose("permessage-bzip2")
    (None, None)
    """
    for offer in offers.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        if name == Deflate.name and (chosen := _agree(parameters)):
            return chosen
    return None


def _agree(parameters: Iterable[str]) -> Parameters | None:
    """Answer one offer; what is unknown or malformed makes it void (7.1)."""
    given: dict[str, str | None] = {}
    for parameter in parameters:
        match = _PARAMETER(parameter)
        if match is None or match[1] in given:
            return None
        given[match[1]] = match[3]
    if any(
        value not in _VALUES.get(name, ()) for name, value in given.items()
    ):
        return None
    server = given.get("server_max_window_bits") or "15"
    client = given.get("client_max_window_bits") or "15"
    return Parameters(
        "server_no_context_takeover" in given,
        "client_no_context_takeover" in given,
        min(int(server), _WINDOW_BITS),
        min(int(client), _WINDOW_BITS)
        if "client_max_window_bits" in given
        else None,
    )
