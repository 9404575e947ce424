"""What the words of a filter mean; test_page.py asks the page the same."""

import pytest

from microquart.xray import filters
from microquart.xray.requests import requests_of
from tests.xray.recorded import over_http1, over_websocket

GET, POST, LOST = "r1", "r2", "r3"  # 200, 201 and 404


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", [GET, POST, LOST]),
        ("status:4xx", [LOST]),
        ("status:2xx method:post", [POST]),
        ("-status:2xx", [LOST]),
        ("/users/7", [GET, POST]),
        ("POST", [POST]),
        ("-post", [GET, LOST]),
        ("path:/users/x", [LOST]),
        ("req:r2 conn:c1", [POST]),
        ("stream:1", []),
        ("protocol:1.1 >50s", []),
        ("<50s >0.001us", [GET, POST, LOST]),
        ("layer:route verdict:converter", [LOST]),
        ("layer:user verdict:converter", []),
        ("why:method", [GET, POST]),
        ("name:user.call qualname:change", [POST]),
        ("-qualname:change", [GET, LOST]),
        ("content-length:4 content-type:json", []),
        ("content-type:json", [GET]),
        ("src:recorded.py", [GET, POST, LOST]),
        ("colour:red", []),
        ("-", []),
    ],
)
async def test_a_filter_picks_requests(words, found):
    requests = requests_of(await over_http1())
    test = filters.parse(words)
    assert [request.id for request in requests if test(request)] == found


async def test_a_websocket_has_a_word_as_its_method():
    [request] = requests_of(await over_websocket())
    assert filters.parse("method:ws ws /chat status:101")(request)
    assert not filters.parse("method:get")(request)


@pytest.mark.parametrize(
    ("words", "layers"),
    [
        ("", ()),
        ("layer:route why:method name:user.call", ("route", "user.call")),
        ("-layer:route xlayer:a", ()),
    ],
)
def test_layers_and_names_leave_out_other_events(words, layers):
    assert filters.layers(words) == layers
