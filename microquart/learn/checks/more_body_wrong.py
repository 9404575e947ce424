"""For the exercise more-body-wrong."""

from microquart import Quart, request
from microquart.learn.clients import Server, lines, same


def _app() -> Quart:
    app = Quart(__name__)

    @app.post("/")
    async def upload() -> bytes:
        return bytes(await request.get_data())

    return app


async def an_upload_in_many_parts_is_read_whole() -> None:
    client = Server(_app()).client()
    await client.says(
        lines("POST / HTTP/1.1", "Host: a", "Content-Length: 10")
    )
    for number in range(10):
        await client.says(b"%d" % number)
    same(client.heard[-10:], b"0123456789")


async def an_upload_in_one_part_is_read_whole() -> None:
    head = lines("POST / HTTP/1.1", "Host: a", "Content-Length: 3")
    heard = await Server(_app()).client().says(head + b"abc")
    same(heard[-3:], b"abc")


async def one_in_chunks_is_read_whole() -> None:
    client = Server(_app()).client()
    await client.says(
        lines("POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked")
    )
    for part in (b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n"):
        await client.says(part)
    same(client.heard[-5:], b"abcde")


async def one_over_http2_is_read_whole() -> None:
    client = await Server(_app()).h2_client()
    number = await client.asks("/", "POST")
    await client.uploads(number, 50_000)
    same(len(client.content(number)), 50_000)
