"""Where the taps go, and how they come out again."""

from collections.abc import Callable

from microquart.app import Quart
from microquart.server.shells import Shells
from microquart.xray.swaps import Swaps
from microquart.xray.taps.app import tap_app
from microquart.xray.taps.asgi import AsgiTap, LifeTap, Onion, links
from microquart.xray.taps.shells import tap_shells
from microquart.xray.tracer import Tracer


def install(
    tracer: Tracer, *, app: object = None, server: Shells | None = None
) -> Swaps:
    """Put taps into an application, or a server and what it serves.

    A foreign application is tapped at its skins of middleware; of itself it
    shows only what it says to the server.

    Raises:
        TypeError: there is nothing in the application to put a tap on.
    """
    swaps = Swaps()
    if server is not None:
        tap_shells(tracer, swaps, server)
        look = _tap_below(tracer, swaps, server.app)
        outer = AsgiTap(tracer, server.app, "server", True, look)
        swaps.attribute(server, "app", outer)
        return swaps
    ours = [link for link in chain_of(app) if isinstance(link, Quart)]
    if not ours:
        raise TypeError(f"{app!r} is no application of microquart's")
    Onion(tracer, swaps, ours[0])
    tap_app(tracer, swaps, ours[0])
    outer = AsgiTap(tracer, ours[0].asgi_app, "server", outermost=True)
    swaps.attribute(ours[0], "asgi_app", outer)
    return swaps


def uninstall(taps: Swaps) -> None:
    """Take the taps out: nothing is left of them."""
    taps.remove()


def chain_of(app: object) -> list[object]:
    """Return an application and what its middleware is wrapped round."""
    return [app, *(inner for _, _, inner in links(app))]


def _tap_below(
    tracer: Tracer, swaps: Swaps, app: object
) -> Callable[[], object] | None:
    """Put the taps in; return what looks for further skins, if any may be
    made later."""
    ours = [link for link in chain_of(app) if isinstance(link, Quart)]
    onion = Onion(tracer, swaps, app)
    for link in ours:
        tap_app(tracer, swaps, link)
        life = LifeTap(tracer, link.asgi_app)
        swaps.attribute(link, "asgi_app", life)
    return None if ours else onion.look
