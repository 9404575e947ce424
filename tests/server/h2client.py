"""A client of HTTP/2 by the h2 library, over a connection of a test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import h2.config
import h2.connection
import h2.events
from anyio.abc import ByteStream

from tests.server.running import Running

FIELDS = [(":scheme", "http"), (":authority", "x")]


class Client:
    """What was asked, and all that was heard, by streams."""

    def __init__(self, carrier: ByteStream) -> None:
        self.carrier = carrier
        config = h2.config.H2Configuration(header_encoding="latin-1")
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.events: list[h2.events.Event] = []

    async def ask(
        self,
        path: str = "/",
        *fields: tuple[str, str],
        method: str = "GET",
        end: bool = True,
    ) -> int:
        """Open a stream; return its number."""
        number = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":path", path), *FIELDS, *fields]
        self.h2.send_headers(number, head, end_stream=end)
        await self.flush()
        return number

    async def send(self, number: int, data: bytes, end: bool = False) -> None:
        self.h2.send_data(number, data, end_stream=end)
        await self.flush()

    async def reset(self, number: int) -> None:
        self.h2.reset_stream(number, 8)
        await self.flush()

    async def flush(self) -> None:
        await self.carrier.send(self.h2.data_to_send())

    async def until(
        self, kind: type[h2.events.Event], number: int | None = None
    ) -> h2.events.Event:
        """Read up to an event, of this stream if one is named."""
        while True:
            for event in self.events:
                of = getattr(event, "stream_id", None)
                if isinstance(event, kind) and number in (None, of):
                    self.events.remove(event)
                    return event
            await self.read()

    async def read(self) -> None:
        for event in self.h2.receive_data(await self.carrier.receive()):
            self.events.append(event)
            if isinstance(event, h2.events.DataReceived):
                size = event.flow_controlled_length or 0
                self.h2.acknowledge_received_data(size, event.stream_id or 0)
        await self.flush()

    async def answer(self, number: int) -> tuple[dict[str, str], bytes]:
        """Return the fields and the content of an answer that ends."""
        head = await self.until(h2.events.ResponseReceived, number)
        await self.until(h2.events.StreamEnded, number)
        assert isinstance(head, h2.events.ResponseReceived)
        content = b"".join(
            event.data or b""
            for event in self.events
            if isinstance(event, h2.events.DataReceived)
            and event.stream_id == number
        )
        return dict(head.headers or ()), content


@asynccontextmanager
async def talking(server: Running) -> AsyncIterator[Client]:
    """Speak HTTP/2 with a server round a block."""
    async with await server.connect() as carrier:
        client = Client(carrier)
        await client.flush()
        yield client
