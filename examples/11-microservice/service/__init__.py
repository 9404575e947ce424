"""Notes, kept in a database and served as JSON."""

from prometheus_client import CollectorRegistry

from microquart import Quart, request
from microquart.asgi import HTTPScope, Receive, Scope, Send
from microquart.middleware.metrics import MetricsMiddleware
from service import database, health, notes, problems
from service.settings import Settings


class Service(Quart):
    """An application that is counted: /metrics shows it to Prometheus."""

    def __init__(self) -> None:
        super().__init__(__name__)
        self._counted = MetricsMiddleware(
            super().asgi_app, route=route, registry=CollectorRegistry()
        )

    async def asgi_app(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        await self._counted(scope, receive, send)


def create_app(settings: Settings) -> Service:
    """Return the service; two of them in one process share nothing."""
    app = Service()
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    database.init_app(app, settings.database_url)
    problems.init_app(app)
    app.register_blueprint(health.blueprint)
    app.register_blueprint(notes.blueprint)
    app.before_request(note_route)
    return app


async def note_route() -> None:
    """Leave the rule, /notes/<int:id>, where the counters look for it."""
    if request.url_rule is not None:
        state = request.scope.setdefault("state", {})
        state["route"] = request.url_rule.rule


def route(scope: HTTPScope) -> str | None:
    rule: str | None = scope.get("state", {}).get("route")
    return rule
