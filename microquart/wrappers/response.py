"""Response: what a view gives, and everything that can become one."""

import hashlib
import json
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from functools import lru_cache
from http import HTTPStatus
from inspect import iscoroutine
from io import BytesIO
from numbers import Number
from types import EllipsisType
from typing import (
    Any,
    Literal,
    Protocol,
    Self,
    TypeAlias,
    overload,
    runtime_checkable,
)

from microquart.asgi import HTTPResponseStart
from microquart.http.datastructures import Headers
from microquart.http.ranges import ContentRange, RangeNotSatisfiable
from microquart.wrappers.attributes import with_charset
from microquart.wrappers.bodies import (
    Chunk,
    DataBody,
    FileBody,
    IOBody,
    IterableBody,
    RangedBody,
    ResponseBody,
)
from microquart.wrappers.conditional import (
    ConditionalRequest,
    Version,
    precondition,
    requested_range,
)
from microquart.wrappers.response_fields import ResponseFields
from microquart.wrappers.wsgi import WSGIResponse, body_of

Status: TypeAlias = int | str | HTTPStatus
HeadersValue: TypeAlias = (
    Headers | Mapping[str, Any] | Iterable[tuple[str, Any]]
)
DataValue: TypeAlias = str | bytes | bytearray
OneField: TypeAlias = tuple[tuple[bytes, bytes], ...]  # or none
StreamValue: TypeAlias = (
    ResponseBody | BytesIO | AsyncIterable[Chunk] | Iterable[Chunk]
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

# What is said of content that is not sent (RFC 9110, section 15.4.5).
_OF_THE_CONTENT = (
    "Content-Type",
    "Content-Encoding",
    "Content-Language",
    "Content-Disposition",
    "Content-Length",
)
_OF_THE_CACHES = ("Cache-Control", "Expires", "ETag", "Last-Modified")


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
    timeout: float | EllipsisType | None = ...

    is_iterated = False  # the body is code of the user's, still to be run

    # What follows the number, if the user has said it: "200 Fine".
    _phrase: str | None = None

    # Until somebody looks at the headers, or at the body: nearly every
    # response has its type and length and no other field, and its data.
    _headers: Headers | None
    _type: OneField = ()
    _length: OneField = ()
    _body: ResponseBody | None
    _data: bytes

    data_body_class = DataBody
    file_body_class = FileBody
    io_body_class = IOBody
    iterable_body_class = IterableBody
    json_module: JSONModule = json

    def __init__(
        self,
        response: DataValue | StreamValue | None = None,
        status: Status | None = None,
        headers: HeadersValue | None = None,
        mimetype: str | None = None,
        content_type: str | None = None,
    ) -> None:
        self._headers = self._body = None
        if headers is None and content_type is None:
            kind = self.default_mimetype if mimetype is None else mimetype
            self._type = type_field(kind)
        else:
            self._set_headers(headers, mimetype, content_type)
        if status is None:
            self._status_code = self.default_status
        else:
            self.status = status
        data = response.encode() if isinstance(response, str) else response
        if isinstance(data, bytes) and self._headers is None:
            self._data = data
            if self.automatically_set_content_length:
                self._length = ((b"content-length", b"%d" % len(data)),)
        else:
            self._set_body(data)

    @property
    def response(self) -> ResponseBody:
        """The body: something to enter, then to iterate for bytes."""
        body = self._body
        if body is None:
            body = self._body = self.data_body_class(self._data)
        return body

    @response.setter
    def response(self, body: ResponseBody) -> None:
        self._body = body
        self.is_iterated = isinstance(body, IterableBody)

    @property
    def headers(self) -> Headers:
        """The fields, which are made when somebody looks.

        Nearly every response has its type and length and no others, and
        nobody looks: ``to_fields()`` has a short way for that.
        """
        headers = self._headers
        if headers is None:
            headers = self._headers = Headers()
            for name, value in (*self._type, *self._length):
                headers[name.decode().title()] = value.decode("latin-1")
            if self._status_code in _WITHOUT_CONTENT:
                headers.pop("Content-Length", None)
        return headers

    @headers.setter
    def headers(self, value: HeadersValue) -> None:
        self._headers = value if isinstance(value, Headers) else Headers(value)

    def _set_headers(
        self,
        headers: HeadersValue | None,
        mimetype: str | None,
        content_type: str | None,
    ) -> None:
        self.headers = () if headers is None else headers
        if mimetype is None and "Content-Type" not in self.headers:
            mimetype = self.default_mimetype
        if content_type is not None:
            self.headers["Content-Type"] = content_type
        elif mimetype is not None:
            self.headers["Content-Type"] = with_charset(mimetype)

    def to_fields(self) -> list[tuple[bytes, bytes]]:
        """Return the fields for the wire."""
        if self._headers is None and self._status_code not in _WITHOUT_CONTENT:
            return [*self._type, *self._length]
        return self.headers.to_fields()

    def start(self) -> HTTPResponseStart:
        """Return the message that a server wants first."""
        return {
            "type": "http.response.start",
            "status": self._status_code,
            "headers": self.to_fields(),
        }

    def held(self) -> bytes | None:
        """Return the whole body, or None if it is not in memory."""
        if self._body is None and self.data_body_class is DataBody:
            return self._data
        body = self.response
        return body.piece if isinstance(body, DataBody) else None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.status}]>"

    # -- the status --

    @property
    def status_code(self) -> int:
        """The status as a number; setting it sets the phrase too."""
        return self._status_code

    @status_code.setter
    def status_code(self, code: int) -> None:
        self.status = code

    @property
    def status(self) -> str:
        """The status with its phrase, as in ``404 NOT FOUND``.

        It is set to a number, to such a text, or to an HTTPStatus.
        """
        phrase = PHRASES.get(self._status_code, "unknown").upper()
        return f"{self._status_code} {self._phrase or phrase}"

    @status.setter
    def status(self, value: Status) -> None:
        if isinstance(value, int):
            self._status_code, self._phrase = int(value), None
        else:
            code, _, phrase = value.strip().partition(" ")
            if not code.isdecimal():
                raise ValueError(f"{value!r} does not begin with a number")
            self._status_code, self._phrase = int(code), phrase or None
        if self._headers is not None and self._status_code in _WITHOUT_CONTENT:
            self._headers.pop("Content-Length", None)

    # -- the body --

    def _set_body(self, value: bytes | bytearray | StreamValue | None) -> None:
        if isinstance(value, (bytes, bytearray)):
            self._data = bytes(value)
            self._set_length(len(value))
        elif value is None:
            self.response = self.data_body_class(b"")
            if "content-length" not in self.headers:
                self._set_length(0)
        elif isinstance(value, BytesIO):
            self._set_body(self.io_body_class(value))
        elif isinstance(value, ResponseBody):
            self.response = value
            if isinstance(value, RangedBody):
                self._set_length(value.size)
        else:
            self._body = self.iterable_body_class(value)
            self.is_iterated = isinstance(self._body, IterableBody)

    def _set_length(self, size: int) -> None:
        if self._headers is None and self.automatically_set_content_length:
            self._length = ((b"content-length", b"%d" % size),)
        elif (
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

    def set_data(self, data: DataValue) -> None:
        """Replace the body, and set Content-Length."""
        if isinstance(data, str):
            data = data.encode()
        self.response = self.data_body_class(bytes(data))
        self._set_length(len(data))

    @property
    async def data(self) -> bytes:
        """The whole body: await it; set it to bytes or text."""
        return await self.get_data()

    @data.setter
    def data(self, value: DataValue) -> None:
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
        """The parsed body, to be awaited; see ``get_json``."""
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

    # -- conditions and ranges --

    async def make_conditional(
        self,
        request: ConditionalRequest,
        accept_ranges: bool | str = False,
        complete_length: int | None = None,
    ) -> Self:
        """Become what the request asks for: 206, 304, 412 or 416, or stay.

        ``accept_ranges``: serve a range; ``complete_length``: the size of the
        content in bytes, when the body does not know it; who gives it wants
        ranges.  One is served, several are answered with the whole content.
        """
        if request.method not in {"GET", "HEAD"} or self._status_code != 200:
            return self
        version = Version.of(self.headers)
        status = precondition(request, version)
        if status != 200:
            self._leave_content_out(status)
            return self
        body = self.response
        if complete_length is None:
            if not accept_ranges or not isinstance(body, RangedBody):
                return self
            complete_length = body.size
        named = isinstance(accept_ranges, str) and accept_ranges
        self.headers["Accept-Ranges"] = named or "bytes"
        try:
            cut = requested_range(request, version, complete_length)
        except RangeNotSatisfiable:
            self._leave_content_out(416)
            self.content_range.set(None, None, complete_length)
        else:
            if cut is not None:
                await self._cut(*cut)
        return self

    async def _cut(self, begin: int, end: int) -> None:
        if not isinstance(self.response, RangedBody):
            await self.make_sequence()
        body = self.response
        assert isinstance(body, RangedBody)
        size = await body.make_conditional(begin, end)
        self.content_length = body.end - body.begin
        self.content_range = ContentRange("bytes", body.begin, body.end, size)
        self.status = 206

    def _leave_content_out(self, status: int) -> None:
        self.status = status
        for name in _OF_THE_CONTENT:
            self.headers.pop(name, None)
        if status != 304:  # an error is not to be cached as the content is
            for name in _OF_THE_CACHES:
                self.headers.pop(name, None)
        self.set_data(b"")


# What becomes a response ---------------------------------------------------


class NotAResponse(TypeError):
    """A view returned what no response can be made of: ``value``.

    The text says what is wrong and what would be right.  Whoever knows the
    view raises a better one: ``raise TypeError(...) from error``.
    """

    def __init__(self, value: object, problem: str) -> None:
        super().__init__(problem)
        self.value = value


@runtime_checkable
class HasResponse(Protocol):
    """An exception that can be answered: an HTTPException, or Werkzeug's."""

    def get_response(self) -> object: ...


def response_from(
    value: object,
    response_class: type[Response],
    json_response: Callable[[Any], Response],
) -> Response:
    """Return the response that a view means by what it returned.

    >>> response_from(("Hello", 201), Response, Response).status
    '201 CREATED'

    ``json_response`` makes one of a dict or list.

    Raises:
        NotAResponse: a TypeError; it has the value.
    """
    if not isinstance(value, tuple):
        return _response(value, response_class, json_response)
    body, status, headers = _parts(value)
    if body is None:
        raise NotAResponse(
            value,
            f'{value!r} has None for a body; write "" for an empty one',
        )
    response = _response(body, response_class, json_response)
    if status is not None:
        response.status = status
    if headers is not None:
        response.headers.update(headers)
    return response


def _parts(
    value: tuple[object, ...],
) -> tuple[object, Status | None, HeadersValue | None]:
    match value:
        case (body, (Headers() | Mapping() | list() | tuple()) as headers):
            return body, None, headers
        case (body, (int() | str() | None) as status):
            return body, status, None
        case (
            body,
            (int() | str() | None) as status,
            (Headers() | Mapping() | list() | tuple() | None) as headers,
        ):
            return body, status, headers
    raise NotAResponse(
        value,
        "a tuple must be (value, status), (value, headers) or"
        f" (value, status, headers), not {_shown(value)}",
    )


def _response(
    value: object,
    response_class: type[Response],
    json_response: Callable[[Any], Response],
) -> Response:
    if isinstance(value, Response):
        return value
    if isinstance(value, (dict, list)):
        return json_response(value)
    if isinstance(
        value, (str, bytes, bytearray, AsyncIterable, Iterator, ResponseBody)
    ):
        return response_class(value)
    if isinstance(value, Exception) and isinstance(value, HasResponse):
        value = value.get_response()
        if isinstance(value, Response):
            return value
    if isinstance(value, WSGIResponse):
        fields = Headers(list(value.headers))
        return response_class(body_of(value), value.status, fields)
    raise NotAResponse(value, _problem(value))


def _problem(value: object) -> str:
    if value is None:
        return "returned None: is a return missing on one branch?"
    if iscoroutine(value):
        value.close()  # or Python would warn as well
        return f"returned {_shown(value)}: is an await missing?"
    problem = (
        f"returned {_shown(value)} ({type(value).__name__}); valid are str,"
        " bytes, dict, list, a Response, a generator or another iterator, and"
        " a tuple of one of these with a status, with headers, or with both"
    )
    if isinstance(value, Number):
        problem += f'; write str({value!r}) or {{"value": {value!r}}}'
    return problem


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


@lru_cache
def type_field(mimetype: str | None) -> OneField:
    """Return Content-Type for the wire; it is checked, as any field."""
    if mimetype is None:
        return ()
    (field,) = Headers({"Content-Type": with_charset(mimetype)}).to_fields()
    return (field,)
