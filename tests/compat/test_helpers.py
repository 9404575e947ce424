"""What views call."""

from io import BytesIO

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


async def answer(app, func, path="/", **kwargs):
    app.add_url_rule(path.partition("?")[0], "view", func)
    return await app.test_client().get(path, **kwargs)


@row("abort(code, ...)")
@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ((404,), 404, "Not Found"),
        ((404, "not here"), 404, "not here"),
        ((418,), 418, "teapot"),
    ],
)
async def test_abort_ends_a_view_with_a_status(
    quart, app, arguments, status, words
):
    async def view():
        quart.abort(*arguments)

    response = await answer(app, view)
    assert response.status_code == status
    assert words in (await response.get_data()).decode()


@row("abort(code, ...)")
async def test_abort_ends_a_view_with_a_response(quart, app):
    async def view():
        quart.abort(quart.Response("mine", 299))

    response = await answer(app, view)
    assert (response.status_code, await response.get_data()) == (299, b"mine")


@row("abort(code, ...)")
async def test_abort_knows_what_it_can_raise(quart, werkzeug, app):
    async with app.app_context():
        with pytest.raises(LookupError):
            quart.abort(299)
        with pytest.raises(werkzeug.exceptions.NotFound):
            quart.abort(404)


@row("abort.mapping")
def test_the_mapping_has_a_class_for_each_code(app, werkzeug):
    assert app.aborter.mapping[404] is werkzeug.exceptions.NotFound


@row("abort.mapping")
@differs("abort is an object, as it was in the Quart of the book")
def test_abort_has_its_mapping(quart, werkzeug):
    assert quart.abort.mapping[404] is werkzeug.exceptions.NotFound


@row("redirect(location, code)")
@pytest.mark.parametrize("code", [None, 301, 303, 307, 308])
async def test_redirect_leads_elsewhere(quart, app, code):
    async def view():
        arguments = () if code is None else (code,)
        return quart.redirect("/a?x=1", *arguments)

    response = await answer(app, view)
    assert response.status_code == (code or 302)
    assert response.location == "/a?x=1"
    assert "/a?x=" in (await response.get_data()).decode()


@row("redirect(location, code)")
@differs("the location is a URI: Quart sends other letters as they are")
async def test_redirect_quotes_what_a_uri_cannot_have(quart, app):
    async def view():
        return quart.redirect("/a?x=ä")

    assert (await answer(app, view)).location == "/a?x=%C3%A4"


@row("await make_response(*args)")
@pytest.mark.parametrize(
    ("arguments", "status", "body"),
    [
        ((), 200, b""),
        (("a",), 200, b"a"),
        (("a", 201), 201, b"a"),
        (("a", 201, {"X-A": "b"}), 201, b"a"),
    ],
)
async def test_make_response_takes_what_a_view_returns(
    quart, app, arguments, status, body
):
    async def view():
        response = await quart.make_response(*arguments)
        response.headers["X-B"] = "c"
        return response

    response = await answer(app, view)
    assert response.status_code == status
    assert await response.get_data(as_text=False) == body
    assert response.headers["X-B"] == "c"


@row("jsonify")
@pytest.mark.parametrize(
    ("args", "kwargs", "body"),
    [
        (({"a": 1},), {}, b'{"a":1}\n'),
        ((), {"a": 1, "b": [2]}, b'{"a":1,"b":[2]}\n'),
        ((1, 2), {}, b"[1,2]\n"),
        ((None,), {}, b"null\n"),
        ((), {}, b"null\n"),
        (("a",), {}, b'"a"\n'),
    ],
)
async def test_jsonify_makes_a_response_of_json(
    quart, app, args, kwargs, body
):
    async def view():
        return quart.jsonify(*args, **kwargs)

    response = await answer(app, view)
    assert await response.get_data(as_text=False) == body
    assert response.content_type == "application/json"


@row("after_this_request")
async def test_after_this_request_changes_the_response(quart, app):
    async def view():
        @quart.after_this_request
        async def one(response):
            response.headers["X-A"] = "1"
            return response

        @quart.after_this_request
        def two(response):
            response.headers["X-A"] += "2"
            return response

        return "x"

    assert (await answer(app, view)).headers["X-A"] == "12"


@row("stream_with_context")
async def test_a_stream_keeps_its_request(quart, app):
    async def view():
        @quart.stream_with_context
        async def stream():
            yield quart.request.args["x"]
            yield quart.request.path

        return stream()

    response = await answer(app, view, "/?x=1")
    assert await response.get_data() == b"1/"


@row("stream_with_context")
@differs("a stream keeps g too: in Quart it is lost")
async def test_a_stream_keeps_g(quart, app):
    async def view():
        quart.g.x = "kept"

        async def stream():
            yield quart.g.x

        return stream()

    assert await (await answer(app, view)).get_data() == b"kept"


@row("url_for")
async def test_url_for_is_a_helper(quart, app):
    async def view():
        return quart.url_for("view", x=1)

    assert await (await answer(app, view)).get_data() == b"/?x=1"


# -- files --


@pytest.fixture
def path(tmp_path):
    (tmp_path / "a.txt").write_text("content")
    return tmp_path / "a.txt"


@row("await send_file")
async def test_a_file_is_sent_by_its_path(quart, app, path):
    async def view():
        return await quart.send_file(path)

    response = await answer(app, view)
    assert await response.get_data() == b"content"
    assert response.mimetype == "text/plain"
    assert response.last_modified is not None
    assert response.get_etag()[0]


@row("await send_file")
async def test_a_file_is_sent_from_memory(quart, app):
    async def view():
        return await quart.send_file(
            BytesIO(b"a"), mimetype="a/b", attachment_filename="x"
        )

    response = await answer(app, view)
    assert await response.get_data() == b"a"
    assert response.content_type == "a/b"


@row("await send_file")
async def test_a_file_in_memory_needs_a_media_type(quart, app):
    async with app.test_request_context("/"):
        with pytest.raises(ValueError, match="mime"):
            await quart.send_file(BytesIO(b"a"))


@row("await send_file")
@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("b.txt", "attachment; filename=b.txt"),
        ("a b.txt", 'attachment; filename="a b.txt"'),
    ],
)
async def test_a_file_can_be_an_attachment(quart, app, path, name, field):
    async def view():
        return await quart.send_file(
            path, as_attachment=True, attachment_filename=name
        )

    response = await answer(app, view)
    assert response.headers["Content-Disposition"] == field


@row("await send_file")
@differs("the name of an attachment is written as RFC 6266 and 8187 say")
async def test_an_attachment_may_have_any_letters(quart, app, path):
    async def view():
        return await quart.send_file(
            path, as_attachment=True, attachment_filename="ä.txt"
        )

    field = (await answer(app, view)).headers["Content-Disposition"]
    assert "filename*=UTF-8''%C3%A4.txt" in field


@row("await send_file")
async def test_a_file_can_be_kept_for_some_time(quart, app, path):
    async def view():
        return await quart.send_file(
            path, cache_timeout=60, last_modified=784111777
        )

    response = await answer(app, view)
    assert response.cache_control.max_age == 60
    assert response.expires is not None
    assert response.headers["Last-Modified"] == "Sun, 06 Nov 1994 08:49:37 GMT"


@row("await send_file")
async def test_a_file_can_be_sent_without_a_tag(quart, app, path):
    async def view():
        return await quart.send_file(path, add_etags=False)

    assert "ETag" not in (await answer(app, view)).headers


@row("await send_file")
async def test_a_file_answers_conditions(quart, app, path):
    async def view():
        return await quart.send_file(path, conditional=True)

    first = await answer(app, view)
    client = app.test_client()
    same = {"If-None-Match": first.headers["ETag"]}
    assert (await client.get("/", headers=same)).status_code == 304
    part = await client.get("/", headers={"Range": "bytes=0-2"})
    assert (part.status_code, await part.get_data()) == (206, b"con")


@row("await send_file")
@differs("ranges are answered unless told: Quart wants conditional=True")
async def test_a_file_answers_ranges_by_itself(quart, app, path):
    async def view():
        return await quart.send_file(path)

    part = await answer(app, view, headers={"Range": "bytes=0-2"})
    assert part.status_code == 206


@row("await send_from_directory")
@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("a.txt", 200),
        ("./a.txt", 200),
        ("nope.txt", 404),
        ("../outside.txt", 404),
        ("/etc/hostname", 404),
        (".", 404),
        ("", 404),
    ],
)
async def test_a_file_is_sent_from_a_directory(quart, app, path, name, status):
    path.parent.parent.joinpath("outside.txt").write_text("x")

    async def view():
        return await quart.send_from_directory(path.parent, name)

    assert (await answer(app, view)).status_code == status


@row("get_template_attribute")
@differs("it works: in Quart it fails, as its templates are async")
async def test_a_macro_can_be_called_from_python(quart, app):
    async with app.app_context():
        hello = quart.get_template_attribute("macros.html", "hello")
        assert hello("<b>") == "Hello &lt;b&gt;!"


@row("escape, Markup")
@differs("Quart's names that went to markupsafe are here still")
def test_escape_and_markup_are_at_hand(quart):
    assert quart.escape("<") == quart.Markup("&lt;")


@row("has_request_context")
async def test_it_can_be_asked_which_context_there_is(quart, app):
    def asked():
        return (
            quart.has_request_context(),
            quart.has_websocket_context(),
            quart.has_app_context(),
        )

    async def view():
        return list(asked())

    @app.websocket("/ws")
    async def socket():
        await quart.websocket.send_json(list(asked()))

    assert asked() == (False, False, False)
    response = await answer(app, view)
    assert await response.get_json() == [True, False, True]
    async with app.test_client().websocket("/ws") as connection:
        assert await connection.receive_json() == [False, True, True]
    async with app.app_context():
        assert asked() == (False, False, True)
