"""What runs before, while and after an application serves."""

import anyio
import pytest

row = pytest.mark.row
differs = pytest.mark.differs


@row("before_serving, after_serving")
async def test_hooks_run_before_and_after_serving(app):
    log = []

    @app.before_serving
    async def before():
        log.append("before")

    @app.before_serving
    def plain():
        log.append("plain")

    @app.after_serving
    async def after():
        log.append("after")

    async with app.test_app() as test_app:
        log.append("serving")
        client = test_app.test_client()
        assert (await client.get("/nope")).status_code == 404
    assert log == ["before", "plain", "serving", "after"]


@row("before_serving, after_serving")
async def test_a_hook_has_the_context_of_the_application(quart, app):
    seen = []

    @app.before_serving
    async def before():
        seen.append(quart.current_app.name)

    async with app.test_app():
        pass
    assert seen == [app.name]


@row("while_serving")
async def test_a_generator_runs_around_the_serving(app):
    log = []

    @app.while_serving
    async def around():
        log.append("start")
        yield
        log.append("end")

    @app.before_serving
    async def before():
        log.append("before")

    @app.after_serving
    async def after():
        log.append("after")

    async with app.test_app():
        log.append("serving")
    assert log == ["start", "before", "serving", "after", "end"] or log == [
        *("before", "start", "serving", "end", "after")
    ]


@row("add_background_task")
async def test_a_background_task_runs_beside_the_serving(quart, app):
    log = []

    async def task(name, *, more):
        log.append((name, more, quart.current_app.name))

    def plain(name):
        log.append((name, quart.current_app.name))

    @app.route("/")
    async def view():
        app.add_background_task(task, "a", more=1)
        app.add_background_task(plain, "b")
        return "x"

    async with app.test_app() as test_app:
        await test_app.test_client().get("/")
    assert sorted(log, key=str) == [("a", 1, app.name), ("b", app.name)]


@row("add_background_task")
async def test_the_error_of_a_background_task_is_logged(app, caplog):
    async def task():
        raise ValueError("in the background")

    async with app.test_app():
        app.add_background_task(task)
    assert "in the background" in caplog.text


@row("BACKGROUND_TASK_SHUTDOWN_TIMEOUT")
async def test_a_background_task_is_cancelled_at_last(app):
    app.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"] = 0.01
    log = []

    async def task():
        try:
            await anyio.sleep_forever()
        finally:
            log.append("ended")

    async with app.test_app():
        app.add_background_task(task)
        await anyio.wait_all_tasks_blocked()
    assert log == ["ended"]


@row("BACKGROUND_TASK_SHUTDOWN_TIMEOUT")
async def test_a_task_can_ask_for_the_shutdown(app):
    async def task():
        await app.shutdown_event.wait()
        log.append("told")

    log = []
    async with app.test_app():
        app.add_background_task(task)
        await anyio.wait_all_tasks_blocked()
        app.shutdown_event.set()
    assert log == ["told"]


@row("failing hooks")
async def test_a_failing_hook_is_told_to_the_server(app):
    @app.before_serving
    async def before():
        raise ValueError("not today")

    sent = []

    async def receive():
        return {"type": "lifespan.startup"}

    async def send(message):
        sent.append(message)
        if message["type"].endswith("failed"):
            raise EOFError

    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    with pytest.raises(EOFError):
        await app(scope, receive, send)
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "not today" in sent[0]["message"]


@row("failing hooks")
async def test_a_failing_hook_reaches_the_test(quart, app):
    @app.before_serving
    async def before():
        raise ValueError("not today")

    with pytest.raises(Exception, match=r"not today|startup"):
        async with app.test_app():
            pass
