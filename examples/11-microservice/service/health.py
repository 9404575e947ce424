"""Health, for who runs the service: to restart it, or to send it nothing."""

import asyncio

from sqlalchemy import text

from microquart import Blueprint, current_app
from microquart.exceptions import ServiceUnavailable
from service.database import transaction

PATIENCE = 2.0  # seconds for the database to answer

blueprint = Blueprint("health", __name__, url_prefix="/health")


@blueprint.get("/live")
async def live() -> dict[str, str]:
    """The process answers: a restart would not help."""
    return {"status": "ok"}


@blueprint.get("/ready")
async def ready() -> dict[str, str]:
    """Requests can be served; without the database they cannot."""
    try:
        async with asyncio.timeout(PATIENCE), transaction() as session:
            await session.execute(text("SELECT 1"))
    except Exception as error:
        # Whatever the reason is, it concerns the log and not the caller.
        current_app.logger.warning("not ready: %r", error)
        raise ServiceUnavailable(
            "The database does not answer.", retry_after=5
        ) from error
    return {"status": "ok"}
