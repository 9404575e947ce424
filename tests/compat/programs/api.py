"""A JSON API over SQLite: create, read, update, delete, list."""

import sqlite3
from dataclasses import dataclass
from datetime import date

from quart import Quart, abort, current_app, g, request

app = Quart(__name__)
app.config["DATABASE"] = ":memory:"
app.config["CONNECTION"] = None

SCHEMA = """
CREATE TABLE IF NOT EXISTS notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    done BOOLEAN NOT NULL,
    due TEXT
);
"""


@dataclass
class Note:
    id: int
    title: str
    done: bool
    due: date | None


def as_note(row):
    due = date.fromisoformat(row["due"]) if row["due"] else None
    return Note(row["id"], row["title"], bool(row["done"]), due)


def connection():
    """The connection of the program: a test gives it one that lasts."""
    if "db" not in g:
        g.db = current_app.config["CONNECTION"]
        g.db.row_factory = sqlite3.Row
    return g.db


@app.before_serving
async def create():
    app.config["CONNECTION"] = sqlite3.connect(
        app.config["DATABASE"], check_same_thread=False
    )
    app.config["CONNECTION"].executescript(SCHEMA)


@app.after_serving
async def close():
    app.config["CONNECTION"].close()


@app.teardown_request
async def commit(error):
    if "db" in g:
        if error is None:
            g.db.commit()
        else:
            g.db.rollback()


@app.post("/notes/")
async def add():
    data = await request.get_json()
    if "title" not in data:
        abort(400, "a note has a title")
    cursor = connection().execute(
        "INSERT INTO notes (title, done, due) VALUES (?, ?, ?)",
        (data["title"], data.get("done", False), data.get("due")),
    )
    return {"id": cursor.lastrowid}, 201


@app.get("/notes/")
async def listing():
    rows = connection().execute("SELECT * FROM notes ORDER BY id")
    wanted = request.args.get("done", type=lambda value: value == "true")
    notes = [as_note(row) for row in rows]
    if wanted is not None:
        notes = [note for note in notes if note.done is wanted]
    return {"notes": notes}


@app.get("/notes/<int:id>")
async def show(id):
    rows = connection().execute("SELECT * FROM notes WHERE id = ?", (id,))
    row = rows.fetchone()
    if row is None:
        abort(404)
    return {"note": as_note(row)}


@app.put("/notes/<int:id>")
async def change(id):
    data = await request.get_json()
    cursor = connection().execute(
        "UPDATE notes SET title = ?, done = ?, due = ? WHERE id = ?",
        (data["title"], data["done"], data["due"], id),
    )
    if cursor.rowcount == 0:
        abort(404)
    return await show(id)


@app.delete("/notes/<int:id>")
async def remove(id):
    connection().execute("DELETE FROM notes WHERE id = ?", (id,))
    return "", 204


@app.errorhandler(404)
async def not_found(error):
    return {"error": "there is no such note"}, 404


@app.errorhandler(400)
async def bad(error):
    return {"error": error.description}, 400
