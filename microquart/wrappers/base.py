"""What a request and a websocket have in common: a scope to be read.

Nothing is computed before somebody asks, and then once.  What the client
says of itself is text to be checked: the host by its grammar and by
``trusted_hosts``, the number of its parameters by a bound.

``path`` is what the application's rules match.  An ASGI scope's path begins
with ``root_path``, where the application is mounted; that part is taken off.
"""

import codecs
import re
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from os.path import basename
from types import FrameType
from typing import Any, Protocol
from urllib.parse import quote, unquote

from anyio import Event
from anyio.lowlevel import checkpoint

from microquart.asgi import HTTPScope, Receive, WebSocketScope
from microquart.exceptions import (
    BadRequest,
    BadRequestKeyError,
    SecurityError,
)
from microquart.formparser import parse_urlencoded
from microquart.http.datastructures import (
    Headers,
    HeaderSet,
    ImmutableMultiDict,
    MultiDict,
)
from microquart.http.targets import valid_host
from microquart.routing import Rule
from microquart.wrappers.request_fields import RequestFields

MAX_PARAMETERS = 1000  # of a query string; as many as of a form


# -- what the application says --


class JSON(Protocol):
    """What reads and writes JSON: the application's provider."""

    def loads(self, s: str | bytes, /, **kwargs: Any) -> Any: ...
    def dumps(self, obj: Any, /, **kwargs: Any) -> str: ...


@dataclass(frozen=True)
class RequestSettings:
    """What a request may do, from the application's configuration.

    A size or time of None is no limit.
    """

    json: JSON
    max_content_length: int | None = 16 * 1024 * 1024  # bytes of a body
    body_timeout: float | None = 60  # seconds that a body is waited for
    max_form_memory_size: int | None = 500_000  # bytes of all fields
    max_form_parts: int | None = 1000  # fields and files
    trusted_hosts: Sequence[str] | None = None  # None: any
    debug: bool = False
