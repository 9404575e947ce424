"""The taps in an application: stages, contexts, routes, the user's functions.

A stage that has nothing to do is not called; so a tap must not make it seem
overridden.  ``overrides`` answers as if no tap were there, except for those
stages that always run: they are called directly unless somebody overrides
them, and here somebody does.
"""

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any

from microquart.app import Quart
from microquart.context import Context
from microquart.exceptions import HTTPException
from microquart.routing import MapAdapter, Rule
from microquart.routing.explain import Verdict
from microquart.serving import BackgroundTask
from microquart.sessions import SessionInterface
from microquart.xray.source import name_of, source_of
from microquart.xray.swaps import Swaps
from microquart.xray.tracer import Tracer, outcome_of

ALWAYS = (
    "full_dispatch_request",
    "dispatch_request",
    "full_dispatch_websocket",
    "dispatch_websocket",
)
# Whose functions run in a stage, by its name.
KINDS = {
    "preprocess_request": "before_request",
    "preprocess_websocket": "before_websocket",
    "dispatch_request": "view",
    "dispatch_websocket": "view",
    "process_response": "after_request",
    "postprocess_websocket": "after_websocket",
    "handle_user_exception": "error_handler",
    "handle_http_exception": "error_handler",
    "handle_exception": "error_handler",
    "handle_websocket_exception": "error_handler",
    "do_teardown_request": "teardown_request",
    "do_teardown_websocket": "teardown_websocket",
    "do_teardown_appcontext": "teardown_appcontext",
    "startup": "before_serving",
    "background": "background",
    "shutdown": "after_serving",
}
STAGES = (
    *(name for name in KINDS if name != "background"),
    "full_dispatch_request",
    "full_dispatch_websocket",
    "finalize_request",
    "finalize_websocket",
    "make_response",
)
# Of the rules that did not fit, so many are told: the nearest.
_NEAR = 10


def tap_app(tracer: Tracer, swaps: Swaps, app: Quart) -> None:
    """Put taps into an application; its ways are gathered anew."""
    theirs = {name: app.overrides(name) for name in STAGES}
    theirs["ensure_async"] = app.overrides("ensure_async")
    theirs |= dict.fromkeys(ALWAYS, True)
    overrides = app.overrides
    swaps.attribute(
        app,
        "overrides",
        lambda name: theirs[name] if name in theirs else overrides(name),
    )
    for name in STAGES:
        if name != "make_response" or theirs[name]:
            tap = stage_tap(tracer, name, getattr(app, name))
            swaps.attribute(app, name, tap)
    if not theirs["make_response"]:
        swaps.attribute(app, "response_of", maker_tap(tracer, app.response_of))
    swaps.attribute(app, "ensure_async", door_tap(tracer, app))
    swaps.attribute(app, "context_class", context_tap(tracer, app))
    swaps.attribute(app.url_map, "match", match_tap(tracer, app))
    swaps.attribute(app, "background_task_class", task_tap(tracer, app))


# -- stages --


def stage_tap(
    tracer: Tracer, name: str, method: Callable[..., Awaitable[Any]]
) -> Callable[..., Coroutine[Any, Any, Any]]:
    source = source_of(method)

    @wraps(method)
    async def tapped(*args: Any, **kwargs: Any) -> Any:
        token = tracer.stage.set(name)
        try:
            with tracer.span("app.stage", {"stage": name}, src=source) as span:
                span.result["stage"] = name
                result = await method(*args, **kwargs)
                span.result["result"] = type_of(result)
                return result
        finally:
            tracer.stage.reset(token)

    return tapped


def maker_tap(
    tracer: Tracer, method: Callable[[Any], Any]
) -> Callable[[Any], Any]:
    """Stand for what makes a response: nothing in it waits."""
    source = source_of(method)

    @wraps(method)
    def tapped(result: Any) -> Any:
        data = {"stage": "make_response"}
        with tracer.span("app.stage", data, src=source) as span:
            span.result |= data
            response = method(result)
            span.result["result"] = type_of(response)
            return response

    return tapped


# -- the user's functions --


def door_tap(tracer: Tracer, app: Quart) -> Callable[..., Any]:
    """Stand for the one door through which the user's functions come."""
    ensure_async = app.ensure_async

    @wraps(ensure_async)
    def tapped(func: Callable[..., Any]) -> Any:
        run = ensure_async(func)
        qualname, source = name_of(func), source_of(func)
        own = own_kind(app, func)

        @wraps(run)
        async def call(*args: Any, **kwargs: Any) -> Any:
            kind = own or KINDS.get(tracer.stage.get(), "call")
            data = {"kind": kind, "qualname": qualname}
            given = data | {"args": types_of(args, kwargs)}
            token = tracer.stage.set("")  # what it calls is not of this stage
            try:
                with tracer.span("user.call", given, src=source) as span:
                    span.result |= data
                    result = await run(*args, **kwargs)
                    span.result["result"] = type_of(result)
                    return result
            finally:
                tracer.stage.reset(token)

        return call

    return tapped


def own_kind(app: Quart, func: Callable[..., Any]) -> str | None:
    """Return what a function is wherever it is called, if anything."""
    if isinstance(getattr(func, "__self__", None), SessionInterface):
        return "session"
    known = app.template_context_processors.values()
    if any(func in functions for functions in known):
        return "context_processor"
    return None


def types_of(
    args: tuple[object, ...], kwargs: dict[str, object]
) -> dict[str, str]:
    """Return the types of arguments, by name or place, and no values."""
    named: dict[str, object] = {str(at): arg for at, arg in enumerate(args)}
    return {name: type_of(arg) for name, arg in (named | kwargs).items()}


def type_of(value: object) -> str:
    return type(value).__name__


# -- contexts --


def context_tap(tracer: Tracer, app: Quart) -> type[Context]:
    """Return a class of contexts that tell when they become current."""
    kind = app.context_class

    def enter(self: Context) -> None:
        kind.enter(self)
        tracer.emit("ctx.push", data=context_data(self))

    def leave(self: Context) -> None:
        data = context_data(self)
        kind.leave(self)
        tracer.emit("ctx.pop", data=data)

    return type(kind.__name__, (kind,), {"enter": enter, "leave": leave})


def context_data(ctx: Context) -> dict[str, object]:
    kind = "app"
    if ctx.request_websocket is not None:
        kind = "websocket" if ctx.request is None else "request"
    depth, outer = 0, ctx.outer
    while outer is not None:
        depth, outer = depth + 1, outer.outer
    return {"kind": kind, "depth": depth}


# -- routes --


def match_tap(tracer: Tracer, app: Quart) -> Callable[..., Any]:
    """Stand for ``Map.match``; then say of each rule near it what it lacks.

    The verdicts come from a walk of their own, after the one that decided.
    """
    routes = app.url_map
    match = routes.match
    source = source_of(match)
    sources = Sources()

    @wraps(match)
    def tapped(
        path: str,
        method: str = "GET",
        websocket: bool = False,
        domain: str | None = None,
        bind: Callable[[], MapAdapter] | None = None,
    ) -> tuple[Rule, dict[str, Any]]:
        data = {"method": method, "path": path, "host": domain}
        found: tuple[Rule, dict[str, Any]] | None = None
        with tracer.span("route.match", data, src=source) as span:
            try:
                found = match(path, method, websocket, domain, bind)
                rule, values = found
                span.result["endpoint"] = rule.endpoint
                span.result["args"] = plain(values)
                return found
            except HTTPException as error:
                span.result["status"] = error.code
                raise
            finally:
                verdicts = routes.explain(
                    path, method, domain, websocket, _NEAR
                )
                tell_tried(tracer, app, sources, verdicts, found)

    return tapped


class Sources:
    """Where the views of endpoints were written, found once for each."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[object, str | None]] = {}

    def of(self, endpoint: str, view: object) -> str | None:
        known = self._known.get(endpoint)
        if known is None or known[0] is not view:
            known = self._known[endpoint] = view, source_of(view)
        return known[1]


def tell_tried(
    tracer: Tracer,
    app: Quart,
    sources: Sources,
    verdicts: list[Verdict],
    found: tuple[Rule, dict[str, Any]] | None,
) -> None:
    order = {rule: at for at, rule in enumerate(app.url_map.iter_rules())}
    for each in sorted(verdicts, key=lambda each: order[each.rule]):
        rule, verdict, why = each.rule, each.verdict, each.why
        if found is not None and rule is found[0]:
            verdict, why = "match", "it fits"
        elif verdict == "match":
            verdict, why = "later", "it fits too, but another comes first"
        tracer.emit(
            "route.try",
            src=sources.of(
                rule.endpoint, app.view_functions.get(rule.endpoint)
            ),
            data={
                "rule": rule.rule,
                "methods": sorted(rule.methods or ()),
                "endpoint": rule.endpoint,
                "verdict": verdict,
                "why": why,
                "args": plain(found[1])
                if found is not None and rule is found[0]
                else None,
            },
        )


def plain(values: dict[str, Any]) -> dict[str, object]:
    """Return a view's arguments as JSON's types."""
    return {
        name: value
        if isinstance(value, str | int | float | bool | None)
        else str(value)
        for name, value in values.items()
    }


# -- background tasks --


def task_tap(tracer: Tracer, app: Quart) -> type[BackgroundTask]:
    kind = app.background_task_class

    class Tapped(BackgroundTask):
        async def _main(self) -> None:
            data = {
                "task": "background",
                "by": tracer.place.get().req or "app",
            }
            tracer.tasks.call(f"background {data['by']}")
            tracer.emit("task.spawn", data=data)
            tracer.stage.set("background")
            outcome: dict[str, object] = {"outcome": "done"}
            try:
                await super()._main()
            except BaseException as error:
                outcome = outcome_of(error)
                raise
            finally:
                tracer.emit("task.done", data={"task": "background"} | outcome)

    bases = (Tapped,) if kind is BackgroundTask else (Tapped, kind)
    return type(kind.__name__, bases, {})
