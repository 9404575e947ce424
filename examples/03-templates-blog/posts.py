"""The posts, in SQLite.  Nothing here is async: views call it in threads."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

TABLE = """
CREATE TABLE IF NOT EXISTS posts (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    written TEXT NOT NULL
)
"""


@dataclass(frozen=True)
class Post:
    id: int
    title: str
    text: str
    written: str  # ISO 8601, UTC


class Posts:
    """What is kept in one file; a connection for each call, as it is cheap."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            connection.execute(TABLE)

    def latest(self, before: int, limit: int) -> list[Post]:
        """Return the newest posts first, those older than ``before``."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT id, title, text, written FROM posts "
                "WHERE id < ? ORDER BY id DESC LIMIT ?",
                (before, limit),
            )
            return [Post(*row) for row in rows]

    def get(self, id: int) -> Post | None:
        found = self.latest(before=id + 1, limit=1)
        return found[0] if found and found[0].id == id else None

    def add(self, title: str, text: str) -> int:
        written = datetime.now(UTC).isoformat(timespec="minutes")
        with self._connection() as connection:
            cursor = connection.execute(
                "INSERT INTO posts (title, text, written) VALUES (?, ?, ?)",
                (title, text, written),
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def remove(self, id: int) -> None:
        with self._connection() as connection:
            connection.execute("DELETE FROM posts WHERE id = ?", (id,))

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path)
        try:
            with connection:  # commits at the end, or rolls back
                yield connection
        finally:
            connection.close()
