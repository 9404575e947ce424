"""The service as its clients, and as those who run it, see it."""

import importlib
import json

import httpx
import pytest
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine


@pytest.fixture
def app(importable, tmp_path):
    """The service, with a database of the test's own."""
    service = importlib.import_module("service")
    settings = importlib.import_module("service.settings")
    url = f"sqlite+aiosqlite:///{tmp_path}/notes.db"
    return service.create_app(
        settings.Settings(database_url=url, max_body=1_000)
    )


async def add(client, **members):
    response = await client.post("/notes", json={"title": "a", **members})
    assert response.status_code == 201
    return await response.get_json()


# -- notes --


async def test_a_note_is_added_and_can_be_read_where_it_is(client):
    response = await client.post("/notes", json={"title": "a", "text": "b"})
    assert response.status_code == 201
    note = await response.get_json()
    assert (note["title"], note["text"]) == ("a", "b")
    found = await client.get(response.location)
    assert await found.get_json() == note


async def test_a_note_can_be_changed(client):
    note = await add(client)
    path = f"/notes/{note['id']}"
    changed = await client.put(path, json={"title": "z"})
    assert (
        await changed.get_json() == await (await client.get(path)).get_json()
    )
    after = await changed.get_json()
    assert (after["title"], after["changed"] > note["changed"]) == ("z", True)


async def test_a_note_can_be_removed_once(client):
    path = f"/notes/{(await add(client))['id']}"
    assert (await client.delete(path)).status_code == 204
    assert (await client.delete(path)).status_code == 404
    assert (await client.get(path)).status_code == 404


async def test_a_list_comes_in_pages(client):
    ids = [(await add(client))["id"] for _ in range(5)]
    pages, path = [], "/notes?limit=2"
    while path:
        page = await (await client.get(path)).get_json()
        pages.append([note["id"] for note in page["notes"]])
        path = page.get("next")
    assert pages == [ids[:2], ids[2:4], ids[4:]]


@pytest.mark.parametrize("number", [-(10**30), 10**30])
async def test_no_number_is_too_large_for_a_list(client, number):
    path = f"/notes?after={number}&limit={number}"
    assert (await client.get(path)).status_code == 200


# -- problems --


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/title"}),
        ({"title": ""}, {"/title"}),
        ({"title": "x" * 201}, {"/title"}),
        ({"title": 1, "text": 2}, {"/title", "/text"}),
        ({"title": "a", "colour": "red"}, {"/colour"}),
        ({"title": "\0", "text": "\ud800"}, {"/title", "/text"}),
        ([], {""}),
    ],
)
async def test_all_that_is_wrong_is_said_at_once(client, body, pointers):
    response = await client.post("/notes", json=body)
    assert response.status_code == 422
    errors = (await response.get_json())["errors"]
    assert {error["pointer"] for error in errors} == pointers


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", "", 404),
        ("GET", "/notes/7", "", 404),
        ("GET", f"/notes/{10**30}", "", 404),
        ("PATCH", "/notes/7", "", 405),
        ("POST", "/notes", "{", 400),
        ("POST", "/notes", "x" * 1_001, 413),
    ],
)
async def test_every_error_is_a_problem(client, method, path, body, status):
    response = await client.open(
        path,
        method=method,
        data=body,
        headers={"content-type": "application/json"},
    )
    assert response.mimetype == "application/problem+json"
    problem = await response.get_json()
    assert problem["status"] == response.status_code == status
    assert problem["instance"] == path


async def test_an_error_keeps_its_fields(client):
    response = await client.patch("/notes/7")
    assert set(response.allow) == {"GET", "PUT", "DELETE", "HEAD", "OPTIONS"}


async def test_a_crash_tells_the_log_and_not_the_client(app, client, caplog):
    app.extensions["database"] = None
    response = await client.get("/notes")
    assert response.status_code == 500
    problem = await response.get_json()
    assert "NoneType" not in str(problem)
    assert "NoneType" in caplog.text


# -- for who runs it --


async def test_it_is_ready_while_the_database_answers(app, client):
    assert (await client.get("/health/ready")).status_code == 200
    nowhere = create_async_engine("sqlite+aiosqlite:////nowhere/notes.db")
    was = app.extensions["database"]
    app.extensions["database"] = type(was)(
        nowhere, async_sessionmaker(nowhere)
    )
    response = await client.get("/health/ready")
    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert (await client.get("/health/live")).status_code == 200
    await nowhere.dispose()


async def test_requests_are_counted_by_rule(client):
    await add(client)
    for path in ("/notes/1", "/notes/2", "/nothing"):
        await client.get(path)
    metrics = await (await client.get("/metrics")).get_data(as_text=True)
    for labels in (
        'method="GET",route="/notes/<int(max=2147483647):id>",status="200"',
        'method="GET",route="/notes/<int(max=2147483647):id>",status="404"',
        'method="GET",route="",status="404"',
    ):
        assert f"http_requests_total{{{labels}}} 1.0" in metrics


def test_settings_have_types_and_defaults(importable):
    settings = importlib.import_module("service.settings")
    read = settings.Settings.from_environment
    assert read({}).max_body == 65_536
    assert read({"NOTES_MAX_BODY": "1000"}).max_body == 1000
    with pytest.raises(settings.SettingsError, match="NOTES_MAX_BODY is 'x'"):
        read({"NOTES_MAX_BODY": "x"})


@pytest.mark.slow
def test_what_a_request_logs_has_its_id(serve, tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path}/notes.db"
    server = serve(NOTES_DATABASE_URL=url)
    response = httpx.post(f"{server.url}/notes", json={"title": "a"})
    name = response.headers["x-request-id"]
    server.wait_for(r'"message": "POST /notes"')
    records = [json.loads(line) for line in server.log]
    messages = [each["message"] for each in records if each.get("id") == name]
    assert messages == ["note 1 is added", "POST /notes"]


@pytest.mark.slow
def test_notes_are_there_after_a_restart(serve, tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path}/notes.db"
    server = serve(NOTES_DATABASE_URL=url)
    httpx.post(f"{server.url}/notes", json={"title": "a"})
    assert server.stop() == 0
    again = serve(NOTES_DATABASE_URL=url)
    assert httpx.get(f"{again.url}/notes/1").json()["title"] == "a"
