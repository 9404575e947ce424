"""A client of HTTP/2 that does not want its answer any more."""

import asyncio

from microquart import Quart
from microquart.learn.clients import Server, quiet

app = Quart(__name__)
done = asyncio.Event()


@app.get("/")
async def report() -> str:
    print("the view begins a long report")
    try:
        await done.wait()
    except asyncio.CancelledError:
        print("the view is cancelled")
        raise
    print("the view has made a report, for nobody")
    return "the report\n"


async def main() -> None:
    client = await Server(app).h2_client()
    number = await client.asks("/")
    print("the client cancels its request")
    await client.resets(number)
    print("time goes by")
    done.set()
    await quiet()


if __name__ == "__main__":
    asyncio.run(main())
