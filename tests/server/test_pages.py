"""What a page is made of, and what goes on behind it, through a socket."""

import math

import anyio
import pytest

from microquart import Quart, Response, jsonify, request
from tests.server.asking import ask, both
from tests.server.running import running

FIELDS = [
    ("authorization", "Basic \xff"),
    ("authorization", "Basic " + "=" * 1000),
    ("authorization", "Digest " + 'a="' * 1000),
    ("accept", "*/*;q=" + "9" * 5000),
    ("accept", "text/html;" * 2000),
    ("accept-language", "-" * 5000),
    ("content-type", "multipart/form-data; " + "a=b; " * 2000),
    ("content-type", '"' * 5000),
    ("cookie", "=a; =b; ;;"),
    ("cookie", 'a="' + "\\" * 5000),
    ("if-none-match", '"' * 5000),
    ("if-modified-since", "Tue, 99 Nov 99999 99:99:99 GMT"),
    ("range", "bytes=" + "-" * 5000),
    ("cache-control", "max-age=" + "9" * 5000),
    ("user-agent", "\xff" * 1000),
    ("referer", "http://[" + "a" * 1000),
    ("x-forwarded-for", "\xff"),
]


@both
async def test_no_field_of_a_request_is_an_error_of_the_server(
    loop_name, version, caplog
):
    app = Quart(__name__)

    @app.get("/")
    async def look() -> str:
        """Look at everything that is made of fields."""
        return str(
            (
                request.authorization,
                request.accept_mimetypes.best,
                request.accept_languages.best,
                request.mimetype_params,
                request.cookies,
                request.if_none_match,
                request.if_modified_since,
                request.range,
                request.cache_control.max_age,
                request.user_agent,
                request.referrer,
                request.access_route,
                await request.get_data(),
                await request.form,
            )
        )

    async with running(app) as server:
        for name, value in FIELDS:
            answer = await ask(server, version, "/", (name, value))
            assert answer.status in (200, 400), (name, value[:20])
    assert "Traceback" not in caplog.text


@both
async def test_a_cookie_without_a_name_is_none(loop_name, version):
    app = Quart(__name__)

    @app.get("/")
    async def names() -> list[str]:
        return sorted(request.cookies)

    field = ("cookie", "=__Host-a=b; c=d; =e")
    async with running(app) as server:
        answer = await ask(server, version, "/", field)
    assert answer.text.split() == ['["c"]']


@both
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
async def test_what_is_no_json_is_not_sent(loop_name, version, value):
    app = Quart(__name__)

    @app.get("/")
    async def view() -> Response:
        return jsonify([value])

    async with running(app) as server:
        answer = await ask(server, version)
    assert answer.status == 500
    assert b"NaN" not in answer.content
    assert b"Infinity" not in answer.content


# -- behind the answer --


async def test_a_task_in_the_background_fails_alone(loop_name, caplog):
    app = Quart(__name__)

    async def work() -> None:
        raise ValueError("no such luck")

    @app.get("/")
    async def view() -> str:
        app.add_background_task(work)
        return "hello"

    async with running(app) as server:
        for _ in range(2):
            assert (await ask(server, "1.1")).text == "hello"
    failed = [each for each in caplog.records if each.exc_info]
    assert [str(each.exc_info[1]) for each in failed] == ["no such luck"] * 2


async def test_no_task_in_the_background_outlives_the_server(loop_name):
    app = Quart(__name__)
    app.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"] = 0.05
    ended: list[str] = []

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("work")

    @app.get("/")
    async def view() -> str:
        app.add_background_task(work)
        return "hello"

    @app.after_serving
    async def stop() -> None:
        ended.append("after_serving")

    async with running(app) as server:
        assert (await ask(server, "1.1")).text == "hello"
        server.stop.set()
        await server.stopped.wait()
        assert "work" in ended
        assert "after_serving" in ended


@both
async def test_an_error_of_a_teardown_is_logged_with_its_request(
    loop_name, version, caplog
):
    app = Quart(__name__)

    @app.get("/page")
    async def view() -> str:
        return "hello"

    @app.teardown_request
    async def teardown(error: BaseException | None) -> None:
        raise ValueError("no such luck")

    async with running(app) as server:
        for _ in range(2):
            await ask(server, version, "/page")
    assert "no such luck" in caplog.text
    assert "/page" in caplog.text
