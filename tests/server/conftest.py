"""Certificates for servers over TLS, made once."""

import ssl
from pathlib import Path

import pytest
import trustme


class Certificates:
    """An authority, and a certificate of it for localhost."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.certfile = folder / "cert.pem"
        self.keyfile = folder / "key.pem"
        self.ca_certs = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca_certs)
        own = self.authority.issue_cert("localhost", "127.0.0.1")
        own.private_key_pem.write_to_path(self.keyfile)
        for pem in own.cert_chain_pems:
            pem.write_to_path(self.certfile, append=True)

    def client_context(self, *alpn: str) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.ca_certs))
        context.set_alpn_protocols(list(alpn) or ["http/1.1"])
        return context


@pytest.fixture(scope="session")
def certificates(
    tmp_path_factory: pytest.TempPathFactory,
) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["clear", "TLS"])
def secured(
    request: pytest.FixtureRequest, certificates: Certificates
) -> dict[str, object]:
    """Settings of a server in clear, and then of one over TLS."""
    if request.param == "clear":
        return {}
    return {
        "certfile": certificates.certfile,
        "keyfile": certificates.keyfile,
        "client_context": certificates.client_context(),
    }
