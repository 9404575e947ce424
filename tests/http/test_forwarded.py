"""What proxies say of a request, and whom of them to believe."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microquart.http.forwarded import (
    FIELDS,
    Origin,
    elements_from_the_right,
    parse_node,
    with_host,
)
from microquart.http.proxies import MAX_HOPS, Proxies

PROXY = ("10.0.0.1", 4000)


def lines(*pairs):
    return [tuple(text.encode() for text in pair) for pair in pairs]


def origin(*pairs, client=PROXY, secure=False, trusted="10.0.0.0/8"):
    found = Proxies(trusted).origin(client, secure, lines(*pairs))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("trusted", "host", "is_trusted"),
    [
        ("", "127.0.0.1", False),
        ("", "", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("127.0.0.1", "::ffff:127.0.0.1", True),
        ("127.0.0.0/8, ::1", "::1", True),
        (["127.0.0.1", "192.0.2.0/24"], "192.0.2.9", True),
        ("192.0.2.0/24 198.51.100.1", "198.51.100.1", True),
        ("2001:db8::/32", "2001:DB8::1", True),
        ("fe80::/10", "fe80::1%eth0", True),
        ("127.0.0.1", "localhost", False),
        ("127.0.0.1", "unknown", False),
        ("127.0.0.1", "", False),
        ("unix", "", True),
        ("unix", "127.0.0.1", False),
        ("*", "", True),
        ("*", "192.0.2.1", True),
        ("*", "anything", True),
    ],
)
def test_only_who_is_named_is_trusted(trusted, host, is_trusted):
    assert Proxies(trusted).trusts(host) is is_trusted


@pytest.mark.parametrize("trusted", ["localhost", "10.0.0.1/8", "10.0.0", "-"])
def test_what_is_no_address_cannot_be_trusted(trusted):
    with pytest.raises(ValueError, match="use addresses, networks, unix or"):
        Proxies(trusted)


def test_only_fields_of_proxies_can_be_believed():
    with pytest.raises(ValueError, match="'cookie' is no field of proxies"):
        Proxies("*", ["cookie"])


def test_whoever_is_not_trusted_says_nothing():
    fields = lines(("x-forwarded-for", "192.0.2.1"))
    assert Proxies().origin(("127.0.0.1", 1), False, fields) is None
    assert Proxies().origin(None, False, fields) is None


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        (["9.9.9.9"], ("9.9.9.9", 0)),
        (["1.1.1.1, 9.9.9.9"], ("9.9.9.9", 0)),
        (["1.1.1.1, 9.9.9.9, 10.0.0.2"], ("9.9.9.9", 0)),
        (["1.1.1.1", "9.9.9.9,10.0.0.2,", " 10.0.0.3"], ("9.9.9.9", 0)),
        (["10.0.0.3, 10.0.0.2"], ("10.0.0.3", 0)),
        (["9.9.9.9:4711"], ("9.9.9.9", 4711)),
        (["[2001:DB8::1]:4711"], ("2001:db8::1", 4711)),
        (["2001:db8::1"], ("2001:db8::1", 0)),
        (["::ffff:9.9.9.9"], ("9.9.9.9", 0)),
        (["1.1.1.1, unknown"], None),
        (["1.1.1.1, 999.9.9.9"], None),
        (["1.1.1.1, 9.9.9.9; x"], None),
        ([], PROXY),
        ([", ,"], PROXY),
    ],
)
def test_the_rightmost_address_that_is_not_trusted_is_the_client(
    chain, client
):
    assert (
        origin(*(("x-forwarded-for", part) for part in chain)).client == client
    )


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ([], {}),
        ([("x-forwarded-proto", "https")], {"secure": True}),
        ([("x-forwarded-proto", "HTTPS")], {"secure": True}),
        ([("x-forwarded-proto", "wss")], {"secure": True}),
        ([("x-forwarded-proto", "gopher")], {}),
        ([("x-forwarded-proto", "http, https")], {"secure": True}),
        ([("x-forwarded-proto", "https, http")], {}),
        ([("x-forwarded-host", "a.example")], {"host": b"a.example"}),
        ([("x-forwarded-host", "b, a.example:81")], {"host": b"a.example:81"}),
        ([("x-forwarded-host", "a/../b")], {}),
        ([("x-forwarded-host", "a@b")], {}),
        ([("x-forwarded-port", "8080")], {"host": b"x:8080"}),
        ([("x-forwarded-port", "80")], {}),
        ([("x-forwarded-port", "0")], {}),
        ([("x-forwarded-port", "http")], {}),
        (
            [("x-forwarded-port", "443"), ("x-forwarded-proto", "https")],
            {"secure": True},
        ),
        (
            [("x-forwarded-port", "81"), ("x-forwarded-host", "a:82")],
            {"host": b"a:82"},
        ),
        (
            [("x-forwarded-port", "81"), ("x-forwarded-host", "[::1]")],
            {"host": b"[::1]:81"},
        ),
        ([("x-forwarded-prefix", "/shop")], {"prefix": "/shop"}),
        ([("x-forwarded-prefix", "/a/b/")], {"prefix": "/a/b"}),
        ([("x-forwarded-prefix", "/")], {}),
        ([("x-forwarded-prefix", "shop")], {}),
        ([("x-forwarded-prefix", "//evil.example")], {}),
        ([("x-forwarded-prefix", "/\\evil.example")], {}),
        ([("x-forwarded-prefix", "/a/../b")], {}),
        ([("x-forwarded-prefix", "/a?b")], {}),
    ],
)
def test_a_field_says_one_thing(fields, changes):
    expected = Origin(PROXY, False, None, "")._replace(**changes)
    assert origin(("host", "x"), *fields) == expected


def test_each_proxy_that_is_trusted_may_have_added_a_value():
    found = origin(
        ("x-forwarded-for", "6.6.6.6, 9.9.9.9, 10.0.0.2"),
        ("x-forwarded-proto", "http, https, http"),
        ("x-forwarded-host", "evil.example, a.example, inner"),
        ("x-forwarded-prefix", "/evil, /a, /b"),
    )
    assert found == Origin(("9.9.9.9", 0), True, b"a.example", "/a/b")


def test_a_field_that_the_inner_proxy_passes_on_counts():
    found = origin(
        ("x-forwarded-for", "9.9.9.9, 10.0.0.2"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.example"),
    )
    assert found == Origin(("9.9.9.9", 0), True, b"a.example", "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=9.9.9.9", Origin(("9.9.9.9", 0), False, None, "")),
        ("For=9.9.9.9;Proto=https", Origin(("9.9.9.9", 0), True, None, "")),
        (
            'for="[2001:db8::1]:80";host="a.example:81"',
            Origin(("2001:db8::1", 80), False, b"a.example:81", ""),
        ),
        (
            "for=9.9.9.9; host=a.example:81 ; proto=https",
            Origin(("9.9.9.9", 0), True, b"a.example:81", ""),
        ),
        ("for=6.6.6.6, for=9.9.9.9", Origin(("9.9.9.9", 0), False, None, "")),
        (
            "for=6.6.6.6;proto=http, for=9.9.9.9;proto=https, "
            "for=10.0.0.2;proto=http",
            Origin(("9.9.9.9", 0), True, None, ""),
        ),
        (
            "for=9.9.9.9;host=a, for=10.0.0.2;host=b;proto=https",
            Origin(("9.9.9.9", 0), True, b"a", ""),
        ),
        ("for=unknown", Origin(None, False, None, "")),
        ("for=6.6.6.6, for=_secret", Origin(None, False, None, "")),
        ("proto=https", Origin(None, True, None, "")),
        ("for=9.9.9.9;host=a/b", Origin(("9.9.9.9", 0), False, None, "")),
        ("for=9.9.9.9,", Origin(("9.9.9.9", 0), False, None, "")),
        ("for 9.9.9.9", Origin(None, False, None, "")),
    ],
)
def test_forwarded_says_the_same(value, expected):
    assert origin(("forwarded", value)) == expected


@pytest.mark.parametrize(
    "junk", ['for="', 'for="6.6.6.6', 'x="\\', 'x=",for=', '"', ';="', "=,=;"]
)
@pytest.mark.parametrize("joined", [True, False])
def test_what_a_client_leaves_open_swallows_nothing(junk, joined):
    own = 'for="[2001:db8::1]";proto=https'
    fields = (
        [("forwarded", f"{junk}, {own}")]
        if joined
        else [("forwarded", junk), ("forwarded", own)]
    )
    assert origin(*fields) == Origin(("2001:db8::1", 0), True, None, "")


def test_forwarded_does_not_count_beside_the_others():
    """Who writes X-Forwarded-For lets a client's own Forwarded pass."""
    found = origin(
        ("forwarded", "for=6.6.6.6;host=evil.example;proto=https"),
        ("x-forwarded-for", "9.9.9.9"),
    )
    assert found == Origin(("9.9.9.9", 0), False, None, "")


def test_only_the_fields_that_are_believed_count():
    proxies = Proxies("*", ["Forwarded"])
    fields = lines(
        ("forwarded", "for=9.9.9.9"), ("x-forwarded-host", "evil.example")
    )
    found = proxies.origin(PROXY, False, fields)
    assert found == Origin(("9.9.9.9", 0), False, None, "")


def test_who_trusts_everyone_believes_so_many_in_a_row():
    chain = ", ".join(f"1.1.1.{number}" for number in range(200))
    found = origin(("x-forwarded-for", chain), trusted="*")
    assert found.client == (f"1.1.1.{200 - MAX_HOPS}", 0)


@pytest.mark.parametrize(
    "value",
    [
        "," * 32_000,
        'a="' * 10_000,
        ',a="' * 8_000,
        'a="' + "," * 32_000,
        ",a=b;" * 6_000,
        'for="\\' * 5_000,
        "for=10.0.0.1," * 2_000,
        ";" * 32_000,
    ],
)
def test_the_time_that_a_long_field_takes_is_short(value):
    began = time.perf_counter()
    origin(("forwarded", value), trusted="*")
    origin(("x-forwarded-for", value), trusted="*")
    assert time.perf_counter() - began < 0.2


@given(st.lists(st.tuples(st.sampled_from(FIELDS), st.text('for=1.;:,"\\[]'))))
def test_whatever_comes_is_read(fields):
    origin(*fields, trusted="*")


@given(st.text('for=1."\\,; \t'), st.sampled_from(["9.9.9.9", '"[::9]"']))
def test_whatever_a_client_writes_the_last_element_is_the_proxys(text, node):
    first = next(elements_from_the_right([text, f"for={node}"]))
    assert first == {"for": node.strip('"')}


def test_a_node_is_an_address_or_nobody():
    assert parse_node("[::1]:_x") == ("::1", 0)
    assert parse_node("127.0.0.1:x") is None
    assert parse_node("1.1.1.1:99999") is None


def test_there_is_one_host_after_it_was_replaced():
    fields = lines(("a", "1"), ("Host", "x"), ("host", "y"))
    assert with_host(fields, b"z") == lines(("host", "z"), ("a", "1"))
