"""Static files."""

import pytest

row = pytest.mark.row
differs = pytest.mark.differs


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "a.txt").write_text("abcdef")
    (tmp_path / "static" / "sub").mkdir()
    (tmp_path / "static" / "sub" / "b.css").write_text("b")
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path


@pytest.fixture
def app(quart, folder):
    return quart.Quart(__name__, root_path=str(folder))


@row("static route")
@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/static/a.txt", 200, "text/plain"),
        ("/static/sub/b.css", 200, "text/css"),
        ("/static/nope", 404, "text/html"),
        ("/static/sub", 404, "text/html"),
        ("/static/", 404, "text/html"),
    ],
)
async def test_a_static_file_is_sent(client, path, status, kind):
    response = await client.get(path)
    assert (response.status_code, response.mimetype) == (status, kind)


@row('url_for("static"')
async def test_a_static_file_has_a_url(quart, app):
    async with app.test_request_context("/"):
        url = quart.url_for("static", filename="sub/b.css")
        assert url == "/static/sub/b.css"


@row("ETag, Last-Modified")
async def test_a_static_file_can_be_asked_for_conditionally(client):
    first = await client.get("/static/a.txt")
    etag, modified = first.headers["ETag"], first.headers["Last-Modified"]
    assert first.cache_control.max_age == 43200
    assert first.expires is not None
    for condition in (
        {"If-None-Match": etag},
        {"If-Modified-Since": modified},
    ):
        again = await client.get("/static/a.txt", headers=condition)
        assert (again.status_code, await again.get_data()) == (304, b"")
        assert again.headers["ETag"] == etag


@row("Range: 206, 416")
@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [("bytes=0-1", 206, b"ab"), ("bytes=2-", 206, b"cdef")],
)
async def test_a_part_of_a_static_file_is_sent(client, wanted, status, body):
    response = await client.get("/static/a.txt", headers={"Range": wanted})
    assert (response.status_code, await response.get_data()) == (status, body)


@row("Range: 206, 416")
async def test_no_part_is_outside_of_a_static_file(client):
    headers = {"Range": "bytes=100-200"}
    response = await client.get("/static/a.txt", headers=headers)
    assert response.status_code == 416


@row("traversal refused")
@pytest.mark.parametrize(
    "path",
    [
        "/static/../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/..%2fsecret.txt",
        "/static//etc/hostname",
        "/static/sub/../../secret.txt",
        "/static/..%5csecret.txt",
    ],
)
async def test_there_is_no_way_out_of_the_static_folder(client, path):
    response = await client.get(path, follow_redirects=True)
    assert b"secret" not in await response.get_data()
    assert response.status_code == 404


@row("app.send_static_file")
async def test_the_sending_of_files_can_be_overridden(quart, folder):
    class App(quart.Quart):
        def get_send_file_max_age(self, filename):
            return 7 if filename and filename.endswith("a.txt") else None

        async def send_static_file(self, filename):
            response = await super().send_static_file(filename)
            response.headers["X-A"] = "b"
            return response

    app = App(__name__, root_path=str(folder))
    response = await app.test_client().get("/static/a.txt")
    assert response.headers["X-A"] == "b"
    assert response.cache_control.max_age == 7
    assert app.has_static_folder
    assert str(app.static_folder) == str(folder / "static")
    assert app.static_url_path == "/static"


@row("SEND_FILE_MAX_AGE_DEFAULT")
async def test_the_time_in_caches_is_configured(app, client):
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 60
    response = await client.get("/static/a.txt")
    assert response.cache_control.max_age == 60


@row("USE_X_SENDFILE")
def test_the_key_of_x_sendfile_is_there(app):
    assert app.config["USE_X_SENDFILE"] is False
