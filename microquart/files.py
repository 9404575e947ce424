"""Files as responses: what may be read, and what is said of it.

A name that comes from a URL is joined to a directory by ``safe_join`` and
looked up by ``find_file``, which reads nothing outside of the directory and
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
from functools import partial
from io import BytesIO
from typing import TypeAlias, TypedDict, Unpack
from zlib import crc32

from microquart.exceptions import NotFound, RequestedRangeNotSatisfiable
from microquart.http.fields import content_disposition
from microquart.threads import run_in_thread
from microquart.wrappers.attributes import Moment
from microquart.wrappers.bodies import FileBody, FilePath, IOBody
from microquart.wrappers.conditional import ConditionalRequest
from microquart.wrappers.response import Response

# How many seconds a cache may keep a file without asking, by its path (None
# for a BytesIO); or None, if that is left open.
MaxAge: TypeAlias = Callable[[str | None], int | None]

UNKNOWN_TYPE = "application/octet-stream"

# Windows opens a device for these names in every directory, whatever
# extension, stream or spaces follow.  They are refused everywhere, so that a
# site may move.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:[.:].*)?",
    re.IGNORECASE | re.DOTALL,
)
_DRIVE = re.compile(r"[A-Za-z]:")

# The type of a compressed file is that of its compression: page.tar.gz is no
# tar archive for who downloads it.
_COMPRESSED = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "compress": "application/x-compress",
}


@dataclass(frozen=True)
class FoundFile:
    """A regular file that may be sent."""

    path: str  # to read, without symbolic links
    name: str  # the path that was asked for
    modified: float  # seconds since 1970
    etag: str  # without quotes


class FileOptions(TypedDict, total=False):
    """How a file is sent: the keywords of ``send_file``."""

    response_class: type[Response]
    request: ConditionalRequest | None  # whose conditions are to be met
    max_age: MaxAge  # asked if cache_timeout is None
    mimetype: str | None  # or by the name
    as_attachment: bool  # to be saved, not shown
    attachment_filename: str | None  # to save it under, or the file's own
    add_etags: bool | str  # or the very etag, without quotes
    cache_timeout: int | None  # seconds that a cache may keep it
    conditional: bool  # answer conditions and ranges
    last_modified: Moment | None  # or the file's own


# Names ---------------------------------------------------------------------


def safe_join(
    directory: FilePath, *names: str, hidden: bool = True
) -> str | None:
    """Return the path of a name in a directory, or None if it is not safe.

    >>> safe_join("/srv/static", "css/a.css")
    '/srv/static/css/a.css'
    >>> safe_join("/srv/static", "../secret") is None
    True

    A name has slashes, whatever the system.  Unsafe are those that lead out
    of the directory, that are absolute, or that have a backslash, a NUL, the
    letter of a drive or the name of a device; without ``hidden``, also those
    with a part that begins with a dot (but ``.well-known``, RFC 8615).

    Names are all it looks at: symbolic links are up to ``find_file``.
    """
    path = os.fsdecode(directory) or "."
    for name in names:
        plain = posixpath.normpath(name) if name else ""
        if not all(
            _is_safe(part, hidden) for part in plain.split("/") if name
        ):
            return None
        path = posixpath.join(path, plain)
    return path


def _is_safe(part: str, hidden: bool) -> bool:
    if part == ".":
        return True
    if part.startswith(".") and not hidden and part != ".well-known":
        return False
    return not (
        part in ("", "..")
        or "\\" in part
        or "\0" in part
        or (os.name == "nt" and ":" in part)  # a stream of a file
        or _DRIVE.match(part)
        or _DEVICE.fullmatch(part)
    )


def find_file(
    directory: FilePath, name: str, *, hidden: bool = True
) -> FoundFile | None:
    """Return the regular file of a name in a directory, or None.

    It waits for the file system.  A symbolic link out of the directory is
    not followed, and a name that the system does not take is not found.
    """
    path = safe_join(directory, name, hidden=hidden)
    if path is None or name.endswith("/"):
        return None
    try:
        root = os.path.realpath(os.fsdecode(directory) or ".")
        real = os.path.realpath(path, strict=True)
        if os.path.commonpath([root, real]) != root:
            return None
        # As whom this process acts now, where the system can tell.
        effective = os.access in os.supports_effective_ids
        readable = os.access(real, os.R_OK, effective_ids=effective)
        return describe(real, path) if readable else None
    except (OSError, ValueError):  # too long, not encodable, another drive
        return None


def describe(path: str, name: str | None = None) -> FoundFile | None:
    """Return what is known of a file; None if it is not a regular one.

    Raises:
        OSError: there is no such file.
    """
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        return None
    name = name or path
    hashed = crc32(os.fsencode(name))
    etag = f"{status.st_mtime_ns:x}-{status.st_size:x}-{hashed:x}"
    return FoundFile(path, name, status.st_mtime, etag)


def guess_mimetype(name: str) -> str:
    """Return the media type that the extension of a name stands for.

    >>> guess_mimetype("a.css"), guess_mimetype("a.tar.gz")
    ('text/css', 'application/gzip')
    """
    mimetype, compression = mimetypes.guess_type(name)
    if compression is not None:
        return _COMPRESSED.get(compression, UNKNOWN_TYPE)
    return mimetype or UNKNOWN_TYPE


# Responses -----------------------------------------------------------------


async def send_file(
    filename_or_io: FilePath | BytesIO, **options: Unpack[FileOptions]
) -> Response:
    """Return a response with the content of a file.

    The path is trusted: one that comes from a URL is a matter for
    ``send_from_directory``.

    Raises:
        OSError: there is no such file.
        ValueError: it is no regular file, or there is neither a mimetype nor
            a name to guess it by.
        RequestedRangeNotSatisfiable: the client asks for what is not there.
    """
    response_class = options.get("response_class", Response)
    if isinstance(filename_or_io, BytesIO):
        body = response_class.io_body_class(filename_or_io)
        return await _respond(body, None, **options)
    path = os.fsdecode(filename_or_io)
    find = partial(describe, path)
    opened = await run_in_thread(_open, find, response_class.file_body_class)
    if opened is None:
        raise ValueError(f"{path!r} is not a regular file")
    return await _respond(*opened, **options)


async def send_from_directory(
    directory: FilePath,
    file_name: str,
    *,
    hidden: bool = True,
    **options: Unpack[FileOptions],
) -> Response:
    """Return a response with a file from a directory, by an untrusted name.

    Raises:
        NotFound: there is no such file, or it is none that may be sent; see
            ``safe_join`` and ``find_file``.
        RequestedRangeNotSatisfiable: the client asks for what is not there.
    """
    body_class = options.get("response_class", Response).file_body_class
    find = partial(find_file, directory, file_name, hidden=hidden)
    opened = await run_in_thread(_open, find, body_class)
    if opened is None:
        raise NotFound
    return await _respond(*opened, **options)


def _open(
    find: Callable[[], FoundFile | None], body_class: type[FileBody]
) -> tuple[FileBody, FoundFile] | None:
    """Do all that waits for the file system in one journey to a thread."""
    found = find()
    mimetypes.guess_type("")  # may read the system's lists
    return None if found is None else (body_class(found.path), found)


async def _respond(
    body: FileBody | IOBody,
    found: FoundFile | None,
    *,
    response_class: type[Response] = Response,
    request: ConditionalRequest | None = None,
    max_age: MaxAge = lambda path: None,
    mimetype: str | None = None,
    as_attachment: bool = False,
    attachment_filename: str | None = None,
    add_etags: bool | str = True,
    cache_timeout: int | None = None,
    conditional: bool = True,
    last_modified: Moment | None = None,
) -> Response:
    name = None if found is None else found.name
    shown = attachment_filename or (name and os.path.basename(name))
    response = response_class(body, mimetype=mimetype or _mimetype(shown))
    if as_attachment:
        response.headers["Content-Disposition"] = content_disposition(
            "attachment", shown
        )
    if last_modified is None and found is not None:
        last_modified = found.modified
    response.last_modified = last_modified
    if cache_timeout is None:
        cache_timeout = max_age(name)
    _let_caches_keep(response, cache_timeout)
    if isinstance(add_etags, str):
        response.set_etag(add_etags)
    elif add_etags and found is not None:
        response.set_etag(found.etag)
    if conditional and request is not None:
        await response.make_conditional(request, True, body.size)
        if response.status_code == 416:
            raise RequestedRangeNotSatisfiable(body.size)
    return response


def _mimetype(name: str | None) -> str:
    if name is None:
        raise ValueError(
            "the media type cannot be told without a name: give mimetype= or"
            " attachment_filename="
        )
    return guess_mimetype(name)


def _let_caches_keep(response: Response, seconds: int | None) -> None:
    if seconds is None:
        response.headers["Cache-Control"] = "public"
    else:
        response.headers["Cache-Control"] = f"public, max-age={seconds}"
        response.expires = datetime.now(UTC) + timedelta(seconds=seconds)
