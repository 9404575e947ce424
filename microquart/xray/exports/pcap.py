"""A trace as a capture file: the octets in TCP and IPv4 that are made up.

The octets are those above TLS. A reader sees each connection from its
handshake to its end; addresses that are none of IPv4 become 127.0.0.1.
"""

import ipaddress
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

from microquart.xray.exports.har import moment
from microquart.xray.exports.jsonl import lengths
from microquart.xray.record import Record

MAGIC = 0xA1B23C4D  # times in nanoseconds
RAW_IP = 101  # the link type
LONGEST = 32 * 1024  # octets in a packet
FIN, SYN, ACK, PSH = 0x01, 0x02, 0x10, 0x18
LOCALHOST = ipaddress.IPv4Address("127.0.0.1")

Address = tuple[ipaddress.IPv4Address, int]


def capture(
    records: Sequence[Record],
    head: Mapping[str, object],
    bodies: bool = False,
) -> bytes:
    """Return the file; of bodies only the length, unless asked."""
    kept = records if bodies else [*lengths(records)]
    start = int(moment(head.get("started")).timestamp() * 1e9)
    file = [struct.pack("<IHHiIII", MAGIC, 2, 4, 0, 0, 1 << 18, RAW_IP)]
    for t, packet in packets(kept):
        seconds, rest = divmod(start + t, 10**9)
        size = len(packet)
        file.append(struct.pack("<IIII", seconds, rest, size, size) + packet)
    return b"".join(file)


class Link:
    """One connection of TCP: who sent how much."""

    def __init__(
        self, accepted: Record | None, number: int, at_80: bool
    ) -> None:
        data = {} if accepted is None else accepted.data
        client = address(data.get("peer"), 40000 + number)
        server = address(data.get("local"), 80)
        if at_80 or data.get("tls"):
            server = server[0], 80
        self.ends = {"in": (client, server), "out": (server, client)}
        self.sent = {"in": 0, "out": 0}

    def handshake(self) -> Iterator[bytes]:
        yield self._packet("in", SYN, 0, 0)
        yield self._packet("out", SYN | ACK, 0, 1)
        yield self._packet("in", ACK, 1, 1)

    def data(self, way: str, octets: bytes, at: int) -> Iterator[bytes]:
        other = "out" if way == "in" else "in"
        for start in range(0, len(octets), LONGEST):
            piece = octets[start : start + LONGEST]
            place = 1 + at + start
            yield self._packet(way, PSH, place, 1 + self.sent[other], piece)
        self.sent[way] = at + len(octets)

    def end(self) -> Iterator[bytes]:
        come, gone = 1 + self.sent["in"], 1 + self.sent["out"]
        yield self._packet("out", FIN | ACK, gone, come)
        yield self._packet("in", FIN | ACK, come, gone + 1)
        yield self._packet("out", ACK, gone + 1, come + 1)

    def _packet(
        self, way: str, flags: int, seq: int, ack: int, data: bytes = b""
    ) -> bytes:
        (source, port), (target, target_port) = self.ends[way]
        tcp = struct.pack(
            ">HHIIBBHHH",
            port,
            target_port,
            seq % 2**32,
            ack % 2**32,
            5 << 4,  # the head has five words
            flags,
            0xFFFF,
            0,
            0,
        )
        ip = struct.pack(
            ">BBHHHBBH4s4s",
            0x45,
            0,
            40 + len(data),
            0,
            0,
            64,
            6,  # TCP
            0,
            source.packed,
            target.packed,
        )
        return ip + tcp + data


def packets(records: Sequence[Record]) -> Iterator[tuple[int, bytes]]:
    """Yield each packet and its time.

    At other ports than 80 a reader looks for TLS, and for no HTTP/2.
    """
    links: dict[str | None, Link] = {}
    number = 0
    framed = {record.conn for record in records if record.layer == "h2"}
    for record in records:
        opened: Iterable[bytes] = ()
        if record.layer == "net" and record.conn not in links:
            accepted = record if record.name == "net.accept" else None
            at_80 = record.conn in framed
            link = links[record.conn] = Link(accepted, number, at_80)
            number += 1
            opened = link.handshake()
        for packet in (*opened, *carried(record, links)):
            yield record.t, packet


def carried(record: Record, links: dict[str | None, Link]) -> Iterable[bytes]:
    if record.name == "net.close":
        return links.pop(record.conn).end()
    if record.raw is None or record.dir is None or record.layer != "net":
        return ()
    link = links[record.conn]
    at = link.sent[record.dir] if record.bytes is None else record.bytes[0]
    return link.data(record.dir, record.raw, at)


def address(told: object, port: int) -> Address:
    """Read ``127.0.0.1:5000``; for what is none, make one up."""
    host, _, number = str(told or "").rpartition(":")
    try:
        return ipaddress.IPv4Address(host), int(number)
    except ValueError:
        return LOCALHOST, port
