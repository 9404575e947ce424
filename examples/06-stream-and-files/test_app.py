"""How to test streams: read a little, stop, leave."""

import socket
import time
from itertools import pairwise

import httpx
import pytest


async def test_each_line_comes_when_it_is_made(client):
    async with client.request("/count") as connection:
        await connection.send_complete()
        assert await connection.receive() == b"1\n"
        assert await connection.receive() == b"2\n"
        await connection.disconnect()


@pytest.mark.parametrize("rows", [0, 1, 1_000, 1_001])
async def test_a_table_has_all_its_rows(client, rows):
    response = await client.get(f"/rows.csv?rows={rows}")
    lines = (await response.get_data(as_text=True)).split("\r\n")
    assert len(lines) == 1 + rows + 1
    assert lines[rows].startswith(f"{rows - 1}," if rows else "number,")


async def test_when_the_client_leaves_the_generator_ends(app, client):
    async with client.request("/flood") as connection:
        await connection.send_complete()
        await connection.receive()
        assert app.extensions["streams"]
        await connection.disconnect()
    assert not app.extensions["streams"]


# -- the file --


async def test_a_file_that_is_known_is_not_sent_again(client):
    response = await client.get("/source")
    etag = response.headers["etag"]
    again = await client.get("/source", headers={"if-none-match": etag})
    assert again.status_code == 304
    assert await again.get_data() == b""


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-10", -10, None)],
)
async def test_a_part_of_a_file_can_be_had(client, here, asked, begin, end):
    whole = (here / "app.py").read_bytes()
    response = await client.get("/source", headers={"range": asked})
    assert response.status_code == 206
    assert await response.get_data() == whole[begin:end]


# -- back-pressure, through real sockets --


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_who_does_not_read_is_not_written_for(serve, loop):
    server = serve("--loop", loop)
    host, port = server.url.removeprefix("http://").split(":")

    def produced() -> list[int]:
        return httpx.get(f"{server.url}/produced").json()["streams"]

    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: still(produced))
        # What the two sockets hold, and not a byte more.
        (ahead,) = produced()
        assert ahead < 16_000_000
        read = 0
        while read < ahead + 1_000_000:
            read += len(slow.recv(1_000_000))
        until(lambda: produced()[0] > ahead)
    until(lambda: not produced())


def still(produced) -> bool:
    """Tell whether it makes no more: ten times the same answer."""
    answers = [produced() for _ in range(10)]
    return bool(answers[0]) and all(a == b for a, b in pairwise(answers))


def until(condition) -> None:
    late = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < late
