"""How to test views: ask in memory, and look at what comes back."""

import pytest


async def test_text_comes_as_text(client):
    response = await client.get("/hello/Ada")
    assert response.mimetype == "text/plain"
    assert await response.get_data(as_text=True) == "Hello, Ada\n"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["world"]),
        ("?name=Ada", ["Ada"]),
        ("?name=Ada&times=2", ["Ada", "Ada"]),
        ("?times=many", ["world"]),
    ],
)
async def test_the_query_has_defaults(client, query, names):
    response = await client.get(f"/api/hello{query}")
    assert await response.get_json() == {"hello": names}


async def test_what_comes_from_outside_is_escaped(client):
    response = await client.get("/page/%3Ci%3EAda")
    assert "<h1>&lt;i&gt;Ada</h1>" in await response.get_data(as_text=True)


async def test_json_goes_in_and_out(client):
    response = await client.post("/api/hello", json={"a": 1})
    assert response.status_code == 201
    assert await response.get_json() == {"received": {"a": 1}}


@pytest.mark.parametrize(
    ("kind", "data", "status"),
    [("application/json", "{", 400), ("text/plain", "{}", 415)],
)
async def test_what_is_no_json_is_refused(client, kind, data, status):
    response = await client.post(
        "/api/hello", data=data, headers={"content-type": kind}
    )
    assert response.status_code == status


async def test_the_page_leads_to_the_other_views(client):
    page = await (await client.get("/")).get_data(as_text=True)
    for path in ("/hello/Ada", "/api/hello?name=Ada&times=2"):
        assert path.replace("&", "&amp;") in page
        assert (await client.get(path)).status_code == 200
