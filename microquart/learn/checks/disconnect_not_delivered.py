"""For the exercise disconnect-not-delivered."""

from microquart.asgi import ASGIApplication, Receive, Scope, Send
from microquart.learn.clients import Server, lines, same

GET = lines("GET / HTTP/1.1", "Host: a")


def _app(heard: list[str], answers: bool = False) -> ASGIApplication:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            heard.append(message["type"])
            if message["type"] == "http.disconnect":
                return
            if answers:
                head: list[tuple[bytes, bytes]] = []
                await send(
                    {
                        "type": "http.response.start",
                        "status": 200,
                        "headers": head,
                    }
                )
                await send({"type": "http.response.body", "body": b""})

    return app


async def who_waits_in_receive_hears_that_the_client_has_left() -> None:
    heard: list[str] = []
    client = Server(_app(heard)).client()
    await client.says(GET)
    same(heard, ["http.request"])
    await client.leaves()
    same(heard, ["http.request", "http.disconnect"])


async def it_is_so_when_one_stream_of_http2_is_reset() -> None:
    heard: list[str] = []
    client = await Server(_app(heard)).h2_client()
    await client.resets(await client.asks("/"))
    same(heard, ["http.request", "http.disconnect"])


async def it_is_so_when_the_answer_is_done() -> None:
    heard: list[str] = []
    await Server(_app(heard, answers=True)).client().says(GET)
    same(heard, ["http.request", "http.disconnect"])
