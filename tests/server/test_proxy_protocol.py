"""The PROXY protocol: who a load balancer speaks for."""

import socket
import ssl
import struct
from typing import Any

import anyio
import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st

from microquart.http.errors import ProtocolError
from microquart.http.proxies import Proxies
from microquart.server.proxy_protocol import (
    MAX_HEADER,
    SIGNATURE,
    Header,
    parse_header,
    receive_header,
)
from tests.server.applications import peers
from tests.server.running import hear, running

LINE = b"PROXY TCP4 9.9.9.9 192.0.2.1 4711 443\r\n"
GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LOCAL = "127.0.0.1"
TRUSTED = {"proxy_protocol": True, "forwarded_allow_ips": (LOCAL,)}


def binary(content: bytes, command: int = 0x21, family: int = 0x11) -> bytes:
    """Return a header of version 2."""
    return (
        SIGNATURE
        + struct.pack("!BBH", command, family, len(content))
        + content
    )


IPV4 = socket.inet_aton("9.9.9.9") + socket.inet_aton("192.0.2.1")
IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::9") + bytes(15) + b"\1"
PORTS = struct.pack("!HH", 4711, 443)

HEADERS = {
    "version 1": (LINE, ("9.9.9.9", 4711), ("192.0.2.1", 443)),
    "version 1, IPv6": (
        b"PROXY TCP6 2001:DB8::9 ::1 4711 443\r\n",
        ("2001:db8::9", 4711),
        ("::1", 443),
    ),
    "version 1, unknown": (b"PROXY UNKNOWN\r\n", None, None),
    "version 1, unknown with more": (b"PROXY UNKNOWN a b\r\n", None, None),
    "version 2": (binary(IPV4 + PORTS), ("9.9.9.9", 4711), ("192.0.2.1", 443)),
    "version 2, IPv6": (
        binary(IPV6 + PORTS, family=0x21),
        ("2001:db8::9", 4711),
        ("::1", 443),
    ),
    "version 2, with extras": (
        binary(IPV4 + PORTS + b"\x04\x00\x03abc"),
        ("9.9.9.9", 4711),
        ("192.0.2.1", 443),
    ),
    "version 2, the proxy itself": (
        binary(IPV4 + PORTS, command=0x20),
        None,
        None,
    ),
    "version 2, of no family": (binary(b"", family=0), None, None),
    "version 2, UDP": (binary(IPV4 + PORTS, family=0x12), None, None),
    "version 2, Unix": (binary(bytes(216), family=0x31), None, None),
}


@pytest.mark.parametrize(
    ("data", "client", "server"), HEADERS.values(), ids=HEADERS
)
def test_a_header_says_both_ends(data, client, server):
    assert parse_header(data) == Header(len(data), client, server)
    assert parse_header(data + GET) == Header(len(data), client, server)


@pytest.mark.parametrize("data", [header[0] for header in HEADERS.values()])
def test_a_part_of_a_header_waits_for_the_rest(data):
    for size in range(1, len(data)):
        assert parse_header(data[:size]) is None


@pytest.mark.parametrize(
    "data",
    [
        GET,
        b"\x16\x03\x01",
        b"PROXX",
        b"PROXY TCP4 9.9.9.9 192.0.2.1 4711 443\n",
        b"PROXY TCP4 9.9.9.9 192.0.2.1 4711\r\n",
        b"PROXY TCP4 9.9.9.9 192.0.2.1 04711 443\r\n",
        b"PROXY TCP4 9.9.9.9 192.0.2.1 65536 443\r\n",
        b"PROXY TCP4 9.9.9 192.0.2.1 4711 443\r\n",
        b"PROXY TCP4 ::1 ::1 4711 443\r\n",
        b"PROXY TCP6 9.9.9.9 192.0.2.1 4711 443\r\n",
        b"PROXY TCP4  9.9.9.9 192.0.2.1 4711 443\r\n",
        b"PROXY UDP4 9.9.9.9 192.0.2.1 4711 443\r\n",
        b"PROXY UNKNOWN" + b"x" * 100,
        b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
        binary(IPV4 + PORTS, command=0x31),
        binary(IPV4 + PORTS, command=0x22),
        binary(IPV4),
        binary(IPV4 + PORTS, family=0x21),
        binary(bytes(MAX_HEADER)),
    ],
)
def test_what_is_no_header_is_refused(data):
    with pytest.raises(ProtocolError):
        parse_header(data)


@given(st.binary(max_size=200), st.sampled_from([b"", SIGNATURE, b"PROXY "]))
def test_whatever_comes_is_a_header_or_none(data, beginning):
    try:
        header = parse_header(beginning + data)
    except ProtocolError:
        return
    assert header is None or header.size <= len(beginning + data)


@pytest.mark.parametrize("data", [header[0] for header in HEADERS.values()])
@pytest.mark.parametrize("size", [1, 5, 1000])
async def test_not_a_byte_more_is_read(data, size):
    peer, proxy = socket.socketpair()
    with peer, proxy:
        peer.setblocking(False)

        async def say() -> None:
            for start in range(0, len(data), size):
                proxy.send(data[start : start + size])
                await anyio.wait_writable(proxy)
            proxy.send(GET)

        async with anyio.create_task_group() as group:
            group.start_soon(say)
            header = await receive_header(peer, Proxies("unix"))
        assert header.size == len(data)
        assert peer.recv(1000) == GET


async def test_who_leaves_has_said_nothing():
    peer, proxy = socket.socketpair()
    with peer:
        peer.setblocking(False)
        proxy.close()
        with pytest.raises(ProtocolError):
            await receive_header(peer, Proxies("unix"))


# -- through a real socket --


@pytest.mark.parametrize("data", [LINE, binary(IPV4 + PORTS)])
async def test_the_scope_has_the_ends_of_the_client(loop_name, secured, data):
    client_context: ssl.SSLContext | None = secured.pop("client_context", None)
    settings: dict[str, Any] = {**TRUSTED, **secured}

    def ask(port: int) -> bytes:
        with socket.create_connection((LOCAL, port), 10) as plain:
            plain.sendall(data)
            if client_context is None:
                return talk(plain)
            with client_context.wrap_socket(
                plain, server_hostname="localhost"
            ) as secret:
                return talk(secret)

    def talk(connection: socket.socket) -> bytes:
        connection.sendall(GET)
        heard = b""
        while more := connection.recv(1000):
            heard += more
        return heard

    async with running(peers, **settings) as server:
        answer = await anyio.to_thread.run_sync(ask, server.port)
    scheme = b"https" if client_context else b"http"
    ends = b" ('9.9.9.9', 4711) ('192.0.2.1', 443)"
    assert answer.endswith(b"\r\n\r\n" + scheme + ends)


async def test_a_health_check_of_the_proxy_has_its_own_address(loop_name):
    async with running(peers, **TRUSTED) as server:
        answer = await server.says(binary(b"", command=0x20, family=0) + GET)
    assert b"\r\n\r\nhttp ('127.0.0.1', " in answer


async def test_what_the_client_forwards_counts_only_if_it_is_trusted(
    loop_name,
):
    forwarded = GET.replace(
        b"\r\n\r\n", b"\r\nX-Forwarded-For: 7.7.7.7\r\n\r\n"
    )
    for trusted, client in ((), b"9.9.9.9"), (("9.9.9.9",), b"7.7.7.7"):
        async with running(
            peers,
            proxy_protocol=True,
            proxy_headers=True,
            forwarded_allow_ips=(LOCAL, *trusted),
        ) as server:
            answer = await server.says(LINE + forwarded)
        assert b"http ('%b', " % client in answer


async def test_the_header_comes_once_for_a_whole_connection(loop_name):
    again = GET.replace(b"Connection: close\r\n", b"")
    async with running(peers, **TRUSTED) as server:
        answer = await server.says(LINE + again + GET)
    assert answer.count(b"('9.9.9.9', 4711)") == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"forwarded_allow_ips": (LOCAL,)}, GET),
        ({"forwarded_allow_ips": ()}, LINE + GET),
        ({"forwarded_allow_ips": ("192.0.2.1",)}, LINE + GET),
        ({"forwarded_allow_ips": ("unix",)}, LINE + GET),
    ],
    ids=["no header", "nobody trusted", "another trusted", "unix trusted"],
)
async def test_nothing_is_answered_without_a_header_of_a_trusted_proxy(
    loop_name, caplog, settings, said
):
    async with running(peers, proxy_protocol=True, **settings) as server:
        assert await server.says(said) == b""
    assert "Traceback" not in caplog.text


async def test_it_can_come_over_a_unix_socket(loop_name, tmp_path):
    async with running(
        peers,
        bind=(f"unix:{tmp_path}/socket",),
        proxy_protocol=True,
        forwarded_allow_ips=("unix",),
    ) as server:
        assert b"('9.9.9.9', 4711)" in await server.says(LINE + GET)


async def test_who_says_nothing_is_dropped_in_time(loop_name):
    async with running(peers, tls_handshake_timeout=0.05, **TRUSTED) as server:
        async with await server.connect() as client:
            await client.send(LINE[:10])
            assert await hear(client) == b""


async def test_who_says_nothing_at_the_stop_is_dropped(loop_name):
    async with running(
        peers, graceful_timeout=0.05, cancel_timeout=0.01, **TRUSTED
    ) as server:
        async with await server.connect() as client:
            await client.send(LINE[:10])
            server.stop.set()
            await server.stopped.wait()
            assert await hear(client) == b""


async def test_without_the_setting_the_header_is_no_request(loop_name):
    async with running(peers) as server:
        async with await server.connect() as client:
            await client.send(LINE + GET)
            answer = await hear(client)
    assert b"http (" not in answer


async def test_curl_says_it_as_a_proxy_does(loop_name, program):
    curl = program("curl")
    async with running(peers, **TRUSTED) as server:
        done = await anyio.run_process(
            [curl, "--silent", "--haproxy-protocol", server.url]
        )
    assert done.stdout.startswith(b"http ('127.0.0.1', ")
