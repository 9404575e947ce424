"""A request to the upstream and its response back, by h11's client half."""

from contextlib import suppress

import anyio
import h11
from anyio.abc import ByteStream
from upstream import BadUpstream, Upstream, asked, passed_on, target

from microquart.asgi import FieldList, HTTPScope, Receive, ReceiveMessage, Send

SILENCE = 60.0  # seconds that the upstream may say nothing
READ = 65_536  # bytes


async def relay_http(
    upstream: Upstream, scope: HTTPScope, receive: Receive, send: Send
) -> None:
    """Ask the upstream; its answer goes to the client piece by piece.

    Raises:
        BadUpstream: it does not answer, or breaks off.
        OSError: the client has left.
    """
    first = await receive()
    problem: BadUpstream | OSError | None = None
    async with await upstream.connect() as stream:
        exchange = Exchange(stream)
        await exchange.say(request(scope, first))
        # Both at the same time: an upstream may answer before it has all.
        async with anyio.create_task_group() as group:

            async def upload() -> None:
                await exchange.upload(first, receive)
                group.cancel_scope.cancel()  # the client has left

            group.start_soon(upload)
            try:
                await exchange.download(send)
            except (BadUpstream, OSError) as error:
                problem = error  # as it is: the group would wrap it
            group.cancel_scope.cancel()
    if problem is not None:
        raise problem


def request(scope: HTTPScope, first: ReceiveMessage) -> h11.Request:
    fields = framed(asked(scope), first)
    try:
        return h11.Request(
            method=scope["method"],
            target=target(scope),
            headers=[*fields, CLOSE],
        )
    except h11.LocalProtocolError:  # HTTP/1.1 cannot say it
        raise BadUpstream(400, b"Bad Request") from None


CLOSE = (b"connection", b"close")
CHUNKED = (b"transfer-encoding", b"chunked")


def framed(fields: FieldList, first: ReceiveMessage) -> FieldList:
    """Say how the body is delimited, if there is one (RFC 9112, 6)."""
    if first["type"] == "http.request" and first.get("more_body"):
        if not any(name == b"content-length" for name, _ in fields):
            return [*fields, CHUNKED]
    elif first["type"] == "http.request" and first.get("body"):
        length = str(len(first.get("body", b""))).encode()
        rest = [field for field in fields if field[0] != b"content-length"]
        return [*rest, (b"content-length", length)]
    return fields


class Exchange:
    """One request and one response, on a connection of their own."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._h11 = h11.Connection(h11.CLIENT)

    async def say(self, event: h11.Event) -> None:
        if data := self._h11.send(event):
            # It may have answered before: that is for download() to see.
            with suppress(anyio.BrokenResourceError):
                await self._stream.send(data)

    async def upload(self, message: ReceiveMessage, receive: Receive) -> None:
        """Send the body as it comes; return when the client has left."""
        while message["type"] == "http.request":
            if data := message.get("body"):
                await self.say(h11.Data(data=data))
            if not message.get("more_body"):
                await self.say(h11.EndOfMessage())
            message = await receive()

    async def download(self, send: Send) -> None:
        """Send the response as it comes.

        Raises:
            BadUpstream: it does not come, or not to its end.
        """
        while True:
            match await self._event():
                case h11.Response() as head:
                    await send(
                        {
                            "type": "http.response.start",
                            "status": head.status_code,
                            "headers": passed_on(list(head.headers)),
                        }
                    )
                case h11.Data() as piece:
                    await send(
                        {
                            "type": "http.response.body",
                            "body": bytes(piece.data),
                            "more_body": True,
                        }
                    )
                case h11.EndOfMessage():
                    await send({"type": "http.response.body", "body": b""})
                    return

    async def _event(self) -> h11.Event:
        try:
            while (event := self._h11.next_event()) is h11.NEED_DATA:
                with anyio.fail_after(SILENCE):
                    self._h11.receive_data(await self._read())
        except TimeoutError:
            raise BadUpstream(504, b"Gateway Timeout") from None
        except (h11.RemoteProtocolError, anyio.BrokenResourceError) as error:
            raise BadUpstream(502, b"Bad Gateway") from error
        if not isinstance(event, h11.Event) or isinstance(
            event, h11.ConnectionClosed
        ):
            raise BadUpstream(502, b"Bad Gateway")
        return event

    async def _read(self) -> bytes:
        try:
            return await self._stream.receive(READ)
        except anyio.EndOfStream:
            return b""
