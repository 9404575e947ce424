"""What proxies say of a request: X-Forwarded-*, and Forwarded (RFC 7239).

A proxy hides who asks, by which scheme, for which host and below which path.
It says so in fields, and so can anyone else: they count only if a trusted
address has sent them (``http.proxies``).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from microquart.http.targets import valid_host

FOR, PROTO, HOST, PORT, PREFIX, FORWARDED = FIELDS = (
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "forwarded",
)

Client = tuple[str, int | None] | None
Lines = Iterable[tuple[bytes, bytes]]
Said = dict[str, list[str]]

# An address with or without a port, which may be a pseudonym (RFC 7239, 6).
_NODE = re.compile(
    r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(?:([0-9]{1,5})|_[\w.\-]+))?"
    r"|([0-9A-Fa-f:.]+)"
).fullmatch
# Many write host=example.com:8000, although a colon wants quotes.
_PAIR = (
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]++)="
    r'(?:"((?:[^"\\]|\\.)*+)"|([!#-+\--:<-~]++))'
)
_pairs = re.compile(_PAIR).finditer
# The last element, whatever stands before it: a client that opens a quote
# and does not close it must not swallow what the proxy has appended.
_last_element = re.compile(
    r"(?:^|,)[ \t]*+((?:{0})?+(?:[ \t]*+;[ \t]*+(?:{0})?+)*+)[ \t]*+$".format(
        re.sub(r"\((?!\?)", "(?:", _PAIR)
    )
).search
# Segments as RFC 3986 3.3 has them, none empty and none of dots alone; no
# escapes, since a prefix is text in one place and raw in another.
_PREFIX = re.compile(
    r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9\-._~!$&'()*+;=:@]++)++/?"
).fullmatch
_PORT = re.compile(r"[1-9][0-9]{0,4}").fullmatch
_SCHEMES = {"https": True, "wss": True, "http": False, "ws": False}


class Origin(NamedTuple):
    """A request as it was before the first trusted proxy."""

    client: Client  # None: no proxy says an address
    secure: bool
    host: bytes | None  # None: the one of the Host field
    prefix: str  # of the path, taken off by a proxy


def wanted(names: Iterable[str]) -> Mapping[bytes, str]:
    """Return fields for ``said_by``: these, and Host."""
    return {name.encode(): name for name in (*names, "host")}


def said_by(fields: Lines, believed: Mapping[bytes, str]) -> Said:
    """Return the values of fields, those of each in their order."""
    said: Said = {}
    for line in fields:
        name = believed.get(line[0])
        if name is not None:
            text = line[1].decode("latin-1")
            # Forwarded has commas between quotes: it is taken apart later.
            pieces = [text] if name == FORWARDED else text.split(",")
            values = [value for piece in pieces if (value := piece.strip())]
            if values:
                said.setdefault(name, []).extend(values)
    return said


def origin_of_fields(
    client: Client, secure: bool, said: Said, hops: int
) -> Origin:
    """Return the origin by X-Forwarded-*, whose last ``hops`` count.

    A proxy that appends nothing passes on what the one before it has
    written: so of fewer values the first one counts.
    """
    proto = said.get(PROTO, [""])[-hops:][0]
    secure = _SCHEMES.get(proto.lower(), secure)
    host = said.get(HOST, [""])[-hops:][0]
    port = said.get(PORT, [""])[-hops:][0]
    prefix = "".join(
        value.rstrip("/")
        for value in said.get(PREFIX, [])[-hops:]
        if _PREFIX(value)
    )
    return Origin(client, secure, _host(host, port, said, secure), prefix)


def origin_of_elements(
    client: Client, secure: bool, elements: list[dict[str, str]]
) -> Origin:
    """Return the origin by elements of Forwarded, the nearest one first."""
    outermost: dict[str, str] = {}
    for element in elements:
        outermost |= element
    proto = outermost.get("proto", "")
    secure = _SCHEMES.get(proto.lower(), secure)
    host = _host(outermost.get("host", ""), "", {}, secure)
    return Origin(client, secure, host, "")


@lru_cache(1024)
def parse_node(text: str) -> Client:
    """Return an address and its port, 0 if that is not known.

    >>> parse_node("192.0.2.1"), parse_node("[2001:DB8::1]:80")
    (('192.0.2.1', 0), ('2001:db8::1', 80))
    >>> parse_node("unknown"), parse_node("_hidden")
    (None, None)
    """
    node = _NODE(text)
    if node is None or (port := int(node[3] or 0)) > 0xFFFF:
        return None
    try:
        address = unmapped(ip_address(node[1] or node[2] or node[4]))
    except ValueError:
        return None
    return str(address), port


def elements_from_the_right(values: list[str]) -> Iterator[dict[str, str]]:
    """Yield the elements of Forwarded, up to the first that is malformed.

    >>> list(elements_from_the_right(['for="[::1]";proto=https, for=_a']))
    [{'for': '_a'}, {'for': '[::1]', 'proto': 'https'}]
    """
    rest = ",".join(values).rstrip(", \t")
    while rest and (last := _last_element(rest)):
        yield {
            pair[1].lower(): pair[3] or re.sub(r"\\(.)", r"\1", pair[2])
            for pair in _pairs(last[1])
        }
        rest = rest[: last.start()].rstrip(", \t")
    if rest:
        yield {}


def with_host(fields: Lines, host: bytes) -> list[tuple[bytes, bytes]]:
    """Return the fields with this Host, in the place of any other."""
    others = [line for line in fields if line[0].lower() != b"host"]
    return [(b"host", host), *others]


# -- inside --


def _host(host: str, port: str, said: Said, secure: bool) -> bytes | None:
    """Return the host with its port, unless that is the scheme's own.

    A port that the host names itself is what the client has asked for.
    """
    name = host.encode("latin-1")
    if not valid_host(name):
        name = b""
    if _PORT(port) and port != ("443" if secure else "80"):
        asked = name or said.get("host", [""])[0].encode("latin-1")
        if asked and b":" not in asked.rpartition(b"]")[2]:
            return b"%b:%b" % (asked, port.encode())
    return name or None


def unmapped(
    address: IPv4Address | IPv6Address,
) -> IPv4Address | IPv6Address:
    """Return the IPv4 address inside, which a socket for both may show."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
