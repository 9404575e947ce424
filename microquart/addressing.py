"""URLs, both ways: the view that a request is for, and the URL of a view."""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any
from urllib.parse import quote

from microquart import mistakes
from microquart.context import (
    Context,
    Conversation,
    conversation_context,
    current,
    the_context,
)
from microquart.exceptions import Forbidden, HTTPException
from microquart.recovery import Recovery
from microquart.routing import BuildError, Map, MapAdapter, Rule
from microquart.scaffold import (
    ViewCallable,
    blueprints_of,
    endpoint_of,
    setupmethod,
)
from microquart.wrappers.response import Response

# What may stand in a fragment as it is (RFC 3986, section 3.5).
ANCHOR_SAFE = "%!#$&'()*+,/:;=?@"

BuildErrorHandler = Callable[[BuildError, str, dict[str, Any]], str | None]


class Addressing(Recovery):
    """An application as far as it has URLs."""

    url_map: Map
    url_map_class = Map
    url_rule_class = Rule
    subdomain_matching: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.url_build_error_handlers: list[BuildErrorHandler] = []

    # -- the rules --

    @setupmethod
    def add_url_rule(
        self,
        /,
        rule: str,
        endpoint: str | None = None,
        view_func: ViewCallable | None = None,
        provide_automatic_options: bool | None = None,
        **options: Any,
    ) -> None:
        """Do what ``route`` and ``websocket`` do, without a decorator.

        Raises:
            AssertionError: the endpoint has another view already.
        """
        if endpoint is None:
            endpoint = endpoint_of(view_func)
        methods, automatic = self._methods(
            view_func, options.pop("methods", None), provide_automatic_options
        )
        origins = options.pop("allowed_origins", None)
        rule_object = self.url_rule_class(
            rule, endpoint=endpoint, methods=methods, **options
        )
        rule_object.provide_automatic_options = automatic
        rule_object.allowed_origins = origins
        old = self.view_functions.get(endpoint)
        if None not in (old, view_func) and old != view_func:
            raise AssertionError(mistakes.two_views(endpoint, old, view_func))
        self.url_map.add(rule_object)
        if view_func is not None:
            self.view_functions[endpoint] = view_func

    def _methods(
        self,
        view_func: object,
        methods: Iterable[str] | None,
        automatic: bool | None,
    ) -> tuple[set[str], bool]:
        """Return a rule's methods, and whether OPTIONS answers itself."""
        if methods is None:
            methods = getattr(view_func, "methods", None)
        if isinstance(methods, str):
            raise TypeError(
                "Allowed methods must be a list of strings, for example: "
                '@app.route(..., methods=["POST"])'
            )
        names = {method.upper() for method in methods or ("GET",)}
        required: set[str] = set(getattr(view_func, "required_methods", ()))
        if automatic is None:
            automatic = getattr(view_func, "provide_automatic_options", None)
        if automatic is None:
            automatic = (
                "OPTIONS" not in names
                and self.config["PROVIDE_AUTOMATIC_OPTIONS"]
            )
            if automatic:
                required.add("OPTIONS")
        return names | required, bool(automatic)

    # -- from a request to its view --

    def create_url_adapter(
        self, request: Conversation | None
    ) -> MapAdapter | None:
        """Bind the map to a request, or to SERVER_NAME if that is set."""
        server_name: str | None = self.config["SERVER_NAME"]
        if request is not None:
            subdomain = None
            if not self.subdomain_matching:
                subdomain = self.url_map.default_subdomain or None
            return self.url_map.bind_to_request(
                request, subdomain, server_name
            )
        if server_name is None:
            return None
        secure = self.config["PREFER_SECURE_URLS"]
        return self.url_map.bind(
            server_name,
            script_name=self.config["APPLICATION_ROOT"],
            url_scheme="https"
            if secure
            else self.config["PREFERRED_URL_SCHEME"],
        )

    def match_request(self, ctx: Context, asked: Conversation) -> None:
        """Set ``url_rule`` and ``view_args``, or the routing exception."""
        websocket = ctx.request is None
        try:
            if self._by_adapter or self.url_map.has_subdomains:
                if ctx.url_adapter is None:
                    return
                found = ctx.url_adapter.match(return_rule=True)
            else:
                if asked.settings.trusted_hosts:
                    _ = asked.host  # raises, if it is none of them
                found = self.url_map.match(
                    asked.path, asked.method, websocket, None, ctx.bind
                )
        except HTTPException as error:
            asked.routing_exception = error
        else:
            asked.url_rule, asked.view_args = found
            if websocket:
                self._check_origin(asked, found[0])

    def _check_origin(self, websocket: Conversation, rule: Rule) -> None:
        """Refuse a websocket that a page of another site has opened.

        A browser lets every page open one to everywhere, cookies included,
        and says in Origin whose page it was.  Who sends none is no browser.
        """
        allowed = rule.allowed_origins
        if allowed is None:
            allowed = self.config["WEBSOCKET_ALLOWED_ORIGINS"]
        origin = websocket.origin
        if origin is None or allowed == "*" or "*" in (allowed or ()):
            return
        if origin in (allowed or ()):
            return
        if host_of(origin) != host_of(f"//{websocket.host}"):
            websocket.routing_exception = Forbidden(
                f"the origin {origin!r} is not allowed here; "
                "see WEBSOCKET_ALLOWED_ORIGINS"
            )

    @cached_property
    def _by_adapter(self) -> bool:
        """Whether more than the path decides, so that it has to be bound."""
        return (
            self.url_map.host_matching
            or self.subdomain_matching
            or self.overrides("create_url_adapter")
        )

    def explained(self, error: HTTPException) -> HTTPException | Response:
        """Return the error; in development, why each near rule failed."""
        ctx = conversation_context()
        if ctx is None or ctx.conversation.routing_exception is not error:
            return error
        if not self.debug or self.url_map.host_matching:
            return error
        from microquart import debug

        verdicts = self.url_map.explain(
            ctx.conversation.path,
            ctx.conversation.method,
            websocket=ctx.websocket is not None,
        )
        return debug.routing_response(
            error, ctx.conversation, self.config, verdicts, self.view_functions
        )

    async def make_default_options_response(self) -> Response:
        """Answer OPTIONS with the methods of the rules for the path."""
        methods = the_context("request").bind().allowed_methods()
        return self.response_class("", headers={"Allow": ", ".join(methods)})

    # -- from a view to its URL --

    def url_for(
        self,
        endpoint: str,
        *,
        _anchor: str | None = None,
        _external: bool | None = None,
        _method: str | None = None,
        _scheme: str | None = None,
        **values: Any,
    ) -> str:
        """Return the URL of an endpoint.

        Within a request it is a path, unless ``_external`` or ``_scheme`` is
        given; elsewhere it is a whole URL.  ``.name`` is in the blueprint of
        the request.  Values that the rule has no place for make the query.

        Raises:
            BuildError: there is no such endpoint, or values are missing.
            RuntimeError: there is no request, and no SERVER_NAME.
        """
        ctx = current.get(None)
        adapter, within = self._adapter_for(ctx)
        if within is not None and endpoint.startswith("."):
            endpoint = f"{within.blueprint or ''}{endpoint}".lstrip(".")
        if _external is None:
            _external = within is None or _scheme is not None
        if _scheme is not None and not _external:
            raise ValueError("External must be True for scheme usage")
        self.inject_url_defaults(endpoint, values)
        try:
            url = adapter.build(
                endpoint,
                values,
                method=_method,
                force_external=_external,
                url_scheme=_scheme,
            )
        except BuildError as error:
            return self.handle_url_build_error(error, endpoint, values)
        if _anchor is not None:
            url = f"{url}#{quote(_anchor, safe=ANCHOR_SAFE)}"
        return url

    def _adapter_for(
        self, ctx: Context | None
    ) -> tuple[MapAdapter, Conversation | None]:
        """Return the adapter that builds, and what it is bound to."""
        mine: object = self
        while ctx is not None and (
            ctx.request_websocket is None or ctx.app is not mine
        ):
            ctx = ctx.outer
        if ctx is not None and ctx.url_adapter is not None:
            return ctx.url_adapter, ctx.conversation
        adapter = self.create_url_adapter(None)
        if adapter is None:
            raise RuntimeError(
                "Unable to create a url adapter, try setting the SERVER_NAME"
                " config variable."
            )
        return adapter, None

    def inject_url_defaults(
        self, endpoint: str, values: dict[str, Any]
    ) -> None:
        """Let the functions of ``url_defaults`` add to the values."""
        for name in [None, *reversed(blueprints_of(endpoint))]:
            for function in self.url_default_functions.get(name, ()):
                function(endpoint, values)

    def handle_url_build_error(
        self, error: BuildError, endpoint: str, values: dict[str, Any]
    ) -> str:
        """Ask ``url_build_error_handlers`` for a URL; raise without one."""
        for handler in self.url_build_error_handlers:
            try:
                url = handler(error, endpoint, values)
            except BuildError as other:
                error = other
            else:
                if url is not None:
                    return url
        raise error


def host_of(url: str) -> str:
    """Return the host and port of a URL, without the port it goes without.

    >>> host_of("https://Example.com:443"), host_of("//example.com:8000")
    ('example.com', 'example.com:8000')
    """
    host = url.partition("//")[2].partition("/")[0].lower()
    return host.removesuffix(":443").removesuffix(":80")
