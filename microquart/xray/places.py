"""Where in the source an event comes from, if its record does not say.

A tap is no place: this is the function that it stands for, or watches.
"""

from collections.abc import Callable, Mapping
from typing import Any

from microquart.context import Context
from microquart.protocol.compression import Decoder, Encoder
from microquart.protocol.flow import Sender
from microquart.protocol.gate import Gate
from microquart.protocol.h1 import H1Connection
from microquart.protocol.h2 import H2Connection
from microquart.protocol.ws import WebSocketStream
from microquart.server.anyio_shell import AnyioCall, AnyioServer, AnyioShell
from microquart.server.asyncio_shell import (
    AsyncioCall,
    AsyncioServer,
    AsyncioShell,
)
from microquart.server.lifespan import Lifespan
from microquart.server.shells import Shells
from microquart.server.tls import tls_extension
from microquart.xray.source import source_of

Functions = Mapping[str, Callable[..., Any]]

# By the name and the direction of a record, or by the name alone.
FUNCTIONS: Functions = {
    "tls.ready": tls_extension,
    "h1.event in": H1Connection._parse,
    "h1.event out": H1Connection.respond,
    "h1.state": H1Connection.make_h11,
    "h1.cycle": H1Connection._next,
    "h1.error": H1Connection._refuse,
    "h2.preface": Gate.read,
    "h2.frame in": H2Connection.receive_data,
    "h2.frame out": H2Connection.data_to_send,
    "h2.event": H2Connection._handle,
    "h2.stream": H2Connection.make_h2,
    "h2.window": Sender.push,
    "h2.table in": Decoder.decode,
    "h2.table out": Encoder.encode,
    "h2.error": H2Connection._end,
    "ws.frame in": WebSocketStream.receive,
    "ws.frame out": WebSocketStream._write,
    "ws.event in": WebSocketStream._decode,
    "ws.event out": WebSocketStream._send,
    "ws.state": WebSocketStream.make_ws,
    "ws.error": WebSocketStream._fail,
    "lifespan.startup": Lifespan.startup,
    "lifespan.shutdown": Lifespan.shutdown,
    "ctx.push": Context.enter,
    "ctx.pop": Context.leave,
    "timer.start": H1Connection._wait_for,
    "timer.fire": Shells.sweep,
}
ASYNCIO: Functions = {
    "net.accept": AsyncioServer.join,
    "net.close": AsyncioShell.connection_lost,
    "net.recv": AsyncioShell.data_received,
    "net.write": AsyncioShell.settle,
    "net.pause in": AsyncioShell._pause_reading,
    "net.resume in": AsyncioShell._pause_reading,
    "net.pause out": AsyncioShell.pause_writing,
    "net.resume out": AsyncioShell.resume_writing,
    "asgi.app": AsyncioCall._run,
    "asgi.receive": AsyncioCall.receive,
    "asgi.send": AsyncioCall.send,
    "task.spawn": AsyncioShell.settle,
    "task.done": AsyncioShell.ended,
}
TASKS: Functions = {
    "net.accept": AnyioServer.join,
    "net.close": AnyioShell._lost,
    "net.recv": AnyioShell._receive,
    "net.write": AnyioShell._write,
    "net.pause in": AnyioShell._leaves,
    "net.resume in": AnyioShell._leaves,
    "net.pause out": AnyioShell._write_rest,
    "net.resume out": AnyioShell._write_rest,
    "asgi.app": AnyioCall.run,
    "asgi.receive": AnyioCall.receive,
    "asgi.send": AnyioCall.send,
    "task.spawn": AnyioShell.settle,
    "task.done": AnyioShell.ended,
}


def place_of(name: str, way: str = "", trio: bool = False) -> str | None:
    """Return file and line of the function behind an event.

    >>> place_of("no.such") is None
    True
    """
    functions = {**FUNCTIONS, **(TASKS if trio else ASYNCIO)}
    function = functions.get(f"{name} {way}") or functions.get(name)
    return None if function is None else source_of(function)
