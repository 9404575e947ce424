"""The programs of tutorials, with one word changed and nothing else."""

from importlib import import_module
from io import BytesIO

import anyio
import pytest

from tests.compat.playing import play, told

RUNS = [("microquart", "asyncio"), ("microquart", "trio")]


def same(name, *steps, loops=("asyncio", "trio")):
    """Play a program with Quart and with ours; return what was the same."""
    theirs = play(name, "quart", "asyncio", list(steps))
    for loop in loops:
        assert play(name, "microquart", loop, list(steps)) == theirs
    return theirs


def ask(method, path, **options):
    return method, path, options


TEA = {"title": "Buy tea", "due": "2026-12-24"}
BREAD = {"title": "Bake <bread>", "done": True}


async def broken(client, module):
    """JSON that is none; what is said of it is in our words."""
    headers = {"Content-Type": "application/json"}
    response = await client.post("/notes/", data="{", headers=headers)
    return response.status_code, sorted(await response.get_json())


def test_an_api_keeps_notes_in_a_database():
    seen = same(
        "api",
        ask("GET", "/notes/"),
        ask("POST", "/notes/", json=TEA),
        ask("POST", "/notes/", json=BREAD),
        ask("POST", "/notes/", json={}),
        broken,
        ask("GET", "/notes/1"),
        ask("GET", "/notes/9"),
        ask("GET", "/notes/x"),
        ask("GET", "/notes"),
        ask("PUT", "/notes/1", json={**TEA, "done": True}),
        ask("GET", "/notes/?done=true"),
        ask("DELETE", "/notes/2"),
        ask("GET", "/notes/", headers={"Accept": "*/*"}),
        ask("PATCH", "/notes/1"),
        ask("HEAD", "/notes/1"),
        ask("OPTIONS", "/notes/1"),
    )
    assert [status for status, *_ in seen] == [
        *(200, 201, 201, 400, 400, 200, 404, 404, 308, 200, 200, 204),
        *(200, 405, 200, 200),
    ]
    note = b'{"done":false,"due":"Thu, 24 Dec 2026 00:00:00 GMT","id":1,'
    assert note in seen[5][2]


def test_a_blog_has_posts_a_login_and_messages():
    form = {"title": "First <post>", "text": "one\ntwo"}
    login = {"name": "anna", "password": "secret"}
    seen = same(
        "blog",
        ask("GET", "/"),
        ask("GET", "/create/"),
        ask("GET", "/login"),
        ask("POST", "/login", form={**login, "password": "guess"}),
        ask("POST", "/login?next=/create/", form=login),
        ask("GET", "/create/"),
        ask("POST", "/create/", form=form),
        ask("GET", "/"),
        ask("GET", "/"),
        ask("POST", "/create/", form={**form, "title": ""}),
        ask("POST", "/create/", form={}),
        ask("POST", "/create/", form=form, follow_redirects=True),
        ask("GET", "/logout"),
        ask("GET", "/create/", follow_redirects=True),
    )
    assert [status for status, _, _ in seen] == [
        *(200, 302, 200, 401, 302, 200, 302, 200, 200, 400, 400, 200),
        *(303, 200),
    ]
    assert b"First &lt;post&gt;" in seen[7][2]
    assert b"Published" in seen[7][2]
    assert b"Published" not in seen[8][2]


async def talk(client, module):
    """Two people talk, then one leaves."""
    async with client.websocket("/ws") as anna:
        async with client.websocket("/ws") as bo:
            await both_there(module)
            here = await told(await client.get("/"))
            await anna.send("hello")
            heard = [await anna.receive(), await bo.receive()]
            await bo.send("hi")
            heard += [await anna.receive(), await bo.receive()]
    return here, heard, len(module.broker.connections)


async def both_there(module):
    await anyio.wait_all_tasks_blocked()
    assert len(module.broker.connections) == 2


def test_a_chat_tells_everybody():
    # Its queues and tasks are asyncio's own.
    [(_, heard, left)] = same("chat", talk, loops=["asyncio"])
    assert heard == ["hello", "hello", "hi", "hi"]
    assert left == 0


def test_a_film_is_played_from_any_place():
    seen = same(
        "video",
        ask("GET", "/"),
        ask("GET", "/film"),
        ask("GET", "/film", headers={"Range": "bytes=0-99"}),
        ask("GET", "/film", headers={"Range": "bytes=2900-"}),
        ask("HEAD", "/film"),
        ask("GET", "/live"),
        ask("GET", "/where", headers={"Range": "bytes=0-"}),
    )
    assert [status for status, _, _ in seen] == [
        *(200, 200, 206, 206, 200, 200, 200)
    ]
    assert seen[3][1]["content-range"] == "bytes 2900-2999/3000"


def test_events_are_sent_as_they_come_and_work_is_done_beside():
    async def jobs(client, module):
        return module.done

    seen = same(
        "events_stream",
        ask("GET", "/events", headers={"Accept": "text/event-stream"}),
        ask("GET", "/events", headers={"Accept": "text/html"}),
        ask("POST", "/jobs", json={"name": "a"}),
        ask("GET", "/jobs"),
    )
    assert seen[0][2] == b"data: tick 0\nid: 0\n\ndata: tick 1\nid: 1\n\n"
    assert [status for status, _, _ in seen] == [200, 400, 202, 200]
    assert callable(jobs)


async def photo(client, module):
    kind = type(client).__module__.partition(".")[0]
    containers = import_module(f"{kind}.datastructures")
    file = containers.FileStorage(BytesIO(b"\xff" * 100), "ä b.png")
    file.headers["Content-Type"] = "image/png"
    response = await client.post(
        "/", form={"title": "A photo"}, files={"photo": file}
    )
    return await told(response)


def test_a_photo_is_uploaded():
    seen = same(
        "uploads",
        ask("GET", "/"),
        photo,
        ask("POST", "/", form={"title": "none"}),
        ask("PUT", "/raw", data=b"x" * 4000),
        ask(
            "POST",
            "/",
            data=b"x" * 5000,
            headers={"Content-Length": "5000"},
        ),
    )
    assert [status for status, _, _ in seen][:4] == [200, 200, 400, 200]
    assert b'"size":100' in seen[1][2]


@pytest.mark.parametrize("name", ["api", "blog", "video"])
def test_a_program_runs_on_trio_as_on_asyncio(name):
    steps = [ask("GET", "/"), ask("GET", "/nope")]
    runs = [play(name, *run, steps) for run in RUNS]
    assert runs[0] == runs[1]


def test_work_that_blocks_is_done_in_threads():
    seen = same(
        "threads",
        ask("GET", "/hash?text=a"),
        ask("GET", "/hash"),
        ask("GET", "/prices/tea"),
        ask("DELETE", "/prices/tea"),
        ask("PUT", "/prices/tea"),
    )
    assert [status for status, _, _ in seen] == [200, 400, 200, 202, 405]
    assert b'"price":{"amount":"1.50","currency":"EUR"}' in seen[2][2]


async def with_password(client, module):
    kind = type(client).__module__.partition(".")[0]
    testing = import_module(f"{kind}.testing.connections")
    heard = []
    socket = client.websocket("/ws/anna", auth=("anna", "secret"))
    async with socket as connection:
        heard.append(await connection.receive())
        await connection.send_json({"a": [1, "ä"]})
        heard.append(await connection.receive_json())
        await connection.send_json({"end": True})
        with pytest.raises(testing.WebsocketDisconnectError) as caught:
            await connection.receive()
        heard.append(caught.value.args[0])
    with pytest.raises(testing.WebsocketResponseError) as rejected:
        async with client.websocket("/ws/bo") as connection:
            await connection.receive()
    heard.append(rejected.value.response.status_code)
    return heard, module.log


def test_a_websocket_wants_a_password():
    [(heard, log)] = same("guarded", with_password)
    assert heard == [
        "hello anna",
        {"name": "anna", "got": {"a": [1, "ä"]}},
        1000,
        401,
    ]
    assert log == ["/ws/anna opened", "closed", "/ws/bo opened", 401]
