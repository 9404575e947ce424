"""Cookie and Set-Cookie (RFC 6265)."""

from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microquart.http.cookies import dump_cookie, parse_cookie
from microquart.http.headers import Headers


@pytest.mark.parametrize(
    ("header", "pairs"),
    [
        ("a=1; b=2", [("a", "1"), ("b", "2")]),
        ("a=1;b=2 ; ;c = 3", [("a", "1"), ("b", "2"), ("c", "3")]),
        ("a=1; a=2", [("a", "1"), ("a", "2")]),
        ("a=b=c", [("a", "b=c")]),
        ("a=", [("a", "")]),
        ("=1; nameless; ;=", []),
        ('a="b c"', [("a", "b c")]),
        (r'a="say \"hi\" \\"', [("a", 'say "hi" \\')]),
        (r'a="caf\303\251"', [("a", "café")]),
        (r'a="\377\054\400"', [("a", "\ufffd,400")]),
        (r"a=caf\303\251", [("a", r"caf\303\251")]),
        ('a="never closed; b=1', [("a", '"never closed'), ("b", "1")]),
        ('a="; b=""', [("a", '"'), ("b", "")]),
        ("a=caf\xc3\xa9", [("a", "café")]),
        ("a=caf\xe9", [("a", "caf\xe9")]),
        ("a=日", [("a", "日")]),
        ("", []),
        (None, []),
    ],
)
def test_cookies_are_read(header, pairs):
    assert list(parse_cookie(header).items(multi=True)) == pairs


def test_the_first_of_two_cookies_of_a_name_counts():
    cookies = parse_cookie("a=1; a=2")
    assert cookies["a"] == "1"
    assert cookies.getlist("a") == ["1", "2"]


@given(st.text())
def test_any_junk_is_read(header):
    parse_cookie(header)


@given(st.text(st.characters(codec="utf-8")))
def test_a_value_comes_back_as_it_was_set(value):
    header = dump_cookie("a", value, path=None)
    assert header.isascii()
    assert header.isprintable()
    assert ";" not in header
    assert parse_cookie(f"b=1; {header}; c=2")["a"] == value


@given(st.text(st.characters(codec="latin-1"), min_size=1))
def test_the_standard_library_reads_the_same_bytes(value):
    # It knows no encoding: each escape is a character of latin-1.
    morsel = SimpleCookie(dump_cookie("a", value, path=None))["a"]
    assert morsel.value.encode("latin-1").decode() == value


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ({}, "a=b; Path=/"),
        ({"path": None}, "a=b"),
        ({"max_age": 60}, "a=b; Max-Age=60; Path=/"),
        ({"max_age": timedelta(hours=1)}, "a=b; Max-Age=3600; Path=/"),
        (
            {"expires": 0, "max_age": 0},
            "a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/",
        ),
        (
            {"expires": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)},
            "a=b; Expires=Wed, 02 Jan 2030 03:04:05 GMT; Path=/",
        ),
        (
            {"expires": "Wed, 02 Jan 2030"},
            "a=b; Expires=Wed, 02 Jan 2030; Path=/",
        ),
        ({"domain": ".example.org:80"}, "a=b; Domain=example.org; Path=/"),
        ({"domain": "localhost"}, "a=b; Domain=localhost; Path=/"),
        ({"domain": "bücher.de"}, "a=b; Domain=xn--bcher-kva.de; Path=/"),
        ({"path": "/a b;c\r\n"}, "a=b; Path=/a%20b%3Bc%0D%0A"),
        ({"secure": True, "httponly": True}, "a=b; Secure; HttpOnly; Path=/"),
        ({"samesite": "lax"}, "a=b; Path=/; SameSite=Lax"),
        ({"samesite": "Strict"}, "a=b; Path=/; SameSite=Strict"),
        ({"samesite": "None"}, "a=b; Path=/; SameSite=None"),
        ({"partitioned": True}, "a=b; Secure; Path=/; Partitioned"),
    ],
)
def test_the_attributes_of_a_cookie_are_written(options, header):
    assert dump_cookie("a", "b", **options) == header


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("", ""),
        ("eyJhIjoxfQ.Zg-_~=", "eyJhIjoxfQ.Zg-_~="),
        ("a b", '"a b"'),
        ("a,b;c", r'"a\054b\073c"'),
        ('"\\', r'"\"\\"'),
        ("é", r'"\303\251"'),
        ("\r\n\0\x1f\x7f", r'"\015\012\000\037\177"'),
    ],
)
def test_a_value_is_quoted_where_it_is_needed(value, written):
    assert dump_cookie("a", value, path=None) == f"a={written}"


@pytest.mark.parametrize(
    "name", ["", "a b", "a=b", "a;b", "é", "a\r\n", '"a"']
)
def test_the_name_of_a_cookie_is_a_token(name):
    with pytest.raises(ValueError, match="a name has only"):
        dump_cookie(name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samesite": "maybe"}, "known are 'Strict', 'Lax', 'None'"),
        ({"samesite": "Lax; Domain=x"}, "known are"),
        ({"domain": "a;b"}, "not the name of a host"),
        ({"domain": "a\r\nb"}, "not the name of a host"),
        ({"domain": "."}, "not the name of a host"),
        ({"expires": "now; Path=/x"}, "not a date"),
        ({"expires": "now\r\nX: y"}, "not a date"),
    ],
)
def test_no_attribute_breaks_out_of_its_place(options, message):
    with pytest.raises(ValueError, match=message):
        dump_cookie("a", "b", **options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("__Host-a", {}, "needs secure=True"),
        ("__host-a", {}, "needs secure=True"),
        ("__Secure-a", {}, "needs secure=True"),
        ("__Host-a", {"secure": True, "path": "/x"}, "needs path='/'"),
        ("__Host-a", {"secure": True, "path": None}, "needs path='/'"),
        ("__Host-a", {"secure": True, "domain": "x.org"}, "no domain"),
    ],
)
def test_a_prefix_of_a_name_is_a_promise(name, options, message):
    with pytest.raises(ValueError, match=message):
        dump_cookie(name, "b", **options)


def test_a_prefix_whose_promise_is_kept_passes():
    assert (
        dump_cookie("__Host-a", "b", secure=True)
        == "__Host-a=b; Secure; Path=/"
    )
    secure = dump_cookie("__Secure-a", "b", partitioned=True, path="/x")
    assert secure == "__Secure-a=b; Secure; Path=/x; Partitioned"


@given(st.text(), st.text())
def test_a_cookie_that_is_made_is_one_line(value, path):
    Headers({"Set-Cookie": dump_cookie("a", value, path=path)})
