"""For the exercise head-with-body."""

from microquart.asgi import ASGIApplication, Receive, Scope, Send
from microquart.learn.clients import Server, lines, same


def _app(status: int, more: bool = False) -> ASGIApplication:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        head = [(b"content-length", b"6")] if status == 200 else []
        await send(
            {"type": "http.response.start", "status": status, "headers": head}
        )
        await send(
            {
                "type": "http.response.body",
                "body": b"Hello!",
                "more_body": more,
            }
        )
        if more:
            await send({"type": "http.response.body", "body": b""})

    return app


async def _behind_the_head(app: ASGIApplication, method: str) -> bytes:
    answer = (
        await Server(app)
        .client()
        .says(lines(f"{method} / HTTP/1.1", "Host: a"))
    )
    return answer.partition(b"\r\n\r\n")[2]


async def the_answer_to_head_has_no_content() -> None:
    same(await _behind_the_head(_app(200), "HEAD"), b"")


async def neither_has_one_that_is_sent_in_pieces() -> None:
    same(await _behind_the_head(_app(200, more=True), "HEAD"), b"")


async def it_is_so_over_http2() -> None:
    client = await Server(_app(200)).h2_client()
    number = await client.asks("/", "HEAD")
    same(client.content(number), b"")


async def the_answer_to_get_has_content() -> None:
    same(await _behind_the_head(_app(200), "GET"), b"Hello!")


async def a_304_has_no_content() -> None:
    same(await _behind_the_head(_app(304), "GET"), b"")
