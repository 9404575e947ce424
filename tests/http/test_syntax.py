"""Lists, quotes and parameters: the words of all fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microquart.http.fields import (
    dump_dict,
    dump_list,
    dump_options,
    is_token,
    parse_dict,
    parse_list,
    parse_options,
    quote,
    unquote,
)


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ("a, b", ["a", "b"]),
        ('a, "b, c", d', ["a", "b, c", "d"]),
        (r'"say \"hi\"", "\\"', ['say "hi"', "\\"]),
        (" , a,, b ,", ["a", "b"]),
        ('W/"a", "b"', ['W/"a"', "b"]),
        ('a="b,c", d', ['a="b,c"', "d"]),
        ('"never closed, a', ['"never closed, a']),
        ("", []),
        (None, []),
    ],
)
def test_a_list_is_split_at_the_commas_outside_of_quotes(value, items):
    assert parse_list(value) == items


@pytest.mark.parametrize(
    ("value", "items"),
    [
        ("max-age=1, no-store", {"max-age": "1", "no-store": None}),
        ('a="b, c", d = e', {"a": "b, c", "d": "e"}),
        ("a=", {"a": ""}),
        ("=a, , b", {"b": None}),
        (None, {}),
    ],
)
def test_a_list_of_names_may_have_values(value, items):
    assert parse_dict(value) == items


@pytest.mark.parametrize(
    ("value", "main", "options"),
    [
        (None, "", {}),
        ("", "", {}),
        ("text/html", "text/html", {}),
        ("text/html; Charset=UTF-8", "text/html", {"charset": "UTF-8"}),
        ("a; b=1; b=2", "a", {"b": "2"}),
        (r'a; b="x\"y\\z"', "a", {"b": r'x"y\z'}),
        (r'a; filename="C:\dir\file"', "a", {"filename": r"C:\dir\file"}),
        ('a; filename="50%22.txt"', "a", {"filename": '50".txt'}),
        ('a; b="x;y"; c=z', "a", {"b": "x;y", "c": "z"}),
        ('a; b=""; c=z', "a", {"b": "", "c": "z"}),
        ("a;;; b = c; d; =e; f=g", "a", {"f": "g"}),
        ('a; b=1; c="never closed; d=2', "a", {"b": "1"}),
        ("a; f*=UTF-8''%e2%82%ac", "a", {"f": "€"}),
        ("a; f*=utf-8'en'%e2%82%ac; f=x", "a", {"f": "€"}),
        ("a; f=x; f*=iso-8859-1''caf%e9", "a", {"f": "café"}),
        ("a; f=x; f*=klingon''y", "a", {"f": "x"}),
        ("a; f=x; f*=y", "a", {"f": "x"}),
        ('a; f*0=one; f*1=" two"', "a", {"f": "one two"}),
        ("a; f*0*=UTF-8''%e2%82; f*1*=%ac; f*2=%41", "a", {"f": "€%41"}),
    ],
)
def test_parameters_follow_the_semicolons(value, main, options):
    assert parse_options(value) == (main, options)


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({}, "a"),
        ({"b": "c"}, "a; b=c"),
        ({"b": "c d", "e": 5}, 'a; b="c d"; e=5'),
        ({"b": 'c"d\\'}, r'a; b="c\"d\\"'),
        ({"b": ""}, 'a; b=""'),
        ({"b": None, "c": "d"}, "a; c=d"),
        ({"b": "é"}, "a; b*=UTF-8''%C3%A9"),
        ({"b": "x\r\ny: z"}, "a; b*=UTF-8''x%0D%0Ay%3A%20z"),
        ({"b*": "UTF-8''x"}, "a; b*=UTF-8''x"),
    ],
)
def test_parameters_are_written_so_that_they_can_be_read(options, value):
    assert dump_options("a", options) == value


def test_lists_are_written_with_quotes_where_they_are_needed():
    assert dump_list(["a", "b c", 'd"']) == r'a, "b c", "d\""'
    assert dump_dict({"a": 1, "b": None, "c": "d e"}) == 'a=1, b, c="d e"'


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_what_is_quoted_can_be_unquoted(text):
    assert unquote(quote(text)) == text
    assert unquote(quote(text, allow_token=False)) == text


@given(st.text(st.characters(codec="utf-8")))
def test_a_parameter_is_read_as_it_was_written(text):
    if "%22" not in text:
        written = dump_options("a", {"b": text})
        assert parse_options(written) == ("a", {"b": text})


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126))))
def test_a_list_is_read_as_it_was_written(items):
    assert parse_list(dump_list(items)) == items


@given(st.text(st.sampled_from("ab\"\\,;=*0'% ")))
def test_any_junk_is_read(text):
    parse_list(text)
    parse_dict(text)
    parse_options(text)
    unquote(text)


@pytest.mark.parametrize(
    "text",
    [
        'a;b="' * 20_000,
        '"\\' * 50_000,
        ',"' * 50_000,
        ";a*0=" * 20_000,
        "a " * 50_000,
    ],
    ids=["open quotes", "escapes", "quoted commas", "parts", "spaces"],
)
def test_long_junk_takes_no_longer_than_its_length(text):
    # 100 kB: anything quadratic would be noticed by whoever runs the tests.
    parse_options(text)
    parse_list(text)
    parse_dict(text)


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        ("gzip", True),
        ("x-!#$%&'*+.^_`|~9", True),
        ("", False),
        ("a b", False),
        ("a/b", False),
        ("é", False),
        ("a\n", False),
    ],
)
def test_a_token_has_only_some_characters(text, yes):
    assert is_token(text) is yes
