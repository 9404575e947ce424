"""The PROXY protocol, versions 1 and 2: who a load balancer speaks for.

It comes before all else on a connection, TLS included, and whoever can
connect could say it: so it is taken from trusted addresses alone, and from
those it has to come (the specification, sections 2 and 5, wants both).

https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt
"""

import re
import socket
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

import anyio

from microquart.asgi import Address
from microquart.http.errors import ProtocolError
from microquart.http.proxies import Proxies

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
MAX_LINE = 107  # bytes of version 1, as the specification has it
MAX_HEADER = 4096  # of version 2, whose extras (TLVs) nobody reads here

_LINE = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r]*)?"
    rb"|TCP([46]) (\S+) (\S+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))\r\n"
).fullmatch

Family = type[IPv4Address] | type[IPv6Address]

# Address family and transport, and how their addresses are packed.
_FAMILIES: dict[int, tuple[str, Family]] = {
    0x11: ("!4s4sHH", IPv4Address),
    0x21: ("!16s16sHH", IPv6Address),
}
_LOCAL, _PROXY = 0x20, 0x21  # version and command


class Header(NamedTuple):
    """What a proxy says before the first byte of its client."""

    size: int  # bytes
    client: Address | None = None  # None: it speaks for itself
    server: Address | None = None


def parse_header(data: bytes) -> Header | None:
    r"""Return the header that data begins with; None: it needs more bytes.

    >>> line = b"PROXY TCP4 192.0.2.1 192.0.2.2 5000 443\r\n"
    >>> parse_header(line + b"GET / HTTP/1.1").client
    ('192.0.2.1', 5000)

    As long as it needs more, all of data belongs to it.

    Raises:
        ProtocolError: it begins with no such header.
    """
    if data[:12] == SIGNATURE[: len(data)]:
        return _version_2(data)
    if data[:6] == b"PROXY "[: len(data)]:
        return _version_1(data)
    raise ProtocolError("no PROXY header")


async def receive_header(peer: socket.socket, trusted: Proxies) -> Header:
    """Read a header, and not a byte more: what follows may be TLS.

    Raises:
        ProtocolError: none came, or from someone who is not trusted.
        OSError: the connection broke.
    """
    name = peer.getpeername()
    host = name[0] if isinstance(name, tuple) else ""
    if not trusted.trusts(host):
        raise ProtocolError(f"{host or 'unix'} is no trusted proxy")
    seen = b""
    while True:
        await anyio.wait_readable(peer)
        # Looked at first: where a line ends is known when it is there.
        more = peer.recv(MAX_HEADER, socket.MSG_PEEK)
        if not more:
            raise ProtocolError("no PROXY header")
        header = parse_header(seen + more)
        if header is not None:
            peer.recv(header.size - len(seen))
            return header
        seen += peer.recv(len(more))


def _version_1(data: bytes) -> Header | None:
    end = data.find(b"\n", 0, MAX_LINE) + 1
    if not end and len(data) < MAX_LINE:
        return None
    line = _LINE(data[:end])
    if line is None:
        raise ProtocolError("the PROXY line is malformed")
    if line[1] is None:
        return Header(end)
    family = IPv4Address if line[1] == b"4" else IPv6Address
    ends = [
        (_address(family, line[number].decode("latin-1")), _port(line[port]))
        for number, port in ((2, 4), (3, 5))
    ]
    return Header(end, *ends)


def _version_2(data: bytes) -> Header | None:
    if len(data) < 16:
        return None
    command, family, length = struct.unpack_from("!BBH", data, 12)
    size = 16 + length
    if command not in (_LOCAL, _PROXY) or size > MAX_HEADER:
        raise ProtocolError("the PROXY header is malformed")
    if len(data) < size:
        return None
    # A check of the proxy's own, or a family that is none of ours.
    if command == _LOCAL or family not in _FAMILIES:
        return Header(size)
    form, kind = _FAMILIES[family]
    if length < struct.calcsize(form):
        raise ProtocolError("the PROXY header is malformed")
    here, there, *ports = struct.unpack_from(form, data, 16)
    ends = [
        (_address(kind, packed), port)
        for packed, port in zip((here, there), ports, strict=True)
    ]
    return Header(size, *ends)


def _address(family: Family, written: str | bytes) -> str:
    try:
        return str(family(written))
    except ValueError:
        raise ProtocolError("the PROXY line has no address") from None


def _port(written: bytes) -> int:
    port = int(written)
    if port > 0xFFFF:
        raise ProtocolError("the PROXY line has no port")
    return port
