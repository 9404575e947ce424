"""What a client says before TLS is there: whom it wants to speak with.

Python tells of that name only while hands are shaken, and not where: what
belongs to one connection is what happens in its context.
"""

import ssl
from contextvars import ContextVar
from typing import Any
from weakref import WeakSet

from microquart.xray.swaps import Swaps

# What the client of the connection at hand has said.
HELLO: ContextVar[dict[str, str | None] | None] = ContextVar(
    "hello", default=None
)


def said() -> str | None:
    """Return the name that the client has asked for, if any (RFC 6066, 3)."""
    return (HELLO.get() or {}).get("sni")


def tap_handshakes(swaps: Swaps, server: Any) -> None:
    """Have the names kept, of each connection that a server takes."""
    join = server.join
    known = WeakSet[ssl.SSLContext]()

    async def tapped(peer: Any, context: ssl.SSLContext | None) -> None:
        HELLO.set({})
        if context is not None and context not in known:
            known.add(context)
            tap_context(swaps, context)
        await join(peer, context)

    swaps.attribute(server, "join", tapped)


def tap_context(swaps: Swaps, context: ssl.SSLContext) -> None:
    usual = context.sni_callback

    def named(tls: Any, name: Any, used: Any) -> Any:
        told = HELLO.get()
        if told is not None:
            told["sni"] = name
        return None if usual is None else usual(tls, name, used)

    context.sni_callback = named
    swaps.then(lambda: setattr(context, "sni_callback", usual))
