"""Writes down all that is called for a request, and for a websocket."""

from quart import (
    Blueprint,
    Quart,
    abort,
    after_this_request,
    signals,
    websocket,
)
from quart.sessions import SessionInterface, SessionMixin

STAGES = [
    *("handle_request", "full_dispatch_request", "preprocess_request"),
    *("dispatch_request", "finalize_request", "make_response"),
    *("process_response", "do_teardown_request", "do_teardown_appcontext"),
    *("handle_websocket", "full_dispatch_websocket", "preprocess_websocket"),
    *("dispatch_websocket", "finalize_websocket", "postprocess_websocket"),
    *("do_teardown_websocket", "handle_user_exception"),
    *("handle_http_exception", "handle_exception", "log_exception"),
    *("raise_routing_exception", "request_context", "websocket_context"),
    "create_url_adapter",
]
SIGNALS = [
    *("appcontext_pushed", "appcontext_tearing_down", "appcontext_popped"),
    *("request_started", "request_finished", "request_tearing_down"),
    *("websocket_started", "websocket_finished", "websocket_tearing_down"),
    "got_request_exception",
]
log = []


def stage(name):
    original = getattr(Quart, name)

    def noted(self, *args, **kwargs):
        log.append(name)
        return original(self, *args, **kwargs)

    return noted


Noted = type("Noted", (Quart,), {name: stage(name) for name in STAGES})
app = Noted(__name__, static_folder=None)


class Session(dict, SessionMixin):
    pass


class Sessions(SessionInterface):
    async def open_session(self, app, request):
        log.append("open_session")
        return Session()

    async def save_session(self, app, session, response):
        log.append("save_session")


app.session_interface = Sessions()


def hook(name):
    async def noted(*args):
        log.append(name)
        return args[0] if name.startswith("after") else None

    return noted


def preprocessor(owner):
    def noted(endpoint, values):
        log.append(f"url_value_preprocessor of {owner}")

    return noted


outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
OWNERS = {
    "the application": app,
    "the outer blueprint": outer,
    "the inner blueprint": inner,
}


def register(kind):
    """Put every hook of a kind on the application and on both blueprints."""
    for name, owner in OWNERS.items():
        for when in ("before", "after", "teardown"):
            hook_name = f"{when}_{kind}"
            getattr(owner, hook_name)(hook(f"{hook_name} of {name}"))


register("request")
register("websocket")
app.teardown_appcontext(hook("teardown_appcontext"))


def receiver(name):
    def receive(sender, **values):
        if sender is app:
            log.append(name)

    return receive


receivers = [receiver(name) for name in SIGNALS]
for name, receive in zip(SIGNALS, receivers, strict=True):
    getattr(signals, name).connect(receive)


@inner.get("/")
async def index():
    @after_this_request
    async def after(response):
        log.append("after_this_request")
        return response

    log.append("the view")
    return "x"


@inner.get("/stream")
async def stream():
    async def body():
        log.append("the stream")
        yield "x"

    log.append("the view")
    return body()


@inner.get("/error")
async def error():
    log.append("the view")
    raise KeyError("x")


@inner.get("/gone")
async def gone():
    log.append("the view")
    abort(410)


@inner.websocket("/ws")
async def ws():
    log.append("the view")
    await websocket.send("x")


@app.errorhandler(500)
@app.errorhandler(404)
@app.errorhandler(410)
async def handler(error):
    log.append("the error handler")
    return "error", error.code


outer.register_blueprint(inner)
app.register_blueprint(outer)


def preprocess():
    """Register what makes every websocket of Quart's fail."""
    for name, owner in OWNERS.items():
        functions = app.url_value_preprocessors
        key = {"outer": "outer", "inner": "outer.inner"}.get(owner.name)
        functions[key].append(preprocessor(name))


whole = app.asgi_app


async def around(scope, receive, send):
    async def sending(message):
        log.append(message["type"])
        await send(message)

    log.append("asgi_app")
    await whole(scope, receive, sending)


app.asgi_app = around
