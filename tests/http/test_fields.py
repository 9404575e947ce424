"""Dates, etags, directives, credentials, dispositions."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microquart.http.fields import (
    Accept,
    Authorization,
    CharsetAccept,
    ContentRange,
    ContentSecurityPolicy,
    ETags,
    IfRange,
    LanguageAccept,
    MIMEAccept,
    Range,
    RequestCacheControl,
    ResponseCacheControl,
    UserAgent,
    WWWAuthenticate,
    content_disposition,
    format_date,
    parse_date,
    parse_options,
    quote_etag,
    unquote_etag,
)
from microquart.http.headers import Headers

# -- dates --

MOMENT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " sun, 6 nov 1994 08:49:37 gmt ",
        "06 Nov 1994 08:49:37 GMT",
    ],
)
def test_the_three_formats_of_a_date_are_understood(value):
    assert parse_date(value) == MOMENT


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "yesterday", "1994-11-06T08:49:37Z"),
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Xyz 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
    ],
)
def test_what_is_no_date_is_none(value):
    assert parse_date(value) is None


@pytest.mark.parametrize(("digits", "year"), [("69", 1969), ("68", 2068)])
def test_years_of_two_digits_are_near(digits, year):
    parsed = parse_date(f"Sunday, 06-Nov-{digits} 08:49:37 GMT")
    assert parsed is not None
    assert parsed.year == year


@pytest.mark.parametrize(
    "value",
    [
        *(MOMENT, MOMENT.replace(tzinfo=None), MOMENT.timestamp()),
        int(MOMENT.timestamp()),
        MOMENT.timestamp() + 0.9,
        datetime(1994, 11, 6, 10, 49, 37, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_date_is_written_in_one_format(value):
    assert format_date(value) == "Sun, 06 Nov 1994 08:49:37 GMT"


def test_a_day_is_its_midnight():
    assert format_date(date(1999, 12, 31)) == "Fri, 31 Dec 1999 00:00:00 GMT"


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_date_is_read_as_it_was_written(moment):
    assert parse_date(format_date(moment)) == moment.replace(microsecond=0)


# -- etags --


@pytest.mark.parametrize(
    ("value", "strong", "weak"),
    [
        ('"a"', {"a"}, set()),
        ('W/"a", "b" , w/"c"', {"b"}, {"a", "c"}),
        ('"a,b", "c d"', {"a,b", "c d"}, set()),
        ("bare, W/weak", {"bare"}, {"weak"}),
        ('""', {""}, set()),
        (',, "a",', {"a"}, set()),
        ('"never closed', set(), set()),
        ("", set(), set()),
        (None, set(), set()),
    ],
)
def test_etags_are_strong_or_weak(value, strong, weak):
    etags = ETags.from_header(value)
    assert etags.as_set() == set(etags) == strong
    assert etags.as_set(include_weak=True) == strong | weak
    assert bool(etags) is bool(strong | weak)


@pytest.mark.parametrize(
    ("value", "strongly", "weakly"),
    [
        ('"a"', True, True),
        ('W/"a"', False, True),
        ('"b"', False, False),
        ("*", True, True),
        (None, False, False),
    ],
)
def test_the_two_comparisons_of_etags(value, strongly, weakly):
    etags = ETags.from_header(value)
    assert etags.contains("a") is ("a" in etags) is strongly
    assert etags.contains_weak("a") is weakly
    assert etags.contains_raw('"a"') is strongly
    assert etags.contains_raw('W/"a"') is weakly
    assert not etags.contains_raw("")


def test_etags_are_written_as_they_are_read():
    assert str(ETags(["a"], ["b"])) == '"a", W/"b"'
    assert str(ETags(star_tag=True)) == "*"
    assert ETags(["a"], ["b"]).is_weak("b")
    assert ETags(["a"], ["b"]).is_strong("a")


@pytest.mark.parametrize(
    ("value", "etag"),
    [
        ('"a"', ("a", False)),
        (' W/"a" ', ("a", True)),
        ("a", ("a", False)),
        ('""', ("", False)),
        ('"a', (None, None)),
        ("a b", (None, None)),
        ("", (None, None)),
        (None, (None, None)),
    ],
)
def test_an_etag_loses_its_quotes(value, etag):
    assert unquote_etag(value) == etag


def test_an_etag_gets_its_quotes():
    assert quote_etag("a") == '"a"'
    assert quote_etag("a", weak=True) == 'W/"a"'
    with pytest.raises(ValueError, match="has a quote"):
        quote_etag('a"b')


# -- cache control --


def test_a_request_says_what_it_wants_of_caches():
    wanted = RequestCacheControl.from_header(
        "no-cache, no-store, max-age=0, max-stale, min-fresh=5, only-if-cached"
    )
    assert (wanted.no_cache, wanted.no_store, wanted.no_transform) == (
        *(True, True),
        False,
    )
    assert (wanted.max_age, wanted.max_stale, wanted.min_fresh) == (0, True, 5)
    assert wanted.only_if_cached
    assert RequestCacheControl.from_header("max-stale=9").max_stale == 9


def test_what_a_request_says_cannot_be_changed():
    wanted = RequestCacheControl.from_header("max-age=0")
    with pytest.raises(TypeError, match="immutable"):
        wanted.max_age = 5


@pytest.mark.parametrize("value", ["x", "", "9" * 5000, "1.5", None])
def test_a_number_of_seconds_that_is_none_counts_as_absent(value):
    header = "max-age" if value is None else f"max-age={value}"
    assert RequestCacheControl.from_header(header).max_age is None


@pytest.mark.parametrize(
    ("name", "value", "header"),
    [
        ("max_age", 60, "max-age=60"),
        ("s_maxage", 0, "s-maxage=0"),
        ("no_cache", True, "no-cache"),
        ("no_cache", "Set-Cookie, X", 'no-cache="Set-Cookie, X"'),
        ("private", True, "private"),
        ("public", True, "public"),
        ("immutable", True, "immutable"),
        ("must_revalidate", True, "must-revalidate"),
        ("stale_while_revalidate", 5, "stale-while-revalidate=5"),
        ("max_age", None, ""),
        ("no_store", False, ""),
    ],
)
def test_a_directive_of_a_response_is_an_attribute(name, value, header):
    cache = ResponseCacheControl()
    setattr(cache, name, value)
    assert str(cache) == header
    assert getattr(ResponseCacheControl.from_header(header), name) == value


def test_a_directive_can_be_taken_back():
    cache = ResponseCacheControl.from_header("public, max-age=5, no-store")
    cache.public = False
    cache.max_age = None
    del cache.no_store
    assert str(cache) == ""


def test_a_change_of_the_directives_is_told():
    written = []
    cache = ResponseCacheControl.from_header(
        "public", lambda changed: written.append(changed.to_header())
    )
    cache.max_age = 5
    cache["x-own"] = "a b"
    assert written == ["public, max-age=5", 'public, max-age=5, x-own="a b"']


def test_a_content_security_policy_has_sources_for_each_directive():
    written = []
    policy = ContentSecurityPolicy.from_header(
        "default-src 'self'; upgrade-insecure-requests;; Default-Src *",
        lambda changed: written.append(str(changed)),
    )
    assert policy.default_src == "'self'"
    policy.img_src = "* data:"
    policy.default_src = None
    assert written[-1] == "upgrade-insecure-requests; img-src * data:"


# -- authentication --


@pytest.mark.parametrize(
    ("value", "username", "password"),
    [
        ("Basic bWFyY286c2VjcmV0", "marco", "secret"),
        ("basic  bWFyY286c2U6Y3JldA== ", "marco", "se:cret"),
        ("BASIC w6k6w6k=", "é", "é"),
        ("Basic bWFyY28=", "marco", ""),
    ],
)
def test_basic_credentials_are_decoded(value, username, password):
    auth = Authorization.from_header(value)
    assert auth is not None
    assert (auth.type, auth.username, auth.password) == (
        *("basic", username),
        password,
    )
    assert auth["username"] == auth.get("username") == username
    assert "password" in auth


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "Basic \xff",
        "Basic !",
        "Basic YQ",
        "Basic /w==",
        "(x) y",
    ],
)
def test_malformed_credentials_are_none(value):
    assert Authorization.from_header(value) is None


def test_a_token_is_given_as_it_is():
    auth = Authorization.from_header("Bearer abc.def/=")
    assert auth == Authorization("bearer", token="abc.def/=")
    assert (auth.type, auth.token, auth.parameters) == (
        *("bearer", "abc.def/="),
        {},
    )


def test_digest_credentials_have_parameters():
    auth = Authorization.from_header(
        'Digest username="Mufasa", realm="a, b", uri="/x?y=z", nc=01'
    )
    assert auth is not None
    assert (auth.username, auth.realm, auth.uri, auth.nc) == (
        *("Mufasa", "a, b"),
        *("/x?y=z", "01"),
    )
    assert auth.password is None
    assert auth["opaque"] is None


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        (
            Authorization("basic", {"username": "é", "password": "p:w"}),
            "Basic w6k6cDp3",
        ),
        (Authorization("bearer", token="abc"), "Bearer abc"),
        (
            Authorization("digest", {"username": "M", "qop": "auth"}),
            'Digest username="M", qop=auth',
        ),
        (WWWAuthenticate("basic", {"realm": "r"}), 'Basic realm="r"'),
        (WWWAuthenticate("basic"), "Basic"),
        (WWWAuthenticate("negotiate", token="abc="), "Negotiate abc="),
        (
            WWWAuthenticate("digest", {"qop": "auth", "algorithm": "MD5"}),
            'Digest qop="auth", algorithm=MD5',
        ),
    ],
)
def test_a_scheme_is_written_as_it_is_read(auth, header):
    assert auth.to_header() == str(auth) == header
    assert type(auth).from_header(header) == auth


def test_a_repr_does_not_show_the_password():
    auth = Authorization("basic", {"username": "marco", "password": "secret"})
    assert "secret" not in repr(auth)
    assert auth.to_header() not in repr(auth)


def test_a_change_of_a_challenge_is_told():
    written = []
    challenge = WWWAuthenticate(on_update=lambda one: written.append(str(one)))
    challenge.realm = "notes"
    challenge["charset"] = "UTF-8"
    challenge["charset"] = None
    challenge.parameters = {"realm": "more"}
    challenge.parameters["x"] = "1"
    del challenge["x"]
    challenge.type = "bearer"
    challenge.token = "abc"
    assert written == [
        'Basic realm="notes"',
        'Basic realm="notes", charset=UTF-8',
        'Basic realm="notes"',
        'Basic realm="more"',
        'Basic realm="more", x=1',
        'Basic realm="more"',
        'Bearer realm="more"',
        "Bearer abc",
    ]


# -- user agent, disposition --


def test_a_user_agent_is_a_string():
    agent = UserAgent("curl/8")
    assert (str(agent), agent.string, bool(agent)) == (
        "curl/8",
        "curl/8",
        True,
    )
    assert not UserAgent()


@pytest.mark.parametrize(
    ("filename", "value"),
    [
        (None, "attachment"),
        ("a.txt", "attachment; filename=a.txt"),
        ("a b.txt", 'attachment; filename="a b.txt"'),
        (
            "naïve.txt",
            "attachment; filename=naive.txt; filename*=UTF-8''na%C3%AFve.txt",
        ),
        (
            "日本.txt",
            "attachment; filename=__.txt;"
            " filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt",
        ),
        (
            'a"b\\c/%.txt',
            "attachment; filename=a_b_c__.txt;"
            " filename*=UTF-8''a%22b%5Cc%2F%25.txt",
        ),
        (
            "a\r\nSet-Cookie: b",
            'attachment; filename="a__Set-Cookie: b";'
            " filename*=UTF-8''a%0D%0ASet-Cookie%3A%20b",
        ),
        ("a;b", 'attachment; filename="a;b"'),
    ],
)
def test_a_disposition_suggests_a_name(filename, value):
    assert content_disposition("attachment", filename) == value


def test_a_disposition_is_a_token():
    with pytest.raises(ValueError, match="no disposition type"):
        content_disposition("attachment; x")


@given(st.text())
def test_no_name_breaks_out_of_a_disposition(filename):
    value = content_disposition("attachment", filename)
    Headers({"Content-Disposition": value})
    assert value.isascii()
    assert value.isprintable()
    assert "\\" not in value
    assert value.count('"') in (0, 2)
    _, options = parse_options(value)
    expected = filename.encode("utf-8", "replace").decode()
    assert list(options) == ["filename"]
    assert options["filename"] == expected


# -- all of them --

CLASSES = [
    *(Accept, MIMEAccept, LanguageAccept, CharsetAccept, ETags, Range),
    *(ContentRange, IfRange, RequestCacheControl, ResponseCacheControl),
    *(ContentSecurityPolicy, Authorization, WWWAuthenticate),
]
PIECES = ["bytes=", "Basic ", "q=", "W/", *'a0-,;="*/\\ \xff']
JUNK = st.one_of(
    st.text(st.characters(max_codepoint=255)),
    st.lists(st.sampled_from(PIECES)).map("".join),
)


@pytest.mark.parametrize("cls", CLASSES)
@given(value=JUNK)
def test_any_junk_is_read_and_can_be_written(cls, value):
    read = cls.from_header(value)
    if read is not None:
        assert isinstance(read.to_header(), str)
        repr(read)


@given(JUNK)
def test_any_junk_is_no_date(value):
    parse_date(value)
