"""How to test work in the background: ask until it is done; stop early."""

import time
from importlib import import_module

import httpx
import pytest


@pytest.fixture
def app(app, tmp_path):
    app.config.update(FOLDER=tmp_path / "sent", SECONDS=0.01, PERIOD=0.01)
    return app


async def state(client, path):
    """Return what has become of a mail, when something has."""
    while True:
        found = await (await client.get(path)).get_json()
        if found["state"] != "waiting":
            return found["state"]


async def test_a_promise_is_kept(client, tmp_path):
    response = await client.post("/mails", json={"to": "ada@example.com"})
    assert response.status_code == 202
    assert await state(client, response.location) == "sent"
    sent = (tmp_path / "sent" / "1.txt").read_text()
    assert sent == "To: ada@example.com\n"


async def test_an_error_is_in_the_log(client, caplog):
    response = await client.post("/mails", json={"to": "nobody"})
    assert response.status_code == 202
    assert await state(client, response.location) == "failed"
    assert "mail 1: 'nobody' is no address" in caplog.text


async def test_so_many_can_be_under_way(app, client):
    app.config["MOST"] = 0
    response = await client.post("/mails", json={"to": "ada@example.com"})
    assert response.status_code == 503
    assert response.headers["retry-after"] == "10"


@pytest.mark.parametrize("mail", [{}, [], {"to": 1}])
async def test_a_mail_needs_an_address(client, mail):
    assert (await client.post("/mails", json=mail)).status_code == 422


async def test_one_failure_does_not_end_a_period(app, caplog):
    every = import_module("app").every
    times = []

    async def action():
        times.append(None)
        if len(times) == 3:
            app.shutdown_event.set()
        raise OSError("no paper")

    async with app.test_app():
        await every(0, action)
    assert len(times) == 3
    assert caplog.text.count("OSError: no paper") == 3


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_at_a_stop_what_was_promised_is_done_first(serve, tmp_path, loop):
    folder = tmp_path / "sent"
    server = serve("--loop", loop, QUART_FOLDER=folder, QUART_SECONDS=0.3)
    mail = {"to": "ada@example.com"}
    assert httpx.post(f"{server.url}/mails", json=mail).status_code == 202
    began = time.monotonic()
    assert not list(folder.iterdir())
    assert server.stop() == 0
    assert time.monotonic() - began < 2
    assert [path.name for path in folder.iterdir()] == ["1.txt"]
