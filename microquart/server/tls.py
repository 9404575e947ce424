"""TLS: the context of a server, and what is told of a connection.

The ASGI TLS extension, version 0.2; names as RFC 4514 writes them.
"""

import os
import re
import ssl
import sys
from collections.abc import Callable, Iterable
from typing import Any

from microquart.asgi import TLSExtension

# The numbers of the wire (RFC 8446, section 4.2.1).
_VERSIONS = {"TLSv1.2": 0x0303, "TLSv1.3": 0x0304}

# RFC 4514 3: the attributes with a short name.  Others are written by their
# long name, which section 2.3 allows too.
_ATTRIBUTES = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
_special = re.compile(r'[",+;<>\\]|\A[ #]| \Z')
_certificate = re.compile(
    r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL
).search

File = str | bytes | os.PathLike[str] | os.PathLike[bytes]
Secret = str | bytes | bytearray
Names = Iterable[Iterable[tuple[str, str]]]


class ServerContext(ssl.SSLContext):
    """A context that remembers what the extension says of every connection.

    TLS 1.2 at least, HTTP/2 before HTTP/1.1; certificates may be loaded anew
    while it serves.
    """

    server_cert: str | None = None  # PEM

    def __new__(cls) -> "ServerContext":
        context = super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.suites = {
            each["name"]: each["id"] & 0xFFFF for each in context.get_ciphers()
        }
        return context

    suites: dict[str, int]  # OpenSSL's names, the numbers of RFC 8446

    def load_cert_chain(
        self,
        certfile: File,
        keyfile: File | None = None,
        password: Callable[[], Secret] | Secret | None = None,
    ) -> None:
        super().load_cert_chain(certfile, keyfile, password)
        with open(certfile, encoding="ascii", errors="replace") as file:
            found = _certificate(file.read())
        self.server_cert = found[0] if found else None


def tls_extension(tls: ssl.SSLObject) -> TLSExtension:
    """Return what the scope says of a connection that has shaken hands."""
    context, cipher = tls.context, tls.cipher()
    own, suite = None, None
    if isinstance(context, ServerContext):
        own = context.server_cert
        suite = context.suites.get(cipher[0]) if cipher else None
    return {
        "server_cert": own,
        "client_cert_chain": _client_chain(tls),
        "client_cert_name": _client_name(tls),
        "client_cert_error": None,  # whose certificate is wrong gets not here
        "tls_version": _VERSIONS.get(tls.version() or ""),
        "cipher_suite": suite,
    }


def distinguished_name(names: Names) -> str:
    """Return the subject of a certificate, which ``ssl`` gives in pieces.

    >>> distinguished_name([[("countryName", "DE")], [("commonName", "a,b")]])
    'CN=a\\\\,b,C=DE'
    """
    return ",".join(
        "+".join(
            f"{_ATTRIBUTES.get(name, name)}={_escaped(value)}"
            for name, value in each
        )
        for each in reversed(list(names))
    )


def _escaped(value: str) -> str:
    # RFC 4514 2.4
    return _special.sub(r"\\\g<0>", value).replace("\0", r"\00")


def _client_name(tls: ssl.SSLObject) -> str | None:
    said: Any = tls.getpeercert()
    return distinguished_name(said["subject"]) if said else None


def _client_chain(tls: ssl.SSLObject) -> list[str]:
    """Return what the client has sent, its own certificate first.

    Before Python 3.13 the others cannot be had.
    """
    if sys.version_info >= (3, 13):
        return list(map(ssl.DER_cert_to_PEM_cert, tls.get_unverified_chain()))
    own = tls.getpeercert(binary_form=True)
    return [ssl.DER_cert_to_PEM_cert(own)] if own else []
