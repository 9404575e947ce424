"""The words of a trace: the names of records, and what each tells."""

from microquart.xray.record import Record

NAMES = {
    "net.accept": "a connection has come",
    "net.close": "a connection has ended; error says how, if not in order",
    "net.recv": "octets were read",
    "net.write": "octets were given to the socket",
    "net.pause": "in: the peer is not read on; out: the socket is full",
    "net.resume": "the pause is over",
    "tls.ready": "hands were shaken; sni is the name that the client has "
    "asked for",
    "h1.event": "what h11 has read, or what leaves, of HTTP/1.1",
    "h1.state": "a role (client, server) has moved, from and to",
    "h1.cycle": "a further request on the connection; n counts from 1",
    "h1.error": "the rules of HTTP/1.1 were broken; whose says by whom",
    "h2.preface": "the first 24 octets of HTTP/2",
    "h2.frame": "a frame; hpack has how each field was said",
    "h2.event": "what h2 has made of frames",
    "h2.stream": "a stream has moved, from and to",
    "h2.window": "how much may be sent; as a span: sending waits for more",
    "h2.table": "a dynamic table of HPACK has changed",
    "h2.error": "the rules of HTTP/2 were broken; whose says by whom",
    "ws.frame": "a frame of a WebSocket",
    "ws.event": "what wsproto has made of frames",
    "ws.state": "a WebSocket has moved, from and to",
    "ws.error": "the rules of WebSockets were broken; whose says by whom",
    "asgi.app": "an application call; at says below which middleware",
    "asgi.receive": "the application waits for a message, and has it",
    "asgi.send": "the application sends a message, until it may go on",
    "lifespan.startup": "the application starts",
    "lifespan.shutdown": "the application ends",
    "route.match": "the rule for a request is looked for",
    "route.try": "a rule near the path: whether it fits, and why not",
    "ctx.push": "a context becomes current",
    "ctx.pop": "a context is current no more",
    "app.stage": "a step of the application: Quart's name of the method",
    "user.call": "a function of the user's: view, hook, error handler, task",
    "task.spawn": "a task begins, for an application call",
    "task.done": "the application call has ended",
    "timer.start": "how long something may take",
    "timer.fire": "it took longer, and was ended",
    "loop.blocked": "nothing else could run for so long",
}

LAYERS = tuple(dict.fromkeys(name.partition(".")[0] for name in NAMES))

# What a condition can ask of a record, beside its data.
PLACES = ("conn", "req", "stream", "dir", "ph", "src", "task", "seq")


def known(word: str) -> str:
    """Return a layer or a name as it is.

    Raises:
        ValueError: it is neither; the message lists what is.
    """
    if word in NAMES or word in LAYERS:
        return word
    layer = word.partition(".")[0]
    near = [name for name in NAMES if name.startswith(f"{layer}.")] or LAYERS
    raise ValueError(f"{word!r} is in no trace; use {', '.join(near)}")


class Condition:
    """What a record has to be: ``h2.frame frame=DATA``.

    A layer or a name, and what its data, or its place, has.
    """

    def __init__(self, text: str) -> None:
        word, *pairs = text.split() or [""]
        self.word = known(word)
        self.wanted = [pair.partition("=")[::2] for pair in pairs]
        if any("=" not in pair for pair in pairs):
            raise ValueError(f"{text!r}: after the name use KEY=VALUE")

    def __call__(self, record: Record) -> bool:
        return self.word in (record.name, record.layer) and all(
            holds(record, key, value) for key, value in self.wanted
        )


def holds(record: Record, key: str, value: str) -> bool:
    """Tell whether a record has this value; of a list one will do."""
    found = record.data.get(key)
    if found is None and key in PLACES:
        found = getattr(record, key)
    if isinstance(found, list):
        return value in map(str, found)
    return str(found) == value
