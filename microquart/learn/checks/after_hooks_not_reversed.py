"""For the exercise after-hooks-not-reversed."""

from microquart import Blueprint, Quart, Response
from microquart.learn.clients import Server, lines, same


async def _order() -> list[str]:
    app = Quart(__name__)
    inner = Blueprint("inner", __name__)
    order: list[str] = []

    def register(place: Quart | Blueprint, name: str) -> None:
        @place.before_request
        async def before() -> None:
            order.append(f"+{name}")

        @place.after_request
        async def after(response: Response) -> Response:
            order.append(f"-{name}")
            return response

    for name in "ab":
        register(app, name)
    for name in "cd":
        register(inner, name)

    @inner.get("/")
    async def view() -> str:
        return ""

    app.register_blueprint(inner)
    await Server(app).client().says(lines("GET / HTTP/1.1", "Host: a"))
    return order


async def what_was_opened_first_is_closed_last() -> None:
    same((await _order())[4:], ["-d", "-c", "-b", "-a"])


async def hooks_before_a_request_run_in_their_order() -> None:
    same((await _order())[:4], ["+a", "+b", "+c", "+d"])
