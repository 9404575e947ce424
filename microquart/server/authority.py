"""HTTPS in development: an authority of one's own, and its certificates.

No browser trusts a certificate that its owner has signed.  So an authority
is made once, which a person has browsers trust once, and it signs what the
servers of this person show.  It stays in the user's configuration folder,
where only the user can read its key: whoever has that key can be any site
for those browsers.
"""

import os
import re
import socket
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from shlex import quote

from microquart.http.errors import MicroquartError

NAMES = ("127.0.0.1", "::1", "localhost")
EVERYWHERE = ("", "0.0.0.0", "::")  # a server that listens there has any name

DAYS = 397  # how long a certificate holds; browsers refuse more
RENEWED = 300  # days after which another one is made

_DNS_NAME = re.compile(r"[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*").fullmatch


class NoAuthority(MicroquartError):
    """An authority needs trustme, which is not installed."""


class Authority:
    """The authority of a folder, made there when it is first needed."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or configuration_folder()
        self.certificate = self.folder / "authority.pem"  # to be trusted
        self.key = self.folder / "authority.key"  # with the certificate

    @property
    def exists(self) -> bool:
        return self.key.exists() and self.certificate.exists()

    def certificate_for(self, hosts: Iterable[str]) -> Path:
        """Return a file with a certificate for these hosts and its key.

        It is for this machine by the names of ``NAMES`` in any case.

        Raises:
            NoAuthority: trustme is not installed.
            OSError: a file cannot be written or read.
        """
        names = _names(hosts)
        more = [name for name in names if name not in NAMES]
        path = self.folder / f"{'+'.join(['localhost', *more])}.pem"
        path = path.with_name(path.name.replace(":", "_"))
        if not (self.exists and _is_recent(path, self.key)):
            _replace(path, self._sign(names))
        return path

    def advice(self) -> list[str]:
        """Say how browsers come to trust it, a line each."""
        file = quote(str(self.certificate))
        if sys.platform == "darwin":
            ways = [
                "  security add-trusted-cert -r trustRoot "
                f"-k ~/Library/Keychains/login.keychain-db {file}",
            ]
        else:
            ways = [
                "  Chromium:  mkdir -p ~/.pki/nssdb; certutil "
                f"-d sql:$HOME/.pki/nssdb -A -t C,, -n microquart -i {file}",
                f"  Debian:    sudo cp {file} "
                "/usr/local/share/ca-certificates/microquart.crt; "
                "sudo update-ca-certificates",
            ]
        return [
            f"{file} is the authority of your own servers; "
            "to have it trusted, once:",
            *ways,
            f"  Firefox:   Settings, Certificates, Authorities, Import {file}",
            f"  curl:      curl --cacert {file} URL",
            f"Show {self.key} to nobody.",
        ]

    def _sign(self, names: Iterable[str]) -> bytes:
        """Return a new certificate and its key."""
        try:
            from trustme import CA
        except ImportError:
            raise NoAuthority(
                "trustme is not installed; pip install 'microquart[https]'"
            ) from None
        if not self.key.exists():
            made = CA(
                path_length=0,
                organization_name="microquart development authority",
                organization_unit_name=_owner(),
            )
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(
                self.key, made.private_key_pem.bytes() + made.cert_pem.bytes()
            )
        pem = self.key.read_bytes()
        certificate = pem[pem.index(b"-----BEGIN CERTIFICATE") :]
        _replace(self.certificate, certificate, 0o644)
        leaf = CA.from_pem(certificate, pem).issue_cert(
            *names,
            organization_name="microquart development certificate",
            organization_unit_name=_owner(),
            not_before=_days_from_now(-1),
            not_after=_days_from_now(DAYS),
        )
        return leaf.private_key_and_cert_chain_pem.bytes()


def configuration_folder() -> Path:
    """Return where settings of this user stay (the XDG base directories)."""
    configured = os.environ.get("XDG_CONFIG_HOME")
    base = Path(configured) if configured else Path.home() / ".config"
    return base / "microquart"


def _names(hosts: Iterable[str]) -> list[str]:
    """Return the names of a certificate, sorted."""
    names: set[str] = {*NAMES}
    for host in hosts:
        host = socket.gethostname() if host in EVERYWHERE else host
        if _DNS_NAME(host) or _is_address(host):
            names.add(host.lower())
    return sorted(names)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_recent(path: Path, authority: Path) -> bool:
    try:
        made = path.stat().st_mtime
    except FileNotFoundError:
        return False
    old = time.time() - RENEWED * 24 * 3600
    return made > max(old, authority.stat().st_mtime)


def _owner() -> str:
    import getpass

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may know no name
        user = "user"
    return f"{user}@{socket.gethostname()}"[:64]  # X.520's limit


def _days_from_now(days: int) -> datetime:
    # A certificate has whole seconds, and trustme takes no time zone.
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    return now + timedelta(days=days)


def _create(path: Path, data: bytes) -> None:
    """Write a file unless it exists: of two who try at once one wins."""
    written = _write(path, data)
    try:
        os.link(written, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(written)


def _replace(path: Path, data: bytes, mode: int = 0o600) -> None:
    written = _write(path, data)
    os.chmod(written, mode)
    os.replace(written, path)


def _write(path: Path, data: bytes) -> str:
    """Write a file beside ``path`` that only the user can read."""
    import tempfile

    number, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with open(number, "wb") as file:
        file.write(data)
    return name
