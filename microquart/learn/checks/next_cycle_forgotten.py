"""For the exercise next-cycle-forgotten."""

from microquart.asgi import Receive, Scope, Send
from microquart.learn.clients import Server, lines, same

GET = lines("GET / HTTP/1.1", "Host: a")


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def three_requests_on_one_connection_are_answered() -> None:
    client = Server(_app).client()
    for number in range(1, 4):
        await client.says(GET)
        same(client.heard.count(b"hello"), number)


async def a_request_behind_an_upload_is_answered() -> None:
    client = Server(_app).client()
    upload = lines("POST / HTTP/1.1", "Host: a", "Content-Length: 5")
    await client.says(upload + b"12345")
    await client.says(GET)
    same(client.heard.count(b"hello"), 2)


async def two_requests_at_once_are_answered() -> None:
    client = Server(_app).client()
    await client.says(GET + GET)
    same(client.heard.count(b"hello"), 2)
