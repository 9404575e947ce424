"""Responses that Werkzeug's functions make, for which ours stand in.

An extension may return ``werkzeug.utils.redirect(…)``, and Werkzeug's
exceptions answer with such a response.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol, runtime_checkable


@runtime_checkable
class WSGIResponse(Protocol):
    """What is asked of a response made for WSGI."""

    status: str
    headers: Iterable[tuple[str, str]]
    is_sequence: bool

    def iter_encoded(self) -> Iterator[bytes]: ...


def body_of(response: WSGIResponse) -> bytes | Iterator[bytes]:
    """Return the data, or an iterator over it if it is not there yet."""
    chunks = response.iter_encoded()
    return b"".join(chunks) if response.is_sequence else chunks
