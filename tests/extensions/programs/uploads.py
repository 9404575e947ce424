"""quart-uploads: files that are saved, refused, renamed and served."""

import asyncio
import io
import os
import tempfile
from pathlib import Path

from quart import Quart, request
from quart.datastructures import FileStorage
from quart_uploads import (
    ALL,
    FE,
    AllExcept,
    UploadNotAllowed,
    UploadSet,
    configure_uploads,
)

FOLDER = tempfile.TemporaryDirectory()
ROOT = Path(FOLDER.name)

app = Quart(__name__)
app.config["UPLOADED_PHOTOS_DEST"] = str(ROOT / "photos")
app.config["UPLOADS_DEFAULT_DEST"] = str(ROOT / "all")
app.config["UPLOADS_DEFAULT_URL"] = "https://files.example/"
photos = UploadSet("photos", FE.Images)
texts = UploadSet("texts", AllExcept(FE.Executables))
anything = UploadSet("anything", ALL)
configure_uploads(app, (photos, texts, anything))


@app.post("/photos")
async def upload():
    files = await request.files
    try:
        name = await photos.save(
            files["photo"], folder=request.args.get("folder")
        )
    except UploadNotAllowed:
        return "not allowed", 400
    size = await asyncio.to_thread(os.path.getsize, photos.path(name))
    return {"name": name, "url": photos.url(name), "size": size}


@app.post("/texts")
async def text():
    (file,) = (await request.files).getlist("text")
    name = await texts.save(file, name="renamed.")
    return {"name": name, "url": texts.url(name)}


async def main():
    client = app.test_client()
    for filename, query in [
        ("Cat.PNG", ""),
        ("Cat.PNG", ""),
        ("../../etc/dog.jpg", "?folder=dogs"),
        ("program.exe", ""),
    ]:
        file = FileStorage(io.BytesIO(b"picture"), filename=filename)
        response = await client.post(f"/photos{query}", files={"photo": file})
        print(response.status_code, await response.get_data(as_text=True))
    file = FileStorage(io.BytesIO(b"hello"), filename="a.txt")
    response = await client.post("/texts", files={"text": file})
    print(response.status_code, await response.get_json())
    response = await client.get("/_uploads/photos/Cat.png")
    print(response.status_code, response.mimetype, await response.get_data())
    print((await client.get("/_uploads/photos/none.png")).status_code)
    print((await client.get("/_uploads/nothing/cat.png")).status_code)


asyncio.run(main())
FOLDER.cleanup()
