"""Response: what a view gives, and everything that can become one."""

import hashlib
import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from types import EllipsisType
from typing import Any, Literal, Protocol, TypeAlias, overload

from microquart.http.datastructures import Headers
from microquart.wrappers.bodies import (
    Chunk,
    DataBody,
    FileBody,
    IOBody,
    IterableBody,
    ResponseBody,
)
from microquart.wrappers.response_fields import ResponseFields

Status: TypeAlias = int | str | HTTPStatus
HeadersValue: TypeAlias = (
    Headers | Mapping[str, Any] | Iterable[tuple[str, Any]]
)
BodyValue: TypeAlias = (
    ResponseBody
    | str
    | bytes
    | bytearray
    | BytesIO
    | AsyncIterable[Chunk]
    | Iterable[Chunk]
)

PHRASES = {status.value: status.phrase for status in HTTPStatus} | {
    # Python 3.13 renamed these, 3.11 spells the teapot otherwise.
    413: "Request Entity Too Large",
    414: "Request URI Too Long",
    416: "Requested Range Not Satisfiable",
    418: "I'm a teapot",
    422: "Unprocessable Entity",
}

# Their messages end with the head (RFC 9110, sections 8.6 and 15.4.5).
_WITHOUT_CONTENT = frozenset({204, 304, *range(100, 200)})


class JSONModule(Protocol):
    """What ``get_json`` asks of ``json_module``."""

    def loads(self, s: str, /) -> Any: ...


class Response(ResponseFields):
    """A status, headers and a body.

    >>> response = Response("Hello", 201, {"X-Colour": "green"})
    >>> response.status, response.content_length
    ('201 CREATED', 5)

    ``response`` is the body: text, bytes, or an iterable of either, sync or
    async.  ``mimetype`` gets ``charset=utf-8`` if it is text; a
    ``content_type`` is taken as it is.

    ``timeout``: seconds for the client to take the response; None, as long as
    it wants; ``...``, what RESPONSE_TIMEOUT says.

    Subclasses change the class attributes.
    """

    automatically_set_content_length = True
    default_status: int = 200
    default_mimetype: str | None = "text/html"
    implicit_sequence_conversion = True
    max_cookie_size = 4093  # bytes of a Set-Cookie; beyond, a warning
    timeout: float | None | EllipsisType = ...

    data_body_class = DataBody
    file_body_class = FileBody
    io_body_class = IOBody
    iterable_body_class = IterableBody
    json_module: JSONModule = json

    def __init__(
        self,
        response: BodyValue | None = None,
        status: Status | None = None,
        headers: HeadersValue | None = None,
        mimetype: str | None = None,
        content_type: str | None = None,
    ) -> None:
        self.headers = (
            headers if isinstance(headers, Headers) else Headers(headers)
        )
        if content_type is None:
            if mimetype is None and (
                not headers or "content-type" not in self.headers
            ):
                mimetype = self.default_mimetype
            if mimetype is not None:
                content_type = full_content_type(mimetype)
        if content_type is not None:
            self.headers["Content-Type"] = content_type
        self._phrase: str | None = None
        self._status_code = 200
        self.status = self.default_status if status is None else status
        self._set_body(response)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.status}]>"

    # -- the status --

    @property
    def status_code(self) -> int:
        return self._status_code

    @status_code.setter
    def status_code(self, code: int) -> None:
        self.status = code

    @property
    def status(self) -> str:
        """The status with its phrase, as in ``404 NOT FOUND``.

        It is set to a number, to such a text, or to an HTTPStatus.
        """
        phrase = self._phrase or PHRASES.get(self._status_code, "unknown")
        return f"{self._status_code} {self._phrase or phrase.upper()}"

    @status.setter
    def status(self, value: Status) -> None:
        if isinstance(value, int):
            self._status_code, self._phrase = int(value), None
        else:
            code, _, phrase = value.strip().partition(" ")
            self._status_code, self._phrase = int(code), phrase or None
        if self._status_code in _WITHOUT_CONTENT:
            self.headers.pop("Content-Length", None)

    # -- the body --

    def _set_body(self, value: BodyValue | None) -> None:
        self.response: ResponseBody
        if value is None:
            self.response = self.data_body_class(b"")
            if "content-length" not in self.headers:
                self._set_length(0)
        elif isinstance(value, (str, bytes, bytearray)):
            self.set_data(value)
        elif isinstance(value, ResponseBody):
            self.response = value
        elif isinstance(value, BytesIO):
            self.response = body = self.io_body_class(value)
            self._set_length(body.size)
        else:
            self.response = self.iterable_body_class(value)

    def _set_length(self, size: int) -> None:
        if (
            self.automatically_set_content_length
            and self._status_code not in _WITHOUT_CONTENT
        ):
            self.headers["Content-Length"] = str(size)

    @overload
    async def get_data(self, as_text: Literal[True]) -> str: ...
    @overload
    async def get_data(self, as_text: Literal[False] = False) -> bytes: ...
    @overload
    async def get_data(self, as_text: bool) -> str | bytes: ...
    async def get_data(self, as_text: bool = False) -> str | bytes:
        """Return the whole body, which a stream is read up for.

        A stream is then replaced by its data, unless
        ``implicit_sequence_conversion`` is off.
        """
        if self.implicit_sequence_conversion:
            await self.make_sequence()
        data = b"".join([chunk async for chunk in self.iter_encode()])
        return data.decode() if as_text else data

    def set_data(self, data: str | bytes | bytearray) -> None:
        """Replace the body, and set Content-Length."""
        if isinstance(data, str):
            data = data.encode()
        self.response = self.data_body_class(bytes(data))
        self._set_length(len(data))

    @property
    async def data(self) -> bytes:
        return await self.get_data()

    @data.setter
    def data(self, value: str | bytes) -> None:
        self.set_data(value)

    async def iter_encode(self) -> AsyncIterator[bytes]:
        """Yield the chunks of the body as bytes."""
        async with self.response as body:
            async for chunk in body:
                yield chunk.encode() if isinstance(chunk, str) else chunk

    async def make_sequence(self) -> None:
        """Read a stream up, so that the body can be iterated again."""
        if not isinstance(self.response, DataBody):
            chunks = [chunk async for chunk in self.iter_encode()]
            self.response = self.data_body_class(b"".join(chunks))

    async def freeze(self) -> None:
        """Make the response one that can be pickled."""
        self.set_data(await self.get_data())

    @property
    async def json(self) -> Any:
        return await self.get_json()

    async def get_json(self, force: bool = False, silent: bool = False) -> Any:
        """Return the parsed body, or None if it does not say to be JSON.

        ``force``: whatever it says; ``silent``: None if it cannot be parsed.

        Raises:
            ValueError: it cannot be parsed.
        """
        if not (force or self.is_json):
            return None
        try:
            return self.json_module.loads(await self.get_data(as_text=True))
        except ValueError:
            if silent:
                return None
            raise

    async def add_etag(
        self, overwrite: bool = False, weak: bool = False
    ) -> None:
        """Set an entity tag made of the data."""
        if overwrite or "etag" not in self.headers:
            digest = hashlib.sha1(await self.get_data(), usedforsecurity=False)
            self.set_etag(digest.hexdigest(), weak)
