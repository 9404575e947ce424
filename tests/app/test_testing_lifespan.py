"""An application under test is started and stopped, in tasks of its own."""

from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from microquart.asgi import (
    Receive,
    Scope,
    Send,
)
from microquart.testing import (
    LifespanError,
    QuartClient,
    TestApp,
)
from microquart.testing.background import Background, Closed, Mailbox
from tests.app.applications import respond


class Started:
    """An application with a life, as little of one as there can be."""

    def __init__(self, answers: Mapping[str, Any]) -> None:
        self.answers = answers
        self.seen: list[str] = []

    def test_client(self) -> QuartClient:
        return QuartClient(self)

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if scope["type"] != "lifespan":
            await respond(send, str(scope.get("state")).encode())
            return
        scope.get("state", {})["pool"] = "open"
        for _ in range(2):
            kind = (await receive())["type"]
            self.seen.append(kind)
            answer = self.answers[kind]
            if isinstance(answer, Exception):
                raise answer
            await send(answer)


COMPLETE = {
    "lifespan.startup": {"type": "lifespan.startup.complete"},
    "lifespan.shutdown": {"type": "lifespan.shutdown.complete"},
}


async def test_an_application_is_started_and_stopped() -> None:
    app = Started(COMPLETE)
    async with TestApp(app) as test_app:
        assert app.seen == ["lifespan.startup"]
        response = await test_app.test_client().get("/")
        assert await response.get_data() == b"{'pool': 'open'}"
    assert app.seen == ["lifespan.startup", "lifespan.shutdown"]


async def test_it_can_be_started_in_one_task_and_stopped_in_another() -> None:
    app = Started(COMPLETE)
    test_app = TestApp(app)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(test_app.startup)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(test_app.shutdown)
    assert app.seen == ["lifespan.startup", "lifespan.shutdown"]


@pytest.mark.parametrize("when", ["startup", "shutdown"])
async def test_a_failed_lifespan_is_an_error(when: str) -> None:
    failed = {"type": f"lifespan.{when}.failed", "message": "no database"}
    test_app = TestApp(Started({**COMPLETE, f"lifespan.{when}": failed}))
    if when == "shutdown":
        await test_app.startup()
    with pytest.raises(LifespanError, match="no database"):
        await getattr(test_app, when)()


@pytest.mark.parametrize("when", ["startup", "shutdown"])
async def test_what_a_lifespan_raises_is_raised(when: str) -> None:
    answers = {**COMPLETE, f"lifespan.{when}": KeyError("no database")}
    test_app = TestApp(Started(answers))
    if when == "shutdown":
        await test_app.startup()
    with pytest.raises(KeyError, match="no database"):
        await getattr(test_app, when)()


async def test_an_application_that_does_not_start_is_not_waited_for() -> None:
    class Silent(Started):
        async def __call__(
            self, scope: Scope, receive: Receive, send: Send
        ) -> None:
            await anyio.sleep_forever()

    with pytest.raises(TimeoutError, match="did not start up"):
        await TestApp(Silent({}), startup_timeout=0.01).startup()


# -- the parts --


async def test_a_mailbox_gives_what_was_put_and_then_says_closed() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    box.close()
    box.put(2)
    assert await box.get() == 1
    for _ in range(2):
        with pytest.raises(Closed):
            await box.get()


async def test_several_may_wait_at_one_mailbox() -> None:
    box: Mailbox[int] = Mailbox()
    taken: list[int] = []

    async def take() -> None:
        taken.append(await box.get())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        tasks.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        box.put(1)
        box.put(2)
    assert sorted(taken) == [1, 2]


async def test_who_is_cancelled_while_waiting_for_a_task_ends_it() -> None:
    ended: list[str] = []

    async def forever() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("ended")

    background = Background(forever)
    with anyio.move_on_after(0.01):
        await background.end()
    await anyio.wait_all_tasks_blocked()
    assert ended == ["ended"]


async def test_what_is_no_exception_is_raised_as_well() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pytest.fail("in the view")

    with pytest.raises(pytest.fail.Exception, match="in the view"):
        await QuartClient(app).get("/")
