"""TLS: what is refused, and what a view is told of its client."""

import os
import socket
import ssl
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
import trustme

from microquart.asgi import Receive, Scope, Send, TLSExtension
from microquart.server.tls import ServerContext, distinguished_name
from tests.server.applications import answer, hello, http
from tests.server.conftest import Certificates
from tests.server.running import Running, running

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
TIMEOUT = 10.0  # seconds


class Told:
    """An application that keeps what the TLS extension says."""

    def __init__(self) -> None:
        self.extension: TLSExtension | None = None

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await http(self._answer)(scope, receive, send)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        assert scope["type"] == "http"
        extensions = scope.get("extensions") or {}
        self.extension = extensions.get("tls")
        await answer(send)


@pytest.fixture
def settings(certificates: Certificates) -> dict[str, Path]:
    return {
        "certfile": certificates.certfile,
        "keyfile": certificates.keyfile,
    }


@pytest.fixture
def mutual(settings, certificates: Certificates) -> dict[str, Path]:
    """Settings by which the authority's clients alone are let in."""
    return {**settings, "ca_certs": certificates.ca_certs}


def with_certificate(
    certificates: Certificates, authority: trustme.CA, **names: str
) -> ssl.SSLContext:
    """Return a client's context with a certificate of its own."""
    context = certificates.client_context()
    own = authority.issue_cert("ada@example.com", **names)
    own.configure_cert(context)
    return context


def ask(
    port: int, context: ssl.SSLContext, said: bytes = GET
) -> tuple[bytes, tuple[str, str, int] | None]:
    """Say this over TLS; return the answer, and what cipher carried it."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secret:
            secret.sendall(said)
            heard = b""
            while more := secret.recv(4096):
                heard += more
            return heard, secret.cipher()


# -- the extension --


async def test_without_tls_there_is_no_extension(loop_name):
    app = Told()
    async with running(app) as server:
        await server.says(GET)
    assert app.extension is None


async def test_the_certificate_of_the_server_and_the_cipher_are_told(
    loop_name, settings, certificates
):
    app = Told()
    context = certificates.client_context()
    async with running(app, **settings) as server:
        _, cipher = await anyio.to_thread.run_sync(ask, server.port, context)
    assert cipher is not None
    (suite,) = (
        each["id"] & 0xFFFF
        for each in context.get_ciphers()
        if each["name"] == cipher[0]
    )
    assert app.extension == {
        "server_cert": certificates.certfile.read_text(),
        "client_cert_chain": [],
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": 0x0304,
        "cipher_suite": suite,
    }
    assert 0x1301 <= suite <= 0x1305  # RFC 8446, B.4


async def test_tls_1_2_is_told_too(loop_name, settings, certificates):
    app = Told()
    context = certificates.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    async with running(app, **settings) as server:
        await anyio.to_thread.run_sync(ask, server.port, context)
    assert app.extension is not None
    assert app.extension["tls_version"] == 0x0303
    assert app.extension["cipher_suite"] == 0xC02B  # RFC 5289


async def test_the_certificate_of_the_client_is_told(
    loop_name, mutual, certificates
):
    app = Told()
    context = with_certificate(
        certificates,
        certificates.authority,
        common_name="Ada, Countess",
        organization_name="Engines",
        organization_unit_name="Notes",
    )
    async with running(app, **mutual) as server:
        heard, _ = await anyio.to_thread.run_sync(ask, server.port, context)
    assert heard.endswith(b"hello")
    told = app.extension
    assert told is not None
    assert told["client_cert_name"] == "CN=Ada\\, Countess,OU=Notes,O=Engines"
    assert told["client_cert_error"] is None
    first, *_ = told["client_cert_chain"]
    assert first.startswith("-----BEGIN CERTIFICATE-----\n")
    assert first.endswith("-----END CERTIFICATE-----\n")


@pytest.mark.parametrize("other", [False, True], ids=["none", "another's"])
async def test_who_has_no_certificate_of_the_authority_is_not_let_in(
    loop_name, mutual, certificates, other, caplog
):
    app = Told()
    context = certificates.client_context()
    if other:
        context = with_certificate(certificates, trustme.CA())

    def try_it(server: Running) -> bytes:
        # In TLS 1.3 a client may speak before it is refused.
        try:
            return ask(server.port, context)[0]
        except (ssl.SSLError, ConnectionError):
            return b""

    async with running(app, **mutual) as server:
        assert await anyio.to_thread.run_sync(try_it, server) == b""
    assert app.extension is None
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ([], ""),
        (
            [[("countryName", "DE")], [("commonName", "Ada")]],
            "CN=Ada,C=DE",
        ),
        ([[("commonName", "a"), ("userId", "b")]], "CN=a+UID=b"),
        ([[("commonName", " a ")]], "CN=\\ a\\ "),
        ([[("commonName", "#a#")]], "CN=\\#a#"),
        ([[("commonName", 'a"+,;<>\\b')]], 'CN=a\\"\\+\\,\\;\\<\\>\\\\b'),
        ([[("commonName", "a\0b")]], "CN=a\\00b"),
        ([[("emailAddress", "a@b")]], "emailAddress=a@b"),
    ],
)
def test_a_name_is_written_as_rfc_4514_has_it(subject, name):
    assert distinguished_name(subject) == name


def test_a_certificate_that_is_loaded_anew_is_the_one_that_is_told(tmp_path):
    context = ServerContext()
    for _ in range(2):
        leaf = trustme.CA().issue_cert("localhost")
        leaf.private_key_and_cert_chain_pem.write_to_path(tmp_path / "pem")
        context.load_cert_chain(tmp_path / "pem")
        own = leaf.cert_chain_pems[0].bytes().decode()
        assert context.server_cert == own


# -- what is refused --


async def test_tls_1_1_is_refused(loop_name, settings, certificates, caplog):
    context = certificates.client_context()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")

    def try_it(server: Running) -> None:
        # asyncio closes before the alert that says why has left.
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(server.port, context)

    async with running(hello, **settings) as server:
        await anyio.to_thread.run_sync(try_it, server)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "said",
    [
        GET,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\xff\xff" + bytes(100),
        b"\x80\x00",
        os.urandom(1000),
    ],
    ids=["HTTP/1.1", "HTTP/2", "half a handshake", "SSL 2", "noise"],
)
async def test_what_is_no_tls_harms_nobody(
    loop_name, settings, certificates, said, caplog
):
    context = certificates.client_context()

    def talk(server: Running) -> None:
        with socket.create_connection(
            ("127.0.0.1", server.port), TIMEOUT
        ) as plain:
            plain.sendall(said)
            heard, _ = ask(server.port, context)
            assert heard.endswith(b"hello")

    async with running(hello, **settings) as server:
        await anyio.to_thread.run_sync(talk, server)
    assert "Traceback" not in caplog.text


async def test_a_request_in_clear_gets_no_answer(loop_name, settings):
    async with running(hello, **settings) as server:
        heard = await server.says(GET)
    assert b"HTTP/" not in heard


async def test_a_handshake_that_stalls_is_ended(loop_name, settings):
    async with running(
        hello, tls_handshake_timeout=0.05, **settings
    ) as server:
        assert await server.says(b"\x16\x03\x01\x02\x00") == b""


async def test_openssl_agrees_on_http_2(
    loop_name, settings, certificates, program: Callable[[str], str]
):
    openssl = program("openssl")
    async with running(hello, **settings) as server:
        done = await anyio.run_process(
            [
                *(openssl, "s_client", "-alpn", "h2,http/1.1", "-brief"),
                *("-CAfile", str(certificates.ca_certs)),
                *("-verify_return_error", "-verify_hostname", "localhost"),
                *("-connect", f"127.0.0.1:{server.port}"),
            ],
            input=b"",
            stderr=subprocess.STDOUT,
        )
    assert b"Verification: OK" in done.stdout
    assert b"TLSv1.3" in done.stdout
