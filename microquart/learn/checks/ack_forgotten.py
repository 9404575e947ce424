"""For the exercise ack-forgotten."""

from microquart import Quart, request
from microquart.learn.clients import Server, same

SIZE = 300_000


def _app() -> Quart:
    app = Quart(__name__)

    @app.post("/")
    async def upload() -> str:
        return str(len(await request.get_data()))

    return app


async def a_large_upload_arrives() -> None:
    client = await Server(_app()).h2_client()
    number = await client.asks("/", "POST")
    same(await client.uploads(number, SIZE), SIZE)
    same(client.content(number), str(SIZE).encode())


async def many_small_uploads_arrive() -> None:
    client = await Server(_app()).h2_client()
    for _ in range(20):
        number = await client.asks("/", "POST")
        same(await client.uploads(number, 15_000), 15_000)
        same(client.content(number), b"15000")


async def the_window_is_opened_by_no_more_than_has_come() -> None:
    client = await Server(_app()).h2_client()
    before = client.h2.outbound_flow_control_window
    number = await client.asks("/", "POST")
    await client.uploads(number, SIZE)
    assert client.h2.outbound_flow_control_window <= before, (
        "the client may send more than at the beginning"
    )
