"""A real browser: twenty fetches and a WebSocket over one TLS connection."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from microquart import Quart, request, websocket
from tests.server.running import running

PAGE = """<!doctype html>
<title>page</title>
<pre id=out>waiting</pre>
<script>
const socket = new WebSocket(`wss://${location.host}/socket`);
const echo = new Promise((done, failed) => {
  socket.onopen = () => socket.send("hello");
  socket.onmessage = message => done(message.data);
  socket.onerror = failed;
});
const fetches = [...Array(20).keys()].map(
  n => fetch(`/number/${n}`).then(response => response.json()));
Promise.all([echo, ...fetches]).then(
  all => document.getElementById("out").textContent = JSON.stringify(all),
  error => document.getElementById("out").textContent = "failed " + error);
</script>
"""


async def read_page(chromium: str, url: str, profile: Path) -> str:
    """Return what the page has written when all its promises are kept."""
    done = await anyio.run_process(
        [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu"),
            *("--no-first-run", "--disable-background-networking"),
            *("--disable-component-update", "--disable-sync"),
            *("--disable-quic", "--ignore-certificate-errors"),
            *(f"--user-data-dir={profile}", "--timeout=8000"),
            *("--virtual-time-budget=8000", "--dump-dom", url),
        ],
        stderr=subprocess.DEVNULL,
        check=False,
    )
    found = re.search(r"<pre id=\"?out\"?>(.*?)</pre>", done.stdout.decode())
    assert found is not None, done.stdout
    return found[1]


@pytest.mark.slow
async def test_chromium_gets_all_over_one_connection(
    loop_name: str,
    certificates,
    program: Callable[[str], str],
    tmp_path: Path,
):
    chromium = program("chromium")
    app = Quart(__name__)
    together = anyio.Event()
    peers = set()
    fetches = 0

    def note() -> None:
        here = request.scope if request else websocket.scope
        peers.add((here["http_version"], here["client"]))

    @app.get("/")
    async def page() -> str:
        note()
        return PAGE

    @app.get("/number/<int:number>")
    async def number(number: int) -> dict[str, int]:
        nonlocal fetches
        note()
        fetches += 1
        if fetches == 20:
            together.set()
        # All twenty are open at the same time, or none is answered.
        await together.wait()
        return {"number": number}

    @app.websocket("/socket")
    async def socket() -> None:
        note()
        await websocket.send(await websocket.receive())

    async with running(
        app, certfile=certificates.certfile, keyfile=certificates.keyfile
    ) as server:
        url = f"https://localhost:{server.port}/"
        said = await read_page(chromium, url, tmp_path)
    echo, *numbers = json.loads(said)
    assert echo == "hello"
    assert numbers == [{"number": number} for number in range(20)]
    assert len(peers) == 1
    assert {version for version, _ in peers} == {"2"}
