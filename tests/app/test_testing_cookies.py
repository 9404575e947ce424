"""Cookies: which the test client keeps, and to whom it shows them."""

import pytest

from microquart import Quart, make_response, redirect, request
from microquart.testing import (
    QuartClient,
)
from microquart.testing.cookies import CookieJar
from tests.app.applications import counting


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("field", "url", "expected"),
    [
        ("a=1", "http://x.test/", "a=1"),
        ("a=1", "http://y.test/", ""),
        ("a=1", "http://sub.x.test/", ""),
        ("a=1; Domain=x.test", "http://sub.x.test/", "a=1"),
        ("a=1; Domain=.X.test", "http://sub.x.test/", "a=1"),
        ("a=1; Domain=x.test", "http://evilx.test/", ""),
        ("a=1; Domain=other.test", "http://other.test/", ""),
        ("a=1; Path=/shop", "http://x.test/shop", "a=1"),
        ("a=1; Path=/shop", "http://x.test/shop/cart", "a=1"),
        ("a=1; Path=/shop", "http://x.test/shopping", ""),
        ("a=1; Path=/shop", "http://x.test/", ""),
        ("a=1; Secure", "https://x.test/", ""),
        ("a=1; Max-Age=60", "http://x.test/", "a=1"),
        ("a=1; Max-Age=0", "http://x.test/", ""),
        ("a=1; Max-Age=-1", "http://x.test/", ""),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://x.test/", ""),
        ("a=1; Expires=rubbish", "http://x.test/", "a=1"),
        ("=1", "http://x.test/", ""),
        ("nothing", "http://x.test/", ""),
    ],
)
def test_a_cookie_goes_where_it_belongs(
    field: str, url: str, expected: str
) -> None:
    jar = CookieJar(Clock())
    jar.extract([field], "http://x.test/")
    assert jar.header(url) == expected


@pytest.mark.parametrize(
    ("origin", "url", "expected"),
    [
        ("https://x.test/", "https://x.test/", "a=1"),
        ("https://x.test/", "wss://x.test/", "a=1"),
        ("https://x.test/", "http://x.test/", ""),
        ("http://x.test/", "https://x.test/", ""),
        ("http://localhost/", "http://localhost/", "a=1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/", "a=1"),
    ],
)
def test_a_secure_cookie_is_for_https_and_for_loopback(
    origin: str, url: str, expected: str
) -> None:
    jar = CookieJar()
    jar.extract(["a=1; Secure"], origin)
    assert jar.header(url) == expected


def test_a_cookie_without_a_path_belongs_to_the_directory() -> None:
    jar = CookieJar()
    jar.extract(["a=1"], "http://x.test/shop/cart")
    assert [cookie.path for cookie in jar] == ["/shop"]


def test_the_longest_path_comes_first() -> None:
    jar = CookieJar()
    fields = ["a=1; Path=/", "b=2; Path=/shop", "c=3; Path=/"]
    jar.extract(fields, "http://x.test/")
    assert jar.header("http://x.test/shop") == "b=2; a=1; c=3"


def test_a_cookie_ends_in_time() -> None:
    clock = Clock()
    jar = CookieJar(clock)
    jar.extract(["a=1; Max-Age=60"], "http://x.test/")
    clock.now += 59
    assert len(jar) == 1
    clock.now += 1
    assert (len(jar), jar.header("http://x.test/")) == (0, "")


def test_an_address_has_no_subdomains() -> None:
    jar = CookieJar()
    jar.extract(["a=1; Domain=0.0.1"], "http://127.0.0.1/")
    assert len(jar) == 0


async def test_the_client_keeps_cookies() -> None:
    client = QuartClient(counting)
    seen = [await (await client.get("/")).get_data() for _ in range(3)]
    assert seen == [b"", b"n=1", b"n=2"]


async def test_a_client_may_keep_no_cookies() -> None:
    client = QuartClient(counting, use_cookies=False)
    await client.get("/")
    assert await (await client.get("/")).get_data() == b""
    assert client.cookie_jar is None
    with pytest.raises(RuntimeError, match="keeps no cookies"):
        client.set_cookie("localhost", "n", "1")


async def test_a_cookie_can_be_set_and_deleted_by_hand() -> None:
    client = QuartClient(counting)
    client.set_cookie("localhost", "n", "7")
    assert await (await client.get("/")).get_data() == b"n=7"
    client.delete_cookie("localhost", "n")
    assert await (await client.get("/")).get_data() == b""


async def test_cookies_of_the_request_come_before_those_of_the_jar() -> None:
    client = QuartClient(counting)
    client.set_cookie("localhost", "n", "7")
    response = await client.get("/", headers={"Cookie": "a=1"})
    assert await response.get_data() == b"a=1; n=7"


async def test_a_redirect_takes_the_new_cookie_along():
    app = Quart(__name__)

    @app.route("/set/<value>")
    async def set_it(value):
        response = await make_response(redirect("/get"))
        response.set_cookie("a", value)
        return response

    @app.route("/get")
    async def get():
        return request.cookies["a"]

    client = app.test_client()
    for value in ("1", "2"):
        response = await client.get(f"/set/{value}", follow_redirects=True)
        assert await response.get_data() == value.encode()
