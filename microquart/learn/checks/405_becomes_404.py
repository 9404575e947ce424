"""For the exercise 405-becomes-404."""

from microquart import Quart
from microquart.learn.clients import Server, lines, same


async def _answer(method: str, path: str) -> bytes:
    app = Quart(__name__)

    @app.get("/users/<int:number>")
    async def user(number: int) -> str:
        return ""

    @app.put("/users/<int:number>")
    async def change(number: int) -> str:
        return ""

    request = lines(f"{method} {path} HTTP/1.1", "Host: a")
    return await Server(app).client().says(request)


async def a_method_that_a_path_does_not_have_is_not_allowed() -> None:
    same((await _answer("DELETE", "/users/7"))[9:12], b"405")


async def the_answer_says_which_ones_it_has() -> None:
    answer = await _answer("DELETE", "/users/7")
    [line] = [
        line.partition(b": ")[2].decode()
        for line in answer.splitlines()
        if line.lower().startswith(b"allow:")
    ] or [""]
    same({*line.split(", ")}, {"GET", "HEAD", "OPTIONS", "PUT"})


async def a_path_that_is_not_there_is_not_found() -> None:
    same((await _answer("GET", "/users/seven"))[9:12], b"404")


async def the_second_rule_is_found() -> None:
    same((await _answer("PUT", "/users/7"))[9:12], b"200")
