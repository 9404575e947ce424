"""An application's configuration, its classes, and what is made by them."""

import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import timedelta
from logging import Logger
from typing import Any, ParamSpec, TypeAlias, TypeVar, overload

import anyio

from microquart.config import (
    DEFAULT_CONFIG,
    Config,
    get_debug_flag,
)
from microquart.context import AppGlobals, Context
from microquart.exceptions import Aborter, HTTPException
from microquart.http.datastructures import ImmutableDict
from microquart.json.provider import DefaultJSONProvider, JSONProvider
from microquart.logging import create_logger
from microquart.resources import find_package, open_to_read
from microquart.scaffold import Scaffold
from microquart.sessions import SecureCookieSessionInterface, SessionInterface
from microquart.threads import is_async, run_sync
from microquart.typing import FilePath, ResponseReturnValue
from microquart.wrappers.redirect import redirect_response
from microquart.wrappers.request import Request, RequestSettings
from microquart.wrappers.response import Response
from microquart.wrappers.websocket import Websocket

P = ParamSpec("P")
T = TypeVar("T")
Result: TypeAlias = ResponseReturnValue | HTTPException | None


def name_of_program(import_name: str) -> str:
    """Return the import name, or the file's name if that is the program."""
    if import_name != "__main__":
        return import_name
    file: str | None = getattr(sys.modules["__main__"], "__file__", None)
    if file is None:
        return import_name
    return os.path.splitext(os.path.basename(file))[0]


class Configured(Scaffold):
    """An application as far as it is configured."""

    aborter_class = Aborter
    app_ctx_globals_class: type[Any] = AppGlobals
    config_class = Config
    context_class: type[Context] = Context
    json_provider_class: type[JSONProvider] = DefaultJSONProvider
    lock_class = anyio.Lock
    request_class: type[Request] = Request
    response_class: type[Response] = Response
    websocket_class: type[Websocket] = Websocket
    session_interface: SessionInterface = SecureCookieSessionInterface()

    default_config: Mapping[str, Any] = ImmutableDict(DEFAULT_CONFIG)

    _logger: Logger | None = None

    def __init__(
        self,
        import_name: str,
        static_url_path: str | None = None,
        static_folder: FilePath | None = None,
        template_folder: FilePath | None = None,
        instance_path: str | None = None,
        instance_relative_config: bool = False,
        root_path: str | None = None,
    ) -> None:
        super().__init__(
            import_name,
            static_folder,
            static_url_path,
            template_folder,
            root_path,
        )
        self.name = name_of_program(import_name)
        if instance_path is None:
            instance_path = self.auto_find_instance_path()
        elif not os.path.isabs(instance_path):
            raise ValueError(
                "If an instance path is provided it must be absolute. A "
                "relative path was given instead."
            )
        self.instance_path = instance_path
        self.config = self.make_config(instance_relative_config)
        self.aborter = self.make_aborter()
        self.json = self.json_provider_class(self)
        self.extensions: dict[str, Any] = {}
        # What a server offers for before_serving to fill, by the lifespan.
        self.state: dict[str, Any] = {}

    @property
    def logger(self) -> Logger:
        """The log of the application, named after it."""
        if self._logger is None:
            self._logger = create_logger(self)
        return self._logger

    @logger.setter
    def logger(self, logger: Logger) -> None:
        self._logger = logger

    # -- configuration --

    def make_config(self, instance_relative: bool = False) -> Config:
        """Return the configuration with its defaults."""
        root = self.instance_path if instance_relative else self.root_path
        defaults = {**self.default_config, "DEBUG": get_debug_flag()}
        return self.config_class(root, defaults)

    @property
    def debug(self) -> bool:
        """Whether errors are explained and templates reloaded."""
        return bool(self.config["DEBUG"])

    @debug.setter
    def debug(self, value: bool) -> None:
        self.config["DEBUG"] = value
        self._debug_changed(value)

    def _debug_changed(self, value: bool) -> None:
        """Let the application know."""

    @property
    def testing(self) -> bool:
        """Whether exceptions shall reach the tests."""
        return bool(self.config["TESTING"])

    @testing.setter
    def testing(self, value: bool) -> None:
        self.config["TESTING"] = value

    @property
    def secret_key(self) -> str | bytes | None:
        """What sessions are signed with."""
        key: str | bytes | None = self.config["SECRET_KEY"]
        return key

    @secret_key.setter
    def secret_key(self, value: str | bytes | None) -> None:
        self.config["SECRET_KEY"] = value

    @property
    def permanent_session_lifetime(self) -> timedelta:
        """How long a permanent session lasts; in seconds it is set too."""
        value: timedelta | int = self.config["PERMANENT_SESSION_LIFETIME"]
        if isinstance(value, timedelta):
            return value
        return timedelta(seconds=value)

    @permanent_session_lifetime.setter
    def permanent_session_lifetime(self, value: timedelta | int) -> None:
        self.config["PERMANENT_SESSION_LIFETIME"] = value

    def _make_request_settings(self) -> RequestSettings:
        config = self.config
        return RequestSettings(
            json=self.json,
            max_content_length=config["MAX_CONTENT_LENGTH"],
            body_timeout=config["BODY_TIMEOUT"],
            max_form_memory_size=config["MAX_FORM_MEMORY_SIZE"],
            max_form_parts=config["MAX_FORM_PARTS"],
            max_form_part_head=config["MAX_FORM_PART_HEAD"],
            max_form_part_lines=config["MAX_FORM_PART_LINES"],
            max_query_parameters=config["MAX_QUERY_PARAMETERS"],
            trusted_hosts=config["TRUSTED_HOSTS"],
            response_timeout=config["RESPONSE_TIMEOUT"],
            signs_sessions=config["SECRET_KEY"] is not None,
            debug=self.debug,
        )

    # -- files --

    def auto_find_instance_path(self) -> str:
        """Return where the files of this deployment are."""
        prefix, folder = find_package(self.import_name)
        if prefix is None:
            return os.path.join(folder, "instance")
        return os.path.join(prefix, "var", f"{self.name}-instance")

    async def open_instance_resource(
        self, path: FilePath, mode: str = "rb"
    ) -> "anyio.AsyncFile[Any]":
        """Open a file below ``instance_path`` to be read."""
        return await open_to_read(self.instance_path, path, mode)

    # -- responses --

    def redirect(self, location: str, code: int = 302) -> Response:
        """Return a response that leads elsewhere."""
        return redirect_response(location, code, self.response_class)

    def make_aborter(self) -> Aborter:
        """Return what ``abort()`` calls."""
        return self.aborter_class()

    # -- the one door for the user's functions --

    @overload
    def ensure_async(
        self, func: Callable[P, Coroutine[Any, Any, T]]
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...

    @overload
    def ensure_async(
        self, func: Callable[P, Awaitable[T]]
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...

    @overload
    def ensure_async(
        self, func: Callable[P, T]
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def ensure_async(
        self, func: Callable[..., Any]
    ) -> Callable[..., Coroutine[Any, Any, Any]]:
        """Return an async function: a plain one will run in a thread.

        Whatever the user wrote comes through here before it is called.
        """
        return func if is_async(func) else self.sync_to_async(func)

    def sync_to_async(
        self, func: Callable[P, T]
    ) -> Callable[P, Coroutine[Any, Any, T]]:
        """Return an async function that runs ``func`` in a thread."""
        return run_sync(func)

    def overrides(self, name: str) -> bool:
        """Tell whether a subclass, or somebody by hand, changed a method."""
        ours = next(
            vars(kind)[name]
            for kind in reversed(type(self).__mro__)
            if name in vars(kind)
        )
        return name in vars(self) or getattr(type(self), name) is not ours
