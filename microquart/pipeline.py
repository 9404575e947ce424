"""The way of a request through the application, and of a websocket: one way.

::

    handle ─ push ─ full_dispatch ─ preprocess ─ dispatch ─ view
                                  └ finalize ─ make_response ─ process
           └ pop ─ teardown

Each stage is a method with Quart's name, to be overridden.  What it does for
both kinds is written once, below it; a ``Stages`` says which kind it is for.
What applies to an endpoint is gathered once, in a ``Way``: a stage that has
nothing to do, and that nobody overrides, is not called.
"""

from collections.abc import AsyncIterable, Callable, Coroutine
from functools import cached_property
from types import TracebackType
from typing import Any, Generic, NoReturn, TypeAlias, TypeVar

from microquart import mistakes
from microquart.addressing import Addressing
from microquart.context import (
    AsyncFunction,
    Context,
    Conversation,
    Failures,
    Way,
    the_context,
)
from microquart.exceptions import InternalServerError
from microquart.recovery import Result, told_of
from microquart.scaffold import Registry, blueprints_of
from microquart.sessions import SecureCookieSessionInterface, SessionInterface
from microquart.signals import (
    announce,
    appcontext_tearing_down,
    got_request_exception,
    got_websocket_exception,
    request_finished,
    request_started,
    request_tearing_down,
    websocket_finished,
    websocket_started,
    websocket_tearing_down,
)
from microquart.typing import TeardownCallable
from microquart.wrappers.bodies import Chunk, IterableBody, ResponseBody
from microquart.wrappers.request import Request
from microquart.wrappers.response import Response
from microquart.wrappers.websocket import Websocket

T = TypeVar("T")
R = TypeVar("R", bound=Response | None)
Step: TypeAlias = Coroutine[Any, Any, T]

# Setting one of these on the application has all ways gathered anew.
WATCHED = frozenset(
    {
        *("handle_request", "full_dispatch_request", "preprocess_request"),
        *("dispatch_request", "finalize_request", "process_response"),
        *("handle_exception", "do_teardown_request", "make_response"),
        *("handle_websocket", "full_dispatch_websocket"),
        *("preprocess_websocket", "dispatch_websocket"),
        *("finalize_websocket", "postprocess_websocket"),
        *("handle_websocket_exception", "do_teardown_websocket"),
        *("do_teardown_appcontext", "ensure_async", "sync_to_async"),
        *("before_request_funcs", "after_request_funcs"),
        *("before_websocket_funcs", "after_websocket_funcs"),
        *("teardown_request_funcs", "teardown_websocket_funcs"),
        *("teardown_appcontext_funcs", "url_value_preprocessors"),
        *("view_functions", "session_interface", "url_map"),
        *("create_url_adapter", "subdomain_matching"),
    }
)


class Stages(Generic[R]):
    """The stages of one kind, bound to an application, and its ways."""

    noun = "request"
    started = request_started
    finished = request_finished
    tearing_down = request_tearing_down
    failed = got_request_exception

    before: Registry[Any]
    after: Registry[Any]
    teardown: Registry[Any]

    full_dispatch: Callable[[Context], Step[R]]
    preprocess: Callable[[Context], Step[Result]]
    dispatch: Callable[[Context], Step[Result]]
    make: Callable[[Any], Step[R]]
    finalize: Callable[[Any, Context, bool], Step[R]]
    process: Callable[[R, Context], Step[R]]
    handle_exception: Callable[[Exception], Step[R]]

    # Whether somebody overrides the stage, so that it has to be called.
    preprocess_is_theirs: bool
    process_is_theirs: bool
    teardown_is_theirs: bool

    def __init__(self) -> None:
        self.ways: dict[str | None, Way] = {}

    def takes(self, response: object) -> bool:
        """Tell whether a hook may give this back for the response."""
        return isinstance(response, Response)


class RequestStages(Stages[Response]):
    def __init__(self, app: "Pipeline") -> None:
        super().__init__()
        self.before = app.before_request_funcs
        self.after = app.after_request_funcs
        self.teardown = app.teardown_request_funcs
        self.full_dispatch = app.full_dispatch_request
        self.preprocess = app.preprocess_request
        self.dispatch = app.dispatch_request
        self.make = app.make_response
        self.finalize = app.finalize_request
        self.process = app.process_response
        self.handle_exception = app.handle_exception
        self.preprocess_is_theirs = app.overrides("preprocess_request")
        self.process_is_theirs = app.overrides("process_response")
        self.teardown_is_theirs = app.overrides("do_teardown_request")


class WebsocketStages(Stages[Response | None]):
    noun = "websocket"
    started = websocket_started
    finished = websocket_finished
    tearing_down = websocket_tearing_down
    failed = got_websocket_exception

    def __init__(self, app: "Pipeline") -> None:
        super().__init__()
        self.before = app.before_websocket_funcs
        self.after = app.after_websocket_funcs
        self.teardown = app.teardown_websocket_funcs
        self.full_dispatch = app.full_dispatch_websocket
        self.preprocess = app.preprocess_websocket
        self.dispatch = app.dispatch_websocket
        self.finalize = app.finalize_websocket
        self.process = app.postprocess_websocket
        self.handle_exception = app.handle_websocket_exception
        self.preprocess_is_theirs = app.overrides("preprocess_websocket")
        self.process_is_theirs = app.overrides("postprocess_websocket")
        self.teardown_is_theirs = app.overrides("do_teardown_websocket")

        async def make(result: Any) -> Response | None:
            return None if result is None else await app.make_response(result)

        self.make = make

    def takes(self, response: object) -> bool:
        return response is None or isinstance(response, Response)


class StreamInContext(ResponseBody):
    """A stream of the user's, whose context lasts until it has ended."""

    def __init__(
        self,
        body: ResponseBody,
        leave: Callable[[BaseException | None], Step[None]],
    ) -> None:
        self.body = body
        self._leave = leave

    async def __aenter__(self) -> AsyncIterable[Chunk]:
        return await self.body.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self.body.__aexit__(kind, error, traceback)
        finally:
            await self._leave(error)


class Pipeline(Addressing):
    """An application as far as it answers one request."""

    context_class: type[Context] = Context
    session_interface: SessionInterface
    teardown_appcontext_funcs: list[TeardownCallable]

    _got_first_request = False

    def request_context(self, request: Request) -> Context:
        """Return a context of the request, to be entered."""
        return self.context_class(self, request)

    def websocket_context(self, websocket: Websocket) -> Context:
        """Return a context of the websocket, to be entered."""
        return self.context_class(self, websocket)

    # -- the whole --

    def handle_request(self, request: Request) -> Step[Response]:
        """Answer a request; whatever goes wrong, there is a response."""
        return self._handle(self._requests, self.request_context(request))

    def handle_websocket(self, websocket: Websocket) -> Step[Response | None]:
        """Serve a websocket; a response rejects it."""
        return self._handle(
            self._websockets, self.websocket_context(websocket)
        )

    async def _handle(self, stages: Stages[R], ctx: Context) -> R:
        if not self._got_first_request:
            self._got_first_request = True
        await ctx.push()
        try:
            try:
                response = await stages.full_dispatch(ctx)
            except Exception as error:
                response = await stages.handle_exception(error)
        except BaseException as error:
            await self._leave(ctx, error)
            raise
        if response is not None and isinstance(
            response.response, IterableBody
        ):
            self._stream(ctx, response)
        else:
            await self._leave(ctx, None)
        return response

    def _stream(self, ctx: Context, response: Response) -> None:
        async def leave(error: BaseException | None) -> None:
            await self._leave(ctx, error)

        response.response = StreamInContext(response.response, leave)

    async def _leave(self, ctx: Context, exc: BaseException | None) -> None:
        try:
            await ctx.auto_pop(exc)
        except ExceptionGroup as group:
            self.logger.error(
                f"Exception at the end of {told_of(ctx.conversation)}",
                exc_info=group,
            )
            raise

    # -- the stages --

    def full_dispatch_request(
        self, request_context: Context | None = None
    ) -> Step[Response]:
        """Run hooks and view, let error handlers answer, finalize."""
        ctx = request_context or the_context("request")
        return self._full_dispatch(self._requests, ctx)

    def full_dispatch_websocket(
        self, websocket_context: Context | None = None
    ) -> Step[Response | None]:
        """Run hooks and view, let error handlers answer, finalize."""
        ctx = websocket_context or the_context("websocket")
        return self._full_dispatch(self._websockets, ctx)

    async def _full_dispatch(self, stages: Stages[R], ctx: Context) -> R:
        result: Result = None
        try:
            if stages.started.receivers:
                await announce(stages.started, self)
            if self.way_of(ctx).preprocesses:
                result = await stages.preprocess(ctx)
            if result is None:
                result = await stages.dispatch(ctx)
        except Exception as error:
            result = await self.handle_user_exception(error)
        return await stages.finalize(result, ctx, False)

    def preprocess_request(
        self, request_context: Context | None = None
    ) -> Step[Result]:
        """Run the hooks before the view; a value answers in its place."""
        ctx = request_context or the_context("request")
        return self._preprocess(self._requests, ctx)

    def preprocess_websocket(
        self, websocket_context: Context | None = None
    ) -> Step[Result]:
        """Run the hooks before the view; a value rejects the websocket."""
        ctx = websocket_context or the_context("websocket")
        return self._preprocess(self._websockets, ctx)

    async def _preprocess(self, stages: Stages[R], ctx: Context) -> Result:
        way = self.way_of(ctx)
        conversation = ctx.conversation
        for processor in way.value_preprocessors:
            processor(conversation.endpoint, conversation.view_args)
        for hook, run in way.before:
            result: Result = await run()
            if result is not None:
                ctx.answered_by = f"before_{stages.noun}", hook
                return result
        return None

    def dispatch_request(
        self, request_context: Context | None = None
    ) -> Step[Result]:
        """Call the view, or raise why there is none."""
        return self._dispatch(request_context or the_context("request"))

    def dispatch_websocket(
        self, websocket_context: Context | None = None
    ) -> Step[Result]:
        """Call the view, or raise why there is none."""
        return self._dispatch(websocket_context or the_context("websocket"))

    async def _dispatch(self, ctx: Context) -> Result:
        conversation = ctx.conversation
        if conversation.routing_exception is not None:
            self.raise_routing_exception(conversation)
        rule = conversation.url_rule
        if (
            ctx.request is not None
            and ctx.request.method == "OPTIONS"
            and rule is not None
            and rule.provide_automatic_options
        ):
            return await self.make_default_options_response()
        run = self.way_of(ctx).run_view
        result: Result = await run(**(conversation.view_args or {}))
        return result

    def raise_routing_exception(self, request: Conversation) -> NoReturn:
        """Raise what the router found instead of a view."""
        assert request.routing_exception is not None
        raise request.routing_exception

    def finalize_request(
        self,
        result: Result,
        request_context: Context | None = None,
        from_error_handler: bool = False,
    ) -> Step[Response]:
        """Make a response of what was returned, and process it."""
        ctx = request_context or the_context("request")
        return self._finalize(self._requests, result, ctx, from_error_handler)

    def finalize_websocket(
        self,
        result: Result,
        websocket_context: Context | None = None,
        from_error_handler: bool = False,
    ) -> Step[Response | None]:
        """Make a response, if a value was returned, and process it."""
        ctx = websocket_context or the_context("websocket")
        return self._finalize(
            self._websockets, result, ctx, from_error_handler
        )

    async def _finalize(
        self,
        stages: Stages[R],
        result: Result,
        ctx: Context,
        from_error_handler: bool,
    ) -> R:
        response = await stages.make(result)
        try:
            if (
                self.way_of(ctx).postprocesses
                or ctx.after_functions
                or self._has_session_to_save(ctx)
            ):
                response = await stages.process(response, ctx)
            if stages.finished.receivers:
                await announce(stages.finished, self, response=response)
        except Exception:
            if not from_error_handler:
                raise
            self.logger.exception(
                f"{stages.noun.title()} finalizing errored"
            )
        return response

    def process_response(
        self, response: Response, request_context: Context | None = None
    ) -> Step[Response]:
        """Run the hooks after the view, save the session."""
        ctx = request_context or the_context("request")
        return self._process(self._requests, response, ctx)

    def postprocess_websocket(
        self,
        response: Response | None,
        websocket_context: Context | None = None,
    ) -> Step[Response | None]:
        """Run the hooks after the view, save the session."""
        ctx = websocket_context or the_context("websocket")
        return self._process(self._websockets, response, ctx)

    async def _process(
        self, stages: Stages[R], response: R, ctx: Context
    ) -> R:
        own = [(f, self.ensure_async(f)) for f in ctx.after_functions or ()]
        for hook, run in [*own, *self.way_of(ctx).after]:
            changed = await run(response)
            if not stages.takes(changed):
                raise TypeError(
                    mistakes.gave_no_response_back(
                        f"after_{stages.noun}", hook, changed
                    )
                )
            response = changed
        session = ctx.session
        if not self.session_interface.is_null_session(session):
            save = self.ensure_async(self.session_interface.save_session)
            await save(self, session, response)
        return response

    def _has_session_to_save(self, ctx: Context) -> bool:
        """Tell whether the session was looked at, or may need a new date."""
        interface = self.session_interface
        return (
            ctx.session_opened
            or not isinstance(interface, SecureCookieSessionInterface)
            or interface.stale(self, ctx.conversation)
        )

    # -- teardown --

    def do_teardown_request(
        self,
        exc: BaseException | None,
        request_context: Context | None = None,
    ) -> Step[None]:
        """Run all teardown functions; then raise what they raised."""
        ctx = request_context or the_context("request")
        return self._do_teardown(self._requests, exc, ctx)

    def do_teardown_websocket(
        self,
        exc: BaseException | None,
        websocket_context: Context | None = None,
    ) -> Step[None]:
        """Run all teardown functions; then raise what they raised."""
        ctx = websocket_context or the_context("websocket")
        return self._do_teardown(self._websockets, exc, ctx)

    async def _do_teardown(
        self, stages: Stages[R], exc: BaseException | None, ctx: Context
    ) -> None:
        failures = Failures()
        for run in self.way_of(ctx).teardown:
            with failures:
                await run(exc)
        with failures:
            await announce(stages.tearing_down, self, exc=exc)
        failures.raise_any()

    async def do_teardown_appcontext(self, exc: BaseException | None) -> None:
        """Run all functions of ``teardown_appcontext``; then raise."""
        failures = Failures()
        for function in self.teardown_appcontext_funcs:
            with failures:
                await self.ensure_async(function)(exc)
        with failures:
            await announce(appcontext_tearing_down, self, exc=exc)
        failures.raise_any()

    # -- exceptions that nobody answered --

    def handle_exception(self, error: Exception) -> Step[Response]:
        """Answer 500, or raise where exceptions propagate."""
        return self._handle_exception(self._requests, error)

    def handle_websocket_exception(
        self, error: Exception
    ) -> Step[Response | None]:
        """Answer 500 if there is still time; raise where they propagate."""
        return self._handle_exception(self._websockets, error)

    async def _handle_exception(
        self, stages: Stages[R], error: Exception
    ) -> R:
        if stages.failed.receivers:
            await announce(stages.failed, self, exception=error)
        propagate = self.config["PROPAGATE_EXCEPTIONS"]
        if propagate is None:
            propagate = self.testing or self.debug
        if propagate:
            raise error
        self.log_exception((type(error), error, error.__traceback__))
        ctx = the_context(stages.noun)
        failure = InternalServerError(original_exception=error)
        result: Result = failure
        handler = self._find_error_handler(
            failure, ctx.conversation.blueprints
        )
        if handler is not None:
            result = await self._answer(handler, failure)
        return await stages.finalize(result, ctx, True)

    # -- gathering what applies to an endpoint --

    @cached_property
    def _requests(self) -> RequestStages:
        return RequestStages(self)

    @cached_property
    def _websockets(self) -> WebsocketStages:
        return WebsocketStages(self)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in WATCHED:
            self._forget_ways()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in WATCHED:
            self._forget_ways()

    def _forget_ways(self) -> None:
        for name in ("_requests", "_websockets", "_by_adapter"):
            vars(self).pop(name, None)

    def way_of(self, ctx: Context) -> Way:
        """Return what applies to the endpoint of a context."""
        way = ctx.way
        if way is None:
            stages: Stages[Any] = (
                self._websockets if ctx.request is None else self._requests
            )
            endpoint = ctx.conversation.endpoint
            way = stages.ways.get(endpoint)
            if way is None:
                way = self._gather(stages, endpoint)
                # Before the first request more may be registered.
                if self._got_first_request:
                    stages.ways[endpoint] = way
            ctx.way = way
        return way

    def _gather(self, stages: Stages[Any], endpoint: str | None) -> Way:
        inner_first = [*blueprints_of(endpoint), None]
        outer_first = inner_first[::-1]
        way = Way(
            value_preprocessors=[
                f
                for name in outer_first
                for f in self.url_value_preprocessors.get(name, ())
            ],
            before=[
                (f, self.ensure_async(f))
                for name in outer_first
                for f in stages.before.get(name, ())
            ],
            after=[
                (f, self.ensure_async(f))
                for name in inner_first
                for f in reversed(stages.after.get(name, ()))
            ],
            teardown=[
                self.ensure_async(f)
                for name in inner_first
                for f in reversed(stages.teardown.get(name, ()))
            ],
        )
        way.run_view = self._gather_view(endpoint, way)
        way.preprocesses = stages.preprocess_is_theirs or bool(
            way.before or way.value_preprocessors
        )
        way.postprocesses = stages.process_is_theirs or bool(way.after)
        way.tears_down = stages.teardown_is_theirs or bool(way.teardown)
        way.ends_app = self.overrides("do_teardown_appcontext") or bool(
            self.teardown_appcontext_funcs
        )
        return way

    def _gather_view(self, endpoint: str | None, way: Way) -> AsyncFunction:
        """Return the view, with a word for arguments that it does not take."""
        view = self.view_functions.get(endpoint or "")
        if view is None:
            return _no_view(endpoint)
        run: AsyncFunction = self.ensure_async(view)
        way.view = view
        if way.value_preprocessors or endpoint is None:
            return run
        surplus = {
            name: mistakes.surplus_argument(rule.rule, name, view)
            for rule in self.url_map.iter_rules(endpoint)
            for name in mistakes.refused_arguments(view, rule.arguments)
        }
        return _checked(run, surplus) if surplus else run


def _no_view(endpoint: str | None) -> AsyncFunction:
    async def run(**values: Any) -> Any:
        raise LookupError(f"endpoint {endpoint!r} has no view function")

    return run


def _checked(run: AsyncFunction, surplus: dict[str, str]) -> AsyncFunction:
    async def checked(**values: Any) -> Any:
        # A hook may have taken the value out.
        for name in values:
            if name in surplus:
                raise TypeError(surplus[name])
        return await run(**values)

    return checked
