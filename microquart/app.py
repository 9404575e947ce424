"""Quart: the application.

What it can do stands in layers, each a class above the former: what can be
registered (``scaffold``), exceptions (``recovery``), URLs (``addressing``),
the way of a request (``pipeline``), starting and stopping (``serving``).
Here they are put together, with configuration, files, templates and tools.
"""

import sys
from asyncio import AbstractEventLoop
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Mapping,
    ValuesView,
)
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from microquart.asgi import Receive, ReceiveMessage, Scope, Send
from microquart.blueprints import Blueprint
from microquart.config import (
    env_value,
    get_debug_flag,
)
from microquart.context import (
    Context,
    conversation_context,
    current,
)
from microquart.flashing import get_flashed_messages
from microquart.gateway import (
    ASGIHTTPConnection,
    ASGILifespan,
    ASGIWebsocketConnection,
    serve_request,
)
from microquart.http.datastructures import ImmutableDict
from microquart.http.fields import Authorization
from microquart.scaffold import setupmethod
from microquart.serving import Serving
from microquart.templating import select_autoescape, update_template_context
from microquart.typing import (
    ASGIHTTPProtocol,
    ASGILifespanProtocol,
    ASGIWebsocketProtocol,
    FilePath,
    ShellContextProcessorCallable,
    TeardownCallable,
    TemplateFilterCallable,
    TemplateGlobalCallable,
    TemplateTestCallable,
)
from microquart.wrappers.request import Request
from microquart.wrappers.response import (
    HeadersValue,
    Response,
)
from microquart.wrappers.websocket import Websocket

T_teardown = TypeVar("T_teardown", bound=TeardownCallable)
T_shell_context_processor = TypeVar(
    "T_shell_context_processor", bound=ShellContextProcessorCallable
)
T_template_filter = TypeVar("T_template_filter", bound=TemplateFilterCallable)
T_template_global = TypeVar("T_template_global", bound=TemplateGlobalCallable)
T_template_test = TypeVar("T_template_test", bound=TemplateTestCallable)

HOST, PORT = "127.0.0.1", 5000


class TestingClass:
    """A class of ``testing``, brought in when somebody asks for it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, app: object, owner: type) -> Any:
        from microquart import testing

        return getattr(testing, self.name)


class Quart(Serving):
    """An application: made of views, called by a server.

    ::

        app = Quart(__name__)

        @app.get("/")
        async def index():
            return "Hello"

    ``import_name`` is where the files are sought.  Most methods may be
    overridden, and each class named by an attribute may be replaced.
    """

    asgi_http_class: type[ASGIHTTPProtocol] = ASGIHTTPConnection
    asgi_lifespan_class: type[ASGILifespanProtocol] = ASGILifespan
    asgi_websocket_class: type[ASGIWebsocketProtocol] = ASGIWebsocketConnection
    test_app_class = TestingClass("TestApp")
    test_client_class = TestingClass("QuartClient")
    test_cli_runner_class = TestingClass("QuartCliRunner")

    jinja_options: Mapping[str, Any] = ImmutableDict()
    _jinja_env: Any = None

    def __init__(
        self,
        import_name: str,
        static_url_path: str | None = None,
        static_folder: FilePath | None = "static",
        static_host: str | None = None,
        host_matching: bool = False,
        subdomain_matching: bool = False,
        template_folder: FilePath | None = "templates",
        instance_path: str | None = None,
        instance_relative_config: bool = False,
        root_path: str | None = None,
    ) -> None:
        super().__init__(
            import_name,
            static_url_path,
            static_folder,
            template_folder,
            instance_path,
            instance_relative_config,
            root_path,
        )
        self.blueprints: dict[str, Blueprint] = {}
        self.shell_context_processors: list[ShellContextProcessorCallable] = []
        self.url_map = self.url_map_class(host_matching=host_matching)
        self.subdomain_matching = subdomain_matching
        if self.has_static_folder:
            if bool(static_host) != host_matching:
                raise AssertionError(
                    "Invalid static_host/host_matching combination"
                )
            self.add_url_rule(
                f"{self.static_url_path}/<path:filename>",
                "static",
                self.send_static_file,
                host=static_host,
            )

    def _check_setup_finished(self, f_name: str) -> None:
        if self._got_first_request:
            raise AssertionError(
                f"The setup method '{f_name}' can no longer be called on the "
                "application. It has already handled its first request, any "
                "changes will not be applied consistently.\n"
                "Make sure all imports, decorators, functions, etc. needed to "
                "set up the application are done before running it."
            )

    @cached_property
    def cli(self) -> Any:
        """The group for the application's commands; it brings click in."""
        from microquart.commands import AppGroup

        return AppGroup(self.name)

    def _debug_changed(self, value: bool) -> None:
        # Making the environment only for that would bring Jinja in.
        if self._jinja_env is not None and (
            self.config["TEMPLATES_AUTO_RELOAD"] is None
        ):
            self._jinja_env.auto_reload = value

    # -- registering --

    @setupmethod
    def register_blueprint(
        self, /, blueprint: Blueprint, **options: Any
    ) -> None:
        """Take up a blueprint; the options stand above its own."""
        blueprint.register(self, options)

    def iter_blueprints(self) -> ValuesView[Blueprint]:
        """Return the registered blueprints, in the order of registration."""
        return self.blueprints.values()

    @setupmethod
    def teardown_appcontext(self, func: T_teardown) -> T_teardown:
        """Call ``func`` at the end of each application context."""
        self.teardown_appcontext_funcs.append(func)
        return func

    @setupmethod
    def shell_context_processor(
        self, func: T_shell_context_processor
    ) -> T_shell_context_processor:
        """Have ``func`` return names for the shell."""
        self.shell_context_processors.append(func)
        return func

    def make_shell_context(self) -> dict[str, Any]:
        """Return the names that the shell knows."""
        names: dict[str, Any] = {"app": self}
        ctx = current.get(None)
        names["g"] = None if ctx is None else ctx.g
        for processor in self.shell_context_processors:
            names.update(processor())
        return names

    # -- templates --

    @property
    def jinja_env(self) -> Any:
        """Jinja's environment, made when it is first asked for."""
        if self._jinja_env is None:
            self._jinja_env = self.create_jinja_environment()
        return self._jinja_env

    @property
    def jinja_environment(self) -> Any:
        """The class of ``jinja_env``: override it for a subclass of it."""
        from microquart.environment import Environment

        return Environment

    def create_jinja_environment(self) -> Any:
        """Return a new environment with the globals that templates have."""
        options = {
            "autoescape": self.select_jinja_autoescape,
            "auto_reload": self.config["TEMPLATES_AUTO_RELOAD"],
            **self.jinja_options,
        }
        if options["auto_reload"] is None:
            options["auto_reload"] = self.debug
        environment = self.jinja_environment(self, **options)
        environment.globals.update(
            config=self.config,
            get_flashed_messages=get_flashed_messages,
            url_for=self.url_for,
        )
        environment.policies["json.dumps_function"] = self.json.dumps
        return environment

    def create_global_jinja_loader(self) -> Any:
        """Return what finds templates, here and in the blueprints."""
        from microquart.environment import DispatchingJinjaLoader

        return DispatchingJinjaLoader(self)

    def select_jinja_autoescape(self, filename: str | None) -> bool:
        """Tell whether values are escaped in a template of this name."""
        return select_autoescape(filename)

    async def update_template_context(self, context: dict[str, Any]) -> None:
        """Add what the context processors return; what is there stays."""
        await update_template_context(self, conversation_context(), context)

    @setupmethod
    def template_filter(
        self, name: str | None = None
    ) -> Callable[[T_template_filter], T_template_filter]:
        """Give the function below to templates as a filter."""

        def decorator(func: T_template_filter) -> T_template_filter:
            self.add_template_filter(func, name)
            return func

        return decorator

    @setupmethod
    def add_template_filter(
        self, f: TemplateFilterCallable, name: str | None = None
    ) -> None:
        """Do what the decorator does, without one."""
        self.jinja_env.filters[name or f.__name__] = f

    @setupmethod
    def template_test(
        self, name: str | None = None
    ) -> Callable[[T_template_test], T_template_test]:
        """Give the function below to templates as a test."""

        def decorator(func: T_template_test) -> T_template_test:
            self.add_template_test(func, name)
            return func

        return decorator

    @setupmethod
    def add_template_test(
        self, f: TemplateTestCallable, name: str | None = None
    ) -> None:
        """Do what the decorator does, without one."""
        self.jinja_env.tests[name or f.__name__] = f

    @setupmethod
    def template_global(
        self, name: str | None = None
    ) -> Callable[[T_template_global], T_template_global]:
        """Give the function below to templates."""

        def decorator(func: T_template_global) -> T_template_global:
            self.add_template_global(func, name)
            return func

        return decorator

    @setupmethod
    def add_template_global(
        self, f: TemplateGlobalCallable, name: str | None = None
    ) -> None:
        """Do what the decorator does, without one."""
        self.jinja_env.globals[name or f.__name__] = f

    def answer_crash(
        self, error: Exception, conversation: Request | Websocket
    ) -> Response:
        """Answer what passed all error handlers by a page, in development.

        Elsewhere it is raised, for the server, or the test, to see.
        """
        if self.debug and not self.testing:
            from microquart import debug

            return debug.traceback_response(error, conversation, self.config)
        raise error

    # -- contexts for tools and tests --

    def test_request_context(
        self,
        path: str,
        *,
        method: str = "GET",
        headers: HeadersValue | None = None,
        query_string: Mapping[str, Any] | None = None,
        scheme: str = "http",
        send_push_promise: object = None,
        data: str | bytes | None = None,
        form: Mapping[str, Any] | None = None,
        json: Any = ...,
        root_path: str = "",
        http_version: str = "1.1",
        scope_base: Mapping[str, Any] | None = None,
        auth: Authorization | tuple[str, str] | None = None,
        subdomain: str | None = None,
    ) -> Context:
        """Return the context of a request that nobody has sent."""
        from microquart import testing

        fields, path, query = testing.make_test_headers_path_and_query_string(
            self, path, headers, query_string, auth, subdomain
        )
        body, described = testing.make_test_body_with_headers(
            data=data,
            form=form,
            json=testing.sentinel if json is ... else json,
            app=self,
        )
        fields.update(described)
        scope = testing.make_test_scope(
            "http",
            path,
            method,
            fields,
            query,
            scheme,
            root_path,
            http_version,
            scope_base,
        )
        messages: list[ReceiveMessage] = [
            {"type": "http.disconnect"},
            {"type": "http.request", "body": body, "more_body": False},
        ]

        async def receive() -> ReceiveMessage:
            return messages.pop() if len(messages) > 1 else messages[0]

        request = self.request_class(scope, receive, self.request_settings())
        return self.request_context(request)

    def test_client(self, use_cookies: bool = True, **kwargs: Any) -> Any:
        """Return a client that sends requests without a server."""
        return self.test_client_class(self, use_cookies=use_cookies, **kwargs)

    def test_app(self) -> Any:
        """Return the application with its lifespan, to be entered."""
        return self.test_app_class(self)

    def test_cli_runner(self, **kwargs: Any) -> Any:
        """Return what runs the application's commands."""
        return self.test_cli_runner_class(self, **kwargs)

    # -- serving --

    def run(
        self,
        host: str | None = None,
        port: int | None = None,
        debug: bool | None = None,
        use_reloader: bool = True,
        loop: AbstractEventLoop | None = None,
        ca_certs: str | None = None,
        certfile: str | None = None,
        keyfile: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Serve, for development, until Ctrl-C.

        Host and port are those of SERVER_NAME, or 127.0.0.1 and 5000.  The
        further keywords are settings of the server.
        """
        from microquart.server import serve

        if env_value("DEBUG") is not None:
            self.debug = get_debug_flag()
        if debug is not None:
            self.debug = debug
        kwargs.setdefault("reload", use_reloader and loop is None)
        settings = self._server_settings(
            host, port, ca_certs, certfile, keyfile, **kwargs
        )
        if loop is not None:
            loop.run_until_complete(serve.serve(self, settings))
            return
        code = serve.run(self, settings)
        if code:
            sys.exit(code)

    def run_task(
        self,
        host: str | None = None,
        port: int | None = None,
        debug: bool | None = None,
        ca_certs: str | None = None,
        certfile: str | None = None,
        keyfile: str | None = None,
        shutdown_trigger: Callable[..., Awaitable[object]] | None = None,
        **kwargs: Any,
    ) -> Coroutine[Any, Any, None]:
        """Return the server as a coroutine; the trigger's end is its end."""
        from microquart.server import serve

        if debug is not None:
            self.debug = debug
        settings = self._server_settings(
            host, port, ca_certs, certfile, keyfile, **kwargs
        )
        if shutdown_trigger is None:
            return serve.serve(self, settings)
        return serve.serve(self, settings, shutdown_trigger=shutdown_trigger)

    def _server_settings(
        self,
        host: str | None,
        port: int | None,
        ca_certs: str | None,
        certfile: str | None,
        keyfile: str | None,
        **kwargs: Any,
    ) -> Any:
        from microquart.server.settings import Settings, development

        name, _, number = (self.config["SERVER_NAME"] or "").partition(":")
        bind: str = host or name or HOST
        if not bind.startswith(("unix:", "fd:")):
            bind = f"{bind}:{port or int(number or PORT)}"
        paths = {"ca_certs": ca_certs, "certfile": certfile}
        paths["keyfile"] = keyfile
        named = {k: Path(v) for k, v in paths.items() if v is not None}
        settings = Settings().with_values(bind=(bind,), **named, **kwargs)
        return development(settings) if self.debug else settings

    # -- ASGI --

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Be called by a server; middleware goes round ``asgi_app``."""
        await self.asgi_app(scope, receive, send)

    def asgi_app(
        self, scope: Scope, receive: Receive, send: Send
    ) -> Awaitable[None]:
        """Serve one scope.

        ::

            app.asgi_app = Middleware(app.asgi_app)
        """
        if scope["type"] == "http":
            if self.asgi_http_class is ASGIHTTPConnection:
                return serve_request(self, scope, receive, send)
            return self.asgi_http_class(self, scope)(receive, send)
        if scope["type"] == "websocket":
            return self.asgi_websocket_class(self, scope)(receive, send)
        if scope["type"] == "lifespan":
            return self.asgi_lifespan_class(self, scope)(receive, send)
        raise RuntimeError(f"ASGI scope of unknown type {scope['type']!r}")
