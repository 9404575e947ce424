"""Files as responses: what may be read, and what is said of it.

A name that comes from a URL is joined to a directory by ``safe_join`` and
looked up by ``find_file``, which opens nothing outside the directory and
nothing but regular files.  The file system is asked in threads.
"""

import mimetypes
import os
import posixpath
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TypeAlias
from zlib import crc32

from microquart.exceptions import NotFound, RequestedRangeNotSatisfiable
from microquart.http.fields import content_disposition
from microquart.threads import run_in_thread
from microquart.wrappers.bodies import FilePath
from microquart.wrappers.conditional import ConditionalRequest
from microquart.wrappers.response import Response

# For a file's path, or None for a BytesIO: how long a cache may keep it, in
# seconds, or None for "it may ask".
MaxAge: TypeAlias = Callable[[str | None], int | None]

UNKNOWN_TYPE = "application/octet-stream"

# Windows opens a device for these names in every directory, with whatever
# extension, stream or spaces behind them.  They are refused everywhere, so
# that a site may move.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])[ ]*(?:[.:].*)?",
    re.IGNORECASE | re.DOTALL,
)
_DRIVE = re.compile(r"[A-Za-z]:")

# A compressed file is of the type of its compression: who stores page.tar.gz
# does not mean a tar archive.
_COMPRESSED = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "br": "application/x-brotli",
    "compress": "application/x-compress",
}


@dataclass(frozen=True)
class FoundFile:
    path: str
    size: int  # bytes
    modified: float  # seconds since 1970
    mimetype: str
    etag: str  # without quotes


# Names ---------------------------------------------------------------------


def safe_join(
    directory: str | os.PathLike[str], *names: str, hidden: bool = True
) -> str | None:
    """Return the path of a name in a directory, or None if it is not safe.

    >>> safe_join("/srv/static", "css/a.css")
    '/srv/static/css/a.css'
    >>> safe_join("/srv/static", "../secret") is None
    True

    A name has slashes, whatever the system.  Unsafe are those that lead out
    of the directory, that are absolute, that have a backslash, a NUL, a
    drive's letter or the name of a device; without ``hidden``, also those
    with a part that begins with a dot (but ``.well-known``, RFC 8615).

    It looks at names only: a symbolic link is ``find_file``'s business.
    """
    path = os.fspath(directory) or "."
    for name in names:
        name = posixpath.normpath(name) if name else ""
        if not all(_is_safe(part, hidden) for part in name.split("/")):
            return None
        path = posixpath.join(path, name)
    return path


def _is_safe(part: str, hidden: bool) -> bool: ...
