"""Headers: fields in order, names in any case, nothing that breaks a line."""

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microquart.http.datastructures import Headers, MultiDict

FIELDS = [
    (b"host", b"example.org"),
    (b"x-tag", b"a"),
    (b"user-agent", b"caf\xe9"),
    (b"x-tag", b"b"),
]
PAIRS = [
    ("Host", "example.org"),
    ("X-Tag", "a"),
    ("User-Agent", "café"),
    ("X-Tag", "b"),
]


@pytest.fixture(params=["made", "received", "received and read"])
def headers(request):
    if request.param == "made":
        return Headers(PAIRS)
    received = Headers.from_fields(FIELDS)
    if request.param == "received and read":
        assert list(received) == PAIRS
    return received


def test_the_case_of_a_name_does_not_matter(headers):
    assert headers["x-tag"] == headers["X-TAG"] == headers.get("X-Tag") == "a"
    assert "HOST" in headers
    assert "x-nope" not in headers


def test_a_repeated_name_has_all_its_values(headers):
    assert headers.getlist("x-TAG") == headers.get_all("x-tag") == ["a", "b"]
    assert headers.getlist("x-nope") == []


def test_iterating_gives_the_pairs_in_order(headers):
    assert list(headers) == list(headers.items()) == PAIRS
    assert list(headers.keys()) == ["Host", "X-Tag", "User-Agent", "X-Tag"]
    assert list(headers.values()) == ["example.org", "a", "café", "b"]
    assert next(headers.items(lower=True)) == ("host", "example.org")
    assert len(headers) == 4


def test_it_becomes_a_dictionary_of_first_values(headers):
    assert dict(headers)["X-Tag"] == "a"


def test_the_wire_gets_lower_case_names_and_latin_1(headers):
    assert headers.to_fields() == FIELDS


def test_a_missing_name_raises_the_key_error_of_the_class(headers):
    with pytest.raises(KeyError) as caught:
        headers["x-nope"]
    assert caught.value.args[0] == "x-nope"
    with pytest.raises(KeyError) as caught:
        headers.pop("x-nope")
    assert caught.value.args[0] == "x-nope"


@pytest.mark.parametrize(
    ("name", "options", "value"),
    [
        ("age", {}, "3"),
        ("AGE", {"type": int}, 3),
        ("vary", {"type": int}, None),
        ("vary", {"type": int, "default": 1}, 1),
        ("x", {"default": "d"}, "d"),
    ],
)
def test_get_converts_and_falls_back_to_the_default(name, options, value):
    assert Headers({"Age": 3, "Vary": "*"}).get(name, **options) == value


def test_getlist_leaves_out_what_the_type_refuses():
    many = Headers({"X": ["1", "b", "3"]})
    assert many.getlist("x", type=int) == [1, 3]


def test_setting_replaces_all_where_the_first_stood(headers):
    headers["x-tag"] = "c"
    assert list(headers) == [PAIRS[0], ("x-tag", "c"), PAIRS[2]]


def test_adding_appends(headers):
    headers.add("x-tag", "c")
    assert headers.getlist("X-Tag") == ["a", "b", "c"]


def test_setlist_replaces_by_several(headers):
    headers.setlist("X-Tag", ["1", "2", "3"])
    assert headers.getlist("x-tag") == ["1", "2", "3"]
    headers.setlist("x-tag", [])
    assert "x-tag" not in headers


def test_setdefault_sets_only_what_is_missing(headers):
    assert headers.setdefault("x-tag", "z") == "a"
    assert headers.setdefault("x-new", 1) == "1"
    assert headers.setlistdefault("x-tag", ["z"]) == ["a", "b"]
    assert headers.setlistdefault("x-list", ["1", "2"]) == ["1", "2"]


def test_extend_adds_and_replaces_nothing(headers):
    headers.extend({"X-Tag": ["c", "d"]}, age=3)
    assert headers.getlist("x-tag") == ["a", "b", "c", "d"]
    assert headers["age"] == "3"


@pytest.mark.parametrize(
    ("new", "values"),
    [
        ({"x-tag": "c"}, ["c"]),
        ({"X-TAG": ["c", "d"]}, ["c", "d"]),
        (MultiDict([("x-tag", "c"), ("x-tag", "d")]), ["c", "d"]),
        (Headers([("x-tag", "c"), ("X-Tag", "d")]), ["c", "d"]),
        ([("x-tag", "c"), ("x-tag", "d")], ["d"]),
        (None, ["a", "b"]),
    ],
)
def test_update_replaces_the_names_that_it_has(headers, new, values):
    headers.update(new)
    assert headers.getlist("x-tag") == values
    assert headers["host"] == "example.org"


def test_the_union_replaces_as_update_does(headers):
    union = headers | {"x-tag": "c"}
    assert union.getlist("x-tag") == ["c"]
    assert headers.getlist("x-tag") == ["a", "b"]
    same = headers
    headers |= {"x-tag": "c"}
    assert same.getlist("x-tag") == ["c"]


def test_removing_a_name_removes_all_its_fields(headers):
    del headers["x-tag"]
    headers.remove("HOST")
    headers.remove("x-nope")
    assert list(headers) == [PAIRS[2]]


def test_pop_returns_the_first_value_and_removes_all(headers):
    assert headers.pop("x-tag") == "a"
    assert headers.pop("x-tag", None) is None
    assert headers.popitem() == PAIRS[2]
    headers.clear()
    assert len(headers) == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [(5, "5"), (b"caf\xe9", "café"), ("a\tb", "a\tb"), ("", "")],
)
def test_a_value_becomes_text(value, text):
    assert Headers({"X": value})["x"] == text


SETTERS = [
    pytest.param(
        lambda name, value: Headers([(name, value)]), id="made of pairs"
    ),
    pytest.param(
        lambda name, value: Headers({name: [value]}), id="made of a mapping"
    ),
    pytest.param(lambda name, value: Headers().add(name, value), id="add"),
    pytest.param(lambda name, value: Headers().set(name, value), id="set"),
    pytest.param(
        lambda name, value: Headers().__setitem__(name, value), id="setting"
    ),
    pytest.param(
        lambda name, value: Headers().setlist(name, [value]), id="setlist"
    ),
    pytest.param(
        lambda name, value: Headers().setdefault(name, value), id="setdefault"
    ),
    pytest.param(
        lambda name, value: Headers().update({name: value}), id="update"
    ),
    pytest.param(lambda name, value: Headers() | {name: value}, id="union"),
    pytest.param(
        lambda name, value: Headers().extend([(name, value)]), id="extend"
    ),
]


@pytest.mark.parametrize(
    "value", ["a\r\nb: c", "a\rb", "a\nb", "a\0b", b"a\r\nb"]
)
@pytest.mark.parametrize("put", SETTERS)
def test_cr_lf_and_nul_in_a_value_are_refused_where_it_is_set(put, value):
    with pytest.raises(
        ValueError, match=r"header 'X': the value .* CR, LF or NUL"
    ):
        put("X", value)


@pytest.mark.parametrize(
    "name", ["", "a b", "a:", "a\r\nb", "é", "a\0", "(a)"]
)
@pytest.mark.parametrize("put", SETTERS)
def test_a_name_that_is_no_token_is_refused_where_it_is_set(put, name):
    with pytest.raises(ValueError, match="a name has only"):
        put(name, "x")


def test_a_refused_value_leaves_the_headers_as_they_were(headers):
    with pytest.raises(ValueError, match="CR, LF"):
        headers["x-tag"] = "a\nb"
    assert list(headers) == PAIRS


def test_options_become_parameters():
    headers = Headers()
    headers.set("Content-Type", "text/html", charset="utf-8", max_age=None)
    headers.add("X", "a", b_c="d e")
    assert list(headers) == [
        ("Content-Type", "text/html; charset=utf-8"),
        ("X", 'a; b-c="d e"'),
    ]


def test_a_value_beyond_latin_1_goes_out_in_utf_8():
    headers = Headers({"X": "日", "Y": "é"})
    assert headers.to_fields() == [
        (b"x", "日".encode()),
        (b"y", b"\xe9"),
    ]


def test_many_names_are_understood_but_not_all_remembered():
    names = [f"X-{number}" for number in range(1500)]
    headers = Headers((name, "v") for name in names)
    assert headers.to_fields() == [
        (name.lower().encode(), b"v") for name in names
    ]


def test_what_was_received_is_unchecked():
    odd = Headers.from_fields(iter([(b"a b", b"c\nd")]))
    assert odd.copy()["A b"] == "c\nd"
    assert odd.to_fields() == [(b"a b", b"c\nd")]


@pytest.mark.parametrize(
    "duplicate",
    [
        pytest.param(copy.copy, id="copy.copy"),
        pytest.param(copy.deepcopy, id="copy.deepcopy"),
        pytest.param(lambda one: pickle.loads(pickle.dumps(one)), id="pickle"),
        pytest.param(lambda one: one.copy(), id="its own copy"),
    ],
)
def test_a_copy_is_equal_and_independent(headers, duplicate):
    other = duplicate(headers)
    assert other == headers
    other["x-tag"] = "c"
    assert headers.getlist("x-tag") == ["a", "b"]


def test_equality_ignores_order_and_the_case_of_names(headers):
    assert headers == Headers([(n.upper(), v) for n, v in reversed(PAIRS)])
    assert headers != Headers(PAIRS[1:])
    assert headers != PAIRS


def test_its_text_is_that_of_http_1():
    headers = Headers([("A", "1"), ("B", "2")])
    assert str(headers) == "A: 1\r\nB: 2\r\n\r\n"
    assert repr(headers) == "Headers([('A', '1'), ('B', '2')])"


@given(st.lists(st.tuples(st.binary(), st.binary())), st.text())
def test_any_bytes_can_be_received_and_asked_for(fields, name):
    headers = Headers.from_fields([(n.lower(), v) for n, v in fields])
    headers.get(name)
    headers.getlist(name)
    assert [value.encode("latin-1") for _, value in headers] == [
        v for _, v in fields
    ]
