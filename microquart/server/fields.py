"""Field lines that the settings add to every response."""

import re
from collections.abc import Iterable

from microquart.asgi import FieldList

# RFC 9110 5.1 and 5.5.
_LINE = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)"
).fullmatch

# These say where a message ends: the server's own affair.
_FRAMING = frozenset(
    {"connection", "content-length", "transfer-encoding", "upgrade"}
)


def parse_fields(lines: Iterable[str]) -> FieldList:
    """Return lines of a person as field lines.

    >>> parse_fields(["X-Frame-Options: DENY"])
    [(b'x-frame-options', b'DENY')]

    Raises:
        ValueError: one cannot be sent with every response.
    """
    fields = []
    for line in lines:
        found = _LINE(line.strip())
        if found is None or not found[2].isascii():
            raise ValueError(f"{line!r} is no field: use NAME: VALUE")
        name = found[1].lower()
        if name in _FRAMING:
            raise ValueError(f"{line!r}: the server itself says {name}")
        fields.append((name.encode(), found[2].encode()))
    return fields
