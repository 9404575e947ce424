"""Everything about the server that can be set, with its unit and default.

A setting is a field of ``Settings``, or of the core's ``Limits``, and by the
same name an option of ``microquart run`` (``--keep-alive-timeout``) and an
environment variable (``MICROQUART_KEEP_ALIVE_TIMEOUT``).
"""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from microquart.http.forwarded import FIELDS
from microquart.protocol.limits import (
    ENDLESS,
    FOREVER,
    SECONDS,
    Limits,
    put_ends,
)
from microquart.server.authority import Authority
from microquart.server.tls import ServerContext


def setting(default: Any, help: str, **more: object) -> Any:
    """Return a dataclass field that says what it is for.

    ``more`` is for the command line: a ``metavar``, and whether it is
    ``lines`` that an environment variable has.
    """
    return field(default=default, metadata={"help": help, **more})


@dataclass(frozen=True)
class Settings:
    """How one server listens, speaks, logs and stops."""

    # By names, what None means where a number is needed.
    ENDS: ClassVar[dict[str, Any]] = {
        "backlog": ENDLESS,  # the kernel has a bound of its own
        "accept_batch": ENDLESS,
        "tls_handshake_timeout": FOREVER,
        "startup_timeout": FOREVER,
        "graceful_timeout": FOREVER,
        "cancel_timeout": FOREVER,
        "shutdown_timeout": FOREVER,
    }

    bind: tuple[str, ...] = setting(
        ("127.0.0.1:8000",),
        "Where to listen: HOST:PORT, [::1]:PORT, unix:PATH or fd://N.",
    )
    socket_mode: str | None = setting(
        None,
        "Who may connect to a Unix socket: a mode in octal, as 660.",
        metavar="MODE",
    )
    backlog: int = setting(2048, "Connections that may wait to be accepted.")
    accept_batch: int = setting(
        64,
        "Connections accepted before others get their turn; with several "
        "workers at most 4.",
    )
    max_connections: int | None = setting(
        None,
        "Open connections at once; beyond them accepting pauses. "
        "The default is 0.8 of the descriptors, at most 10,000.",
    )
    limit_concurrency: int | None = setting(
        None,
        "Requests at once in one process; beyond them 503 with Retry-After.",
    )
    request_timeout: float | None = setting(
        None,
        "Seconds that the application may take for one HTTP request; then it "
        "is cancelled, and answered 503 or cut.",
    )
    max_requests: int | None = setting(
        None, "Requests after which a process ends, to be replaced."
    )
    max_requests_jitter: int = setting(
        0, "At most so many more, at random: not all end at once."
    )
    workers: int = setting(
        0,
        "Processes that serve, with another that keeps them; 0: this one "
        "serves, alone.",
    )
    worker_timeout: float | None = setting(
        30 * SECONDS, "Seconds without a sign of life: a worker is replaced."
    )
    worker_backoff: tuple[float, float] | None = setting(
        (0.5 * SECONDS, 30 * SECONDS),
        "Seconds before another worker starts in place of one that has "
        "failed: at first, twice as many each time, and at most.",
        metavar="FIRST LONGEST",
    )
    worker_failures: int | None = setting(
        5,
        "Workers in a row that end before they are ready: then no other is "
        "tried, and the exit code is 3.",
    )
    reload: bool = setting(
        False, "Development: start anew when a Python file changes."
    )
    reload_dir: tuple[Path, ...] = setting(
        (), "Where the files are; the default is the current folder."
    )
    pid_file: Path | None = setting(
        None, "A file for the number of this process."
    )
    loop: Literal["asyncio", "uvloop", "trio"] = setting(
        "asyncio", "The event loop."
    )
    certfile: Path | None = setting(None, "TLS certificate chain (PEM).")
    keyfile: Path | None = setting(None, "The certificate's key (PEM).")
    keyfile_password: str | None = setting(None, "The key's password.")
    ca_certs: Path | None = setting(
        None, "Authorities (PEM) whose clients alone are let in."
    )
    tls_handshake_timeout: float = setting(
        10 * SECONDS, "Seconds for a TLS handshake."
    )
    https: bool = setting(
        False,
        "HTTPS in development: a certificate of an authority of your own.",
    )
    h2c: bool = setting(
        True,
        "Speak HTTP/2 in clear with clients that begin with it (prior "
        "knowledge).",
    )
    root_path: str = setting("", "The path below which the application is.")
    proxy_headers: bool = setting(
        False,
        "Believe what --forwarded-allow-ips say of client, scheme, host and "
        "path.",
    )
    forwarded_allow_ips: tuple[str, ...] = setting(
        (), "The proxies: addresses, networks, unix, or * for everyone."
    )
    forwarded_fields: tuple[str, ...] = setting(
        FIELDS, "Which of their fields are believed.", metavar="FIELD"
    )
    proxy_protocol: bool = setting(
        False,
        "Serve --forwarded-allow-ips alone, who begin with a PROXY header "
        "(version 1 or 2).",
    )
    server_names: tuple[str, ...] = setting(
        (),
        "Hosts that are served, as example.com or *.example.com; others are "
        "answered 421.",
        metavar="HOST",
    )
    response_fields: tuple[str, ...] = setting(
        (),
        "A field of each response that does not have it.",
        metavar="'NAME: VALUE'",
        lines=True,
    )
    lifespan: Literal["auto", "on", "off"] = setting(
        "auto", "Whether the application is told of startup and shutdown."
    )
    startup_timeout: float = setting(
        60 * SECONDS, "Seconds for the application's startup."
    )
    graceful_timeout: float = setting(
        20 * SECONDS, "Seconds that open requests get to end at a stop."
    )
    cancel_timeout: float = setting(
        3 * SECONDS, "Seconds that cancelled requests get to clean up."
    )
    shutdown_timeout: float = setting(
        5 * SECONDS, "Seconds for the application's shutdown."
    )
    access_log: bool = setting(True, "Log a line for each request.")
    access_log_format: str | None = setting(
        None, "Its format, with gunicorn's atoms: %(h)s %(r)s %(s)s %(L)s"
    )
    log_json: bool = setting(False, "Log JSON, an object a line.")
    log_repeats: int | None = setting(
        10, "Equal lines of the server that are logged in one second."
    )
    request_id: bool = setting(
        False,
        "Give each request an id, X-Request-ID, or keep the one it has.",
    )
    server_header: bool = setting(True, "Send a Server field.")
    date_header: bool = setting(True, "Send a Date field.")
    log_level: str = setting(
        "info", "debug, info, warning, error or critical."
    )
    debug: bool = setting(
        False, "Development: helpful errors, and a stop within a second."
    )
    blocked_loop: float | None = setting(
        0.2 * SECONDS,
        "Development: seconds that the loop may stand still before a line "
        "says where.",
    )
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        put_ends(self, self.ENDS)

    def with_values(self, **values: Any) -> "Settings":
        """Return a copy with other values, the core's limits included.

        >>> settings = Settings().with_values(keep_alive_timeout=5)
        >>> settings.limits.keep_alive_timeout
        5
        """
        own = {name for name in _names(Settings) if name != "limits"}
        known = own | _names(Limits)
        for name in values:
            if name not in known:
                names = ", ".join(sorted(known))
                raise TypeError(f"{name!r} is no setting; known: {names}")
        limits = replace(
            self.limits, **{k: v for k, v in values.items() if k not in own}
        )
        return replace(
            self,
            limits=limits,
            **{k: v for k, v in values.items() if k in own},
        )


def development(settings: Settings) -> Settings:
    """Return the settings of a server that somebody writes programs for."""
    return replace(stopping_soon(settings), debug=True)


def stopping_soon(settings: Settings) -> Settings:
    """Return settings whose stop takes a second, whatever is open."""
    return replace(
        settings,
        graceful_timeout=min(settings.graceful_timeout, 0.5 * SECONDS),
        cancel_timeout=min(settings.cancel_timeout, 0.2 * SECONDS),
        shutdown_timeout=min(settings.shutdown_timeout, 0.3 * SECONDS),
        limits=replace(settings.limits, stop_linger=0.1 * SECONDS),
    )


def tls_context(settings: Settings) -> ServerContext | None:
    """Return the TLS context that the settings describe; None: no TLS.

    Raises:
        OSError: a file cannot be read, or is no certificate or key
            (ssl.SSLError is an OSError).
        NoAuthority: HTTPS in development, and trustme is not installed.
    """
    certfile, keyfile = settings.certfile, settings.keyfile
    if certfile is None and settings.https:
        certfile = Authority().certificate_for(_hosts(settings.bind))
    if certfile is None:
        return None
    # OpenSSL does not say which file it is that cannot be read.
    for file in (certfile, keyfile, settings.ca_certs):
        if file is not None:
            file.open("rb").close()
    context = ServerContext()
    context.load_cert_chain(certfile, keyfile, settings.keyfile_password)
    if settings.ca_certs is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(settings.ca_certs)
    return context


class Certificates:
    """The TLS context of the next connection, which can be read anew.

    Raises:
        OSError: as ``tls_context``.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._protocols: list[str] = []
        self.context = tls_context(settings)

    def renew(self) -> None:
        """Read the files again; connections that are open keep theirs."""
        self.context = tls_context(self._settings)
        if self._protocols:
            self.offer(self._protocols)

    def offer(self, protocols: list[str]) -> None:
        """Let TLS agree on one of these, the first ones preferred (ALPN)."""
        self._protocols = protocols
        if self.context is not None:
            self.context.set_alpn_protocols(protocols)


def _hosts(bind: Iterable[str]) -> list[str]:
    return [
        text.rpartition(":")[0].strip("[]")
        for text in bind
        if not text.startswith(("unix:", "fd:"))
    ]


def _names(kind: type[Settings] | type[Limits]) -> set[str]:
    return {each.name for each in fields(kind)}
