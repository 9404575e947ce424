"""HTTP/2 through real sockets, in clear and over TLS."""

import os
from pathlib import Path

import anyio
import httpx
import pytest

from microquart.asgi import Receive, Scope, Send
from tests.server.applications import answer, echo, hello, http
from tests.server.attacks.h2 import PREFACE
from tests.server.h2client import talking
from tests.server.running import Running, running


async def run(*command: str) -> str:
    """Run a client beside the server; return what it says."""
    done = await anyio.run_process(command, check=False)
    return done.stdout.decode() + done.stderr.decode()


@pytest.fixture(params=["clear", "TLS"])
def carrier(request, certificates) -> dict[str, object]:
    """Settings of a server that speaks HTTP/2 by the preface, or by ALPN."""
    if request.param == "clear":
        return {}
    return {
        "certfile": certificates.certfile,
        "keyfile": certificates.keyfile,
        "client_context": certificates.client_context("h2", "http/1.1"),
    }


def asked(server: Running) -> list[str]:
    if server.client_context is None:
        return ["--http2-prior-knowledge"]
    return ["--http2", "--insecure"]


async def test_curl_speaks_http2(loop_name, carrier, program):
    curl = program("curl")
    async with running(hello, **carrier) as server:
        said = await run(curl, "-sS", "-i", *asked(server), server.url)
    assert said.startswith("HTTP/2 200")
    assert said.endswith("hello")


async def test_three_megabytes_go_both_ways(
    loop_name, carrier, program, tmp_path: Path
):
    curl = program("curl")
    content = os.urandom(3_000_000)
    (tmp_path / "up").write_bytes(content)
    async with running(echo, **carrier) as server:
        await run(
            curl,
            *("-sS", *asked(server), "-o", str(tmp_path / "down")),
            *("--data-binary", f"@{tmp_path}/up", server.url),
        )
    assert (tmp_path / "down").read_bytes() == content


async def test_nghttp_reads_the_settings_of_the_first_flight(
    loop_name, carrier, program
):
    nghttp = program("nghttp")
    async with running(hello, **carrier) as server:
        said = await run(nghttp, "-nv", server.url)
    assert "SETTINGS_MAX_CONCURRENT_STREAMS(0x03):100" in said
    assert "SETTINGS_ENABLE_CONNECT_PROTOCOL(0x08):1" in said
    assert ":status: 200" in said


async def test_in_clear_it_can_be_turned_off(loop_name):
    async with running(hello, h2c=False) as server:
        heard = await server.says(PREFACE)
        assert heard.startswith(b"HTTP/1.1 505 HTTP Version Not Supported\r\n")
        assert heard.count(b"HTTP/") == 1
        assert await server.says(
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"hello"
        )


async def test_over_tls_it_stays_when_it_is_off_in_clear(
    loop_name, certificates
):
    async with (
        running(
            hello,
            h2c=False,
            certfile=certificates.certfile,
            keyfile=certificates.keyfile,
            client_context=certificates.client_context("h2"),
        ) as server,
        talking(server) as client,
    ):
        fields, content = await client.answer(await client.ask())
    assert (fields[":status"], content) == ("200", b"hello")


@pytest.mark.slow
async def test_h2load_gets_all_its_answers(loop_name, carrier, program):
    h2load = program("h2load")
    async with running(hello, **carrier) as server:
        said = await run(
            h2load, "-n", "1000", "-c", "4", "-m", "32", server.url
        )
    assert "1000 succeeded, 0 failed, 0 errored" in said


async def test_streams_run_at_the_same_time(loop_name, certificates):
    waiting = 0
    all_here = anyio.Event()

    @http
    async def together(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal waiting
        assert scope["http_version"] == "2"
        waiting += 1
        if waiting == 20:
            all_here.set()
        await all_here.wait()
        await answer(send)

    async with running(
        together,
        certfile=certificates.certfile,
        keyfile=certificates.keyfile,
    ) as server:
        async with httpx.AsyncClient(
            http1=False,
            http2=True,
            verify=certificates.client_context("h2"),
            base_url=f"https://localhost:{server.port}",
        ) as client:
            async with anyio.create_task_group() as group:
                for _ in range(20):
                    group.start_soon(client.get, "/")


async def test_a_client_that_offers_http_1_1_alone_gets_it(
    loop_name, certificates, program
):
    curl = program("curl")
    async with running(
        hello, certfile=certificates.certfile, keyfile=certificates.keyfile
    ) as server:
        said = await run(curl, "-sSik", "--http1.1", server.url)
    assert said.startswith("HTTP/1.1 200")


async def test_an_upgrade_to_h2c_is_ignored(loop_name, program):
    curl = program("curl")
    async with running(hello) as server:
        said = await run(curl, "-sSi", "--http2", server.url)
    assert said.startswith("HTTP/1.1 200")


async def test_a_stream_that_runs_at_the_stop_is_completed(
    loop_name, carrier, program
):
    curl = program("curl")
    called = anyio.Event()

    @http
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        called.set()
        await scope["state"]["microquart.shutdown"].wait()
        await answer(send)

    said = ""

    async with running(slow, **carrier) as server:

        async def ask() -> None:
            nonlocal said
            said = await run(curl, "-sSi", *asked(server), server.url)

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await called.wait()
            server.stop.set()
    assert said.startswith("HTTP/2 200")
    assert said.endswith("hello")
