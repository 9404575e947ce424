"""quart-wtforms: fields, CSRF, files, async validators."""

import asyncio
import io
import re

from quart import Quart, render_template_string, request
from quart.datastructures import FileStorage
from quart_wtf import CSRFProtect, QuartForm
from quart_wtf.csrf import CSRFError
from quart_wtf.file import FileAllowed, FileField, FileRequired, FileSize
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

TEMPLATE = """
<form method=post>{{ form.hidden_tag() }}{{ form.name() }}{{ form.text() }}
{% for field in form.errors %}{{ field }}: {{ form.errors[field] }}{% endfor %}
"""

app = Quart(__name__)
app.secret_key = "not so secret"
csrf = CSRFProtect(app)


class NoteForm(QuartForm):
    name = StringField("Name", [DataRequired(), Length(max=10)])
    text = TextAreaField("Text", default="write")

    async def async_validators_name(self, field):
        await asyncio.sleep(0)
        if field.data == "taken":
            raise ValidationError("is taken")


class FileForm(QuartForm):
    upload = FileField(
        validators=[FileRequired(), FileAllowed(["txt"]), FileSize(10)]
    )


@app.route("/", methods=["GET", "POST"])
async def index():
    form = await NoteForm.create_form()
    if await form.validate_on_submit():
        return {"name": form.name.data, "text": form.text.data}
    return await render_template_string(TEMPLATE, form=form)


@app.post("/file")
@csrf.exempt
async def file():
    form = await FileForm.create_form(meta={"csrf": False})
    if await form.validate_on_submit():
        data = form.upload.data
        return {"filename": data.filename, "size": len(data.read())}
    return form.errors, 400


@app.post("/json")
async def json():
    return {"posted": await request.get_json()}


@app.errorhandler(CSRFError)
async def refused(error):
    return {"csrf": error.description}, error.code


async def token_of(client):
    page = await (await client.get("/")).get_data(as_text=True)
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    print(re.sub(r'value="[^"]{20,}"', "value=...", page).split())
    return found.group(1)


async def show(response):
    print(
        response.status_code, (await response.get_data(as_text=True)).split()
    )


async def main():
    client = app.test_client()
    token = await token_of(client)
    good = {"csrf_token": token, "name": "Ada", "text": "hello"}
    await show(await client.post("/", form=good))
    await show(await client.post("/", form={"name": "Ada"}))
    await show(await client.post("/", form={**good, "csrf_token": "forged"}))
    for name in ("", "x" * 11, "taken"):
        response = await client.post("/", form={**good, "name": name})
        text = await response.get_data(as_text=True)
        print(response.status_code, re.findall(r"name: .*", text))
    response = await client.post(
        "/json", json={"a": 1}, headers={"X-CSRFToken": token}
    )
    await show(response)
    await show(await client.post("/json", json={"a": 1}))
    https = {"Referer": "https://localhost/"}
    for headers in ({}, https, {"Referer": "https://other.example/"}):
        response = await client.post(
            "/", form=good, scheme="https", headers=headers
        )
        await show(response)
    for filename, content in [
        ("a.txt", b"hello"),
        ("a.exe", b"hello"),
        ("a.txt", b"x" * 11),
    ]:
        upload = FileStorage(io.BytesIO(content), filename=filename)
        response = await client.post("/file", files={"upload": upload})
        await show(response)
    await show(await client.post("/file", form={"upload": "no file"}))
    await show(await app.test_client().post("/", form=good))


asyncio.run(main())
