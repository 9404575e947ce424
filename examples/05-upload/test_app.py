"""How to test uploads: small ones in memory, large ones on a real server."""

import filecmp
import socket
import time
from io import BytesIO
from pathlib import Path

import httpx
import psutil
import pytest

from microquart.datastructures import FileStorage

MEGABYTE = bytes(range(256)) * 4096
SIZE = 64  # megabytes of a large upload


@pytest.fixture
def app(app, tmp_path):
    app.config.update(FOLDER=tmp_path / "uploads", UPLOAD_LIMIT=100_000)
    return app


async def listed(client):
    return await (await client.get("/files")).get_json()


async def test_a_file_comes_back_as_it_was(client):
    data = MEGABYTE[:50_000]
    response = await client.put("/files/a.bin", data=data)
    assert response.status_code == 201
    assert await response.get_json() == {"name": "a.bin", "bytes": 50_000}
    back = await client.get("/files/a.bin")
    assert await back.get_data() == data
    assert back.headers["content-disposition"].startswith("attachment")


async def test_a_form_brings_a_file(client):
    upload = FileStorage(BytesIO(b"123"), filename="a.txt")
    response = await client.post("/files", files={"file": upload})
    assert response.status_code == 303
    assert await listed(client) == [
        {"name": "a.txt", "bytes": 3, "coming": False}
    ]


@pytest.mark.parametrize(
    "name",
    [".hidden", "..", "a%5Cb", "a%00b", "x" * 201, "%C3%A9" * 101, "a.part"],
)
async def test_a_name_that_could_hurt_is_refused(client, name):
    response = await client.put(f"/files/{name}", data=b"x")
    assert response.status_code == 400
    assert await listed(client) == []


async def test_what_is_too_long_is_refused_and_leaves_nothing(client):
    for method, data in ((client.put, MEGABYTE), (client.put, b"x" * 100_001)):
        response = await method("/files/a.bin", data=data)
        assert response.status_code == 413
    assert await listed(client) == []


async def test_a_file_on_its_way_is_listed_so(client):
    async with client.request("/files/a.bin", method="PUT") as upload:
        await upload.send(b"x" * 1000)
        while not (files := await listed(client)):
            pass
        assert files[0]["name"] == "a.bin"
        assert files[0]["coming"]
        await upload.disconnect()
    assert await listed(client) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", [False, True])
def test_a_large_upload_takes_no_memory(serve, tmp_path: Path, form):
    server = serve(QUART_FOLDER=tmp_path / "uploads")
    large = tmp_path / "large.bin"
    with large.open("wb") as file:
        for _ in range(SIZE):
            file.write(MEGABYTE)
    process = psutil.Process(server.process.pid)
    httpx.put(f"{server.url}/files/warm", content=MEGABYTE)
    before = process.memory_info().rss
    with large.open("rb") as file:
        if form:
            httpx.post(f"{server.url}/files", files={"file": file})
        else:
            httpx.put(f"{server.url}/files/large.bin", content=file)
    assert process.memory_info().rss - before < 4_000_000
    assert filecmp.cmp(large, tmp_path / "uploads" / "large.bin", False)


@pytest.mark.slow
def test_of_a_client_that_leaves_nothing_is_left(serve, tmp_path: Path):
    folder = tmp_path / "uploads"
    server = serve(QUART_FOLDER=folder)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            b"PUT /files/a.bin HTTP/1.1\r\nHost: x\r\n"
            b"Content-Length: 9999999\r\n\r\n" + MEGABYTE
        )
        until(lambda: list(folder.iterdir()))
    until(lambda: not list(folder.iterdir()))


def until(condition) -> None:
    late = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < late


@pytest.mark.slow
def test_a_browser_shows_how_far_it_is(serve, browser, tmp_path):
    server = serve(QUART_FOLDER=tmp_path / "uploads")
    browser.open(server.url)
    browser.ask("""
        send(new File([new Uint8Array(3e6)], "a b.bin")).then(show)
    """)
    shown = browser.ask("document.querySelector('#files').innerText")
    assert shown.split("\n")[-2:] == ["a b.bin", "3.0 MB"]
    assert (
        browser.ask(
            "fetch(document.querySelector('#files a').href)"
            ".then(response => response.arrayBuffer())"
            ".then(buffer => buffer.byteLength)"
        )
        == 3_000_000
    )
    browser.size(400)
    assert browser.fits()
