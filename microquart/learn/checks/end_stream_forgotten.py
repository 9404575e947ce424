"""For the exercise end-stream-forgotten."""

from microquart.asgi import Receive, Scope, Send
from microquart.learn.clients import Server, same


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["type"] == "http" and scope["path"] == "/pieces":
        for _ in range(3):
            await send(
                {
                    "type": "http.response.body",
                    "body": bytes(10_000),
                    "more_body": True,
                }
            )
    await send({"type": "http.response.body", "body": b"end"})


async def an_answer_ends() -> None:
    client = await Server(_app).h2_client()
    number = await client.asks("/")
    same((client.content(number), client.ended(number)), (b"end", True))


async def an_answer_in_pieces_ends_after_the_last_one() -> None:
    client = await Server(_app).h2_client()
    number = await client.asks("/pieces")
    same(client.content(number), bytes(30_000) + b"end")
    same(client.ended(number), True)


async def the_next_answer_on_the_connection_ends_too() -> None:
    client = await Server(_app).h2_client()
    for _ in range(3):
        number = await client.asks("/")
        same(client.ended(number), True)
