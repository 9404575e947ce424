"""The application's life: serving hooks, background tasks, shutdown."""

import anyio
import pytest

from microquart import Quart, current_app, g, request
from microquart.signals import got_background_exception, got_serving_exception
from microquart.testing import LifespanError


@pytest.fixture
def app():
    app = Quart(__name__, static_folder=None)
    app.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"] = 5
    return app


async def test_hooks_round_the_serving_in_order(app):
    log = []

    @app.before_serving
    async def before():
        log.append(f"before {current_app.name == app.name}")

    @app.before_serving
    def before_plain():
        log.append("before plain")

    @app.while_serving
    async def outer():
        log.append("outer start")
        yield
        log.append("outer end")

    @app.while_serving
    async def inner():
        log.append("inner start")
        yield
        log.append("inner end")

    @app.after_serving
    async def after():
        log.append("after")

    async with app.test_app() as running:
        log.append("serving")
        await running.test_client().get("/")
    assert log == [
        *("before True", "before plain", "outer start", "inner start"),
        *("serving", "inner end", "outer end", "after"),
    ]


async def test_an_application_can_be_started_again(app):
    log = []

    @app.while_serving
    async def during():
        log.append("start")
        yield
        log.append("end")

    for _ in range(2):
        async with app.test_app():
            pass
    assert log == ["start", "end"] * 2


@pytest.mark.parametrize("hook", ["before_serving", "after_serving"])
async def test_a_failing_hook_fails_the_lifespan(app, hook, caplog):
    seen = []

    async def listen(sender, exception):
        seen.append(exception)

    got_serving_exception.connect(listen, app)

    @getattr(app, hook)
    async def fail():
        raise ValueError("no database")

    with pytest.raises(LifespanError, match="no database"):
        async with app.test_app():
            pass
    assert [repr(error) for error in seen] == ["ValueError('no database')"]
    assert "no database" in caplog.text


async def test_what_has_started_is_ended_if_the_start_fails(app):
    log = []

    @app.while_serving
    async def first():
        try:
            yield
        finally:
            log.append("closed")

    @app.while_serving
    async def second():
        raise ValueError("second")
        yield

    with pytest.raises(LifespanError):
        async with app.test_app():
            pass
    assert log == ["closed"]


async def test_a_generator_must_end(app):
    @app.while_serving
    async def endless():
        yield
        yield

    with pytest.raises(LifespanError, match="didn't terminate"):
        async with app.test_app():
            pass


async def test_the_state_of_the_lifespan_reaches_requests(app):
    @app.before_serving
    async def fill():
        app.state["pool"] = "pool"

    @app.get("/")
    async def view():
        return request.scope["state"]["pool"]

    async with app.test_app() as running:
        response = await running.test_client().get("/")
        assert await response.get_data() == b"pool"


# -- background tasks --


async def test_a_background_task_runs_beside_the_requests(app):
    done = anyio.Event()

    @app.get("/")
    async def view():
        async def task(value):
            g.value = value
            assert current_app.name == app.name
            done.set()

        app.add_background_task(task, 7)
        return "x"

    await app.test_client().get("/")
    await done.wait()


async def test_a_plain_function_can_be_a_background_task(app):
    seen = []

    @app.get("/")
    async def view():
        app.add_background_task(seen.append, 7)
        return "x"

    async with app.test_app() as running:
        await running.test_client().get("/")
    assert seen == [7]


async def test_a_plain_view_can_start_a_background_task(app):
    seen = []

    @app.get("/")
    def view():
        app.add_background_task(seen.append, 7)
        return "x"

    async with app.test_app() as running:
        await running.test_client().get("/")
    assert seen == [7]


async def test_shutdown_waits_for_background_tasks(app):
    seen = []

    async def task():
        await app.shutdown_event.wait()
        await anyio.lowlevel.checkpoint()
        seen.append("done")

    async with app.test_app():
        app.add_background_task(task)
    assert seen == ["done"]
    assert app.background_tasks == set()


async def test_shutdown_cancels_what_takes_too_long(app):
    app.config["BACKGROUND_TASK_SHUTDOWN_TIMEOUT"] = 0.01
    seen = []

    async def task():
        try:
            await anyio.sleep_forever()
        finally:
            seen.append("cancelled")

    async with app.test_app():
        app.add_background_task(task)
    assert seen == ["cancelled"]


async def test_a_background_task_can_be_cancelled(app):
    async with app.test_app():
        app.add_background_task(anyio.sleep_forever)
        (task,) = app.background_tasks
        assert not task.done()
        task.cancel()
        await task.wait()
        assert task.done()


async def test_an_error_of_a_background_task_is_logged_with_its_request(
    app, caplog
):
    seen = []

    async def listen(sender, exception):
        seen.append(repr(exception))

    got_background_exception.connect(listen, app)

    @app.post("/notes")
    async def view():
        async def task():
            raise ValueError("broken")

        app.add_background_task(task)
        return "x"

    async with app.test_app() as running:
        await running.test_client().post("/notes")
    assert seen == ["ValueError('broken')"]
    assert "Exception on request POST /notes" in caplog.text
    assert "ValueError: broken" in caplog.text


async def test_startup_and_shutdown_can_be_called_by_hand(app):
    log = []
    app.before_serving(lambda: log.append("before"))
    app.after_serving(lambda: log.append("after"))
    await app.startup()
    assert not app.shutdown_event.is_set()
    await app.shutdown()
    assert app.shutdown_event.is_set()
    assert log == ["before", "after"]


# -- commands --


def test_commands_run_with_the_application(app):
    @app.cli.command("greet")
    async def greet():
        print(f"hello from {current_app.name}")

    result = app.test_cli_runner().invoke(args=["greet"])
    assert result.output == f"hello from {app.name}\n"


async def test_the_shell_knows_the_application(app):
    @app.shell_context_processor
    def add():
        return {"answer": 42}

    async with app.app_context():
        names = app.make_shell_context()
        assert names["app"] is app
        assert names["answer"] == 42
        assert "g" in names
