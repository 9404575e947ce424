"""A client of both versions of HTTP: one question, and the whole answer."""

from dataclasses import dataclass
from http.client import HTTPResponse
from io import BytesIO

import h2.events
import pytest

from tests.server.h2client import Client, talking
from tests.server.running import Running, hear

FRAME = 16_384  # bytes of DATA that are always allowed

both = pytest.mark.parametrize("version", ["1.1", "2"])


@dataclass(frozen=True)
class Answer:
    status: int
    fields: list[tuple[str, str]]  # names in lower case
    content: bytes

    def all(self, name: str) -> list[str]:
        """Return the values of all fields of this name."""
        return [value for key, value in self.fields if key == name]

    def __getitem__(self, name: str) -> str:
        """Return the value of the one field of this name."""
        (value,) = self.all(name)
        return value

    @property
    def text(self) -> str:
        return self.content.decode()


async def ask(
    server: Running,
    version: str,
    target: str = "/",
    *fields: tuple[str, str],
    method: str = "GET",
    host: str = "x",
    content: bytes = b"",
    announced: bool = True,
) -> Answer:
    """Ask on a connection of its own.

    ``announced``: the content has a length from the start.
    """
    lines = list(fields)
    if content and announced:
        lines.append(("content-length", str(len(content))))
    if version == "2":
        head = [
            *((":method", method), (":path", target)),
            *((":scheme", "http"), (":authority", host)),
            *lines,
        ]
        async with talking(server) as client:
            return await asked_by_stream(client, head, content)
    if content and not announced:
        lines.append(("transfer-encoding", "chunked"))
        content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
    lines += [("host", host), ("connection", "close")]
    text = "".join(f"{name}: {value}\r\n" for name, value in lines)
    first = f"{method} {target} HTTP/1.1\r\n"
    async with await server.connect() as client:
        await client.send(f"{first}{text}\r\n".encode("latin-1") + content)
        return heard_of(await hear(client), method)


class Heard:
    """What has been heard, as a socket that HTTPResponse reads from."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, mode: str) -> BytesIO:
        return BytesIO(self.data)


def heard_of(data: bytes, method: str = "GET") -> Answer:
    """Take an answer apart; one that is cut is an error."""
    response = HTTPResponse(Heard(data), method=method)
    response.begin()
    fields = [(n.lower(), value) for n, value in response.getheaders()]
    return Answer(response.status, fields, response.read())


async def asked_by_stream(
    client: Client, head: list[tuple[str, str]], content: bytes
) -> Answer:
    number = client.h2.get_next_available_stream_id()
    client.h2.send_headers(number, head, end_stream=not content)
    await client.flush()
    await upload(client, number, content)
    start = await client.until(h2.events.ResponseReceived, number)
    assert isinstance(start, h2.events.ResponseReceived)
    client.events.append(start)
    fields, data = await client.answer(number)
    status = int(fields[":status"])
    return Answer(status, list(start.headers or ())[1:], data)


async def upload(client: Client, number: int, content: bytes) -> None:
    """Send it as windows allow, up to an answer that comes before its end."""
    while content and not answered(client, number):
        window = client.h2.local_flow_control_window(number)
        size = min(window, FRAME, len(content))
        if size == 0:
            await client.read()
            continue
        await client.send(number, content[:size], size == len(content))
        content = content[size:]


def answered(client: Client, number: int) -> bool:
    return any(
        isinstance(event, h2.events.StreamEnded) and event.stream_id == number
        for event in client.events
    )
