"""The files of a form: what a client uploads."""

from collections.abc import Iterator
from functools import cached_property
from io import BytesIO
from os import PathLike, fsdecode
from pathlib import Path
from typing import IO, Any

from microquart.http.datastructures import Headers
from microquart.http.syntax import parse_options
from microquart.threads import run_in_thread
from microquart.wrappers.bodies import FilePath

SPOOLED = 500 * 1024  # bytes of a file held in memory; beyond: on disk


class FileStorage:
    """A file that a client sent, or that a test sends.

    ``filename`` is what the client called it (never a path to trust),
    ``name`` the field of the form.  Reading, seeking and whatever else a file
    can do is done by ``stream``, also when asked of this object.  A
    FileStorage without a filename is false: the field was left empty.
    """

    def __init__(
        self,
        stream: IO[bytes] | None = None,
        filename: str | None = None,
        name: str | None = None,
        content_type: str | None = None,
        content_length: int | None = None,
        headers: Headers | None = None,
    ) -> None:
        self.stream: IO[bytes] = BytesIO() if stream is None else stream
        self.filename = _name_of(stream) if filename is None else filename
        self.name = name
        self.headers = Headers() if headers is None else headers
        if content_type is not None:
            self.headers["Content-Type"] = content_type
        if content_length is not None:
            self.headers["Content-Length"] = str(content_length)

    @property
    def content_type(self) -> str | None:
        """The media type that the client says it is, with parameters."""
        return self.headers.get("Content-Type")

    @property
    def content_length(self) -> int:
        """The length that the part announced, in bytes; mostly 0: none."""
        value = self.headers.get("Content-Length", "")
        return int(value) if value.isascii() and value.isdigit() else 0

    @cached_property
    def _parsed_type(self) -> tuple[str, dict[str, str]]:
        return parse_options(self.content_type)

    @property
    def mimetype(self) -> str:
        """The content type in lower case and without its parameters."""
        return self._parsed_type[0].lower()

    @property
    def mimetype_params(self) -> dict[str, str]:
        """The parameters of the media type, as in ``{"charset": "utf-8"}``."""
        return self._parsed_type[1]

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of the stream; by default all the rest."""
        return self.stream.read(size)

    async def save(
        self, destination: FilePath | IO[bytes], buffer_size: int = 16384
    ) -> None:
        """Write what has not been read yet to a path or an open file."""
        await run_in_thread(self._save, destination, buffer_size)

    def _save(self, destination: FilePath | IO[bytes], size: int) -> None:
        from shutil import copyfileobj

        if isinstance(destination, (str, bytes, PathLike)):
            with open(destination, "wb") as file:
                copyfileobj(self.stream, file, size)
        else:
            copyfileobj(self.stream, destination, size)

    async def load(self, source: FilePath, buffer_size: int = 16384) -> None:
        """Append the content of a file, and take over its name."""
        path = Path(fsdecode(source))
        self.filename = path.name
        await run_in_thread(self._load, path, buffer_size)

    def _load(self, source: Path, size: int) -> None:
        from shutil import copyfileobj

        with open(source, "rb") as file:
            copyfileobj(file, self.stream, size)

    def close(self) -> None:
        """Close the stream, which deletes the temporary file of an upload."""
        self.stream.close()

    def __bool__(self) -> bool:
        return bool(self.filename)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.stream)

    def __getattr__(self, name: str) -> Any:
        if name == "stream":  # not set yet: a copy is being made
            raise AttributeError(name)
        return getattr(self.stream, name)

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"<{kind}: {self.filename!r} ({self.content_type!r})>"


def default_stream_factory(
    total_content_length: int | None,
    content_type: str | None,
    filename: str | None,
    content_length: int | None = None,
) -> IO[bytes]:
    """Return where to write a file: memory, with the disk behind it."""
    if total_content_length is None or total_content_length > SPOOLED:
        from tempfile import SpooledTemporaryFile

        return SpooledTemporaryFile(max_size=SPOOLED, mode="rb+")
    return BytesIO()


def _name_of(stream: IO[bytes] | None) -> str | None:
    """Return the name of an open file; ``<stdin>`` and its like have none."""
    name = getattr(stream, "name", None)
    if isinstance(name, bytes):
        name = fsdecode(name)
    return name if isinstance(name, str) and name[:1] != "<" else None
