"""For the exercise continue-never-sent."""

from microquart import Quart, request
from microquart.learn.clients import Server, lines, same

ASK = lines(
    "POST / HTTP/1.1", "Host: a", "Content-Length: 5", "Expect: 100-continue"
)
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def _app(status: int, reads: bool) -> Quart:
    app = Quart(__name__)

    @app.post("/")
    async def upload() -> tuple[str, int]:
        if reads:
            await request.get_data()
        return "", status

    return app


async def a_client_is_told_to_send_when_the_view_reads() -> None:
    same(await Server(_app(200, True)).client().says(ASK), CONTINUE)


async def it_is_told_so_once() -> None:
    client = Server(_app(200, True)).client()
    await client.says(ASK)
    await client.says(b"123")
    await client.says(b"45")
    same(client.heard.count(b"100 Continue"), 1)
    same(client.heard.count(b"200 OK"), 1)


async def a_client_is_not_told_so_when_the_view_does_not_read() -> None:
    heard = await Server(_app(403, False)).client().says(ASK)
    same(heard[:12], b"HTTP/1.1 403")


async def who_does_not_ask_is_not_told() -> None:
    head = lines("POST / HTTP/1.1", "Host: a", "Content-Length: 5")
    same(await Server(_app(200, True)).client().says(head), b"")
