"""Request targets and authorities: what may follow a method, and Host.

RFC 9112, section 3.2 (the four forms of a target), RFC 3986, section 3.2
(host and port).  Whoever serves a request on either protocol asks here, so a
malformed host or path never reaches an application.
"""

import re
from urllib.parse import unquote_to_bytes

# RFC 3986 3.2.2: a registered name (which an IPv4 address is too) or a
# bracketed IPv6 address, then a port.  User information has no place in it.
_HOST = re.compile(
    rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]++|(?:%[0-9A-Fa-f]{2})++)++(?::[0-9]{0,5})?"
    rb"|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{0,5})?"
)
_ABSOLUTE = re.compile(rb"(?i:(https?)://)([^/?#]*)([^#]*)")


def valid_host(host: bytes) -> bool:
    """Return whether this is the host and optional port of an http URL.

    >>> valid_host(b"[::1]:8000"), valid_host(b"a@b"), valid_host(b"a/b")
    (True, False, False)
    """
    return _HOST.fullmatch(host) is not None


def decode_path(raw: bytes) -> str:
    """Return the path as text: percent-decoded, then UTF-8.

    Bytes that are no UTF-8 become U+FFFD; ``raw_path`` still has them.

    >>> decode_path(b"/caf%C3%A9")
    '/café'
    """
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    return raw.decode("utf-8", "replace")


def split_target(target: bytes) -> tuple[bytes, bytes, bytes | None] | None:
    """Return the raw path, the query and the authority of a target.

    The authority is None unless the target has the absolute form, whose
    authority replaces Host (RFC 9112, section 3.2.2).  None for a target that
    is neither of origin form nor an absolute http URL.

    >>> split_target(b"http://x/a?b=1")
    (b'/a', b'b=1', b'x')
    >>> split_target(b"/a?b?c")
    (b'/a', b'b?c', None)
    """
    authority = None
    if target[:1] != b"/":
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute is None or not valid_host(absolute[2]):
            return None
        authority, target = absolute[2], absolute[3]
        if target[:1] != b"/":
            target = b"/" + target
    elif b"#" in target:
        return None
    path, _, query = target.partition(b"?")
    return path, query, authority
