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

from collections.abc import AsyncIterable, Callable
from functools import cached_property, partial
from types import TracebackType
from typing import Any, NoReturn

from anyio import CancelScope

from microquart import mistakes
from microquart.configured import Result
from microquart.context import (
    Context,
    Conversation,
    Failures,
    Way,
    the_context,
)
from microquart.exceptions import InternalServerError
from microquart.http.errors import ClientDisconnected
from microquart.recovery import told_of
from microquart.sessions import SecureCookieSessionInterface
from microquart.signals import (
    announce,
    appcontext_pushed,
    appcontext_tearing_down,
    got_websocket_exception,
    websocket_finished,
    websocket_started,
    websocket_tearing_down,
)
from microquart.ways import R, Stages, Step, Ways
from microquart.wrappers.bodies import Chunk, ResponseBody
from microquart.wrappers.request import Request, RequestSettings
from microquart.wrappers.response import (
    NotAResponse,
    Response,
    response_from,
)
from microquart.wrappers.websocket import Websocket


class RequestStages(Stages[Response]):
    noun = "request"

    def __init__(self, app: "Pipeline") -> None:
        super().__init__(app)
        theirs = app.overrides
        self.before = app.before_request_funcs
        self.after = app.after_request_funcs
        self.teardown = app.teardown_request_funcs
        self.full_dispatch = Pipeline._full_dispatch
        if theirs("full_dispatch_request"):
            self.full_dispatch = lambda app, _, ctx: app.full_dispatch_request(
                ctx
            )
        self.preprocess = app.preprocess_request
        self.dispatch = app.dispatch_request
        if not theirs("dispatch_request"):
            self.dispatch = app._dispatch
        self.finalize = app.finalize_request
        self.make = app.make_response
        self.make_now = app.response_of
        self.context = app.context_class
        if theirs("request_context"):
            self.context = lambda _, request: app.request_context(request)
        self.process = app.process_response
        self.handle_exception = app.handle_exception
        self.finalize_is_theirs = (
            theirs("finalize_request")
            or theirs("make_response")
            or theirs("process_response")
        )
        self.preprocess_is_theirs = theirs("preprocess_request")
        self.teardown_is_theirs = theirs("do_teardown_request")

    def takes(self, response: object) -> bool:
        return isinstance(response, Response)


class WebsocketStages(Stages[Response | None]):
    noun = "websocket"

    def __init__(self, app: "Pipeline") -> None:
        super().__init__(app)
        self.started = websocket_started
        self.finished = websocket_finished
        self.tearing_down = websocket_tearing_down
        self.failed = got_websocket_exception
        theirs = app.overrides
        self.app = app
        self.context = lambda _, request: app.websocket_context(request)
        self.before = app.before_websocket_funcs
        self.after = app.after_websocket_funcs
        self.teardown = app.teardown_websocket_funcs
        self.full_dispatch = lambda app, _, ctx: app.full_dispatch_websocket(
            ctx
        )
        self.preprocess = app.preprocess_websocket
        self.dispatch = app.dispatch_websocket
        self.finalize = app.finalize_websocket
        self.make = self._make
        self.make_now = self._make_now
        self.process = app.postprocess_websocket
        self.handle_exception = app.handle_websocket_exception
        self.finalize_is_theirs = (
            theirs("finalize_websocket")
            or theirs("make_response")
            or theirs("postprocess_websocket")
        )
        self.preprocess_is_theirs = theirs("preprocess_websocket")
        self.teardown_is_theirs = theirs("do_teardown_websocket")

    async def _make(self, result: Any) -> Response | None:
        return None if result is None else await self.app.make_response(result)

    def _make_now(self, result: Any) -> Response | None:
        return None if result is None else self.app.response_of(result)

    async def clean_up(self, ctx: Context) -> None:
        await self.process(None, ctx)

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


class Pipeline(Ways):
    """An application as far as it answers one request."""

    _settings: RequestSettings
    _settings_version = -1

    def request_settings(self) -> RequestSettings:
        """The limits for requests, anew when the configuration changes."""
        if self._settings_version != self.config.version:
            self._settings_version = self.config.version
            self._settings = self._make_request_settings()
        return self._settings

    def request_context(self, request: Request) -> Context:
        """Return a context of the request, to be entered."""
        return self.context_class(self, request)

    def websocket_context(self, websocket: Websocket) -> Context:
        """Return a context of the websocket, to be entered."""
        return self.context_class(self, websocket)

    # -- the whole --

    def handle_request(self, request: Request) -> Step[Response]:
        """Answer a request; whatever goes wrong, there is a response."""
        return self._handle(self._requests, request)

    def handle_websocket(self, websocket: Websocket) -> Step[Response | None]:
        """Serve a websocket; a response rejects it."""
        return self._handle(self._websockets, websocket)

    async def _handle(
        self, stages: Stages[R], conversation: Conversation
    ) -> R:
        ctx = stages.context(self, conversation)
        try:
            if stages.enters_at_once and not appcontext_pushed.receivers:
                ctx.enter()
                self.match_request(ctx, conversation)
            else:
                await self._push(ctx)
            response = await stages.full_dispatch(self, stages, ctx)
        except BaseException as error:
            response = await self._recover(stages, ctx, error)
        if response is not None and response.is_iterated:
            leave = partial(self._leave, stages, ctx)
            response.response = StreamInContext(response.response, leave)
        elif stages.leaves_at_once and not ctx.has_an_end():
            ctx.leave()
        else:
            await self._leave(stages, ctx, None)
        return response

    async def _push(self, ctx: Context) -> None:
        if not self._got_first_request:
            self._got_first_request = True
        await ctx.push()

    async def _recover(
        self, stages: Stages[R], ctx: Context, error: BaseException
    ) -> R:
        """Answer for an error; or leave the context, and raise it."""
        if not ctx.pushed:
            raise error
        try:
            if not isinstance(error, Exception) or _departed(ctx, error):
                raise error
            return await stages.handle_exception(error)
        except BaseException as failure:
            if ctx.websocket is not None and ctx.websocket.gone:
                await self._clean_up(stages, ctx)
            await self._leave(stages, ctx, failure)
            raise

    async def _clean_up(self, stages: Stages[R], ctx: Context) -> None:
        """Run the hooks after a websocket whose client has gone."""
        with CancelScope(shield=True):
            try:
                await stages.clean_up(ctx)
            except ClientDisconnected:
                pass  # a hook had something to say, but to nobody
            except Exception:
                self.logger.exception("Websocket finalizing errored")

    async def _leave(
        self, stages: Stages[R], ctx: Context, exc: BaseException | None
    ) -> None:
        if exc is None and stages.leaves_at_once and not ctx.has_an_end():
            ctx.leave()
            return
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
        rule = ctx.conversation.url_rule
        ctx.way = way = stages.ways.get(rule) or self.way_of(ctx)
        try:
            if way.preprocesses or stages.started.receivers:
                result = await self._after_hooks(stages, ctx, way)
            else:
                result = await stages.dispatch(ctx)
        except Exception as error:
            if _departed(ctx, error):
                raise
            result = await self.handle_user_exception(error)
        if way.finalizes or stages.finished.receivers or self._finalizes(ctx):
            return await stages.finalize(result, ctx, False)
        try:
            return stages.make_now(result)
        except NotAResponse as error:
            raise _no_response(ctx, error) from error

    async def _after_hooks(
        self, stages: Stages[R], ctx: Context, way: Way
    ) -> Result:
        """Return what a hook before the view answers, or else the view."""
        await announce(stages.started, self)
        if way.preprocesses:
            result = await stages.preprocess(ctx)
            if result is not None:
                return result
        return await stages.dispatch(ctx)

    def _finalizes(self, ctx: Context) -> bool:
        """Tell whether a context has something to add to the response."""
        if ctx.after_functions is not None or ctx.opened_session is not None:
            return True
        return ctx.conversation.settings.signs_sessions and self._is_stale(ctx)

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

    def _dispatch(self, ctx: Context) -> Step[Result]:
        conversation = ctx.conversation
        if conversation.routing_exception is not None:
            self.raise_routing_exception(conversation)
        way = ctx.way or self.way_of(ctx)
        if way.automatic_options and conversation.method == "OPTIONS":
            return self.make_default_options_response()
        values = conversation.view_args
        return way.run_view(**values) if values else way.run_view()

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
        try:
            response = await stages.make(result)
        except NotAResponse as error:
            raise _no_response(ctx, error) from error
        try:
            response = await stages.process(response, ctx)
            if stages.finished.receivers:
                await announce(stages.finished, self, response=response)
        except Exception:
            if not from_error_handler:
                raise
            self.logger.exception(f"{stages.noun.title()} finalizing errored")
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

    def _is_stale(self, ctx: Context) -> bool:
        """Tell whether a session nobody looked at may need a new date."""
        interface = self.session_interface
        return isinstance(
            interface, SecureCookieSessionInterface
        ) and interface.stale(self, ctx.conversation)

    # -- what becomes a response --

    async def make_response(self, result: Result) -> Response:
        """Turn what a view returns into a response.

        Raises:
            NotAResponse: a TypeError: that cannot be.
        """
        return self.response_of(result)

    def response_of(self, result: Result) -> Response:
        """Do what ``make_response`` does; nothing in it waits."""
        # Nearly every answer of a page, and of an API.
        if type(result) is str:
            return self.response_class(result)
        if type(result) is dict:
            return self.json.response(result)
        return response_from(result, self.response_class, self.json.response)

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

    # -- the stages of the two kinds --

    def stages_of(self, ctx: Context) -> Stages[Any]:
        return self._websockets if ctx.request is None else self._requests

    @cached_property
    def _requests(self) -> RequestStages:
        return RequestStages(self)

    @cached_property
    def _websockets(self) -> WebsocketStages:
        return WebsocketStages(self)


def _departed(ctx: Context, error: Exception) -> bool:
    """Tell whether an error only says that the client has gone."""
    return isinstance(error, ClientDisconnected) and ctx.conversation.gone


def _no_response(ctx: Context, error: NotAResponse) -> TypeError:
    """Say which function returned what cannot be a response."""
    if ctx.answered_by is None:
        view = None if ctx.way is None else ctx.way.view
        return TypeError(mistakes.of_view(view, str(error)))
    kind, function = ctx.answered_by
    if kind == "errorhandler":
        told = mistakes.answered_with(kind, function, error.value)
    else:
        told = mistakes.stopped_with(kind, function, error.value)
    return TypeError(told)
