"""For the exercise last-match-wins."""

from microquart import Quart
from microquart.learn.clients import Server, lines, same


def _app() -> Quart:
    app = Quart(__name__)
    rules = (
        ("first", "/<name>", ["GET"]),
        ("second", "/<name>", ["GET"]),
        ("third", "/<name>", ["POST"]),
        ("home", "/home", ["GET"]),
    )
    for endpoint, rule, methods in rules:

        async def view(endpoint: str = endpoint, **_: str) -> str:
            return endpoint

        app.add_url_rule(rule, endpoint, view, methods=methods)
    return app


async def _answer(method: str, path: str) -> bytes:
    request = lines(f"{method} {path} HTTP/1.1", "Host: a")
    answer = await Server(_app()).client().says(request)
    return answer.rpartition(b"\r\n")[2]


async def of_two_rules_alike_the_first_wins() -> None:
    same(await _answer("GET", "/x"), b"first")


async def a_rule_with_the_right_method_wins_over_those_before() -> None:
    same(await _answer("POST", "/x"), b"third")


async def a_rule_without_variables_wins_over_all() -> None:
    same(await _answer("GET", "/home"), b"home")
