"""Protocols beside our own, by the names with which TLS agrees on them."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TypeAlias

from microquart.protocol import (
    Connect,
    Connection,
    Factory,
    Peer,
    Service,
    connect,
    make_h2,
)
from microquart.protocol.h1 import H1Connection

HTTP = ("h2", "http/1.1")

# By its name in TLS (ALPN), what makes a connection that speaks it.
Protocols: TypeAlias = Mapping[str, Factory]


def offered(names: Iterable[str]) -> list[str]:
    """Return what TLS offers, and prefers in this order: ours last.

    >>> offered(["line/1", "h2"])
    ['line/1', 'h2', 'http/1.1']
    """
    return [*(name for name in names if name not in HTTP), *HTTP]


def speaking(protocols: Protocols) -> Connect:
    """Return what does as ``connect`` with these protocols, too.

    "h2" and "http/1.1" take the place of ours, without TLS as well.
    """
    usual = partial(
        connect,
        h1=protocols.get("http/1.1", H1Connection),
        h2=protocols.get("h2", make_h2),
    )

    def make(
        alpn: str | None,
        first: bytes,
        peer: Peer,
        service: Service,
        now: float,
    ) -> Connection | None:
        if alpn is not None and alpn in protocols:
            return protocols[alpn](peer, service, now)
        return usual(alpn, first, peer, service, now)

    return make
