"""Request targets and authorities: what may follow a method, and Host.

RFC 9112, section 3.2 (the four forms of a target), RFC 3986, section 3.2
(host and port).  Whoever serves a request on either protocol asks here, so a
malformed host or path never reaches an application.

>>> bool(valid_host(b"[::1]:8000")), bool(valid_host(b"a@b"))
(True, False)
"""

import re

# RFC 3986 3.2.2: a registered name (which an IPv4 address is too) or a
# bracketed IPv6 address, then a port.  User information has no place in it.
valid_host = re.compile(
    rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]++|(?:%[0-9A-Fa-f]{2})++)++"
    rb"(?::[0-9]{0,5})?"
    rb"|\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{0,5})?"
).fullmatch
_ABSOLUTE = re.compile(rb"(?i:(https?)://)([^/?#]*)([^#]*)")


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
