"""quart-schema: validation, conversion, documentation."""

import asyncio
import io
import json
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field
from quart import Blueprint, Quart, websocket
from quart.datastructures import FileStorage
from quart_schema import (
    DataSource,
    Info,
    QuartSchema,
    RequestSchemaValidationError,
    ResponseSchemaValidationError,
    SchemaValidationError,
    deprecate,
    hide,
    operation_id,
    tag,
    validate,
    validate_headers,
    validate_querystring,
    validate_request,
    validate_response,
)
from quart_schema.pydantic import File

app = Quart(__name__)
app.logger.disabled = True
QuartSchema(
    app,
    info=Info(title="Notes", version="1"),
    convert_casing=True,
    security_schemes={"key": {"type": "apiKey", "name": "k", "in_": "query"}},
)


@dataclass
class Note:
    """A note."""

    note_text: str
    stars: int = 0


class Search(BaseModel):
    text: str | None = None
    max_stars: int | None = Field(default=None, description="at most")


@dataclass
class Trace:
    x_trace_id: str


class Upload(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    title: str
    file: File


@app.post("/notes/<int:number>")
@validate_request(Note)
@validate_response(Note, 201)
async def create(number: int, data: Note) -> tuple[Note, int]:
    """Create a note.

    It is kept.
    """
    return Note(data.note_text, number), 201


@app.get("/notes")
@validate_querystring(Search)
async def search(query_args: Search):
    return query_args.model_dump()


@app.get("/trace")
@validate_headers(Trace)
async def trace(headers: Trace):
    return {"trace": headers.x_trace_id}


@app.post("/form")
@validate_request(Note, source=DataSource.FORM)
async def form(data: Note):
    return data


@app.post("/upload")
@validate_request(Upload, source=DataSource.FORM_MULTIPART)
async def upload(data: Upload):
    return {"title": data.title, "size": len(data.file.read())}


@app.get("/wrong")
@validate_response(Note)
async def wrong():
    return {"stars": "many"}


@app.get("/list")
@validate(responses={200: (list[Note], None)})
def several():
    return [Note("a"), Note("b", 2)]


@app.get("/any/<any(red):colour>/<float:size>/<path:rest>/<uuid:key>")
@tag(["colours"])
@deprecate
async def colours(**values):
    return "colour"


@app.get("/hidden")
@hide
async def hidden():
    return "hidden"


@app.websocket("/ws")
async def ws():
    try:
        while True:
            note = await websocket.receive_as(Note)
            await websocket.send_as(
                Note(note.note_text.upper(), note.stars), Note
            )
    except SchemaValidationError:
        await websocket.send("not a note")


part = Blueprint("part", __name__, url_prefix="/part")


@part.delete("/<number>")
@operation_id("remove")
async def delete(number):
    return "", 204


app.register_blueprint(part)


@app.errorhandler(RequestSchemaValidationError)
async def bad_request(error):
    return {"error": type(error).__name__}, 400


@app.errorhandler(ResponseSchemaValidationError)
async def bad_response(error):
    return {"error": type(error).__name__}, 500


async def show(response):
    text = await response.get_data(as_text=True)
    print(
        response.status_code,
        response.mimetype,
        text if "<!" not in text else "",
    )


async def main():
    client = app.test_client()
    await show(await client.post("/notes/3", json={"noteText": "hello"}))
    await show(await client.post("/notes/3", json=Note("hello")))
    await show(await client.post("/notes/3", json={"stars": 1}))
    await show(
        await client.post(
            "/notes/3", data=b"{", headers={"Content-Type": "application/json"}
        )
    )
    await show(await client.get("/notes?text=a&maxStars=3"))
    await show(await client.get("/notes?maxStars=many"))
    await show(await client.get("/notes", query_string=Search(max_stars=2)))
    await show(await client.get("/trace", headers={"X-Trace-Id": "7"}))
    await show(await client.get("/trace"))
    await show(
        await client.post("/form", form={"noteText": "b", "stars": "2"})
    )
    await show(await client.post("/form", form=Note("c", 3)))
    await show(await client.post("/form", form={"stars": "2"}))
    file = FileStorage(io.BytesIO(b"hello"), filename="a.txt")
    await show(
        await client.post("/upload", form={"title": "t"}, files={"file": file})
    )
    await show(await client.post("/upload", form={"title": "t"}))
    await show(await client.get("/wrong"))
    await show(await client.get("/list"))
    await show(await client.get("/nowhere"))
    await show(await client.delete("/part/1"))
    async with client.websocket("/ws") as connection:
        await connection.send_json({"noteText": "hello"})
        print(await connection.receive_json())
        await connection.send_json({"stars": "many"})
        print(await connection.receive())
    schema = await (await client.get("/openapi.json")).get_json()
    print(json.dumps(schema, indent=1, sort_keys=True))
    for path in ("/docs", "/redocs", "/scalar"):
        response = await client.get(path)
        text = await response.get_data(as_text=True)
        print(path, response.status_code, "/openapi.json" in text)
    result = app.test_cli_runner().invoke(args=["schema"])
    print(result.exit_code, json.loads(result.output) == schema)


asyncio.run(main())
