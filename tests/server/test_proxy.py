"""Behind a proxy: who asks, and where the links of an application lead."""

import json
import socket
import stat
import sys
from typing import Any, NamedTuple

import anyio.to_thread
import httpx
import pytest
from websockets.sync.client import connect

from microquart import Quart, request, url_for, websocket
from microquart.middleware import DispatcherMiddleware
from microquart.server.forwarding import forwarding
from microquart.server.settings import Settings
from tests.server.nginx import nginx
from tests.server.running import Running, running

LOCAL = "127.0.0.1"
# What a client says to be taken for another one.
LIES = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "for=6.6.6.6;proto=https",
}
TRUSTED = {"proxy_headers": True, "forwarded_allow_ips": (LOCAL,)}

app = Quart(__name__)


@app.get("/items/<int:id>")
async def item(id: int) -> dict[str, Any]:
    return {
        "client": request.remote_addr,
        "url": request.url,
        "link": url_for("item", id=2),
        "external": url_for("item", id=2, _external=True),
    }


@app.websocket("/items/<int:id>")
async def news(id: int) -> None:
    await websocket.send(f"{websocket.remote_addr} {websocket.url}")


@app.get("/folder/")
async def folder() -> str:
    return "folder"


mounted = DispatcherMiddleware({"/shop": app})


class Setup(NamedTuple):
    """One way to put a proxy in front, and what the view is to see."""

    settings: dict[str, Any]
    fields: tuple[str, ...]
    client: str
    base: str  # of all URLs
    path: str = "/items/1"
    app: Any = app


SETUPS = {
    "no proxy": Setup({}, ("Host: a.example",), LOCAL, "http://a.example"),
    "nobody is trusted by default": Setup(
        {"proxy_headers": True},
        (
            "Host: a.example",
            "X-Forwarded-For: 9.9.9.9",
            "X-Forwarded-Host: evil.example",
            "Forwarded: for=9.9.9.9",
        ),
        LOCAL,
        "http://a.example",
    ),
    "the switch is off": Setup(
        {"forwarded_allow_ips": (LOCAL,)},
        ("Host: a.example", "X-Forwarded-For: 9.9.9.9"),
        LOCAL,
        "http://a.example",
    ),
    "TLS ends at the proxy": Setup(
        TRUSTED,
        (
            "Host: a.example",
            "X-Forwarded-For: 9.9.9.9",
            "X-Forwarded-Proto: https",
        ),
        "9.9.9.9",
        "https://a.example",
    ),
    "the proxy has its own Host": Setup(
        TRUSTED,
        (
            "Host: backend:8000",
            "X-Forwarded-For: 9.9.9.9",
            "X-Forwarded-Host: a.example",
        ),
        "9.9.9.9",
        "http://a.example",
    ),
    "on a port of its own": Setup(
        TRUSTED,
        (
            "Host: a.example",
            "X-Forwarded-For: 9.9.9.9",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Port: 8443",
        ),
        "9.9.9.9",
        "https://a.example:8443",
    ),
    "a load balancer says its usual port": Setup(
        TRUSTED,
        (
            "Host: a.example",
            "X-Forwarded-For: 9.9.9.9",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Port: 443",
        ),
        "9.9.9.9",
        "https://a.example",
    ),
    "the proxy takes a prefix off and says so": Setup(
        TRUSTED,
        (
            "Host: a.example",
            "X-Forwarded-For: 9.9.9.9",
            "X-Forwarded-Prefix: /shop",
        ),
        "9.9.9.9",
        "http://a.example/shop",
    ),
    "the proxy takes a prefix off, and root_path knows": Setup(
        {**TRUSTED, "root_path": "/shop"},
        ("Host: a.example", "X-Forwarded-For: 9.9.9.9"),
        "9.9.9.9",
        "http://a.example/shop",
    ),
    "both say the prefix": Setup(
        {**TRUSTED, "root_path": "/shop"},
        (
            "Host: a.example",
            "X-Forwarded-For: 9.9.9.9",
            "X-Forwarded-Prefix: /shop/",
        ),
        "9.9.9.9",
        "http://a.example/shop",
    ),
    "the proxy leaves the prefix on": Setup(
        TRUSTED,
        ("Host: a.example", "X-Forwarded-For: 9.9.9.9"),
        "9.9.9.9",
        "http://a.example/shop",
        "/shop/items/1",
        mounted,
    ),
    "a prefix below a prefix": Setup(
        TRUSTED,
        (
            "Host: a.example",
            "X-Forwarded-For: 9.9.9.9",
            "X-Forwarded-Prefix: /all",
        ),
        "9.9.9.9",
        "http://a.example/all/shop",
        "/shop/items/1",
        mounted,
    ),
    "two proxies in a row": Setup(
        {"proxy_headers": True, "forwarded_allow_ips": (LOCAL, "10.0.0.0/8")},
        (
            "Host: a.example",
            "X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.0.0.2",
            "X-Forwarded-Proto: https, http",
        ),
        "9.9.9.9",
        "https://a.example",
    ),
    "Forwarded": Setup(
        TRUSTED,
        (
            "Host: backend",
            'Forwarded: for="[2001:db8::9]:4711";proto=https;host=a.example',
        ),
        "2001:db8::9",
        "https://a.example",
    ),
    "everybody is a proxy": Setup(
        {"proxy_headers": True, "forwarded_allow_ips": ("*",)},
        ("Host: a.example", "X-Forwarded-For: 9.9.9.9"),
        "9.9.9.9",
        "http://a.example",
    ),
}


def seen(setup: Setup) -> dict[str, str]:
    root = "/" + "/".join(setup.base.split("/")[3:])
    return {
        "client": setup.client,
        "url": f"{setup.base}/items/1",
        "link": f"{root.rstrip('/')}/items/2",
        "external": f"{setup.base}/items/2",
    }


def get(path: str, *fields: str) -> bytes:
    lines = [f"GET {path} HTTP/1.1", *fields, "Connection: close", "", ""]
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS)
async def test_a_view_sees_its_client_and_its_own_address(loop_name, setup):
    async with running(setup.app, **setup.settings) as server:
        answer = await server.says(get(setup.path, *setup.fields))
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == seen(setup)


async def test_over_a_unix_socket_the_proxy_is_trusted_by_that_name(
    loop_name, tmp_path
):
    fields = ("Host: a.example", "X-Forwarded-For: 9.9.9.9")
    for trusted, client in ((("unix",), "9.9.9.9"), ((LOCAL,), None)):
        async with running(
            app,
            bind=(f"unix:{tmp_path}/socket",),
            proxy_headers=True,
            forwarded_allow_ips=trusted,
        ) as server:
            answer = await server.says(get("/items/1", *fields))
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["client"] == client


async def test_a_redirect_stays_below_the_prefix(loop_name):
    async with running(app, **TRUSTED) as server:
        answer = await server.says(
            get("/folder", "Host: a.example", "X-Forwarded-Prefix: /shop")
        )
    assert answer.startswith(b"HTTP/1.1 308 ")
    assert b"\r\nlocation: /shop/folder/\r\n" in answer


async def test_http_2_from_a_proxy_is_no_different(loop_name):
    def ask(server: Running) -> dict[str, Any]:
        with httpx.Client(http1=False, http2=True) as client:
            response = client.get(
                f"{server.url}/items/1",
                headers={
                    "X-Forwarded-For": "9.9.9.9",
                    "X-Forwarded-Proto": "https",
                    "X-Forwarded-Host": "a.example",
                },
            )
            answer: dict[str, Any] = response.json()
            return answer

    async with running(app, **TRUSTED) as server:
        answer = await anyio.to_thread.run_sync(ask, server)
    assert answer["client"] == "9.9.9.9"
    assert answer["url"] == "https://a.example/items/1"


async def test_a_websocket_sees_the_same(loop_name):
    def talk(server: Running) -> str | bytes:
        with connect(
            f"ws://127.0.0.1:{server.port}/items/1",
            additional_headers={
                "X-Forwarded-For": "9.9.9.9",
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "a.example",
                "X-Forwarded-Prefix": "/shop",
            },
        ) as client:
            return client.recv()

    async with running(app, **TRUSTED) as server:
        said = await anyio.to_thread.run_sync(talk, server)
    assert said == "9.9.9.9 wss://a.example/shop/items/1"


async def test_the_access_log_names_the_client(loop_name, caplog):
    caplog.set_level("INFO", "microquart.access")
    async with running(app, access_log=True, **TRUSTED) as server:
        await server.says(
            get("/items/1", "Host: x", "X-Forwarded-For: 9.9.9.9")
        )
    assert [
        record.getMessage().split()[0]
        for record in caplog.records
        if record.name == "microquart.access"
    ] == ["9.9.9.9"]


def test_a_trust_in_nobody_is_told(caplog):
    forwarding(Settings(proxy_headers=True))
    assert "forwarded_allow_ips is empty" in caplog.text


# -- nginx --

# An address of this machine that is none of a proxy.
CLIENT = "127.0.0.2"


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux", reason="other systems have one loopback address"
)
@pytest.mark.parametrize("unix", [False, True], ids=["TCP", "Unix"])
@pytest.mark.parametrize("below", ["", "/shop"], ids=["all", "/shop"])
async def test_nginx_is_in_front(loop_name, program, tmp_path, unix, below):
    path = program("nginx")
    settings: dict[str, Any] = {
        "proxy_headers": True,
        "forwarded_allow_ips": ("unix",) if unix else (LOCAL,),
    }
    if unix:
        settings["bind"] = (f"unix:{tmp_path}/socket",)
        settings["socket_mode"] = "660"

    def talk(server: Running) -> None:
        with nginx(path, server.url, tmp_path, below) as port:
            base = f"localhost:{port}{below}"
            transport = httpx.HTTPTransport(local_address=CLIENT)
            with httpx.Client(transport=transport, headers=LIES) as client:
                for _ in range(2):
                    assert client.get(f"http://{base}/items/1").json() == {
                        "client": CLIENT,
                        "url": f"http://{base}/items/1",
                        "link": f"{below}/items/2",
                        "external": f"http://{base}/items/2",
                    }
            own = socket.create_connection((LOCAL, port), 10, (CLIENT, 0))
            with connect(f"ws://{base}/items/1", sock=own) as talking:
                said = talking.recv()
            assert said == f"{CLIENT} ws://{base}/items/1"

    async with running(app, **settings) as server:
        if unix:
            mode = (tmp_path / "socket").stat().st_mode
            assert stat.S_IMODE(mode) == 0o660
        await anyio.to_thread.run_sync(talk, server)
