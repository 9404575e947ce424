"""What can be registered, on an application and on a blueprint.

Both collect in dictionaries by blueprint name; what is registered on the
object itself is under None.  An application reads its own; a blueprint's are
merged into the application's, under the name that it is registered by.
"""

import os
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import anyio

from microquart.adoption import is_http, native
from microquart.context import the_context
from microquart.exceptions import default_exceptions
from microquart.files import send_from_directory
from microquart.resources import get_root_path, open_to_read
from microquart.typing import (
    AfterRequestCallable,
    AfterWebsocketCallable,
    AppOrBlueprintKey,
    BeforeRequestCallable,
    BeforeWebsocketCallable,
    ErrorHandlerCallable,
    FilePath,
    RouteCallable,
    TeardownCallable,
    TemplateContextProcessorCallable,
    URLDefaultCallable,
    URLValuePreprocessorCallable,
    WebsocketCallable,
)
from microquart.wrappers.response import Response

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="Scaffold")
F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

ViewCallable: TypeAlias = RouteCallable | WebsocketCallable
Registry: TypeAlias = dict[AppOrBlueprintKey, list[T]]
ErrorSpec: TypeAlias = dict[
    AppOrBlueprintKey,
    dict[int | None, dict[type[Exception], ErrorHandlerCallable]],
]

T_after_request = TypeVar("T_after_request", bound=AfterRequestCallable)
T_after_websocket = TypeVar("T_after_websocket", bound=AfterWebsocketCallable)
T_before_request = TypeVar("T_before_request", bound=BeforeRequestCallable)
T_before_websocket = TypeVar(
    "T_before_websocket", bound=BeforeWebsocketCallable
)
T_context_processor = TypeVar(
    "T_context_processor", bound=TemplateContextProcessorCallable
)
T_error_handler = TypeVar("T_error_handler", bound=ErrorHandlerCallable)
T_route = TypeVar("T_route", bound=RouteCallable)
T_teardown = TypeVar("T_teardown", bound=TeardownCallable)
T_url_defaults = TypeVar("T_url_defaults", bound=URLDefaultCallable)
T_url_value_preprocessor = TypeVar(
    "T_url_value_preprocessor", bound=URLValuePreprocessorCallable
)
T_websocket = TypeVar("T_websocket", bound=WebsocketCallable)


def setupmethod(
    func: Callable[Concatenate[S, P], R],
) -> Callable[Concatenate[S, P], R]:
    """Refuse a call that comes too late to have its effect everywhere."""

    def checked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        self._check_setup_finished(func.__name__)
        return func(self, *args, **kwargs)

    return update_wrapper(checked, func)


class Scaffold:
    """Routes, hooks, error handlers, and where the files are."""

    name: str
    _jinja_loader: Any = ...

    def __init__(
        self,
        import_name: str,
        static_folder: FilePath | None = None,
        static_url_path: str | None = None,
        template_folder: FilePath | None = None,
        root_path: str | None = None,
    ) -> None:
        self.import_name = import_name
        self.static_folder = static_folder
        self.static_url_path = static_url_path
        self.template_folder = template_folder
        self.root_path = root_path or get_root_path(import_name)

        self.view_functions: dict[str, ViewCallable] = {}
        self.error_handler_spec: ErrorSpec = defaultdict(
            lambda: defaultdict(dict)
        )
        self.before_request_funcs: Registry[BeforeRequestCallable]
        self.before_request_funcs = defaultdict(list)
        self.after_request_funcs: Registry[AfterRequestCallable]
        self.after_request_funcs = defaultdict(list)
        self.teardown_request_funcs: Registry[TeardownCallable]
        self.teardown_request_funcs = defaultdict(list)
        self.before_websocket_funcs: Registry[BeforeWebsocketCallable]
        self.before_websocket_funcs = defaultdict(list)
        self.after_websocket_funcs: Registry[AfterWebsocketCallable]
        self.after_websocket_funcs = defaultdict(list)
        self.teardown_websocket_funcs: Registry[TeardownCallable]
        self.teardown_websocket_funcs = defaultdict(list)
        self.template_context_processors: Registry[
            TemplateContextProcessorCallable
        ] = defaultdict(list)
        self.url_value_preprocessors: Registry[URLValuePreprocessorCallable]
        self.url_value_preprocessors = defaultdict(list)
        self.url_default_functions: Registry[URLDefaultCallable]
        self.url_default_functions = defaultdict(list)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def _check_setup_finished(self, f_name: str) -> None:
        """Raise if the method can no longer be called."""
        raise NotImplementedError

    # -- files --

    @property
    def static_folder(self) -> str | None:
        """The absolute path of the static files, or None."""
        if self._static_folder is None:
            return None
        return os.path.join(self.root_path, self._static_folder)

    @static_folder.setter
    def static_folder(self, value: FilePath | None) -> None:
        self._static_folder = (
            None if value is None else os.fsdecode(value).rstrip("/\\")
        )

    @property
    def has_static_folder(self) -> bool:
        """Whether a static folder was given, whether or not it exists."""
        return self._static_folder is not None

    @property
    def static_url_path(self) -> str | None:
        """Below which URL the static files are; by default their folder."""
        if self._static_url_path is not None:
            return self._static_url_path
        if self.static_folder is None:
            return None
        return "/" + os.path.basename(self.static_folder)

    @static_url_path.setter
    def static_url_path(self, value: str | None) -> None:
        self._static_url_path = None if value is None else value.rstrip("/")

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        """Return for how many seconds a cache may keep a file; None: ask."""
        value = the_context("app").app.config["SEND_FILE_MAX_AGE_DEFAULT"]
        if isinstance(value, timedelta):
            return int(value.total_seconds())
        seconds: int | None = value
        return seconds

    async def send_static_file(self, filename: str) -> Response:
        """Answer with a file from the static folder."""
        if self.static_folder is None:
            raise RuntimeError("No static folder for this object")
        ctx = the_context("request")
        return await send_from_directory(
            self.static_folder,
            filename,
            hidden=False,  # what a repository or an editor leaves there
            request=ctx.request,
            max_age=self.get_send_file_max_age,
            response_class=ctx.app.response_class,
        )

    @property
    def jinja_loader(self) -> Any:
        """Jinja's loader for the template folder; None without one."""
        if self._jinja_loader is ... and self.template_folder is not None:
            from jinja2 import FileSystemLoader

            folder = os.fsdecode(self.template_folder)
            self._jinja_loader = FileSystemLoader(
                os.path.join(self.root_path, folder)
            )
        return None if self._jinja_loader is ... else self._jinja_loader

    @jinja_loader.setter
    def jinja_loader(self, loader: Any) -> None:
        self._jinja_loader = loader

    async def open_resource(
        self, path: FilePath, mode: str = "rb"
    ) -> "anyio.AsyncFile[Any]":
        """Open a file below ``root_path`` to be read.

        ::

            async with await app.open_resource("schema.sql", "r") as file:
                text = await file.read()
        """
        return await open_to_read(self.root_path, path, mode)

    # -- routes --

    @setupmethod
    def route(
        self, /, rule: str, **options: Any
    ) -> Callable[[T_route], T_route]:
        """Answer the URLs of a rule by the function below.

        ``methods`` are ``["GET"]`` unless given; ``endpoint`` is the
        function's name unless given.
        """

        def decorator(func: T_route) -> T_route:
            endpoint = options.pop("endpoint", None)
            self.add_url_rule(rule, endpoint, func, **options)
            return func

        return decorator

    def get(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """Answer GET, and HEAD."""
        return self._method_route("GET", rule, options)

    def post(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """Answer POST."""
        return self._method_route("POST", rule, options)

    def put(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """Answer PUT."""
        return self._method_route("PUT", rule, options)

    def delete(
        self, rule: str, **options: Any
    ) -> Callable[[T_route], T_route]:
        """Answer DELETE."""
        return self._method_route("DELETE", rule, options)

    def patch(self, rule: str, **options: Any) -> Callable[[T_route], T_route]:
        """Answer PATCH."""
        return self._method_route("PATCH", rule, options)

    def _method_route(
        self, method: str, rule: str, options: dict[str, Any]
    ) -> Callable[[T_route], T_route]:
        if "methods" in options:
            raise TypeError(
                "Use the 'route' decorator to use the 'methods' argument."
            )
        return self.route(rule, methods=[method], **options)

    @setupmethod
    def websocket(
        self, /, rule: str, **options: Any
    ) -> Callable[[T_websocket], T_websocket]:
        """Serve the websockets of a rule by the function below."""

        def decorator(func: T_websocket) -> T_websocket:
            endpoint = options.pop("endpoint", None)
            self.add_websocket(rule, endpoint, func, **options)
            return func

        return decorator

    def add_websocket(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: WebsocketCallable | None = None,
        **options: Any,
    ) -> None:
        """Do what the decorator does, without one."""
        options.setdefault("methods", {"GET"})
        options.setdefault("websocket", True)
        self.add_url_rule(rule, endpoint, view_func, **options)

    def add_url_rule(
        self,
        rule: str,
        endpoint: str | None = None,
        view_func: ViewCallable | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Do what the decorator does, without one."""
        raise NotImplementedError

    @setupmethod
    def endpoint(self, endpoint: str) -> Callable[[F], F]:
        """Make the function below the view of an endpoint."""

        def decorator(func: F) -> F:
            self.view_functions[endpoint] = func
            return func

        return decorator

    # -- hooks --

    @setupmethod
    def before_request(self, func: T_before_request) -> T_before_request:
        """Call ``func`` before each view; a value instead of None answers."""
        self.before_request_funcs.setdefault(None, []).append(func)
        return func

    @setupmethod
    def after_request(self, func: T_after_request) -> T_after_request:
        """Call ``func`` with each response; it returns this or another."""
        self.after_request_funcs.setdefault(None, []).append(func)
        return func

    @setupmethod
    def teardown_request(self, func: T_teardown) -> T_teardown:
        """Call ``func`` at the end of each request, with the error or None."""
        self.teardown_request_funcs.setdefault(None, []).append(func)
        return func

    @setupmethod
    def before_websocket(self, func: T_before_websocket) -> T_before_websocket:
        """Call ``func`` before each websocket; a value rejects it."""
        self.before_websocket_funcs.setdefault(None, []).append(func)
        return func

    @setupmethod
    def after_websocket(self, func: T_after_websocket) -> T_after_websocket:
        """Call ``func`` after each websocket, with the response or None."""
        self.after_websocket_funcs.setdefault(None, []).append(func)
        return func

    @setupmethod
    def teardown_websocket(self, func: T_teardown) -> T_teardown:
        """Call ``func`` at the end of each websocket."""
        self.teardown_websocket_funcs.setdefault(None, []).append(func)
        return func

    @setupmethod
    def context_processor(
        self, func: T_context_processor
    ) -> T_context_processor:
        """Have ``func`` return variables for every template."""
        self.template_context_processors.setdefault(None, []).append(func)
        return func

    @setupmethod
    def url_value_preprocessor(
        self, func: T_url_value_preprocessor
    ) -> T_url_value_preprocessor:
        """Let ``func(endpoint, values)`` change what the URL gave."""
        self.url_value_preprocessors.setdefault(None, []).append(func)
        return func

    @setupmethod
    def url_defaults(self, func: T_url_defaults) -> T_url_defaults:
        """Let ``func(endpoint, values)`` add values to a URL being built."""
        self.url_default_functions.setdefault(None, []).append(func)
        return func

    # -- errors --

    @setupmethod
    def errorhandler(
        self, code_or_exception: type[Exception] | int
    ) -> Callable[[T_error_handler], T_error_handler]:
        """Answer for a status or a class of exceptions by what is below."""

        def decorator(func: T_error_handler) -> T_error_handler:
            self.register_error_handler(code_or_exception, func)
            return func

        return decorator

    @setupmethod
    def register_error_handler(
        self,
        code_or_exception: type[Exception] | int,
        f: ErrorHandlerCallable,
    ) -> None:
        """Do what the decorator does, without one."""
        kind, code = self._get_exc_class_and_code(code_or_exception)
        self.error_handler_spec[None][code][kind] = f

    @staticmethod
    def _get_exc_class_and_code(
        code_or_exception: type[Exception] | int,
    ) -> tuple[type[Exception], int | None]:
        if isinstance(code_or_exception, int):
            if code_or_exception not in default_exceptions:
                raise ValueError(
                    f"'{code_or_exception}' is not a recognized HTTP error "
                    "code. Use a subclass of HTTPException with that code "
                    "instead."
                )
            return default_exceptions[code_or_exception], code_or_exception
        if isinstance(code_or_exception, Exception):
            raise TypeError(
                f"{code_or_exception!r} is an instance, not a class. "
                "Handlers can only be registered for Exception classes or "
                "HTTP error codes."
            )
        if not issubclass(code_or_exception, Exception):
            raise ValueError(
                f"'{code_or_exception.__name__}' is not a subclass of "
                "Exception. Handlers can only be registered for Exception "
                "classes or HTTP error codes."
            )
        kind: type[Exception] = native(code_or_exception)
        return kind, kind.code if is_http(kind) else None


def merge(name: str, inner: Registry[T], outer: Registry[T]) -> None:
    """Add a blueprint's registrations to those of its application."""
    for key, values in inner.items():
        outer.setdefault(below(name, key), []).extend(values)


def below(name: str, key: AppOrBlueprintKey) -> str:
    """Return the full name of what a blueprint calls ``key``; None: itself.

    >>> below("shop", None), below("shop", "cart")
    ('shop', 'shop.cart')
    """
    return name if key is None else f"{name}.{key}"


def endpoint_of(view_func: object) -> str:
    """Return the endpoint of a function that was given none: its name."""
    if view_func is None:
        raise TypeError("a rule without an endpoint needs a view function")
    return str(getattr(view_func, "__name__", type(view_func).__name__))


def chain_of(name: str) -> list[str]:
    """Return the names of a blueprint and of those around it, inner first.

    >>> chain_of("shop.cart")
    ['shop.cart', 'shop']
    """
    names = [name]
    while "." in names[-1]:
        names.append(names[-1].rpartition(".")[0])
    return names


def blueprints_of(endpoint: str | None) -> list[str]:
    """Return the blueprints that an endpoint is in, inner first."""
    blueprint = (endpoint or "").rpartition(".")[0]
    return chain_of(blueprint) if blueprint else []
