"""Uploads of any size: to disk as they come, a piece in memory at a time."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from anyio import to_thread
from folder import BadName, Folder

from microquart import (
    Quart,
    Response,
    ResponseReturnValue,
    current_app,
    redirect,
    render_template,
    request,
    send_from_directory,
)

PIECE = 256 * 1024  # bytes

app = Quart(__name__)
app.config.update(
    FOLDER=Path(app.instance_path) / "uploads",
    UPLOAD_LIMIT=2 * 1024**3,  # bytes; all other requests keep 16 MiB
)
app.config.from_prefixed_env()


@app.while_serving
async def uploads() -> AsyncGenerator[None, None]:
    app.extensions["folder"] = Folder(Path(app.config["FOLDER"]))
    yield


def folder() -> Folder:
    found: Folder = current_app.extensions["folder"]
    return found


def allow_large_body() -> None:
    """Say what holds for this request, before its body is read."""
    request.max_content_length = current_app.config["UPLOAD_LIMIT"]
    # It may take hours; the server ends what comes too slowly all the same
    # (--body-idle-timeout, --body-min-rate).
    request.body_timeout = None


@app.get("/")
async def index() -> str:
    return await render_template("index.html")


@app.get("/files")
async def files() -> list[dict[str, Any]]:
    return await folder().listed()


@app.put("/files/<name>")
async def put(name: str) -> tuple[dict[str, Any], int]:
    """Take a file that is the whole body: ``curl -T``, or a script."""
    allow_large_body()
    async with folder().receiving(name) as file:
        async for chunk in request.body:
            await file.write(chunk)
        return {"name": name, "bytes": await file.tell()}, 201


@app.post("/files")
async def post() -> Response:
    """Take the files of a form; the framework keeps them on disk so far."""
    allow_large_body()
    for upload in (await request.files).getlist("file"):
        async with folder().receiving(upload.filename or "") as file:
            while chunk := await to_thread.run_sync(upload.read, PIECE):
                await file.write(chunk)
    return redirect("/", 303)


@app.get("/files/<name>")
async def get(name: str) -> Response:
    """Send a file, to be saved: what a visitor wrote is no page of ours."""
    return await send_from_directory(folder().path, name, as_attachment=True)


@app.errorhandler(BadName)
async def bad_name(error: BadName) -> ResponseReturnValue:
    return {"error": "A name has letters, digits, dots, spaces, dashes."}, 400
