"""Heads that are huge, and requests that two servers read in two ways.

Behind each of these comes another request.  It is never executed: not behind
what is refused, nor inside what is content.
"""

import pytest

from tests.server.attacks.h2 import PREFACE
from tests.server.attacks.siege import siege

BEHIND = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
KIB = 1024
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"


def get(*lines, target=b"/", version=b"HTTP/1.1", host=b"Host: x"):
    return b"\r\n".join(
        [b"GET %b %b" % (target, version), host, *lines, b"", b""]
    )


def post(*lines, content=CHUNKS):
    first = [b"POST /read HTTP/1.1", b"Host: x"]
    return b"\r\n".join([*first, *lines, b"", content])


def coded(value, content=CHUNKS):
    return post(b"Transfer-Encoding: " + value, content=content)


def long(value):
    return post(b"Content-Length: " + value, content=b"hello")


def chunked(*content):
    return coded(b"chunked", b"".join(content))


REFUSED = {
    # -- the length, said twice or so that it can be read in two ways --
    "both": post(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "both, turned": post(b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "two lengths": post(b"Content-Length: 5", b"Content-Length: 6"),
    "list of lengths": long(b"5, 6"),
    "plus": long(b"+5"),
    "minus": long(b"-5"),
    "underscore": long(b"0_5"),
    "hexadecimal": long(b"0x5"),
    "superscript": long("⁵".encode()),
    "superscript, latin": long(b"\xb2"),
    "two numbers": long(b"5 5"),
    "no number": long(b""),
    "5,000 digits": long(b"5" * 5000),
    # -- codings that only one of the two knows --
    "xchunked": coded(b"xchunked"),
    "NUL": coded(b"chunked\0"),
    "VT": coded(b"\x0bchunked"),
    "NBSP": coded(b"\xa0chunked"),
    "quoted": coded(b'"chunked"'),
    "parameter": coded(b"chunked;a=b"),
    "twice": coded(b"chunked, chunked"),
    "two lines": post(*[b"Transfer-Encoding: chunked"] * 2, content=CHUNKS),
    "not last": coded(b"chunked, identity"),
    "not alone": coded(b"gzip, chunked"),
    "not at all": coded(b"identity"),
    "HTTP/1.0": coded(b"chunked").replace(b"HTTP/1.1", b"HTTP/1.0"),
    # -- chunks --
    "plus in a size": chunked(b"+5\r\nhello\r\n0\r\n\r\n"),
    "0x in a size": chunked(b"0x5\r\nhello\r\n0\r\n\r\n"),
    "underscore in a size": chunked(b"0_5\r\nhello\r\n0\r\n\r\n"),
    "space before a size": chunked(b" 5\r\nhello\r\n0\r\n\r\n"),
    "space after a size": chunked(b"5 \r\nhello\r\n0\r\n\r\n"),
    "no size": chunked(b"\r\nhello\r\n0\r\n\r\n"),
    "17 digits": chunked(b"00000000000000005\r\nhello\r\n0\r\n\r\n"),
    "longer than its size": chunked(b"5\r\nhello!\r\n0\r\n\r\n"),
    "no CRLF after it": chunked(b"5\r\nhelloXX0\r\n\r\n"),
    "LF after it": chunked(b"5\r\nhello\n0\r\n\r\n"),
    "LF after a size": chunked(b"5\nhello\r\n0\r\n\r\n"),
    "CR in an extension": chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    "LF in an extension": chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
    "large extension": chunked(b"5;", b"a" * 300, b"\r\nhello\r\n0\r\n\r\n"),
    "large extensions": chunked(
        (b"1;" + b"a" * 200 + b"\r\nx\r\n") * 100, b"0\r\n\r\n"
    ),
    "LF in trailers": chunked(b"0\r\nA: b\nC: d\r\n\r\n"),
    "malformed trailer": chunked(b"0\r\nA b\r\n\r\n"),
    "large trailers": chunked(b"0\r\n", (b"A: " + b"b" * 90 + b"\r\n") * 500),
    # -- fields --
    "space before the colon": get(b"Content-Length : 5"),
    "folded": get(b"A: b", b" Content-Length: 5"),
    "bare CR": get(b"A: b\rContent-Length: 5"),
    "bare LF": get(b"A: b\nContent-Length: 5"),
    "LF LF": b"GET / HTTP/1.1\nHost: x\n\n",
    "NUL in a value": get(b"A: b\0c"),
    "control in a value": get(b"A: b\x0bc"),
    "no name": get(b": b"),
    "no colon": get(b"Content-Length"),
    "delimiter in a name": get(b"Content(Length: 5"),
    "8 bits in a name": get(b"Content-L\xe9ngth: 5"),
    # -- who and what --
    "no Host": get(host=b"A: b"),
    "two Hosts": get(b"Host: y"),
    "malformed Host": get(host=b"Host: a b"),
    "Host with a path": get(host=b"Host: x/y"),
    "Host with a user": get(host=b"Host: a@x"),
    "no slash": get(target=b"echo"),
    "user as target": get(target=b"@evil"),
    "asterisk": get(target=b"*"),
    "space in the target": get(target=b"/ /"),
    "8 bits in the target": get(target=b"/\xe9"),
    "fragment": get(target=b"/#a"),
    "CONNECT": b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n",
    "HTTP/2.0": get(version=b"HTTP/2.0"),
    "HTTP/9.9": get(version=b"HTTP/9.9"),
    "HTTP/0.9": b"GET /\r\n\r\n",
    "lower case": get(version=b"http/1.1"),
    "control in the method": get().replace(b"GET", b"G\x01T"),
    # -- the preface where it has no place --
    "preface, later": get(b"Content-Length: 0") + PREFACE,
    "upgrade to h2c": get(
        b"Connection: Upgrade, HTTP2-Settings",
        b"Upgrade: h2c",
        b"HTTP2-Settings: AAMAAABkAAQAAP__",
    )
    + PREFACE,
    # -- huge --
    "large line": get(target=b"/" + b"a" * 9 * KIB),
    "large field": get(b"A: " + b"b" * 40 * KIB),
    "many fields": get(*[b"A: b"] * 200),
    "many large fields": get(*[b"A: " + b"b" * 1000] * 40),
}

# What is answered, if it is not 400.
STATUS = {
    **dict.fromkeys(
        [
            *("xchunked", "NBSP", "quoted", "parameter", "twice"),
            *("not last", "not alone", "not at all", "CONNECT"),
        ],
        501,
    ),
    "large line": 414,
    "large field": 431,
    "many fields": 431,
    "many large fields": 431,
    "large trailers": 431,
    "HTTP/2.0": 505,
    "HTTP/9.9": 505,
    "preface, later": 505,
    "upgrade to h2c": 505,
}
SERVED_FIRST = ("preface, later", "upgrade to h2c")


def statuses(heard):
    return [int(piece[:3]) for piece in heard.split(b"HTTP/1.1 ")[1:]]


def test_what_two_could_read_in_two_ways_is_refused(target):
    before = target.ask("/asked?smuggled")
    with siege(target):
        heard = {
            name: statuses(target.says(asked + BEHIND))
            for name, asked in REFUSED.items()
        }
    assert heard == {
        name: [200] * (name in SERVED_FIRST) + [STATUS.get(name, 400)]
        for name in REFUSED
    }
    assert target.ask("/asked?smuggled") == before


CONTENT = BEHIND + b"0\r\n\r\n" + BEHIND


@pytest.mark.parametrize(
    "fields",
    [
        [b"Content-Length: %d" % len(CONTENT)],
        [b"Content-Length: %d" % len(CONTENT), b"Expect: 100-continue"],
    ],
    ids=["unread", "unasked"],
)
@pytest.mark.parametrize("path", [b"/", b"/read"])
def test_content_is_never_the_next_request(target, path, fields):
    before = target.ask("/asked?smuggled")
    lines = [b"POST %b HTTP/1.1" % path, b"Host: x", *fields, b"", CONTENT]
    last = get(b"Connection: close", target=b"/last")
    with siege(target):
        for _ in range(10):
            said = statuses(target.says(b"\r\n".join(lines) + last))
            assert said[0] in (100, 200)
    assert target.ask("/asked?smuggled") == before


def test_trailers_are_no_fields_of_the_next_request(target):
    trailers = b"0\r\nContent-Length: %d\r\nHost: y\r\n\r\n" % len(BEHIND)
    last = get(b"Connection: close")
    with siege(target):
        assert statuses(target.says(chunked(trailers) + last)) == [200, 200]


@pytest.mark.parametrize(
    "piece",
    [b"A: b\r\n", b"A: " + b"b" * 1000 + b"\r\n", b"a"],
    ids=["small fields", "fields", "one field"],
)
def test_a_head_without_an_end_is_ended(target, piece):
    # So much is read after the answer, and no more (linger_bytes).
    fields = piece * (200 * KIB // len(piece))
    with siege(target):
        for _ in range(10):
            heard = target.says(b"GET / HTTP/1.1\r\nHost: x\r\n" + fields)
            assert statuses(heard) == [431]
