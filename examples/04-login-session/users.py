"""The users, in SQLite, and what of a password is kept: its scrypt hash."""

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anyio import CapacityLimiter, to_thread

TABLE = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY, salt BLOB NOT NULL, hash BLOB NOT NULL
)
"""
# What one guess costs whoever makes it: 32 MiB and some 0.1 s.
N, R, P = 2**15, 8, 1
MEMORY = 2 * 128 * N * R  # bytes that OpenSSL may take
AT_ONCE = 2  # hashes, however many ask


class NameTaken(Exception):
    """There is a user of this name."""


class Users:
    """What is kept in one file; it is read and hashed in threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._limit = CapacityLimiter(AT_ONCE)

    async def create(self) -> None:
        await to_thread.run_sync(self._create)

    async def add(self, name: str, password: str) -> None:
        """Keep a new user.

        Raises:
            NameTaken: the name has an owner.
        """
        await to_thread.run_sync(
            self._add, name, password, limiter=self._limit
        )

    async def check(self, name: str, password: str) -> bool:
        """Tell whether this is the user's password.

        It takes as long if there is no such user: the time of an answer
        tells nobody which names exist.
        """
        return await to_thread.run_sync(
            self._check, name, password, limiter=self._limit
        )

    # -- in threads --

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            connection.execute(TABLE)

    def _add(self, name: str, password: str) -> None:
        salt = secrets.token_bytes(16)
        row = (name, salt, digest(password, salt))
        try:
            with self._connection() as connection:
                connection.execute("INSERT INTO users VALUES (?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise NameTaken(name) from None

    def _check(self, name: str, password: str) -> bool:
        with self._connection() as connection:
            row = connection.execute(
                "SELECT salt, hash FROM users WHERE name = ?", (name,)
            ).fetchone()
        salt, kept = row or (bytes(16), bytes(64))
        return hmac.compare_digest(digest(password, salt), kept)

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path)
        try:
            with connection:  # commits at the end, or rolls back
                yield connection
        finally:
            connection.close()


def digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode(), salt=salt, n=N, r=R, p=P, maxmem=MEMORY
    )
