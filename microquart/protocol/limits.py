"""Every number that the core enforces, with its unit and its reason.

``None`` turns a limit off.  The server's settings take these over by name, so
each is an option of the command line too.
"""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, get_args

KIB = 1024
SECONDS = 1.0

# What None means where a number is needed: the largest one that HTTP/2 can
# announce and an event loop takes.
ENDLESS = 2**31 - 1
FOREVER = ENDLESS * SECONDS  # 68 years


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may cost, in bytes, seconds and counts."""

    ENDS: ClassVar[dict[str, Any]] = {}  # by names, what None means there

    # -- the head of a request --
    # From the accept, or the first byte of a later request, to the end of the
    # fields; never extended, so a slow head (slowloris) cannot hold on.
    header_timeout: float | None = 10 * SECONDS
    max_request_line: int = 8 * KIB  # method, target, version; beyond: 414
    max_header_bytes: int = 32 * KIB  # request line and fields; beyond: 431
    max_fields: int = 128  # field lines of one request; beyond: 431

    # -- the body of a request --
    # Only while the application waits for it: a slow application is not the
    # client's fault.
    body_idle_timeout: float | None = 30 * SECONDS  # beyond: 408
    # Bytes a second, after the grace; beyond: 408 too.  The seconds are those
    # up to the last byte: what silence may take, body_idle_timeout says.
    body_min_rate: int | None = 240
    rate_grace: float = 10 * SECONDS
    body_unread: int = 64 * KIB  # held for one request before reading stops
    max_chunk_extension: int = 256  # bytes of one chunk (CVE-2023-39326)
    max_chunk_extensions: int = 16 * KIB  # bytes of one body

    # -- the response --
    # Only while something waits to be sent; then the client counts as gone.
    write_timeout: float | None = 30 * SECONDS  # without any progress
    write_min_rate: int | None = 240  # bytes a second, after the grace
    send_unsent: int = 64 * KIB  # of one stream; beyond it send() waits

    # -- the connection --
    # A proxy in front keeps its side for 60 s: ours must be the longer one,
    # or its next request meets a closing door (502).
    keep_alive_timeout: float | None = 75 * SECONDS
    max_requests_per_connection: int | None = 10_000
    # After a FIN an open request may still be answered (RFC 9112, 9.6); then
    # the client counts as gone.
    half_close_timeout: float = 0.3 * SECONDS
    # After an early answer the rest of the body is read and dropped, so that
    # a client that still sends gets to see the answer.  The timeout is also
    # what a peer gets to say TLS's goodbye, once it has all.
    linger_bytes: int = 256 * KIB
    linger_timeout: float = 2 * SECONDS
    # A stopping server keeps idle connections for so long, for the request
    # that is on the wire already.
    stop_linger: float = 0.5 * SECONDS

    # -- HTTP/2 --
    h2_max_concurrent_streams: int = 100  # tasks that still run count too
    h2_initial_window: int = 64 * KIB - 1  # bytes; the protocol's own default
    h2_max_header_list: int = 32 * KIB  # decoded, 32 bytes more for each field
    h2_header_block: int = 64 * KIB  # raw bytes of one block
    h2_continuations: int = 16  # frames of one block
    h2_reset_budget: tuple[int, float] = (100, 20)  # at once, a second
    h2_error_budget: tuple[int, float] = (20, 1)
    h2_idle_frame_budget: tuple[int, float] = (1_000, 100)
    h2_send_unsent: int = 256 * KIB  # of all streams; beyond it send() waits
    h2_control_queue: int = 256  # frames unsent; then reading stops

    # -- WebSocket --
    ws_max_message_size: int = 16 * KIB * KIB  # bytes, inflated; beyond: 1009
    # Fragments of less than 64 bytes in one message; beyond: 1009.
    ws_max_fragments: int = 1_024
    ws_ping_interval: float | None = 20 * SECONDS
    ws_ping_timeout: float | None = 20 * SECONDS  # for the pong
    ws_close_timeout: float = 10 * SECONDS  # for the peer's close frame
    ws_unread: int = 64 * KIB  # bytes of whole messages nobody has taken
    ws_compression: bool = True  # permessage-deflate, if the client offers it

    def __post_init__(self) -> None:
        put_ends(self, self.ENDS)


def put_ends(settings: object, ends: dict[str, Any]) -> None:
    """Let None be what nothing reaches, where the code wants a number.

    >>> Limits(max_fields=None).max_fields == ENDLESS
    True
    """
    for name, end in ends.items():
        if getattr(settings, name) is None:
            object.__setattr__(settings, name, end)


def end_of(default: object) -> Any:
    """Return what a number of this kind, or each of several, never reaches."""
    match default:
        case float():
            return FOREVER
        case int():
            return ENDLESS
    return ENDLESS, FOREVER  # a budget: at once, a second


# These are no limits by themselves, or waits of ours that have to end.
_NEEDED = {
    "half_close_timeout",
    "rate_grace",
    "stop_linger",
    "ws_compression",
}
Limits.ENDS.update(
    (each.name, end_of(each.default))
    for each in fields(Limits)
    if each.name not in _NEEDED and type(None) not in get_args(each.type)
)
