"""Quart's name for a few functions; each lives in the room of its subject."""

import os
from pathlib import Path

from microquart.asgi import FieldList, Fields
from microquart.http.datastructures import Headers
from microquart.threads import is_async, run_in_thread, run_sync
from microquart.threads import (
    iterate_in_thread as run_sync_iterable,
)
from microquart.typing import FilePath

__all__ = [
    "decode_headers",
    "encode_headers",
    "file_path_to_path",
    "is_async",
    "run_in_thread",
    "run_sync",
    "run_sync_iterable",
]


def file_path_to_path(*paths: FilePath) -> Path:
    """Join the parts of a path, whatever their types.

    >>> file_path_to_path("static", b"css").as_posix()
    'static/css'
    """
    return Path(*(os.fsdecode(path) for path in paths))


def encode_headers(headers: Headers) -> FieldList:
    """Return headers as the fields of an ASGI message."""
    return headers.to_fields()


def decode_headers(headers: Fields) -> Headers:
    """Return the fields of an ASGI message as headers."""
    return Headers.from_fields(list(headers))
