"""What applies to a rule, gathered once: its view and all of its hooks.

A ``Stages`` knows the stages of requests, or of websockets, and keeps the
ways of their rules.  A stage that has nothing to do, and that nobody
overrides, is not called; so an empty list of hooks costs nothing.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from microquart import mistakes
from microquart.addressing import Addressing
from microquart.configured import Result
from microquart.context import AsyncFunction, Context, Way
from microquart.routing import Rule
from microquart.scaffold import Registry, ViewCallable, blueprints_of
from microquart.sessions import SecureCookieSessionInterface, is_lazy
from microquart.signals import (
    got_request_exception,
    request_finished,
    request_started,
    request_tearing_down,
)
from microquart.typing import TeardownCallable
from microquart.wrappers.response import Response

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
        *("create_url_adapter", "subdomain_matching", "context_class"),
        *("request_context", "websocket_context", "_got_first_request"),
    }
)
# What is gathered, as cached properties.
GATHERED = ("_requests", "_websockets", "_by_adapter")


class Stages(Generic[R]):
    """The stages of one kind, bound to an application, and its ways.

    A stage that nobody overrides is called without the detour through its
    public name.
    """

    noun: Literal["request", "websocket"]
    before: Registry[Any]
    after: Registry[Any]
    teardown: Registry[Any]

    context: Callable[[Any, Any], Context]  # of the app and the request
    full_dispatch: Callable[[Any, Any, Context], Step[R]]  # app, stages
    preprocess: Callable[[Context], Step[Result]]
    dispatch: Callable[[Context], Step[Result]]
    finalize: Callable[[Any, Context, bool], Step[R]]
    make: Callable[[Any], Step[R]]
    make_now: Callable[[Any], R]  # the same, where nobody overrides it
    process: Callable[[R, Context], Step[R]]
    handle_exception: Callable[[Exception], Step[R]]

    # Somebody overrides what comes after the view; or before; or the end.
    finalize_is_theirs: bool
    preprocess_is_theirs: bool
    teardown_is_theirs: bool

    def __init__(self, app: "Ways") -> None:
        # Of the instance, where looking them up costs least.
        self.started = request_started
        self.finished = request_finished
        self.tearing_down = request_tearing_down
        self.failed = got_request_exception
        self.ways: dict[Rule | None, Way] = {}
        interface = app.session_interface
        # An interface of the user's is asked in any case.
        self.saves_always = type(interface) is not SecureCookieSessionInterface
        kind = app.context_class
        # The first request goes the long way, with what there was before it.
        self.enters_at_once = (
            app._got_first_request
            and kind.push is Context.push
            and kind.match_request is Context.match_request
            and is_lazy(interface)
        )
        self.leaves_at_once = kind.pop is Context.pop

    async def clean_up(self, ctx: Context) -> None:
        """Do what remains to be done when there is no response to make."""

    def takes(self, response: object) -> bool:
        """Tell whether a hook may give this back for the response."""
        raise NotImplementedError


class Watched(dict[str, ViewCallable]):
    """A dictionary that tells of each change."""

    def __init__(self, changed: Callable[[], object]) -> None:
        super().__init__()
        self._changed = changed

    def __setitem__(self, key: str, value: ViewCallable) -> None:
        super().__setitem__(key, value)
        self._changed()

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed()

    def update(self, *args: Any, **kwargs: Any) -> None:
        super().update(*args, **kwargs)
        self._changed()

    def pop(self, *args: Any) -> Any:
        self._changed()
        return super().pop(*args)


class Ways(Addressing):
    """An application as far as it knows what applies to a rule."""

    _got_first_request = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.teardown_appcontext_funcs: list[TeardownCallable] = []

        self.view_functions = Watched(self._forget_ways)

    def stages_of(self, ctx: Context) -> Stages[Any]:
        """Return the stages that a context goes through."""
        raise NotImplementedError

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in WATCHED:
            self._forget_ways()

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        if name in WATCHED:
            self._forget_ways()

    def _forget_ways(self) -> None:
        for name in GATHERED:
            vars(self).pop(name, None)

    def way_of(self, ctx: Context) -> Way:
        """Return what applies to the rule of a context."""
        way = ctx.way
        if way is None:
            stages = self.stages_of(ctx)
            rule = ctx.conversation.url_rule
            way = stages.ways.get(rule)
            if way is None:
                way = self._gather(stages, rule)
                # Before the first request more may be registered.
                if self._got_first_request:
                    stages.ways[rule] = way
            ctx.way = way
        return way

    def _gather(self, stages: Stages[Any], rule: Rule | None) -> Way:
        inner_first = [
            *blueprints_of(None if rule is None else rule.endpoint),
            None,
        ]
        outer_first = inner_first[::-1]
        way = Way(
            run_view=self._no_view,
            automatic_options=rule is not None
            and rule.provide_automatic_options,
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
        if rule is not None and rule.endpoint in self.view_functions:
            way.view = self.view_functions[rule.endpoint]
            way.run_view = self._run_view(rule, way)
        way.preprocesses = stages.preprocess_is_theirs or bool(
            way.before or way.value_preprocessors
        )
        way.finalizes = (
            stages.finalize_is_theirs or stages.saves_always or bool(way.after)
        )
        way.ends_quietly = not (
            way.teardown
            or stages.teardown_is_theirs
            or self.teardown_appcontext_funcs
            or self.overrides("do_teardown_appcontext")
        )
        return way

    def _run_view(self, rule: Rule, way: Way) -> AsyncFunction:
        """Return the view, with a word for arguments that it does not take."""
        view = self.view_functions[rule.endpoint]
        run: AsyncFunction = self.ensure_async(view)
        if way.value_preprocessors:
            return run
        surplus = mistakes.refused_arguments(view, rule.arguments)

        async def checked(**values: Any) -> Any:
            # A hook may have taken the value out.
            for name in surplus:
                if name in values:
                    raise TypeError(
                        mistakes.surplus_argument(rule.rule, name, view)
                    )
            return await run(**values)

        return checked if surplus else run

    async def _no_view(self, **values: Any) -> Any:
        raise LookupError("the endpoint of this rule has no view function")
