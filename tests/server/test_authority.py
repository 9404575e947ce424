"""HTTPS in development: an authority that is made once, and what trusts it."""

import os
import socket
import ssl
import stat
import subprocess
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from microquart.asgi import Receive, Scope, Send
from microquart.server.authority import (
    RENEWED,
    Authority,
    configuration_folder,
)
from microquart.server.settings import Settings, tls_context
from tests.server.applications import answer, http
from tests.server.process import started
from tests.server.running import Running, running

PAGE = b"<!doctype html><title>page</title><p>HTTP/%b and secret</p>"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "home" / "microquart")


def names(file: Path) -> list[str]:
    """Return the names that a certificate is for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(file.parent / "authority.pem")
    client.check_hostname = False
    ends = [ssl.MemoryBIO() for _ in range(2)]
    server = context.wrap_bio(*ends, server_side=True)
    peer = client.wrap_bio(*reversed(ends))
    for end in (peer, server, peer, server):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    told = peer.getpeercert()
    assert told is not None
    return [name for _, name in told["subjectAltName"]]


def test_only_the_user_can_read_the_keys(authority):
    file = authority.certificate_for([])
    modes = {
        path.name: oct(stat.S_IMODE(path.stat().st_mode))
        for path in [authority.folder, *authority.folder.iterdir()]
    }
    assert modes == {
        "microquart": "0o700",
        "authority.key": "0o600",
        "authority.pem": "0o644",
        file.name: "0o600",
    }
    assert b"PRIVATE KEY" not in authority.certificate.read_bytes()


def test_it_is_made_once(authority):
    assert not authority.exists
    file = authority.certificate_for([])
    assert authority.exists
    before = [path.read_bytes() for path in (file, authority.certificate)]
    again = Authority(authority.folder)
    assert again.certificate_for([]) == file
    assert [
        path.read_bytes() for path in (file, authority.certificate)
    ] == before


def test_who_starts_at_the_same_time_finds_the_same_authority(authority):
    together = threading.Barrier(4)
    found = []

    def make() -> None:
        mine = Authority(authority.folder)
        together.wait()
        mine.certificate_for([])
        found.append(mine.certificate.read_bytes())

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    ("hosts", "more"),
    [
        ([], []),
        (["localhost", "127.0.0.1"], []),
        (["192.0.2.1"], ["192.0.2.1"]),
        (["box.example"], ["box.example"]),
        (["no_name", "a b", "*"], []),
    ],
)
def test_a_certificate_is_for_this_machine_and_where_it_listens(
    authority, hosts, more
):
    found = names(authority.certificate_for(hosts))
    assert {*found} - {"0:0:0:0:0:0:0:1"} == {"localhost", "127.0.0.1", *more}


def test_who_listens_everywhere_has_the_name_of_the_machine(authority):
    file = authority.certificate_for(["0.0.0.0"])
    assert socket.gethostname().lower() in names(file)


def test_a_certificate_is_renewed_before_it_ends(authority):
    file = authority.certificate_for([])
    before = file.read_bytes()
    old = file.stat().st_mtime - RENEWED * 24 * 3600 - 60
    os.utime(authority.key, (old - 1, old - 1))
    os.utime(file, (old, old))
    assert authority.certificate_for([]).read_bytes() != before
    assert len(list(authority.folder.iterdir())) == 3


def test_another_authority_signs_anew(authority):
    file = authority.certificate_for([])
    authority.key.unlink()
    authority.certificate_for([])
    assert "localhost" in names(file)  # which fails if it is not its own


def test_the_advice_names_the_file_and_the_commands(authority):
    said = "\n".join(authority.advice())
    assert str(authority.certificate) in said
    assert "certutil" in said or "security add-trusted-cert" in said
    assert f"Show {authority.key} to nobody." in said


def test_it_stays_where_the_users_settings_are(monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", "/somewhere")
    assert configuration_folder() == Path("/somewhere/microquart")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert configuration_folder() == Path("/home/ada/.config/microquart")


def test_the_settings_make_the_certificate(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    bind = ("192.0.2.1:8000", "[2001:db8::1]:8000", "unix:socket", "fd://3")
    context = tls_context(Settings(bind, https=True))
    assert context is not None
    assert sorted(
        path.name for path in (tmp_path / "microquart").iterdir()
    ) == [
        "authority.key",
        "authority.pem",
        "localhost+192.0.2.1+2001_db8__1.pem",
    ]


@http
async def page(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    await answer(send, PAGE % scope["http_version"].encode())


async def test_a_client_that_trusts_the_authority_is_content(
    loop_name, authority
):
    file = authority.certificate_for([])

    def ask(server: Running, trusting: ssl.SSLContext) -> bytes:
        url = f"https://localhost:{server.port}"
        with urllib.request.urlopen(url, context=trusting) as response:
            answer: bytes = response.read()
            return answer

    async with running(page, certfile=file) as server:
        trusting = ssl.create_default_context(cafile=authority.certificate)
        heard = await anyio.to_thread.run_sync(ask, server, trusting)
        assert heard == PAGE % b"1.1"
        other = ssl.create_default_context()
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY"):
            await anyio.to_thread.run_sync(ask, server, other)


async def read_page(chromium: str, url: str, home: Path) -> str:
    """Return what a browser with this home makes of a page."""
    done = await anyio.run_process(
        [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu"),
            *("--no-first-run", "--disable-background-networking"),
            *("--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={home}/profile", "--timeout=8000"),
            *("--dump-dom", url),
        ],
        stderr=subprocess.DEVNULL,
        env={**os.environ, "HOME": str(home)},
        check=False,
    )
    return done.stdout.decode()


@pytest.mark.slow
@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_chromium_accepts_it_after_the_advice_was_followed(
    program: Callable[[str], str], authority, tmp_path
):
    chromium, _ = program("chromium"), program("certutil")
    async with running(page, certfile=authority.certificate_for([])) as server:
        url = f"https://localhost:{server.port}/"
        assert "and secret" not in await read_page(chromium, url, tmp_path)
        command = next(
            line for line in authority.advice() if "certutil" in line
        )
        await anyio.run_process(
            command.partition("Chromium:")[2],
            env={**os.environ, "HOME": str(tmp_path)},
        )
        heard = await read_page(chromium, url, tmp_path)
    assert "HTTP/2 and secret" in heard


@pytest.mark.slow
def test_run_https_says_what_to_do_the_first_time(tmp_path):
    folder = tmp_path / "microquart"
    with started(
        "echoes:app", "--https", XDG_CONFIG_HOME=str(tmp_path)
    ) as first:
        assert "to have it trusted, once:" in first.said
        assert "listening on https://127.0.0.1:" in first.said
        assert first.stop() == 0
    with started(
        "echoes:app", "--https", XDG_CONFIG_HOME=str(tmp_path)
    ) as later:
        assert f"HTTPS by {folder}/authority.pem\n" in later.said
        assert "trusted" not in later.said
        context = ssl.create_default_context(cafile=folder / "authority.pem")
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", later.port)) as plain:
            with context.wrap_socket(
                plain, server_hostname="localhost"
            ) as tls:
                assert tls.selected_alpn_protocol() == "h2"
