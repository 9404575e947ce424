"""For the exercise close-ignored."""

from microquart import Quart
from microquart.learn.clients import Client, Server, lines, same


def _client() -> Client:
    app = Quart(__name__)

    @app.get("/")
    async def view() -> str:
        return ""

    return Server(app).client()


async def after_connection_close_the_server_closes() -> None:
    client = _client()
    await client.says(lines("GET / HTTP/1.1", "Host: a", "Connection: close"))
    same(client.closed, True)


async def and_it_says_so_before() -> None:
    heard = await _client().says(
        lines("GET / HTTP/1.1", "Host: a", "Connection: close")
    )
    same(b"connection: close" in heard, True)


async def without_it_the_connection_stays_open() -> None:
    client = _client()
    await client.says(lines("GET / HTTP/1.1", "Host: a"))
    same(client.closed, False)


async def http10_closes_without_being_asked() -> None:
    client = _client()
    await client.says(lines("GET / HTTP/1.0", "Host: a"))
    same(client.closed, True)
