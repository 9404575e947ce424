"""Each application answers below its prefix, and knows where it is."""

import httpx
import pytest
from websockets.sync.client import connect

MOUNTS = {
    "": "microquart",
    "/starlette": "Starlette",
    "/fastapi": "FastAPI",
    "/django": "Django",
    "/flask": "Flask",
}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_each_is_below_its_prefix_and_its_links_too(serve, loop):
    server = serve("--loop", loop)
    with httpx.Client(base_url=server.url) as client:
        page = client.get("/").text
        for prefix, name in MOUNTS.items():
            assert f'href="{prefix}/hello/Ada"' in page
            answer = client.get(f"{prefix}/hello/Ada").json()
            assert (answer["hello"], answer["by"]) == ("Ada", name)
            assert answer["link"] == f"{prefix}/hello/Bob"
            assert client.get(answer["link"]).json()["hello"] == "Bob"


def test_what_none_of_them_knows_is_each_one_s_own_404(serve):
    server = serve()
    with httpx.Client(base_url=server.url) as client:
        pages = [client.get(f"{prefix}/nowhere") for prefix in MOUNTS]
    assert [page.status_code for page in pages] == [404] * len(MOUNTS)
    assert len({page.text for page in pages}) > 3


def test_fastapi_s_pages_find_their_description(serve):
    server = serve()
    with httpx.Client(base_url=server.url) as client:
        assert "'/fastapi/openapi.json'" in client.get("/fastapi/docs").text
        answer = client.get("/fastapi/openapi.json").json()
    assert list(answer["paths"]) == ["/hello/{name}"]


def test_a_lifespan_s_state_and_a_websocket_are_starlette_s(serve):
    server = serve()
    with httpx.Client(base_url=server.url) as client:
        for visits in (1, 2):
            answer = client.get("/starlette/hello/Ada").json()
            assert answer["visits"] == visits
    url = server.url.replace("http", "ws")
    with connect(f"{url}/starlette/echo") as talk:
        talk.send("hello")
        assert talk.recv(10) == "hello"
