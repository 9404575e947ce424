"""The database: open while the service serves, one transaction at a time."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.schema import CreateTable

from microquart import Quart, current_app
from service.models import Base

NAME = "database"  # in app.extensions


@dataclass(frozen=True)
class Database:
    engine: AsyncEngine
    sessions: async_sessionmaker[AsyncSession]


def init_app(app: Quart, url: str) -> None:
    """Open the database before the first request, close it after the last."""

    @app.while_serving
    async def opened() -> AsyncGenerator[None, None]:
        engine = _engine(make_url(url))
        try:
            # A service that is in use has migrations (Alembic) instead.
            async with engine.begin() as connection:
                for table in Base.metadata.sorted_tables:
                    # Another worker may do the same at this moment.
                    await connection.execute(
                        CreateTable(table, if_not_exists=True)
                    )
            app.extensions[NAME] = Database(
                engine, async_sessionmaker(engine, expire_on_commit=False)
            )
            yield
        finally:
            await engine.dispose()


def transaction() -> AbstractAsyncContextManager[AsyncSession]:
    """Return a session that commits at the end of its block.

    ::

        async with transaction() as session:
            session.add(note)

    An exception rolls back, and so does the cancellation of the view.
    """
    database: Database = current_app.extensions[NAME]
    return database.sessions.begin()


def _engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        return create_async_engine(url, pool_pre_ping=True)
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(url)

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        # Who reads waits for no one who writes.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=ON")

    return engine
