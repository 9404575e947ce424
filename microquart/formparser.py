"""Forms: the fields and the files in the body of a request.

The body is taken piece by piece, and nothing of it is kept but the values:
fields in memory, a file in memory up to 500 kB and on disk beyond.  What can
grow has a bound: the number of parts, the memory of all fields together, the
head of each part.  The time is linear in the length of the body.

Sources: RFC 7578 (multipart/form-data), RFC 2046 section 5.1 (multipart), the
URL standard (application/x-www-form-urlencoded).
"""

import sys
from collections.abc import (
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
)
from contextlib import ExitStack
from functools import cache
from io import BytesIO
from typing import IO, Any, ClassVar, Protocol, TypeAlias
from urllib.parse import unquote

from microquart.exceptions import BadRequest, RequestEntityTooLarge
from microquart.http.datastructures import Headers, MultiDict
from microquart.http.syntax import parse_options
from microquart.threads import run_in_thread
from microquart.wrappers.uploads import (
    SPOOLED,
    FileStorage,
    default_stream_factory,
)

__all__ = [
    "FileStorage",
    "Files",
    "Form",
    "FormDataParser",
    "MultiPartParser",
    "default_stream_factory",
    "parse_urlencoded",
]

# What holds for a parser that is made by hand, as for an application.
PART_HEAD = 8 * 1024  # bytes of all header fields of a part
PART_LINES = 16  # header fields of a part

BOUNDARY = 70  # characters; RFC 2046 5.1.1 allows no more

# A part says in which charset it is; more than these are not to be trusted.
_CHARSETS = frozenset({"ascii", "us-ascii", "utf-8", "iso-8859-1"})

Form: TypeAlias = MultiDict[str, str]
Files: TypeAlias = MultiDict[str, FileStorage]
StreamFactory: TypeAlias = Callable[
    [int | None, str | None, str | None, int | None], IO[bytes]
]
Parse: TypeAlias = Callable[
    [
        "FormDataParser",
        AsyncIterable[bytes],
        str,
        int | None,
        Mapping[str, str],
    ],
    Awaitable[tuple[Form, Files]],
]


class FormDataParser:
    """Chooses by the media type how a body is parsed.

    ``max_content_length``: bytes of the body; ``max_form_memory_size``: bytes
    of all fields together, files apart; ``max_form_parts``: fields and files;
    ``max_form_part_head`` and ``max_form_part_lines``: bytes and number of the
    header fields of one part.  Beyond: 413; None: no limit.  ``silent``: a
    malformed form counts as an empty one, instead of 400.
    """

    file_storage_class = FileStorage

    def __init__(
        self,
        *,
        cls: type[MultiDict[str, Any]] = MultiDict,
        max_content_length: int | None = None,
        max_form_memory_size: int | None = None,
        max_form_parts: int | None = None,
        max_form_part_head: int | None = PART_HEAD,
        max_form_part_lines: int | None = PART_LINES,
        silent: bool = False,
        stream_factory: StreamFactory = default_stream_factory,
    ) -> None:
        self.cls = cls
        self.max_content_length = max_content_length
        self.max_form_memory_size = max_form_memory_size
        self.max_form_parts = max_form_parts
        self.max_form_part_head = max_form_part_head
        self.max_form_part_lines = max_form_part_lines
        self.silent = silent
        self.stream_factory = stream_factory

    def get_parse_func(
        self, mimetype: str, options: Mapping[str, str]
    ) -> Parse | None:
        """Return what parses a body of this type; None: it is no form."""
        return self.parse_functions.get(mimetype)

    async def parse(
        self,
        body: AsyncIterable[bytes],
        mimetype: str,
        content_length: int | None,
        options: Mapping[str, str] | None = None,
    ) -> tuple[Form, Files]:
        """Return the fields and the files of a body.

        Both are empty for a media type that is none of a form; the body has
        then not been touched.  ``options`` are those of the media type.

        Raises:
            BadRequest: the form is malformed.
            RequestEntityTooLarge: a limit was reached.
        """
        parse = self.get_parse_func(mimetype, options or {})
        if parse is not None:
            try:
                return await parse(
                    self, body, mimetype, content_length, options or {}
                )
            except BadRequest:
                if not self.silent:
                    raise
        return self.cls(), self.cls()

    async def _parse_multipart(
        self,
        body: AsyncIterable[bytes],
        mimetype: str,
        content_length: int | None,
        options: Mapping[str, str],
    ) -> tuple[Form, Files]:
        parser = MultiPartParser(
            cls=self.cls,
            file_storage_cls=self.file_storage_class,
            max_content_length=self.max_content_length,
            max_form_memory_size=self.max_form_memory_size,
            max_form_parts=self.max_form_parts,
            max_form_part_head=self.max_form_part_head,
            max_form_part_lines=self.max_form_part_lines,
            stream_factory=self.stream_factory,
        )
        boundary = options.get("boundary", "").encode()
        return await parser.parse(body, boundary, content_length)

    async def _parse_urlencoded(
        self,
        body: AsyncIterable[bytes],
        mimetype: str,
        content_length: int | None,
        options: Mapping[str, str],
    ) -> tuple[Form, Files]:
        limit = _least(self.max_content_length, self.max_form_memory_size)
        _check_size(content_length or 0, limit)
        data = bytearray()
        async for chunk in body:
            data += chunk
            _check_size(len(data), limit)
        _check_parts(data.count(b"&") + bool(data), self.max_form_parts)
        try:
            return self.cls(parse_urlencoded(data.decode())), self.cls()
        except UnicodeDecodeError as error:
            raise BadRequest("The form is not in UTF-8.") from error

    parse_functions: ClassVar[dict[str, Parse]] = {
        "multipart/form-data": _parse_multipart,
        "application/x-www-form-urlencoded": _parse_urlencoded,
        "application/x-url-encoded": _parse_urlencoded,
    }


class MultiPartParser:
    """Parses ``multipart/form-data``; the limits are FormDataParser's."""

    def __init__(
        self,
        *,
        cls: type[MultiDict[str, Any]] = MultiDict,
        file_storage_cls: type[FileStorage] = FileStorage,
        max_content_length: int | None = None,
        max_form_memory_size: int | None = None,
        max_form_parts: int | None = None,
        max_form_part_head: int | None = PART_HEAD,
        max_form_part_lines: int | None = PART_LINES,
        stream_factory: StreamFactory = default_stream_factory,
    ) -> None:
        self.cls = cls
        self.file_storage_cls = file_storage_cls
        self.max_content_length = max_content_length
        self.max_form_memory_size = max_form_memory_size
        self.max_form_parts = max_form_parts
        self.max_form_part_head = max_form_part_head
        self.max_form_part_lines = max_form_part_lines
        self.stream_factory = stream_factory

    async def parse(
        self,
        body: AsyncIterable[bytes],
        boundary: bytes,
        content_length: int | None,
    ) -> tuple[Form, Files]:
        """Return the fields and the files between the boundaries.

        Raises:
            BadRequest: the body is malformed, or ends too early.
            RequestEntityTooLarge: a limit was reached.
        """
        from multipart import MultipartError, ParserLimitReached

        _check_boundary(boundary)
        size = 0
        with ExitStack() as opened:
            parts = _Parts(self, content_length, opened)
            try:
                cut = _cutter()(boundary, self)
                async for chunk in body:
                    size += len(chunk)
                    _check_size(size, self.max_content_length)
                    if chunk:  # to the library, nothing means the end
                        await parts.take(cut(chunk))
                await parts.take(cut(b""))
            except ParserLimitReached as error:
                raise RequestEntityTooLarge(f"The form: {error}.") from error
            except MultipartError as error:
                raise BadRequest(f"The form: {error}.") from error
            opened.pop_all()
        return self.cls(parts.fields), self.cls(parts.files)


class Segment(Protocol):
    """The head of a part, as the library reports it."""

    name: str | None
    filename: str | None
    content_type: str | None
    charset: str | None
    headerlist: list[tuple[str, str]]


# The head of a part, pieces of its content, None at its end; and so on.
Events: TypeAlias = Iterable[Segment | bytes | bytearray | None]
Cut: TypeAlias = Callable[[bytes], Events]


@cache
def _cutter() -> Callable[[bytes, MultiPartParser], Cut]:
    """Return what begins to cut a body; the library is imported late."""
    from multipart import ParserError, PushMultipartParser

    class Unfolded(PushMultipartParser):
        """Knows no folded header lines, as HTTP and browsers do not.

        The library joins each to those before it: quadratic.
        """

        def _on_segment_headerline(self, line: bytes) -> None:
            if line[:1] in (b" ", b"\t"):
                raise ParserError("Folded segment header")
            super()._on_segment_headerline(line)

    def cut(boundary: bytes, limits: MultiPartParser) -> Cut:
        return Unfolded(
            boundary,
            max_header_size=_or_endless(limits.max_form_part_head),
            max_header_count=_or_endless(limits.max_form_part_lines),
            max_segment_count=_or_endless(limits.max_form_parts),
        ).parse

    return cut


class _Parts:
    """The fields and files of one form, while its parts come in."""

    def __init__(
        self,
        parser: MultiPartParser,
        content_length: int | None,
        opened: ExitStack,
    ) -> None:
        self.fields: list[tuple[str, str]] = []
        self.files: list[tuple[str, FileStorage]] = []
        self._parser = parser
        self._content_length = content_length
        self._opened = opened
        self._memory = 0  # bytes of all fields
        # Of the part that is coming in:
        self._name = ""
        self._charset = "utf-8"
        self._value = bytearray()
        self._file: FileStorage | None = None
        self._size = 0

    async def take(self, events: Events) -> None:
        for event in events:
            if event is None:
                self._end()
            elif isinstance(event, (bytes, bytearray)):
                await self._add(event)
            else:
                self._begin(event)

    def _begin(self, part: Segment) -> None:
        head = sum(len(name) + len(value) for name, value in part.headerlist)
        _check_size(head, self._parser.max_form_part_head)
        charset = (part.charset or "").lower()
        self._charset = charset if charset in _CHARSETS else "utf-8"
        self._name = part.name or ""
        self._value = bytearray()
        self._size = 0
        filename = _filename(part)
        self._file = None if filename is None else self._open(part, filename)

    def _open(self, part: Segment, filename: str) -> FileStorage:
        try:
            headers = Headers(part.headerlist)
        except ValueError as error:  # a bare CR, or NUL
            raise BadRequest(f"The form: {error}.") from error
        file = self._parser.file_storage_cls(
            None, filename, self._name, headers=headers
        )
        file.stream = self._parser.stream_factory(
            self._content_length,
            part.content_type,
            filename,
            file.content_length,
        )
        self._opened.callback(file.close)
        return file

    async def _add(self, data: bytes | bytearray) -> None:
        if self._file is None:
            self._memory += len(data)
            _check_size(self._memory, self._parser.max_form_memory_size)
            self._value += data
            return
        self._size += len(data)
        stream = self._file.stream
        if self._size > SPOOLED and not isinstance(stream, BytesIO):
            await run_in_thread(stream.write, data)  # a disk may be slow
        else:
            stream.write(data)

    def _end(self) -> None:
        if self._file is None:
            value = self._value.decode(self._charset, "replace")
            self.fields.append((self._name, value))
        else:
            self._file.stream.seek(0)
            self.files.append((self._name, self._file))


def parse_urlencoded(
    text: str, errors: str = "replace"
) -> list[tuple[str, str]]:
    """Return the pairs of a query string, blank values included.

    >>> parse_urlencoded("a=1&b=%26+&c")
    [('a', '1'), ('b', '& '), ('c', '')]

    ``errors``: what becomes of escaped bytes that are no UTF-8.
    """
    cut = [pair.partition("=") for pair in text.split("&") if pair]
    if "%" not in text and "+" not in text:
        return [(name, value) for name, _, value in cut]
    return [
        (_decode(name, errors), _decode(value, errors))
        for name, _, value in cut
    ]


def _decode(text: str, errors: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return unquote(text, errors=errors) if "%" in text else text


def _filename(part: Segment) -> str | None:
    if part.filename is None:
        # RFC 7578 4.2 forbids filename*, but Python's requests sends it.
        for name, value in part.headerlist:
            if name == "Content-Disposition" and "*" in value:
                return parse_options(value)[1].get("filename")
    return part.filename


def _check_boundary(boundary: bytes) -> None:
    if not 0 < len(boundary) <= BOUNDARY:
        raise BadRequest("The form has no boundary, or one that is too long.")


def _check_size(size: int, limit: int | None) -> None:
    if limit is not None and size > limit:
        raise RequestEntityTooLarge


def _check_parts(parts: int, limit: int | None) -> None:
    if limit is not None and parts > limit:
        raise RequestEntityTooLarge(f"The form has more than {limit} fields.")


def _or_endless(limit: int | None) -> int:
    return sys.maxsize if limit is None else limit


def _least(*limits: int | None) -> int | None:
    return min((one for one in limits if one is not None), default=None)
