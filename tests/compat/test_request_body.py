"""The content of a request, and its limits."""

from io import BytesIO

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


@pytest.fixture
def answers(quart, app):
    """Make the view of POST / return what a coroutine function makes."""

    def decorator(func):
        app.add_url_rule("/", "view", func, methods=["POST"])
        return func

    return decorator


async def said(client, **kwargs):
    response = await client.post("/", **kwargs)
    return response.status_code, (await response.get_data()).decode()


@row("await request.get_data", "await request.data", "await request.body")
@pytest.mark.parametrize("way", ["get_data", "text", "data", "body"])
async def test_the_whole_body_can_be_had(quart, client, answers, way):
    @answers
    async def view():
        request = quart.request
        match way:
            case "get_data":
                return await request.get_data(as_text=False)
            case "text":
                return await request.get_data(as_text=True)
            case "data":
                return await request.data
        return await request.body

    assert await said(client, data="ä") == (200, "ä")


@row("await request.get_data")
async def test_the_body_can_be_had_again(quart, client, answers):
    @answers
    async def view():
        first = await quart.request.get_data()
        return first + await quart.request.get_data()

    assert await said(client, data="a") == (200, "aa")


@row("await request.get_json")
async def test_json_is_read(quart, client, answers):
    @answers
    async def view():
        one = await quart.request.get_json()
        two = await quart.request.json
        return {"same": one is two, **one}

    answer = await client.post("/", json={"a": [1]})
    assert await answer.get_json() == {"same": True, "a": [1]}


@row("await request.get_json")
@pytest.mark.parametrize(
    ("option", "value"), [("force", "[1]"), ("silent", "null")]
)
async def test_json_can_be_forced_and_silent(
    quart, client, answers, option, value
):
    @answers
    async def view():
        return [await quart.request.get_json(**{option: True})]

    kwargs = {"data": "[1]", "headers": {"Content-Type": "text/plain"}}
    assert await said(client, **kwargs) == (200, f"[{value}]\n")


@row("await request.get_json")
@pytest.mark.parametrize("body", ["{", "", "nope", '{"a": }'])
async def test_broken_json_is_a_bad_request(quart, client, answers, body):
    @answers
    async def view():
        return {"a": await quart.request.get_json()}

    kwargs = {"data": body, "headers": {"Content-Type": "application/json"}}
    assert (await said(client, **kwargs))[0] == 400


@row("await request.get_json")
async def test_broken_json_can_be_silent(quart, client, answers):
    @answers
    async def view():
        return [await quart.request.get_json(silent=True)]

    kwargs = {"data": "{", "headers": {"Content-Type": "application/json"}}
    assert await said(client, **kwargs) == (200, "[null]\n")


@row("await request.get_json")
@differs("JSON of another media type is 415, as in Flask: in Quart it is None")
async def test_json_of_another_media_type_is_refused(quart, client, answers):
    @answers
    async def view():
        return {"a": await quart.request.get_json()}

    assert (await said(client, data="{}"))[0] == 415


@row("request.on_json_loading_failed")
async def test_a_request_can_answer_for_broken_json(
    quart, app, client, answers
):
    class Request(quart.Request):
        def on_json_loading_failed(self, error):
            return {"failed": type(error).__name__}

    app.request_class = Request

    @answers
    async def view():
        return await quart.request.get_json()

    kwargs = {"data": "{", "headers": {"Content-Type": "application/json"}}
    status, text = await said(client, **kwargs)
    assert (status, "Error" in text) == (200, True)


@row("await request.form")
async def test_a_form_is_a_multi_dict(quart, client, answers):
    @answers
    async def view():
        form = await quart.request.form
        return [form["a"], form.getlist("b"), form.get("c")]

    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    body = "a=%C3%A4+%2B&b=1&b=2"
    status, text = await said(client, data=body, headers=kind)
    assert (status, text) == (200, '["\\u00e4 +",["1","2"],null]\n')


@row("await request.form")
async def test_a_form_of_several_parts_is_read(quart, client, answers):
    @answers
    async def view():
        return (await quart.request.form).to_dict()

    body = (
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--b\r\nContent-Disposition: form-data; name="c"\r\n\r\n\r\n--b--\r\n'
    )
    kind = "multipart/form-data; boundary=b"
    answer = await said(client, data=body, headers={"Content-Type": kind})
    assert answer == (200, '{"a":"1","c":""}\n')


@row("await request.form")
async def test_what_is_no_form_is_an_empty_one(quart, client, answers):
    @answers
    async def view():
        return (await quart.request.form).to_dict()

    assert await said(client, json={"a": 1}) == (200, "{}\n")


@row("await request.files")
async def test_a_file_is_uploaded(quart, client, answers, tmp_path):
    @answers
    async def view():
        form, files = await quart.request.form, await quart.request.files
        file = files["f"]
        await file.save(tmp_path / "saved")
        return {
            "filename": file.filename,
            "name": file.name,
            "type": file.content_type,
            "mimetype": file.mimetype,
            "params": file.mimetype_params,
            "header": file.headers["X-A"],
            "field": form["a"],
            "true": bool(file),
        }

    file = quart.datastructures.FileStorage(
        BytesIO(b"content"),
        "a.txt",
        content_type="text/plain; charset=utf-8",
        headers=None,
    )
    file.headers["X-A"] = "b"
    response = await client.post("/", form={"a": "1"}, files={"f": file})
    assert await response.get_json() == {
        "filename": "a.txt",
        "name": "f",
        "type": "text/plain; charset=utf-8",
        "mimetype": "text/plain",
        "params": {"charset": "utf-8"},
        "header": "b",
        "field": "1",
        "true": True,
    }
    assert (tmp_path / "saved").read_bytes() == b"content"


@row("await request.files")
async def test_a_file_can_be_read_as_a_file(quart, client, answers):
    @answers
    async def view():
        file = (await quart.request.files)["f"]
        text = file.read().decode()
        file.stream.seek(0)
        again = file.stream.read(2).decode()
        file.close()
        return [text, again]

    file = quart.datastructures.FileStorage(BytesIO(b"abc"), "a.txt")
    answer = await client.post("/", files={"f": file})
    assert await answer.get_json() == ["abc", "ab"]


@row("await request.values")
async def test_values_are_those_of_query_and_form(quart, client, answers):
    @answers
    async def view():
        values = await quart.request.values
        return [values["a"], values["b"], values.getlist("a")]

    answer = await client.post("/?a=1", form={"a": "2", "b": "3"})
    assert await answer.get_json() == ["1", "3", ["1", "2"]]


@row("async for chunk in request.body")
async def test_the_body_comes_piece_by_piece(quart, app, answers):
    got = []

    @answers
    async def view():
        async for chunk in quart.request.body:
            got.append(bytes(chunk))
        return "x"

    client = app.test_client()
    async with client.request("/", method="POST") as connection:
        await connection.send(b"a")
        await connection.send(b"b")
        await connection.send_complete()
    assert b"".join(got) == b"ab"


# -- limits --


@row("request.max_content_length")
async def test_too_much_content_is_refused(quart, app, client, answers):
    app.config["MAX_CONTENT_LENGTH"] = 3

    @answers
    async def view():
        return await quart.request.get_data()

    assert await said(client, data="abc") == (200, "abc")
    assert (await said(client, data="abcd"))[0] == 413


@row("request.max_content_length")
@differs("the limit counts what has been read, however it is read")
async def test_too_much_content_is_refused_piece_by_piece(quart, app, answers):
    app.config["MAX_CONTENT_LENGTH"] = 3

    @answers
    async def view():
        async for _ in quart.request.body:
            pass
        return "x"

    async with app.test_client().request("/", method="POST") as connection:
        await connection.send(b"ab")
        await connection.send(b"cd")
        await connection.send_complete()
    assert (await connection.as_response()).status_code == 413


@row("request.max_content_length")
@differs("a view may set its own limit: in Quart that comes too late")
async def test_a_view_can_set_its_limit(quart, app, client, answers):
    app.config["MAX_CONTENT_LENGTH"] = 3

    @answers
    async def view():
        quart.request.max_content_length = None
        return await quart.request.get_data()

    assert await said(client, data="abcd") == (200, "abcd")


@row("request.max_form_memory_size")
async def test_too_large_fields_are_refused(quart, app, client, answers):
    app.config["MAX_FORM_MEMORY_SIZE"] = 3

    @answers
    async def view():
        return (await quart.request.form)["a"]

    kind = "multipart/form-data; boundary=b"
    body = (
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n%b\r\n--b--'
        b"\r\n"
    )
    for value, status in ((b"abc", 200), (b"abcdefgh", 413)):
        answer = await said(
            client, data=body % value, headers={"Content-Type": kind}
        )
        assert answer[0] == status


@row("request.max_form_memory_size")
async def test_too_many_parts_are_refused(quart, app, client, answers):
    app.config["MAX_FORM_PARTS"] = 1

    @answers
    async def view():
        await quart.request.form
        return "x"

    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    for count, status in ((1, 200), (2, 413)):
        body = part * count + b"--b--\r\n"
        answer = await said(client, data=body, headers=headers)
        assert answer[0] == status


@row("BODY_TIMEOUT: 408")
async def test_a_body_that_does_not_come_is_a_timeout(quart, app, answers):
    app.config["BODY_TIMEOUT"] = 0.01

    @answers
    async def view():
        return await quart.request.get_data()

    async with app.test_client().request("/", method="POST") as connection:
        await connection.send(b"a")
        await connection.receive()
    assert (await connection.as_response()).status_code == 408


@row("request.make_form_data_parser")
async def test_the_parser_of_forms_can_be_replaced(
    quart, werkzeug, app, client, answers
):
    class Parser(quart.formparser.FormDataParser):
        pass

    made = []

    class Request(quart.Request):
        form_data_parser_class = Parser

        def make_form_data_parser(self):
            parser = super().make_form_data_parser()
            made.append(type(parser))
            return parser

    app.request_class = Request

    @answers
    async def view():
        return (await quart.request.form)["a"]

    assert await said(client, form={"a": "1"}) == (200, "1")
    assert made == [Parser]


@row("request.stream raises")
async def test_the_stream_of_flask_is_not_there(quart, app, client, answers):
    @answers
    async def view():
        try:
            await quart.request.stream
        except NotImplementedError as error:
            return str(error)

    status, text = await said(client)
    assert (status, "body" in text) == (200, True)
