"""Request: what a client asks for, and the body that comes with it."""

from collections.abc import Callable, Coroutine, Generator, Mapping
from functools import cached_property
from json import JSONDecodeError
from types import EllipsisType
from typing import Any, Generic, Literal, NoReturn, Self, TypeVar, overload

from microquart.exceptions import BadRequest, UnsupportedMediaType
from microquart.formparser import Files, Form, FormDataParser
from microquart.http.datastructures import CombinedMultiDict
from microquart.wrappers.base import (
    BaseRequestWebsocket,
    RequestSettings,
    Turn,
)
from microquart.wrappers.request_body import Body, Bounds, user_line

__all__ = ["Body", "NotAwaited", "Promise", "Request", "RequestSettings"]

T = TypeVar("T")

_MULTIPART = "multipart/form-data"
_URLENCODED = (
    "application/x-www-form-urlencoded",
    "application/x-url-encoded",
)

# A form that is no longer can be read as data as well, in any order; what is
# longer goes to the parser as it comes.  Bytes.
KEPT = 500_000


class NotAwaited(TypeError, AttributeError):
    """What has to be awaited was used as if it were there."""


class Promise(Coroutine[Any, Any, T]):
    """What ``request.form`` and its like are: to be awaited.

    Whoever forgets that is told how to write it.  Nothing has begun before,
    so nothing is left behind either.  It is a coroutine, which a task can be
    made of.
    """

    __slots__ = ("_begin", "_begun", "_name")

    def __init__(
        self, name: str, begin: Callable[[], Coroutine[Any, Any, T]]
    ) -> None:
        self._name = name
        self._begin = begin
        self._begun: Coroutine[Any, Any, T] | None = None

    def __await__(self) -> Generator[Any, Any, T]:
        return self._begin().__await__()

    # -- as a task sees it --

    def send(self, value: Any, /) -> Any:
        if self._begun is None:
            self._begun = self._begin()
        return self._begun.send(value)

    def throw(self, *error: Any) -> Any:
        if self._begun is None:
            self._begun = self._begin()
        return self._begun.throw(*error)

    def close(self) -> None:
        if self._begun is not None:
            self._begun.close()

    # -- as somebody sees it who has forgotten to await it --

    def __getitem__(self, key: object) -> NoReturn:
        shown = f'"{key}"' if isinstance(key, str) else repr(key)
        raise self._mistake(f"({{}})[{shown}]")

    def __getattr__(self, name: str) -> NoReturn:
        raise self._mistake(f"({{}}).{name}")

    def __contains__(self, key: object) -> NoReturn:
        raise self._mistake(f"{key!r} in {{}}")

    def __iter__(self) -> NoReturn:
        raise self._mistake("for ... in {}")

    def __len__(self) -> NoReturn:
        raise self._mistake("len({})")

    def __bool__(self) -> NoReturn:
        raise self._mistake("{}")

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        raise self._mistake("{}")

    def _mistake(self, form: str) -> NotAwaited:
        right = form.format(f"await {self._name}")
        return NotAwaited(
            f"{self._name} is awaitable: write {right}  {user_line()}"
        )


class Limit(Generic[T]):
    """What the settings say, unless the request says otherwise."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, request: None, owner: type) -> Self: ...
    @overload
    def __get__(self, request: "Request", owner: type) -> T | None: ...
    def __get__(
        self, request: "Request | None", owner: type
    ) -> Self | T | None:
        if request is None:
            return self
        own = request.__dict__
        said: Mapping[str, T | None] = (
            own if self._name in own else vars(request.settings)
        )
        return said[self._name]

    def __set__(self, request: "Request", value: T | None) -> None:
        request.__dict__[self._name] = value


class Request(BaseRequestWebsocket):
    """One request: its head is known from the start, its body is pulled.

    ``max_content_length``, ``body_timeout``, ``max_form_memory_size``,
    ``max_form_parts``, ``max_form_part_head`` and ``max_form_part_lines`` are
    the application's unless they are set here, which has to be done before
    the body is read; None is no limit.
    """

    body_class = Body
    form_data_parser_class = FormDataParser

    _parsed_form: tuple[Form, Files] | None = None
    _json: Any | EllipsisType = ...

    # -- limits --

    max_content_length = Limit[int]()
    body_timeout = Limit[float]()
    max_form_memory_size = Limit[int]()
    max_form_parts = Limit[int]()
    max_form_part_head = Limit[int]()
    max_form_part_lines = Limit[int]()

    def bounds(self) -> Bounds:
        """Return what the body is held to, as it is now."""
        return Bounds(
            self.content_length, self.max_content_length, self.body_timeout
        )

    # -- data --

    @cached_property
    def body(self) -> Body:
        """The body while it arrives: await it, or iterate over its chunks."""
        return self.body_class(self)

    @property
    def stream(self) -> NoReturn:
        """WSGI's blocking stream, which is not here: use ``body``.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "request.stream blocks: write async for chunk in request.body"
        )

    @property
    def data(self) -> Promise[bytes]:
        """The body; of a multipart form nothing, as that is in ``form``."""
        return Promise("request.data", self._data)

    async def _data(self) -> bytes:
        return await self.get_data(parse_form_data=True)

    @overload
    async def get_data(
        self,
        cache: bool = True,
        as_text: Literal[False] = False,
        parse_form_data: bool = False,
    ) -> bytes: ...
    @overload
    async def get_data(
        self,
        cache: bool = True,
        *,
        as_text: Literal[True],
        parse_form_data: bool = False,
    ) -> str: ...
    @overload
    async def get_data(
        self,
        cache: bool = True,
        as_text: bool = False,
        parse_form_data: bool = False,
    ) -> str | bytes: ...
    async def get_data(
        self,
        cache: bool = True,
        as_text: bool = False,
        parse_form_data: bool = False,
    ) -> str | bytes:
        """Return the whole body.

        ``cache``: keep it, to be had again.  ``parse_form_data``: parse a
        form first, and return what that has left of the body.

        Raises:
            BadRequest: it is not UTF-8, and text is wanted.
            RuntimeError: somebody has iterated over it.
        """
        body = self.body
        if parse_form_data:
            await self._load_form()
            if body.taken or self.mimetype == _MULTIPART:
                return "" if as_text else b""
        data = await body.read()
        if not cache:
            body.drop()
        return as_utf8(data) if as_text else data

    # -- JSON --

    @property
    def json(self) -> Promise[Any]:
        """The parsed body; see ``get_json()``."""
        return Promise("request.json", self.get_json)

    async def get_json(
        self, force: bool = False, silent: bool = False, cache: bool = True
    ) -> Any:
        """Return the parsed body.

        ``force``: whatever its media type; ``silent``: None if it cannot be
        parsed; ``cache``: keep the result, and the body.

        Raises:
            UnsupportedMediaType: it does not say that it is JSON.
            BadRequest: it is no JSON.
        """
        if cache and self._json is not ...:
            return self._json
        if not (force or self.is_json):
            return None if silent else self.on_json_loading_failed(None)
        data = await self.get_data(cache)
        try:
            value = self.json_module.loads(data.decode())
        except (ValueError, RecursionError) as error:
            return None if silent else self.on_json_loading_failed(error)
        if cache:
            self._json = value
        return value

    def on_json_loading_failed(self, error: Exception | None) -> Any:
        """Raise, or return what ``get_json()`` returns instead.

        ``error`` is that of the parser; None: the media type was another.
        """
        if error is None:
            raise UnsupportedMediaType(
                f"expected application/json, got "
                f"{self.mimetype or 'no Content-Type'}; "
                f"get_json(force=True) ignores it"
            )
        if self.settings.debug:
            raise BadRequest(where_it_fails(error)) from error
        raise BadRequest from error

    # -- forms --

    @property
    def form(self) -> Promise[Form]:
        """The fields of a form; the files are in ``files``."""
        return Promise("request.form", self._get_form)

    @property
    def files(self) -> Promise[Files]:
        """The files of a multipart form."""
        return Promise("request.files", self._get_files)

    @property
    def values(self) -> Promise[CombinedMultiDict[str, str]]:
        """``args`` and, unless this is a GET, ``form``."""
        return Promise("request.values", self._get_values)

    async def _get_form(self) -> Form:
        return (await self._load_form())[0]

    async def _get_files(self) -> Files:
        return (await self._load_form())[1]

    async def _get_values(self) -> CombinedMultiDict[str, str]:
        if self.method == "GET":
            return CombinedMultiDict([self.args])
        return CombinedMultiDict([self.args, await self._get_form()])

    def make_form_data_parser(self) -> FormDataParser:
        """Return a parser with the limits of this request; override it."""
        return self.form_data_parser_class(
            cls=self.parameter_storage_class,
            max_content_length=self.max_content_length,
            max_form_memory_size=self.max_form_memory_size,
            max_form_parts=self.max_form_parts,
            max_form_part_head=self.max_form_part_head,
            max_form_part_lines=self.max_form_part_lines,
        )

    async def _load_form(self) -> tuple[Form, Files]:
        async with self._form_turn:
            if self._parsed_form is None:
                self._parsed_form = await self._parse_form()
            return self._parsed_form

    @cached_property
    def _form_turn(self) -> Turn:
        return Turn()

    async def _parse_form(self) -> tuple[Form, Files]:
        body, mimetype = self.body, self.mimetype
        announced = self.content_length or 0
        if mimetype == _MULTIPART and announced <= KEPT:
            await body.keep(KEPT)
        elif mimetype in _URLENCODED:
            size = self.max_form_memory_size
            if size is None or announced <= size:
                await body.keep(size)
        body.reader = "request.form, as it is long"
        form, files = await self.make_form_data_parser().parse(
            body, mimetype, self.content_length, self.mimetype_params
        )
        self.uploads = [file for _, file in files.items(multi=True)]
        return form, files

    # -- the end --

    async def close(self) -> None:
        """Close the files of the form, those on disk are deleted."""
        for file in self.uploads:
            file.close()

    async def send_push_promise(self, path: str) -> None:
        """Do nothing: browsers have given server push up, and so have we."""


def as_utf8(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(where_it_fails(error)) from error


def where_it_fails(error: Exception) -> str:
    """Return what a parser says, its place in front.

    >>> import json
    >>> try:
    ...     json.loads('{"a":')
    ... except ValueError as error:
    ...     where_it_fails(error)
    'line 1 column 6: expecting value'
    """
    if isinstance(error, JSONDecodeError):
        message = error.msg[:1].lower() + error.msg[1:]
        return f"line {error.lineno} column {error.colno}: {message}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start + 1}: {error.reason} of UTF-8"
    return str(error)
