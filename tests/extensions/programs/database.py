"""quart-db: migrations, the connection of a request, transactions."""

import asyncio
import tempfile
from pathlib import Path

from quart import Quart, g, request
from quart_db import QuartDB

FOLDER = tempfile.TemporaryDirectory()
ROOT = Path(FOLDER.name)
(ROOT / "migrations").mkdir()
(ROOT / "migrations" / "0.py").write_text("""
async def migrate(connection):
    await connection.execute(
        "CREATE TABLE note (id INTEGER PRIMARY KEY, text VARCHAR)"
    )

async def valid_migration(connection):
    return True
""")
(ROOT / "data.py").write_text("""
async def execute(connection):
    await connection.execute("INSERT INTO note (text) VALUES ('first')")
""")

app = Quart(__name__, root_path=str(ROOT))
database = QuartDB(
    app, url=f"sqlite:///{ROOT / 'notes.db'}", data_path="data.py"
)


@app.get("/")
async def index():
    rows = await g.connection.fetch_all(
        "SELECT id, text FROM note ORDER BY id"
    )
    return [dict(row) for row in rows]


@app.post("/")
async def add():
    values = await request.get_json()
    number = await g.connection.fetch_val(
        "INSERT INTO note (text) VALUES (:text) RETURNING id", values
    )
    return {"id": number}, 201


@app.get("/<int:number>")
async def one(number):
    row = await g.connection.fetch_first(
        "SELECT text FROM note WHERE id = :id", {"id": number}
    )
    return dict(row) if row is not None else ("", 404)


@app.post("/undone")
async def undone():
    async with g.connection.transaction():
        await g.connection.execute("INSERT INTO note (text) VALUES ('gone')")
        raise ValueError("undo")


@app.get("/count")
async def count():
    async with database.connection() as connection:
        return str(await connection.fetch_val("SELECT COUNT(*) FROM note"))


async def show(response):
    text = await response.get_data(as_text=True)
    print(response.status_code, text if response.status_code < 500 else "")


async def main():
    app.logger.disabled = True
    async with app.test_app() as test_app:
        client = test_app.test_client()
        await show(await client.get("/"))
        await show(await client.post("/", json={"text": "second"}))
        await show(await client.get("/2"))
        await show(await client.get("/3"))
        await show(await client.post("/undone"))
        await show(await client.get("/count"))
    print(app.config["PROPAGATE_EXCEPTIONS"])
    print(sorted(app.cli.commands))


asyncio.run(main())
FOLDER.cleanup()
