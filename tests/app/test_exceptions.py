"""The exceptions that views raise, and what is answered for them."""

from datetime import UTC, datetime

import pytest

from microquart import exceptions
from microquart.exceptions import (
    Aborter,
    BadRequestKeyError,
    Forbidden,
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    RequestedRangeNotSatisfiable,
    RequestRedirect,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
    abort,
    default_exceptions,
)
from microquart.http.datastructures import Headers, MultiDict
from microquart.http.fields import WWWAuthenticate
from microquart.wrappers.response import Response

CODES = (
    *(400, 401, 403, 404, 405, 406, 408, 409, 410, 411, 412, 413, 414, 415),
    *(416, 417, 418, 421, 422, 423, 424, 428, 429, 431, 451),
    *(500, 501, 502, 503, 504, 505),
)


@pytest.mark.parametrize("code", CODES)
async def test_each_status_has_an_exception_with_a_page(code: int) -> None:
    error = default_exceptions[code]()
    response = error.get_response()
    assert error.code == response.status_code == code
    assert response.content_type == "text/html; charset=utf-8"
    page = await response.get_data(as_text=True)
    assert page.startswith("<!doctype html>\n<html lang=en>\n<title>")
    assert f"<title>{code} " in page
    assert error.description


def test_there_are_no_other_codes() -> None:
    assert sorted(default_exceptions) == sorted(CODES)


def test_an_exception_as_text_is_code_name_and_description() -> None:
    error = NotFound("no such note")
    assert str(error) == "404 Not Found: no such note"
    assert repr(error) == "<NotFound '404: Not Found'>"
    assert str(HTTPException("x")) == "??? Unknown Error: x"


async def test_the_page_escapes_what_it_shows() -> None:
    response = NotFound("<script>&\nnext").get_response()
    page = await response.get_data(as_text=True)
    assert "<p>&lt;script&gt;&amp;<br>next</p>" in page


def test_a_response_that_is_given_is_the_answer() -> None:
    response = Response("mine", 403)
    assert Forbidden(response=response).get_response() is response


def test_a_subclass_changes_parts_of_the_answer() -> None:
    class Moved(NotFound):
        def get_headers(
            self, environ: object = None, scope: object = None
        ) -> list[tuple[str, str]]:
            return [*super().get_headers(environ, scope), ("X-Moved", "yes")]

        def get_body(
            self, environ: object = None, scope: object = None
        ) -> str:
            return "moved"

    response = Moved().get_response()
    assert response.headers["X-Moved"] == "yes"
    assert response.content_length == 5


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (MethodNotAllowed(["GET", "HEAD"]), "Allow", "GET, HEAD"),
        (MethodNotAllowed(), "Allow", None),
        (RequestedRangeNotSatisfiable(7), "Content-Range", "bytes */7"),
        (RequestedRangeNotSatisfiable(), "Content-Range", None),
        (TooManyRequests(retry_after=30), "Retry-After", "30"),
        (
            ServiceUnavailable(retry_after=datetime(2026, 1, 1, tzinfo=UTC)),
            "Retry-After",
            "Thu, 01 Jan 2026 00:00:00 GMT",
        ),
        (ServiceUnavailable(), "Retry-After", None),
        (
            Unauthorized(
                www_authenticate=WWWAuthenticate("basic", {"realm": "x"})
            ),
            "WWW-Authenticate",
            'Basic realm="x"',
        ),
        (Unauthorized(), "WWW-Authenticate", None),
    ],
)
def test_what_an_exception_knows_is_in_the_headers(
    error: HTTPException, name: str, value: str | None
) -> None:
    assert error.get_response().headers.get(name) == value


def test_each_way_to_authenticate_has_its_field() -> None:
    ways = [WWWAuthenticate("basic"), WWWAuthenticate("bearer")]
    response = Unauthorized(www_authenticate=ways).get_response()
    assert response.headers.getlist("WWW-Authenticate") == ["Basic", "Bearer"]


@pytest.mark.parametrize(
    ("location", "sent"),
    [
        ("/notes/", "/notes/"),
        ("/naïve?q=ü#x", "/na%C3%AFve?q=%C3%BC#x"),
        ("/a%20b c", "/a%20b%20c"),
        ("/\\evil.example", "/%5Cevil.example"),
        ("https://example.com:8/x", "https://example.com:8/x"),
    ],
)
def test_a_redirect_leads_where_it_is_told(location: str, sent: str) -> None:
    error = RequestRedirect(location)
    response = error.get_response()
    assert error.code == response.status_code == 308
    assert response.location == sent


@pytest.mark.parametrize("char", ["\r", "\n", "\0", "\t", "\x7f"])
def test_a_redirect_refuses_control_characters(char: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        RequestRedirect(f"/a{char}b").get_response()


async def test_the_page_of_a_redirect_escapes_the_location() -> None:
    response = RequestRedirect("/?a=1&b='x'<i>").get_response()
    page = await response.get_data(as_text=True)
    assert '<a href="/?a=1&amp;b=&#39;x&#39;%3Ci%3E">' in page


# A missing key ---------------------------------------------------------------


@pytest.mark.parametrize(
    "mapping", [MultiDict[str, str](), Headers()], ids=["args", "headers"]
)
def test_a_missing_key_of_a_request_is_a_bad_request(
    mapping: MultiDict[str, str] | Headers,
) -> None:
    with pytest.raises(BadRequestKeyError) as caught:
        mapping["page"]
    assert isinstance(caught.value, KeyError)
    assert caught.value.code == 400
    assert caught.value.args == ("page",)


def test_the_key_is_shown_only_when_switched_on() -> None:
    error = BadRequestKeyError("page")
    assert "page" not in str(error)
    error.show_exception = True
    assert str(error).endswith("\nKeyError: 'page'")
    error.show_exception = False
    assert "page" not in str(error)


@pytest.mark.parametrize(
    "name", ["SecurityError", "BadHost", "WebsocketMismatch"]
)
def test_a_request_that_is_not_trusted_is_a_bad_request(name: str) -> None:
    assert getattr(exceptions, name)().code == 400


# abort -----------------------------------------------------------------------


def test_abort_raises_the_exception_of_the_code() -> None:
    with pytest.raises(NotFound) as caught:
        abort(404, "no such note")
    assert caught.value.description == "no such note"


def test_abort_hands_its_arguments_on() -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        abort(405, valid_methods=["PUT"])
    assert caught.value.valid_methods == ["PUT"]


def test_abort_with_a_response_answers_it() -> None:
    response = Response("no")
    with pytest.raises(HTTPException) as caught:
        abort(response)
    assert caught.value.get_response() is response


@pytest.mark.parametrize("code", [200, 308, 999])
def test_abort_knows_no_other_codes(code: int) -> None:
    with pytest.raises(LookupError, match=f"no exception for {code}"):
        abort(code)


def test_an_aborter_takes_further_exceptions() -> None:
    class EnhanceYourCalm(HTTPException):
        code = 420

    aborter = Aborter(extra={420: EnhanceYourCalm})
    with pytest.raises(EnhanceYourCalm):
        aborter(420)
    assert aborter.mapping[404] is NotFound
    assert 420 not in abort.mapping


def test_an_internal_error_knows_what_went_wrong() -> None:
    cause = ZeroDivisionError()
    error = InternalServerError(original_exception=cause)
    assert error.original_exception is cause
