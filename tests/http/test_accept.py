"""Negotiation: what a client would rather have (RFC 9110, 12.5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microquart.http.fields import (
    Accept,
    CharsetAccept,
    LanguageAccept,
    MIMEAccept,
)

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("header", "pairs"),
    [
        (None, []),
        ("", []),
        ("gzip", [("gzip", 1)]),
        ("gzip;q=0.5, br", [("br", 1), ("gzip", 0.5)]),
        ("*, gzip;q=0.5", [("gzip", 0.5), ("*", 1)]),
        ("a;q=0.5, b;q=0.5", [("a", 0.5), ("b", 0.5)]),
        ("a; q=.2, b;Q=1.", [("b", 1), ("a", 0.2)]),
        ("a;q=2, b;q=x, c;q=-1, d;q=", [("d", 1)]),
    ],
)
def test_items_are_ordered_by_specificity_then_quality(header, pairs):
    accept = Accept.from_header(header)
    assert list(accept) == pairs
    assert list(accept.values()) == [value for value, _ in pairs]
    assert accept.best == (pairs[0][0] if pairs else None)


def test_it_can_be_made_of_pairs():
    accept = MIMEAccept([("text/*", 0.5), ("text/html", 1)])
    assert accept.to_header() == str(accept) == "text/html,text/*;q=0.5"
    assert repr(accept) == "MIMEAccept([('text/html', 1), ('text/*', 0.5)])"
    assert not Accept()


def test_an_item_is_found_by_its_place_or_its_value():
    accept = Accept.from_header("br, gzip;q=0.5")
    assert accept[1] == ("gzip", 0.5)
    assert accept[:1] == [("br", 1)]
    assert accept["GZIP"] == accept.quality("gzip") == 0.5
    assert accept["zstd"] == 0
    assert "br" in accept
    assert "zstd" not in accept
    assert (accept.find("gzip"), accept.find("zstd")) == (1, -1)


@pytest.mark.parametrize(
    ("header", "offers", "best"),
    [
        ("gzip, br", ["br", "gzip"], "br"),
        ("gzip;q=0.9, br;q=0.8", ["br", "gzip"], "gzip"),
        ("*;q=0.9, br;q=0.8", ["br", "zstd"], "zstd"),
        ("*, br", ["zstd", "br"], "br"),
        ("br;q=0, *", ["br"], None),
        ("gzip", ["br"], None),
        ("", ["br"], None),
    ],
)
def test_the_best_match_is_wanted_most(header, offers, best):
    accept = Accept.from_header(header)
    assert accept.best_match(offers) == best
    assert accept.best_match(offers, "x") == (best or "x")


@pytest.mark.parametrize(
    ("media_type", "quality"),
    [
        ("text/plain;format=flowed", 1),
        ("text/plain", 0.7),
        ("text/html", 0.3),
        ("image/jpeg", 0.5),
        ("text/plain;format=fixed", 0.4),
        ("text/html;level=3", 0.3),
        ("TEXT/HTML; Level=3", 0.3),
    ],
)
def test_the_example_of_the_rfc_holds(media_type, quality):
    accept = MIMEAccept.from_header(
        "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed,"
        " text/plain;format=fixed;q=0.4, */*;q=0.5"
    )
    assert accept.quality(media_type) == quality


@pytest.mark.parametrize(
    ("header", "offers", "best"),
    [
        (BROWSER, ["application/json", "text/html"], "text/html"),
        (BROWSER, ["application/json"], "application/json"),
        (BROWSER, ["application/json", "application/xml"], "application/xml"),
        (
            "application/json",
            ["text/html", "application/json"],
            "application/json",
        ),
        ("text/html;q=0, */*", ["text/html", "text/plain"], "text/plain"),
        ("text/html;q=0, */*", ["text/html"], None),
        ("text/*", ["image/png", "text/css"], "text/css"),
        ("*/html, text, /x", ["text/html"], None),
        ("*/*", ["text/html", "text/plain"], "text/html"),
        ("image/png", ["image/*"], "image/*"),
    ],
)
def test_media_ranges_cover_media_types(header, offers, best):
    assert MIMEAccept.from_header(header).best_match(offers) == best


@pytest.mark.parametrize("offer", ["json", "*/json", "", "text/"])
def test_an_offer_that_is_no_media_type_is_the_mistake_of_the_application(
    offer,
):
    with pytest.raises(ValueError, match="no media type"):
        MIMEAccept.from_header("*/*").best_match([offer])


@pytest.mark.parametrize(
    ("header", "html", "xhtml", "json"),
    [
        ("text/html", True, False, False),
        ("application/xml", True, True, False),
        ("application/json", False, False, True),
        ("*/*", True, True, True),
        ("", False, False, False),
    ],
)
def test_the_usual_questions_have_attributes(header, html, xhtml, json):
    accept = MIMEAccept.from_header(header)
    answers = (accept.accept_html, accept.accept_xhtml, accept.accept_json)
    assert answers == (html, xhtml, json)


@pytest.mark.parametrize(
    ("header", "offers", "best"),
    [
        ("de, en;q=0.8", ["en", "de"], "de"),
        ("en_us", ["en-US"], "en-US"),
        ("en-GB, de;q=0.5", ["en", "de"], "de"),
        ("en-GB, fr;q=0.5", ["en", "de"], "en"),
        ("en", ["de", "en-US"], "en-US"),
        ("en", ["eng", "en_US"], "en_US"),
        ("en;q=0", ["en"], None),
        ("fr", ["en"], None),
        ("*", ["en"], "en"),
    ],
)
def test_a_language_falls_back_to_its_first_subtag(header, offers, best):
    accept = LanguageAccept.from_header(header)
    assert accept.best_match(iter(offers)) == best
    assert accept.best_match(offers, "x") == (best or "x")


def test_a_charset_has_several_names():
    accept = CharsetAccept.from_header("utf8, ISO-8859-1;q=0.5")
    assert accept["UTF-8"] == 1
    assert accept["latin1"] == 0.5
    assert "koi8-r" not in accept


@given(
    st.lists(st.sampled_from(["text/html", "text/*", "*/*", "a/b;c=d", "x"])),
    st.lists(st.sampled_from(["text/html", "text/css", "a/b"])),
)
def test_the_best_match_is_an_offer_of_the_highest_quality(items, offers):
    header = ",".join(
        f"{item};q=0.{place}" for place, item in enumerate(items)
    )
    accept = MIMEAccept.from_header(header)
    best = accept.best_match(offers)
    highest = max(map(accept.quality, offers), default=0)
    assert (accept.quality(best) if best else 0) == highest
