"""The live page below a path of the application: for one port, in a container.

Then the page shares connections with what it shows.  What is its own is left
out of the trace: else each record that it is told would make another one.
"""

from collections.abc import Sequence

from microquart.asgi import ASGIApplication, Receive, Scope, Send
from microquart.xray.record import Record
from microquart.xray.requests import headers_of
from microquart.xray.tracer import Sink, Tracer


class Prefixed:
    """Gives what is below a path to the page, the rest to the application."""

    def __init__(
        self,
        tracer: Tracer,
        prefix: str,
        page: ASGIApplication,
        app: ASGIApplication,
    ) -> None:
        self.tracer = tracer
        self.prefix = prefix
        self.page = page
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        app = self.app
        if scope["type"] != "lifespan" and is_below(
            self.prefix, scope["path"]
        ):
            self.tracer.calls.pop(id(scope), None)
            scope = scope.copy()
            scope["root_path"] = scope.get("root_path", "") + self.prefix
            app = self.page
        await app(scope, receive, send)


class Apart:
    """Tells other sinks of all but the page's own requests."""

    def __init__(self, prefix: str, sinks: Sequence[Sink]) -> None:
        self.prefix = prefix
        self.sinks = sinks
        self.own: set[str] = set()  # requests, and connections of a feed
        # What begins a request before anybody knows whose it is.
        self.held: dict[str, Record] = {}

    def __call__(self, record: Record) -> None:
        if record.name == "h1.cycle" and record.req is not None:
            self.held[record.req] = record
            return
        held = self.held.pop(record.req or "", None)
        if record.req is not None and is_below(self.prefix, asked(record)):
            self.own.add(record.req)
            if record.conn is not None and asked(record).endswith("/feed"):
                self.own.add(record.conn)
        if (record.req or record.conn) in self.own:
            self._forget(record)
            return
        for sink in self.sinks:
            if held is not None:
                sink(held)
            sink(record)

    def _forget(self, record: Record) -> None:
        match record.name:
            case "net.close" if record.conn is not None:
                self.own.discard(record.conn)
            case "task.done" if record.req is not None and record.stream:
                self.own.discard(record.req)


def asked(record: Record) -> str:
    """Return the target that a record is the first to tell, or nothing."""
    match record.name:
        case "h1.event":
            return str(record.data.get("target", ""))
        case "h2.event":
            return dict(headers_of(record)).get(":path", "")
        case "h2.frame":
            match record.data.get("hpack"):
                case [*fields]:
                    for field in fields:
                        match field:
                            case {"name": ":path", "value": str(path)}:
                                return path
    return ""


def is_below(prefix: str, path: str) -> bool:
    """Tell whether a path is this one or below it.

    >>> is_below("/_xray", "/_xray/a"), is_below("/_xray", "/_xrays")
    (True, False)
    """
    return path.startswith(f"{prefix}/") or path == prefix
