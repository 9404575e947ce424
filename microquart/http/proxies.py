"""Whose word counts of what proxies say of a request.

Each proxy of a chain appends what it sees, so the fields are read from the
right, where the nearest one writes; the first address there that is not
trusted is the client, and what stands left of it is the client's own
invention.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from microquart.http.forwarded import (
    FIELDS,
    FOR,
    FORWARDED,
    Client,
    Lines,
    Origin,
    elements_from_the_right,
    origin_of_elements,
    origin_of_fields,
    parse_node,
    said_by,
    unmapped,
    wanted,
)

# Proxies in a row that are believed; also what "*" costs at most.
MAX_HOPS = 20

Network = IPv4Network | IPv6Network


class Proxies:
    """Whose word counts, and which words: names of ``FIELDS``.

    >>> proxies = Proxies(["10.0.0.0/8"])
    >>> fields = [(b"x-forwarded-for", b"1.1.1.1, 9.9.9.9, 10.0.0.7")]
    >>> proxies.origin(("10.0.0.8", 5000), False, fields).client
    ('9.9.9.9', 0)
    >>> proxies.origin(("9.9.9.9", 5000), False, fields)    # not a proxy

    ``trusted`` has addresses, networks, ``unix`` and ``*`` (everyone), also
    several in one text, with commas.

    Raises:
        ValueError: something is none of these.
    """

    def __init__(
        self,
        trusted: str | Iterable[str] = (),
        believed: Iterable[str] = FIELDS,
    ) -> None:
        texts = [trusted] if isinstance(trusted, str) else trusted
        names = {name for text in texts for name in re.split(r"[,\s]+", text)}
        self.everyone = "*" in names
        self.unix = "unix" in names or self.everyone
        self.networks = [
            _network(name) for name in sorted(names - {"", "*", "unix"})
        ]
        names = {name.lower() for name in believed}
        for name in sorted(names.difference(FIELDS)):
            known = ", ".join(FIELDS)
            raise ValueError(f"{name!r} is no field of proxies: {known}")
        self.believed = wanted(names)
        # Proxies are few, and asked about with each request.
        self.trusts: Callable[[str], bool] = lru_cache(1024)(self._trusts)

    def __bool__(self) -> bool:
        return bool(self.unix or self.networks)

    def origin(
        self, client: Client, secure: bool, fields: Lines
    ) -> Origin | None:
        """Return what the proxies say; None: no trusted one has sent this.

        ``client`` and ``secure`` are those of the connection; its client is
        None, or without a name, on a Unix socket.
        """
        if not self.trusts(client[0] if client else ""):
            return None
        said = said_by(fields, self.believed)
        # A proxy writes one kind, and lets the client's own of the other
        # kind pass: mixing them would be believing the client.
        if FORWARDED in said and said.keys().isdisjoint(FIELDS[:-1]):
            elements: list[dict[str, str]] = []
            return origin_of_elements(
                self._walk(client, _nodes(said[FORWARDED], elements))[0],
                secure,
                elements,
            )
        nodes = map(parse_node, reversed(said.get(FOR, [])))
        client, hops = self._walk(client, nodes)
        return origin_of_fields(client, secure, said, hops)

    def _walk(
        self, client: Client, nodes: Iterable[Client]
    ) -> tuple[Client, int]:
        """Return the first that is not trusted, and the trusted before it."""
        hops = 0
        for client in nodes:
            hops += 1
            if client is None or not self.trusts(client[0]):
                break
            if hops == MAX_HOPS:
                break
        return client, max(hops, 1)

    def _trusts(self, host: str) -> bool:
        if self.everyone or not host:
            return self.unix
        try:
            address = unmapped(ip_address(host.partition("%")[0]))
        except ValueError:
            return False
        return any(address in network for network in self.networks)


def _nodes(
    values: list[str], elements: list[dict[str, str]]
) -> Iterator[Client]:
    for element in elements_from_the_right(values):
        elements.append(element)
        yield parse_node(element.get("for", ""))


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is nobody to trust: use addresses, networks, unix or * "
            f"({error})"
        ) from None
