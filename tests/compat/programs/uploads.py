"""A form with a file, and a body taken piece by piece."""

from quart import Quart, request

app = Quart(__name__)
app.config["MAX_CONTENT_LENGTH"] = 4096


@app.get("/")
async def form():
    return (
        '<form method="post" enctype="multipart/form-data">'
        '<input type="file" name="photo"></form>'
    )


@app.post("/")
async def upload():
    files = await request.files
    form = await request.form
    if "photo" not in files:
        return {"error": "no photo"}, 400
    photo = files["photo"]
    return {
        "name": photo.filename,
        "type": photo.mimetype,
        "size": len(photo.read()),
        "title": form.get("title", ""),
    }


@app.put("/raw")
async def raw():
    size = 0
    async for chunk in request.body:
        size += len(chunk)
    return {"size": size}
