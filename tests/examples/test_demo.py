"""The demonstration application does what its page says."""

import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.browser import browsing
from microquart.loading import load

ROOT = Path(__file__).parents[2]


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    # Another test may have loaded a program of that name.
    monkeypatch.delitem(sys.modules, "app", raising=False)
    app = load(str(ROOT / "examples/demo/app.py"))
    yield app.test_client()
    sys.modules.pop("app", None)


async def test_the_page_says_how_it_came(client):
    response = await client.get("/")
    assert 'HTTP/<b id="http">1.1</b>' in await response.get_data(as_text=True)


async def test_the_page_says_how_to_see_its_way(client):
    text = await (await client.get("/")).get_data(as_text=True)
    assert "--trace --request-id" in text
    assert 'id="xray"' not in text


async def test_the_page_names_the_routes_for_a_terminal(client):
    text = await (await client.get("/")).get_data(as_text=True)
    urls = re.findall(r"curl .*http://localhost([^\s<]+)", text)
    assert urls == ["/hello/you", "/hello/h2", "/count/20"]


async def test_hello_is_json(client):
    response = await client.get("/hello/Ada")
    assert await response.get_json() == {"hello": "Ada", "http": "1.1"}


async def test_count_is_sent_in_pieces(client):
    async with client.request("/count/2") as connection:
        await connection.send_complete()
        assert await connection.receive() == b"1\n"
        assert await connection.receive() == b"2\n"


async def test_measure_tells_the_size_of_an_upload(client):
    response = await client.post("/measure", data=b"x" * 100_000)
    assert (await response.get_json())["bytes"] == 100_000


async def test_echo_answers_until_it_is_closed(client):
    async with client.websocket("/echo") as connection:
        await connection.send("draw")
        assert await connection.receive() == "ward"


# -- as a process, with the command that make demo uses --


@contextmanager
def serving(*args):
    command = [sys.executable, "-m", "microquart", "run"]
    with subprocess.Popen(
        [*command, "examples/demo/app.py", "--port", "0", *args],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            for line in process.stderr:
                if found := re.search(r"listening on (http://\S+)", line):
                    break
            yield found[1]
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
@pytest.mark.parametrize(
    ("option", "version"),
    [("--http1.1", "1.1"), ("--http2-prior-knowledge", "2")],
)
def test_make_demo_serves_both_versions(program, loop, option, version):
    curl = [program("curl"), "--silent", "--show-error", option]
    with serving("--loop", loop) as url:
        output = subprocess.check_output([*curl, f"{url}/hello/you"])
        assert output == b'{"hello":"you","http":"%b"}\n' % version.encode()
        page = subprocess.check_output([*curl, url], text=True)
        assert f'<b id="http">{version}</b>' in page


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--trace-prefix", "/_xray")])
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_the_page_leads_to_the_trace_of_its_own_request(program, loop, more):
    shown = "document.querySelectorAll('.request')"
    with (
        serving("--trace", "--request-id", "--loop", loop, *more) as url,
        browsing(program("chromium")) as page,
    ):
        page.open(url)
        page.open(url)  # another of the same kind
        name = page.ask("document.getElementById('xray').href")
        page.open(name)
        page.until(f"{shown}.length == 1")
        row = page.ask(f"{shown}[0].ariaLabel")
        fields = page.ask("document.getElementById('detail').innerText")
        page.open("about:blank")
    assert row == "GET / 200"
    assert "\npage\n" in fields  # the endpoint
