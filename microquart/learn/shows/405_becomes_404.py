"""A method that a path does not have."""

import asyncio

from microquart import Quart
from microquart.learn.clients import Server, lines

app = Quart(__name__)


@app.get("/users/<int:number>")
async def user(number: int) -> dict[str, int]:
    return {"number": number}


async def main() -> None:
    client = Server(app).client()
    for method in ("GET", "DELETE"):
        request = lines(f"{method} /users/7 HTTP/1.1", "Host: a")
        answer = await client.says(request)
        print(f"{method}: {answer.splitlines()[0].decode()}")


if __name__ == "__main__":
    asyncio.run(main())
