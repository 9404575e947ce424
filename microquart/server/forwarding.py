"""Requests as they were before the proxies that the settings trust."""

from collections.abc import Callable
from logging import getLogger

from microquart.asgi import FieldList
from microquart.http.forwarded import with_host
from microquart.http.proxies import Proxies
from microquart.protocol import Peer
from microquart.server.settings import Settings

logger = getLogger("microquart.server")


def trusted_proxies(settings: Settings) -> Proxies:
    """Return whom the settings trust.

    Raises:
        ValueError: they name what is no address, network or field.
    """
    return Proxies(settings.forwarded_allow_ips, settings.forwarded_fields)


def forwarding(
    settings: Settings,
) -> Callable[[Peer, FieldList], tuple[Peer, FieldList, str]] | None:
    """Return what finds out who asks; None: whoever connects.

    The scope is made of what it returns, and not changed afterwards, so that
    the access log shows the client too.  A prefix that a proxy says it has
    taken off the path stands in place of ``root_path``.
    """
    if not settings.proxy_headers:
        return None
    proxies = trusted_proxies(settings)
    if not proxies:
        logger.warning("forwarded_allow_ips is empty: no proxy is believed")
    root_path = settings.root_path.rstrip("/")

    def proxied(peer: Peer, fields: FieldList) -> tuple[Peer, FieldList, str]:
        origin = proxies.origin(peer.client, peer.secure, fields)
        if origin is None:
            return peer, fields, root_path
        if origin.host is not None:
            fields = with_host(fields, origin.host)
        peer = Peer(origin.client, peer.server, origin.secure, peer.tls)
        return peer, fields, origin.prefix or root_path

    return proxied
