"""A program: the App of a step, with views for the tests.

python application.py STEP PORT [CERTIFICATE KEY]
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from importlib import import_module
from typing import Any

name, port, *files = sys.argv[1:]
step = import_module(name)
number = int(name[:2])
app = step.App()
yielded = 0
waiting = asyncio.Event()


def view(rule: str, *methods: str) -> Callable[[Any], Any]:
    """Register a view; before step 7 the request is an argument."""

    def register(function: Any) -> Any:
        async def old(request: object, **values: object) -> object:
            return await function(**values)

        app.route(rule, *methods)(old if number < 7 else function)
        return function

    return register


@view("/")
async def hello() -> str:
    return "Hello!\n"


@view("/fails")
async def fails() -> str:
    raise ValueError("on purpose")


if number >= 6:

    @view("/user/<name>")
    async def user(name: str) -> str:
        return f"user {name!r}"

    @view("/post/<int:n>")
    async def post(n: int) -> str:
        return f"post {n!r}"

    @view("/post/new")
    async def new() -> str:
        return "new"

    @view("/file/<path:name>")
    async def file(name: str) -> str:
        return f"file {name!r}"

    @view("/post/<int:n>", "PUT", "DELETE")
    async def change(n: int) -> str:
        return "changed"


if number >= 7:

    @view("/echo/<path:name>", "POST")
    async def echo(name: str) -> str:
        data = await step.request.get_data()
        return f"{step.request.path} {data.decode()}"

    @view("/parts/<path:name>", "POST")
    async def parts(name: str) -> AsyncGenerator[bytes, None]:
        async def lines() -> AsyncGenerator[bytes, None]:
            async for data in step.request.body:
                if data:
                    yield step.request.path.encode() + b" " + data

        return lines()

    @view("/hooked")
    async def hooked() -> str:
        return f"{step.g.order}"

    @app.before_request
    async def first() -> None:
        step.g.order = ["first"]

    @app.before_request
    async def second() -> str | None:
        step.g.order.append("second")
        return "no entry" if step.request.path == "/private" else None

    @app.after_request
    async def outer(response: Any) -> Any:
        response.headers["x-order"] = response.headers.get("x-order", "") + "o"
        return response

    @app.after_request
    async def inner(response: Any) -> Any:
        response.headers["x-order"] = response.headers.get("x-order", "") + "i"
        return response


if number >= 8:

    @view("/upload", "POST")
    async def upload() -> str:
        size = 0
        async for data in step.request.body:
            size += len(data)
        return f"{size} bytes"

    @view("/stuck", "POST")
    async def stuck() -> str:
        print("stuck", flush=True)
        await waiting.wait()
        return "free"

    @view("/free")
    async def free() -> str:
        waiting.set()
        return "free"

    @view("/zeros/<int:size>")
    async def zeros(size: int) -> AsyncGenerator[bytes, None]:
        async def pieces() -> AsyncGenerator[bytes, None]:
            global yielded
            try:
                for start in range(0, size, 65536):
                    yielded += 65536
                    yield bytes(min(65536, size - start))
            finally:
                print("generator closed", flush=True)

        return pieces()

    @view("/yielded")
    async def how_many() -> str:
        return str(yielded)

    @view("/slow")
    async def slow() -> str:
        print("slow", flush=True)
        await asyncio.sleep(0.2)
        return "slow, but here"


if number >= 9:

    @view("/talk", "WEBSOCKET")
    async def talk() -> None:
        request = step.request
        await request.receive()
        await request.send({"type": "websocket.accept"})
        message = await request.receive()
        while message["type"] == "websocket.receive":
            if message.get("text") == "bye":
                await request.send({"type": "websocket.close", "code": 4000})
            else:
                await request.send({**message, "type": "websocket.send"})
            message = await request.receive()
        print(f"left with {message.get('code')}", flush=True)

    @view("/crash", "WEBSOCKET")
    async def crash() -> None:
        await step.request.receive()
        await step.request.send({"type": "websocket.accept"})
        raise ValueError("on purpose")


if __name__ == "__main__":
    context = [step.tls_context(*files)] if files else []
    asyncio.run(step.serve(app, int(port), *context))
