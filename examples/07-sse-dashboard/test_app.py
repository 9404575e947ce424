"""How to test a stream without end: read what you need, then leave."""

import json
import time

import httpx
import pytest


@pytest.fixture
def app(app):
    app.config["INTERVAL"] = 0.01
    return app


async def read(connection, number):
    """Return so many events of a stream, as (id, data)."""
    found = []
    while len(found) < number:
        message = (await connection.receive()).decode()
        lines = dict(
            line.split(": ", 1) for line in message.split("\n") if line
        )
        if "data" in lines:
            found.append((int(lines["id"]), json.loads(lines["data"])))
    return found


async def test_events_come_as_they_happen(client):
    async with client.request("/events") as connection:
        await connection.send_complete()
        events = await read(connection, 3)
        await connection.disconnect()
    ids = [id for id, _ in events]
    assert ids == [ids[0], ids[0] + 1, ids[0] + 2]
    assert set(events[0][1]) == {"load", "late", "readers"}


async def test_who_comes_back_gets_what_was_missed(client):
    async with client.request("/events") as connection:
        await connection.send_complete()
        (first, _), _ = await read(connection, 2)
        await connection.disconnect()
    again = client.request("/events", headers={"last-event-id": str(first)})
    async with again as connection:
        await connection.send_complete()
        ((next, _),) = await read(connection, 1)
        await connection.disconnect()
    assert next == first + 1


async def test_when_a_reader_leaves_its_stream_ends(app, client):
    async with client.request("/events") as connection:
        await connection.send_complete()
        await read(connection, 1)
        assert app.extensions["readers"] == 1
        await connection.disconnect()
    assert app.extensions["readers"] == 0


async def test_a_reader_that_is_slow_misses_the_oldest(app, importable):
    from feed import Feed

    feed = Feed(keep=3)
    for number in range(5):
        feed.publish(number)
    assert [event.data for event in feed.after(0)] == [2, 3, 4]


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_a_stop_ends_open_streams_within_a_second(serve, loop):
    server = serve("--loop", loop, QUART_INTERVAL=0.05)
    with httpx.stream("GET", f"{server.url}/events") as response:
        lines = response.iter_lines()
        while not next(lines).startswith("data:"):
            pass
        server.process.terminate()
        began = time.monotonic()
        for _ in lines:  # ends as it should: httpx would raise otherwise
            pass
    assert server.process.wait(5) == 0
    assert time.monotonic() - began < 1


@pytest.mark.slow
def test_a_browser_shows_the_figures_and_comes_back(serve, browser):
    server = serve(QUART_INTERVAL=0.05)
    browser.open(server.url)
    browser.until("series.readers.length > 3")
    shown = browser.ask("document.querySelector('#readers output').innerText")
    assert shown == "1"
    port = server.url.rpartition(":")[2]
    assert server.stop() == 0
    browser.until("state.textContent.startsWith('lost')")
    browser.ask("series.readers.length = 0")
    serve("--port", port, QUART_INTERVAL=0.05)
    browser.until("series.readers.length > 3")
    assert browser.ask("state.textContent") == "connected"
    browser.size(400)
    assert browser.fits()
