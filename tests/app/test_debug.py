"""The development pages: what they show, what they hide, and to whom."""

import html
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from microquart.app import Quart
from microquart.asgi import ReceiveMessage
from microquart.debug import (
    hide,
    hide_field,
    may_see,
    routing_response,
    traceback_response,
)
from microquart.exceptions import HTTPException, MethodNotAllowed, NotFound
from microquart.http.datastructures import Headers
from microquart.routing import Map, Rule
from microquart.testing import make_test_scope
from microquart.wrappers.request import Request
from microquart.wrappers.response import Response

CONFIG: Mapping[str, Any] = {
    "SECRET_KEY": "deep secret",
    "DEBUG": True,
    "DATABASE": "postgresql://me:deep-secret@db/shop",
    "MAIL": {"HOST": "mx", "PASSWORD": "deep secret"},
    "SERVER_NAME": None,
}


SETTINGS = Quart(__name__).request_settings()


async def receive() -> ReceiveMessage:
    return {"type": "http.disconnect"}


def request_for(
    path: str = "/",
    method: str = "GET",
    client: tuple[str, int] | None = ("127.0.0.1", 50000),
    browser: bool = True,
    **fields: str,
) -> Request:
    headers = Headers({"Host": "localhost:8000"})
    headers["Accept"] = "text/html, */*;q=0.8" if browser else "*/*"
    headers.update({k.replace("_", "-"): v for k, v in fields.items()})
    scope = make_test_scope(
        "http",
        path,
        method,
        headers,
        b"",
        "http",
        "",
        "1.1",
        {"client": client},
    )
    return Request(scope, receive, SETTINGS)


def failed(text: str = "<boom & co>") -> Exception:
    """Return an exception as it comes out of a view."""
    local_variable = "value of a local"
    try:
        raise ValueError(text + local_variable[:0])
    except ValueError as error:
        return error


async def page_of(response: Response) -> str:
    return await response.get_data(as_text=True)


# -- the traceback --


async def test_the_page_shows_the_exception_and_the_lines_round_it() -> None:
    response = traceback_response(failed(), request_for("/x"), CONFIG)
    page = await page_of(response)
    assert response.status_code == 500
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>ValueError: &lt;boom &amp; co&gt;</h1>" in page
    assert "test_debug.py" in page
    assert "<mark>" in page
    assert "raise ValueError(text + local_variable[:0])" in page
    assert "GET /x" in page


async def test_of_libraries_only_the_place_is_shown() -> None:
    try:
        json.loads("no JSON")
    except ValueError as error:
        caught = error
    page = await page_of(traceback_response(caught, request_for(), CONFIG))
    assert "raw_decode" in page
    assert page.count("<mark>") == 1
    assert "json.loads(&#34;no JSON&#34;)" in page


async def test_curl_gets_plain_text() -> None:
    request = request_for(browser=False)
    response = traceback_response(failed(), request, CONFIG)
    text = await page_of(response)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("ValueError: <boom & co>\n")


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "{{ 7 * 7 }}",
        "{0} {title} {__class__}",
        "</pre></title><img src=x onerror=alert(1)>",
    ],
)
async def test_nothing_of_the_page_is_interpreted(hostile: str) -> None:
    request = request_for("/" + hostile, X_Hostile=hostile)
    error = failed(hostile)
    page = await page_of(traceback_response(error, request, CONFIG))
    assert html.escape(hostile, quote=False) in page.replace("&#39;", "'")
    for tag in ("<script", "<img"):
        assert tag not in page


async def test_the_page_may_load_nothing_and_is_not_kept() -> None:
    headers = traceback_response(failed(), request_for(), CONFIG).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("browser", [True, False])
async def test_local_variables_are_not_shown(browser: bool) -> None:
    request = request_for(browser=browser)
    page = await page_of(traceback_response(failed(), request, CONFIG))
    # The line that sets it may be near; the value is not printed by itself.
    assert page.count("value of a local") <= 1


async def test_secrets_are_not_shown() -> None:
    request = request_for(
        Cookie="session=deep-secret; a=deep-secret",
        Authorization="Basic deep-secret",
        X_API_Key="deep secret",
        X_Shown="shown",
    )
    page = await page_of(traceback_response(failed(), request, CONFIG))
    assert "deep secret" not in page
    assert "deep-secret" not in page
    assert "session=(hidden); a=(hidden)" in page
    assert "postgresql://me:(hidden)@db/shop" in page
    assert "mx" in page
    assert "shown" in page


async def test_causes_and_groups_are_shown() -> None:
    try:
        try:
            raise KeyError("the cause")
        except KeyError as cause:
            group = ExceptionGroup("the group", [OSError("the member")])
            raise group from cause
    except ExceptionGroup as error:
        caught = error
    page = await page_of(traceback_response(caught, request_for(), CONFIG))
    places = [
        page.index(text)
        for text in (
            "KeyError: &#39;the cause&#39;",
            "and then",
            "in this group",
            "OSError: the member",
        )
    ]
    assert places == sorted(places)


async def test_a_suppressed_cause_is_not_shown() -> None:
    try:
        try:
            raise KeyError("the cause")
        except KeyError:
            raise OSError("the error") from None
    except OSError as error:
        caught = error
    page = await page_of(traceback_response(caught, request_for(), CONFIG))
    assert "KeyError: " not in page


async def test_half_a_character_does_not_break_the_page() -> None:
    error = failed("\udcff")
    page = await page_of(traceback_response(error, request_for(), CONFIG))
    assert "\\udcff" in page


# -- secrets --


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SECRET_KEY", "x", "(hidden)"),
        ("SECRET_KEY_FALLBACKS", ["x"], "(hidden)"),
        ("MAIL_PASSWORD", "x", "(hidden)"),
        ("API_TOKEN", b"x", "(hidden)"),
        ("SECRET_KEY", None, None),
        ("USE_TOKENS", True, True),
        ("PORT", 25, 25),
        ("LIFETIME", timedelta(1), timedelta(1)),
        ("NAMES", ("a", "b"), ["a", "b"]),
        ("URL", "redis://:pw@host", "redis://:(hidden)@host"),
        ("URLS", ["http://a:b@c"], ["http://a:(hidden)@c"]),
        ("DB", {"user": "me", "pwd": "x"}, {"user": "me", "pwd": "(hidden)"}),
        ("POOL", object(), "<object>"),
    ],
)
def test_a_value_is_hidden_by_its_name_or_its_form(
    name: str, value: object, expected: object
) -> None:
    assert hide(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Cookie", "a=1; b=2", "a=(hidden); b=(hidden)"),
        ("Authorization", "Basic x", "(hidden)"),
        ("Proxy-Authorization", "Basic x", "(hidden)"),
        ("X-CSRF-Token", "x", "(hidden)"),
        ("Accept", "text/html", "text/html"),
    ],
)
def test_a_field_is_hidden_by_its_name(
    name: str, value: str, expected: str
) -> None:
    assert hide_field(name, value) == expected


# -- who may see it --


@pytest.mark.parametrize(
    ("client", "fields", "expected"),
    [
        ("127.0.0.1", {}, True),
        ("127.1.2.3", {}, True),
        ("::1", {}, True),
        ("::ffff:127.0.0.1", {}, True),
        ("192.0.2.1", {}, False),
        ("::ffff:192.0.2.1", {}, False),
        ("2001:db8::1", {}, False),
        ("localhost", {}, False),
        (None, {}, False),
        ("127.0.0.1", {"X_Forwarded_For": "192.0.2.1"}, False),
        ("127.0.0.1", {"X_Forwarded_For": "192.0.2.1, 127.0.0.1"}, False),
        ("127.0.0.1", {"X_Forwarded_For": "127.0.0.1, 192.0.2.1"}, False),
        ("127.0.0.1", {"X_Forwarded_For": "127.0.0.1, ::1"}, True),
        ("127.0.0.1", {"X_Forwarded_For": "rubbish"}, False),
        ("127.0.0.1", {"X_Real_IP": "192.0.2.1"}, False),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.1;proto=https"}, False),
        ("127.0.0.1", {"Forwarded": 'for="[2001:db8::1]:80"'}, False),
        ("127.0.0.1", {"Forwarded": 'for="[::1]:80", For=127.0.0.1'}, True),
        ("127.0.0.1", {"Forwarded": "for=unknown"}, False),
        ("127.0.0.1", {"Host": "evil.example"}, False),
        ("127.0.0.1", {"Host": "localhost.evil.example"}, False),
        ("127.0.0.1", {"Host": "shop.localhost:5000"}, True),
        ("127.0.0.1", {"Host": "LOCALHOST"}, True),
        ("127.0.0.1", {"Host": "127.0.0.1:5000"}, True),
        ("127.0.0.1", {"Host": "[::1]:5000"}, True),
        ("127.0.0.1", {"Host": "[::1]"}, True),
    ],
    ids=str,
)
def test_only_this_machine_may_see_it(
    client: str | None, fields: dict[str, str], expected: bool
) -> None:
    address = None if client is None else (client, 50000)
    request = request_for("/", "GET", address, True, **fields)
    assert may_see(request, CONFIG) is expected


def test_the_name_in_the_configuration_may_be_used() -> None:
    config = {**CONFIG, "SERVER_NAME": "shop.test:5000"}
    assert may_see(request_for(Host="shop.test:5000"), config)
    assert not may_see(request_for(Host="evil.test:5000"), config)


async def test_strangers_get_a_page_that_says_nothing() -> None:
    request = request_for(client=("192.0.2.1", 1))
    response = traceback_response(failed(), request, CONFIG)
    page = await page_of(response)
    assert response.status_code == 500
    assert "Internal Server Error" in page
    assert "boom" not in page


# -- routing --


def show_user(id: int) -> str:
    return str(id)


MAP = Map(
    [
        Rule("/users/<int:id>", endpoint="user", methods=["GET"]),
        Rule("/about", endpoint="about"),
    ]
)
VIEWS = {"user": show_user}


async def refusal(
    path: str, error: HTTPException, method: str = "GET", **options: Any
) -> tuple[Response, str]:
    response = routing_response(
        error,
        request_for(path, method, **options),
        CONFIG,
        MAP.explain(path, method),
        VIEWS,
    )
    return response, await page_of(response)


@pytest.mark.parametrize(
    ("path", "rule", "why"),
    [
        ("/about/", "/about", "extra slash"),
        ("/users/x", "/users/<int:id>", "does not fit"),
    ],
)
@pytest.mark.parametrize("browser", [True, False])
async def test_the_404_page_says_why_each_rule_did_not_fit(
    path: str, rule: str, why: str, browser: bool
) -> None:
    response, page = await refusal(path, NotFound(), browser=browser)
    assert response.status_code == 404
    page = html.unescape(page)
    assert f"GET {path}" in page
    assert rule in page
    assert why in page


async def test_the_405_page_says_which_line_to_change() -> None:
    error = MethodNotAllowed(valid_methods=["GET"])
    response, page = await refusal("/users/1", error, "POST")
    line = show_user.__code__.co_firstlineno
    assert response.status_code == 405
    assert response.headers["allow"] == "GET"
    assert (
        f"To have user (test_debug.py:{line}) answer POST, add "
        "&#34;POST&#34; to the methods of &#39;/users/&lt;int:id&gt;&#39;."
    ) in page


async def test_an_application_without_rules_is_told_so() -> None:
    response = routing_response(
        NotFound(), request_for(browser=False), CONFIG, [], {}
    )
    assert "The application has no rules." in await page_of(response)


async def test_the_path_on_the_page_is_escaped() -> None:
    _, page = await refusal("/<script>", NotFound())
    assert "<script" not in page


async def test_strangers_get_the_usual_404() -> None:
    response, page = await refusal(
        "/x", NotFound(), client=("192.0.2.1", 50000)
    )
    assert response.status_code == 404
    assert "/about" not in page
