"""Two processes, then three; a broker that is killed, a Redis that is."""

import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import anyio
import pytest
from anyio.abc import TaskStatus
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

TIMEOUT = 10.0  # seconds for everything that takes its time
LOOPS = ["asyncio", "uvloop", "trio"]


@pytest.fixture(autouse=True)
def own_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER", str(tmp_path / "socket"))


@pytest.fixture
def join(nothing_is_left: None):
    """Return a function that joins the chat of a server."""
    with ExitStack() as joined:

        def join(server, **options) -> tuple[ClientConnection, int]:
            url = server.url.replace("http", "ws") + "/chat"
            talk = joined.enter_context(connect(url, **options))
            return talk, int(str(talk.recv(TIMEOUT)).split()[-1])

        yield join


def say(talk: ClientConnection, text: str, *others: ClientConnection) -> None:
    """Say this again and again, until all have heard it."""
    waiting = {talk, *others}
    until = time.monotonic() + TIMEOUT
    while waiting:
        assert time.monotonic() < until, f"{len(waiting)} have not heard it"
        talk.send(text)
        for each in list(waiting):
            if hears(each, text):
                waiting.remove(each)


def hears(talk: ClientConnection, text: str) -> bool:
    try:
        while not str(talk.recv(0.3)).endswith(f": {text}"):
            continue
    except TimeoutError:
        return False
    return True


async def test_there_is_a_page(client):
    response = await client.get("/")
    assert "<title>fan-out</title>" in await response.get_data(as_text=True)


async def test_a_full_queue_ends_and_the_others_go_on(importable):
    module = importlib.import_module("audience")
    audience = module.Audience()
    count = module.QUEUE + 1
    with audience.joined() as slow, audience.joined() as quick:
        for number in range(count):
            await audience.tell(number)
            assert await quick.receive() == number
        assert [number async for number in slow] == list(range(count - 1))


async def test_a_burst_is_heard_by_all(importable, tmp_path):
    serve = importlib.import_module("broker").serve
    count = 300
    heard = []

    async def member(*, task_status: TaskStatus[None]) -> None:
        async with await anyio.connect_unix(tmp_path / "socket") as stream:
            await stream.send(b"hello\n")
            data = await stream.receive()
            task_status.started()
            await go.wait()
            await stream.send(b"burst\n" * count)
            while data.count(b"burst\n") < 2 * count:
                data += await stream.receive()
            heard.append(data.replace(b"hello\n", b""))

    with anyio.fail_after(TIMEOUT):
        async with anyio.create_task_group() as group:
            go = anyio.Event()
            await group.start(serve, tmp_path / "socket")
            async with anyio.create_task_group() as members:
                for _ in range(2):
                    await members.start(member)
                go.set()
            group.cancel_scope.cancel()
    assert heard == [b"burst\n" * 2 * count] * 2


@pytest.mark.slow
def test_the_page_says_and_hears(serve, join, browser):
    server = serve()
    ada, _ = join(server)
    browser.size(360)
    browser.open(server.url)
    browser.until("document.body.innerText.includes('with process')")
    browser.ask(
        "document.querySelector('input').value ="
        " '<b>hello</b> ' + 'x'.repeat(99); document.forms[0].requestSubmit()"
    )
    assert "<b>hello</b> x" in str(ada.recv(TIMEOUT))
    browser.until("document.body.innerText.includes('<b>hello</b> x')")
    assert browser.ask("document.querySelector('input').value") == ""
    assert browser.fits()


# -- on one machine --


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_what_one_process_hears_the_other_tells(serve, join, loop):
    (ada, _), (bob, _) = [join(serve("--loop", loop)) for _ in range(2)]
    say(ada, "hello\nBob", bob)
    say(bob, "hello, Ada 👋", ada)


@pytest.mark.slow
@pytest.mark.parametrize("loop", LOOPS)
def test_when_the_broker_is_killed_another_process_is_it(serve, join, loop):
    server = serve("--workers", "3", "--loop", loop)
    server.wait_for(r"(?s)(worker \d+ serves.*){3}")
    first = int(server.wait_for(r"worker (\d+) serves")[1])
    talks: dict[int, ClientConnection] = {}
    while len(talks) < 3:
        talk, process = join(server)
        talks.setdefault(process, talk)
    del talks[first]
    os.kill(first, signal.SIGKILL)
    one, other = talks.values()
    say(one, "is anybody there?", other)


@pytest.mark.slow
def test_who_is_too_slow_is_left_behind(serve, join):
    server = serve()
    port = int(server.url.rpartition(":")[2])
    with socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", port))
        slow, _ = join(server, sock=narrow, max_queue=1, compression=None)
        quick, _ = join(server, compression=None)
        count = 5000
        for _ in range(count):
            quick.send("x" * 900)
            quick.recv(TIMEOUT)
        heard = 0
        with suppress(ConnectionClosed):
            for _ in slow:
                heard += 1
    assert slow.close_code == 1013
    assert 0 < heard < count


# -- through Redis --


@contextmanager
def redis(path: str, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a Redis round a block, on a Unix socket, that keeps nothing."""
    words = [path, "--port", "0", "--unixsocket", f"{folder}/redis"]
    words += ["--save", "", "--dir", str(folder)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + TIMEOUT
            with socket.socket(socket.AF_UNIX) as probe:
                while probe.connect_ex(f"{folder}/redis"):
                    assert time.monotonic() < until, "Redis does not listen"
            yield process
        finally:
            process.kill()


@pytest.mark.slow
def test_redis_may_go_and_come_back(serve, join, program, tmp_path):
    path = program("redis-server")
    url = f"unix://{tmp_path}/redis"
    with redis(path, tmp_path):
        (ada, _), (bob, _) = [
            join(serve("--loop", loop, REDIS_URL=url)) for loop in LOOPS[:2]
        ]
        say(ada, "hello", bob)
    ada.send("is anybody there?")
    assert str(ada.recv(TIMEOUT)).startswith("not said: is anybody there? (")
    with redis(path, tmp_path):
        say(bob, "hello again", ada)
        say(ada, "here I am", bob)


@pytest.mark.slow
def test_on_trio_redis_is_refused_and_the_reason_told(here):
    words = [sys.executable, "-m", "microquart", "run", str(here / "app.py")]
    ended = subprocess.run(
        [*words, "--port", "0", "--loop", "trio"],
        env={**os.environ, "REDIS_URL": "redis://localhost"},
        capture_output=True,
        timeout=TIMEOUT,
        text=True,
    )
    assert ended.returncode == 3
    assert "startup failed: redis.asyncio does not run on trio" in ended.stderr
