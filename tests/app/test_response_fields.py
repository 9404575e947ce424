"""The header fields of a response as attributes, and its cookies."""

from datetime import UTC, datetime, timedelta

import pytest

from microquart.http.fields import WWWAuthenticate
from microquart.wrappers.attributes import COEP, COOP
from microquart.wrappers.response import (
    Response,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("attribute", "value", "name", "field"),
    [
        ("content_type", "a/b", "Content-Type", "a/b"),
        ("content_length", 5, "Content-Length", "5"),
        ("content_location", "/x", "Content-Location", "/x"),
        ("content_encoding", "gzip", "Content-Encoding", "gzip"),
        ("content_md5", "x", "Content-MD5", "x"),
        ("location", "/x", "Location", "/x"),
        ("age", timedelta(minutes=1), "Age", "60"),
        ("date", NOON, "Date", "Tue, 24 Nov 2026 12:00:00 GMT"),
        ("expires", NOON, "Expires", "Tue, 24 Nov 2026 12:00:00 GMT"),
        (
            "last_modified",
            NOON,
            "Last-Modified",
            "Tue, 24 Nov 2026 12:00:00 GMT",
        ),
        ("retry_after", NOON, "Retry-After", "Tue, 24 Nov 2026 12:00:00 GMT"),
        ("accept_ranges", "bytes", "Accept-Ranges", "bytes"),
        (
            "access_control_allow_origin",
            "*",
            "Access-Control-Allow-Origin",
            "*",
        ),
        ("access_control_max_age", 60, "Access-Control-Max-Age", "60"),
        (
            "cross_origin_opener_policy",
            COOP.SAME_ORIGIN,
            "Cross-Origin-Opener-Policy",
            "same-origin",
        ),
        (
            "cross_origin_embedder_policy",
            COEP.REQUIRE_CORP,
            "Cross-Origin-Embedder-Policy",
            "require-corp",
        ),
    ],
)
def test_an_attribute_is_a_header_field(
    attribute: str, value: object, name: str, field: str
) -> None:
    response = Response(iter(()))
    setattr(response, attribute, value)
    assert response.headers[name] == field
    assert getattr(response, attribute) == value
    setattr(response, attribute, None)
    assert name not in response.headers
    setattr(response, attribute, value)
    delattr(response, attribute)
    assert name not in response.headers


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("content_length", "Content-Length"),
        ("age", "Age"),
        ("date", "Date"),
        ("access_control_max_age", "Access-Control-Max-Age"),
    ],
)
def test_a_field_that_cannot_be_read_is_none(
    attribute: str, name: str
) -> None:
    response = Response()
    response.headers[name] = "-1x"
    assert getattr(response, attribute) is None


def test_a_moment_may_be_given_in_seconds() -> None:
    response = Response()
    response.last_modified = NOON.timestamp()
    assert response.last_modified == NOON
    response.headers["Retry-After"] = "60"
    assert response.retry_after is not None
    assert response.retry_after > datetime.now(UTC) + timedelta(seconds=50)
    response.retry_after = 30
    assert response.headers["Retry-After"] == "30"


def test_policies_have_the_default_of_the_clients() -> None:
    response = Response()
    assert response.cross_origin_opener_policy is COOP.UNSAFE_NONE
    assert response.cross_origin_embedder_policy is COEP.UNSAFE_NONE


@pytest.mark.parametrize(
    ("attribute", "name"),
    [
        ("vary", "Vary"),
        ("allow", "Allow"),
        ("content_language", "Content-Language"),
    ],
)
def test_a_list_of_names_writes_its_field(attribute: str, name: str) -> None:
    response = Response()
    assert not getattr(response, attribute)
    getattr(response, attribute).add("one")
    getattr(response, attribute).update(["two", "ONE"])
    assert response.headers[name] == "one, two"
    setattr(response, attribute, ["a", "b"])
    assert response.headers[name] == "a, b"
    getattr(response, attribute).clear()
    assert name not in response.headers
    setattr(response, attribute, "x")
    assert list(getattr(response, attribute)) == ["x"]
    setattr(response, attribute, None)
    assert name not in response.headers


@pytest.mark.parametrize("what", ["headers", "methods"])
def test_the_lists_of_cors_are_none_until_they_are_set(what: str) -> None:
    response = Response()
    attribute = f"access_control_allow_{what}"
    assert getattr(response, attribute) is None
    setattr(response, attribute, ["X-One", "X-Two"])
    assert list(getattr(response, attribute)) == ["X-One", "X-Two"]
    setattr(response, attribute, "X-Three")
    assert list(getattr(response, attribute)) == ["X-Three"]
    setattr(response, attribute, None)
    assert getattr(response, attribute) is None


def test_credentials_are_allowed_by_true() -> None:
    response = Response()
    assert not response.access_control_allow_credentials
    response.access_control_allow_credentials = True
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    response.access_control_allow_credentials = False
    assert not response.access_control_allow_credentials


def test_cache_control_writes_through() -> None:
    response = Response()
    assert response.cache_control.max_age is None
    response.cache_control.public = True
    response.cache_control.max_age = 60
    assert response.headers["Cache-Control"] == "public, max-age=60"
    response.cache_control.clear()
    assert "Cache-Control" not in response.headers
    response.cache_control = {"no-store": None}
    assert response.cache_control.no_store


@pytest.mark.parametrize("suffix", ["", "_report_only"])
def test_a_content_security_policy_writes_through(suffix: str) -> None:
    response = Response()
    attribute = f"content_security_policy{suffix}"
    getattr(response, attribute).default_src = "'self'"
    (field,) = [
        value for name, value in response.headers if "Security" in name
    ]
    assert field == "default-src 'self'"
    setattr(response, attribute, {"img-src": "*"})
    assert getattr(response, attribute).img_src == "*"


def test_a_content_range_writes_through() -> None:
    response = Response()
    assert not response.content_range
    response.content_range.set(0, 10, 100)
    assert response.headers["Content-Range"] == "bytes 0-9/100"
    response.content_range.unset()
    assert "Content-Range" not in response.headers


def test_the_parameters_of_the_media_type_write_through() -> None:
    response = Response(mimetype="text/plain")
    assert response.mimetype_params == {"charset": "utf-8"}
    response.mimetype_params["format"] = "flowed"
    assert response.content_type == "text/plain; charset=utf-8; format=flowed"
    response.mimetype = "application/json"
    assert response.content_type == "application/json"


def test_a_challenge_writes_through() -> None:
    response = Response()
    response.www_authenticate.realm = "notes"
    assert response.headers["WWW-Authenticate"] == 'Basic realm="notes"'
    challenge = WWWAuthenticate("digest", {"realm": "x"})
    response.www_authenticate = challenge
    challenge.nonce = "y"
    assert response.headers.getlist("WWW-Authenticate") == [
        'Digest realm="x", nonce="y"'
    ]
    response.www_authenticate = [challenge, WWWAuthenticate("bearer")]
    assert len(response.headers.getlist("WWW-Authenticate")) == 2
    del response.www_authenticate
    assert "WWW-Authenticate" not in response.headers


# Cookies ---------------------------------------------------------------------


def test_a_cookie_is_set_and_deleted() -> None:
    response = Response()
    response.set_cookie("theme", "dark", max_age=60, httponly=True)
    response.delete_cookie("theme", path="/notes")
    assert response.headers.getlist("Set-Cookie") == [
        "theme=dark; Max-Age=60; HttpOnly; Path=/",
        "theme=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0;"
        " Path=/notes",
    ]


def test_a_large_cookie_warns_and_is_sent() -> None:
    response = Response()
    response.set_cookie("a", "x" * 4000)
    with pytest.warns(UserWarning, match="more than the 4093"):
        response.set_cookie("a", "x" * 5000)
    response.max_cookie_size = 0
    response.set_cookie("a", "x" * 5000)
    assert len(response.headers.getlist("Set-Cookie")) == 3
