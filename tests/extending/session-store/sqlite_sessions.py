"""Sessions in SQLite: the client has a random name, and nothing else.

app.session_interface = SQLiteSessions("sessions.db")
"""

import secrets
import sqlite3
import time
from contextlib import closing
from hashlib import sha256
from typing import Any

from microquart.json.tag import TaggedJSONSerializer
from microquart.sessions import SecureCookieSession, SessionInterface
from microquart.utils import run_sync

SCHEMA = "CREATE TABLE IF NOT EXISTS sessions (key PRIMARY KEY, content, ends)"
READ = "SELECT content FROM sessions WHERE key = ? AND ends > ?"
WRITE = "INSERT INTO sessions VALUES (?, ?, ?)"
DROP = "DELETE FROM sessions WHERE key = ? OR ends <= ?"
json = TaggedJSONSerializer()


class StoredSession(SecureCookieSession):
    """A session with a name, which a login should ``renew()``."""

    def __init__(self, content: dict[str, Any] | None, name: str) -> None:
        super().__init__(content)
        self.names = [name]  # the last one is valid
        self.new = content is None

    def renew(self) -> None:
        """Take a name that nobody can have known before."""
        self.names.append(secrets.token_urlsafe())
        self.modified = True


class SQLiteSessions(SessionInterface):
    """Keeps sessions in a file, by the digests of their names."""

    def __init__(self, path: str) -> None:
        self.path = path
        with closing(sqlite3.connect(path)) as db:
            db.execute(SCHEMA)

    async def open_session(self, app: Any, request: Any) -> StoredSession:
        name = request.cookies.get(self.get_cookie_name(app), "")
        content = await run_sync(self.read)(name)
        if content is None:  # never a name that the client has chosen
            name = secrets.token_urlsafe()
        session = StoredSession(content, name)
        session.over_tls = request.is_secure
        return session

    async def save_session(
        self, app: Any, session: Any, response: Any
    ) -> None:
        due = session and self.should_set_cookie(app, session)
        if due or session.modified:
            ends = time.time() + app.permanent_session_lifetime.total_seconds()
            await run_sync(self.write)(session.names, dict(session), ends)
        if response is None:  # of a websocket: too late for a cookie
            return
        response.vary.add("Cookie")
        name = self.get_cookie_name(app)
        cookie = self.get_cookie_attributes(app, session)
        if due:
            cookie["expires"] = self.get_expiration_time(app, session)
            response.set_cookie(name, session.names[-1], **cookie)
        elif session.modified:
            response.delete_cookie(name, **cookie)

    def read(self, name: str) -> dict[str, Any] | None:
        with closing(sqlite3.connect(self.path)) as db:
            row = db.execute(READ, (key(name), time.time())).fetchone()
        return json.loads(row[0]) if row else None

    def write(self, names: list[str], content: Any, ends: float) -> None:
        with closing(sqlite3.connect(self.path)) as db, db:
            now = time.time()
            db.executemany(DROP, [(key(name), now) for name in names])
            if content:
                db.execute(WRITE, (key(names[-1]), json.dumps(content), ends))


def key(name: str) -> str:
    # Who reads the file cannot take anybody's session.
    return sha256(name.encode()).hexdigest()
