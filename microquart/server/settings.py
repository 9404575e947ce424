"""Everything about the server that can be set, with its unit and default.

A setting is a field of ``Settings``, or of the core's ``Limits``, and by the
same name an option of ``microquart run`` (``--keep-alive-timeout``) and an
environment variable (``MICROQUART_KEEP_ALIVE_TIMEOUT``).
"""

import ssl
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from microquart.protocol.limits import SECONDS, Limits


def setting(default: Any, help: str) -> Any:
    """Return a dataclass field that says what it is for."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class Settings:
    """How one server listens, speaks, logs and stops."""

    bind: tuple[str, ...] = setting(
        ("127.0.0.1:8000",),
        "Where to listen: HOST:PORT, [::1]:PORT, unix:PATH or fd://N.",
    )
    backlog: int = setting(2048, "Connections that may wait to be accepted.")
    max_connections: int | None = setting(
        None,
        "Open connections at once; beyond them accepting pauses. "
        "The default is 0.8 of the descriptors, at most 10,000.",
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
    root_path: str = setting("", "The path below which the application is.")
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
    server_header: bool = setting(True, "Send a Server field.")
    date_header: bool = setting(True, "Send a Date field.")
    log_level: str = setting(
        "info", "debug, info, warning, error or critical."
    )
    debug: bool = setting(
        False, "Development: helpful errors, and a stop within a second."
    )
    limits: Limits = field(default_factory=Limits)

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
    """Return settings whose stop takes a second, whatever is open."""
    return replace(
        settings,
        debug=True,
        graceful_timeout=min(settings.graceful_timeout, 0.5 * SECONDS),
        cancel_timeout=min(settings.cancel_timeout, 0.2 * SECONDS),
        shutdown_timeout=min(settings.shutdown_timeout, 0.3 * SECONDS),
        limits=replace(settings.limits, stop_linger=0.1 * SECONDS),
    )


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the TLS context that the settings describe; None: no TLS.

    Raises:
        OSError: a file cannot be read, or is no certificate or key
            (ssl.SSLError is an OSError).
    """
    if settings.certfile is None:
        return None
    # OpenSSL does not say which file it is that cannot be read.
    for file in (settings.certfile, settings.keyfile, settings.ca_certs):
        if file is not None:
            file.open("rb").close()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.load_cert_chain(
        settings.certfile, settings.keyfile, settings.keyfile_password
    )
    if settings.ca_certs is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(settings.ca_certs)
    return context


def _names(kind: type[Settings] | type[Limits]) -> set[str]:
    return {each.name for each in fields(kind)}
