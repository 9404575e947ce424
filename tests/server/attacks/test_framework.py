"""Requests that are small, or cheap to make, and dear to understand.

Half a megabyte of content, or a head as long as the server lets through.  The
view that reads it answers or refuses, and the others are served meanwhile.
"""

from collections.abc import Iterator

import pytest

from tests.server.attacks.conftest import LOOPS
from tests.server.attacks.siege import OPTIONS, Target, besieged, siege

SIZE = 500_000  # bytes of content
URLENCODED = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data; boundary=x"
JSON = b"application/json"
PART = b'--x\r\nContent-Disposition: form-data; name="a"'
FILE = PART + b'; filename="a"'
END = b"\r\n--x--\r\n"


@pytest.fixture(scope="module", params=LOOPS)
def site(request: pytest.FixtureRequest) -> Iterator[Target]:
    options = ("--loop", request.param, *OPTIONS)
    with besieged(*options, program="site.py") as target:
        # What is used for the first time costs memory that stays.
        for said, _ in BOMBS.values():
            target.says(said)
        yield target


def post(path: bytes, kind: bytes, content: bytes) -> bytes:
    return b"\r\n".join(
        [
            b"POST %b HTTP/1.1" % path,
            b"Host: x",
            b"Connection: close",
            b"Content-Type: " + kind,
            b"Content-Length: %d" % len(content),
            b"",
            content,
        ]
    )


def form(content: bytes) -> bytes:
    return post(b"/form", MULTIPART, content)


def file(content: bytes) -> bytes:
    return form(FILE + b"\r\n\r\n" + content + END)


def get(target: bytes, *lines: bytes) -> bytes:
    first = b"GET %b HTTP/1.1" % target
    return b"\r\n".join(
        [first, b"Host: x", b"Connection: close", *lines, b"", b""]
    )


def fields(name: bytes, value: bytes) -> bytes:
    return get(b"/fields", name + b": " + value[:30_000])


def dripped(size: int) -> bytes:
    """Return content in chunks of one octet."""
    head = post(b"/chunks", b"text/plain", b"")
    head = head.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    return head + b"1\r\nx\r\n" * size + b"0\r\n\r\n"


BOMBS = {
    # -- forms --
    "lines in a field": (form(PART + b"\r\n\r\n" + b"\r\n" * SIZE), 413),
    "lines in a file": (file(b"\r\n" * (SIZE // 2)), 200),
    "returns in a file": (file(b"\r" * SIZE), 200),
    "half boundaries": (file(b"\r\n--y" * (SIZE // 5)), 200),
    "dashes": (file(b"\r\n--" * (SIZE // 4)), 200),
    "preamble": (form(b"\r\n--y" * (SIZE // 5)), 400),
    "lines before it": (form(b"\r\n" * (SIZE // 2)), 400),
    "folded lines": (form(PART + b"\r\n b" * (SIZE // 4) + END), 400),
    "lines in a head": (form(PART + b"\r\nX: y" * 100_000 + END), 413),
    "a long line in a head": (form(PART + b"; a=b" * 100_000 + END), 413),
    "quotes in a head": (
        form(PART + b'; a="' + b'\\"' * 3000 + b'"\r\n\r\n' + END),
        200,
    ),
    "parts": (form((PART + b"\r\n\r\n\r\n") * 20_000 + END), 413),
    "files": (form((FILE + b"\r\n\r\n\r\n") * 20_000 + END), 413),
    "pairs": (post(b"/form", URLENCODED, b"a&" * 249_000), 413),
    "nothing but ampersands": (
        post(b"/form", URLENCODED, b"&" * 499_000),
        413,
    ),
    "escapes": (post(b"/form", URLENCODED, b"a=" + b"%41" * 80_000), 200),
    "half escapes": (post(b"/form", URLENCODED, b"a=" + b"%" * 100_000), 200),
    "names that are long": (post(b"/form", URLENCODED, b"a" * 499_000), 200),
    # -- JSON --
    "depth": (post(b"/json", JSON, b"[" * SIZE), 400),
    "depth, of objects": (post(b"/json", JSON, b'{"":' * 125_000), 400),
    "digits": (post(b"/json", JSON, b"1" * SIZE), 400),
    "digits with an exponent": (post(b"/json", JSON, b"1e999999999"), 200),
    "escapes, in JSON": (
        post(b"/json", JSON, b'"' + b"\\u0041" * 80_000 + b'"'),
        200,
    ),
    "backslashes": (post(b"/json", JSON, b'"' + b"\\" * SIZE), 400),
    "white space": (post(b"/json", JSON, b" " * SIZE), 400),
    "keys": (
        post(
            b"/json",
            JSON,
            b"{%b}" % b",".join(b'"%d":0' % n for n in range(40_000)),
        ),
        200,
    ),
    # -- content --
    "one octet at a time": (dripped(10_000), 200),
    # -- heads --
    "cookies": (fields(b"Cookie", b"a=b;" * 10_000), 200),
    "backslashes in a cookie": (
        fields(b"Cookie", b'a="' + b"\\" * 30_000),
        200,
    ),
    "octal in a cookie": (fields(b"Cookie", b'a="' + b"\\101" * 9000), 200),
    "quality": (fields(b"Accept", b"a/b;q=0.1," * 3000), 200),
    "semicolons": (fields(b"Accept", b";" * 30_000), 200),
    "quotes": (fields(b"Content-Type", b'a/b;a="' + b'\\"' * 15_000), 200),
    "languages": (fields(b"Accept-Language", b"a-" * 15_000), 200),
    "tags": (fields(b"If-None-Match", b'"a", ' * 6000), 200),
    "directives": (fields(b"Cache-Control", b"a=b," * 7000), 200),
    "credentials": (fields(b"Authorization", b'Digest a="' * 3000), 200),
    "ranges": (
        get(b"/static/site.py", b"Range: bytes=" + b"0-," * 9000),
        200,
    ),
    "one range, of many digits": (
        get(b"/static/site.py", b"Range: bytes=" + b"9" * 30_000 + b"-"),
        416,
    ),
    # -- targets --
    "paths": (get(b"/a" + b"/x/b/y/c" * 900 + b"/z"), 404),
    "slashes": (get(b"/a" + b"/" * 8000), 404),
    "digits in a path": (get(b"/int/" + b"1" * 8000), 404),
    "digits and a point": (get(b"/float/1." + b"1" * 8000), 404),
    "names of files": (get(b"/static/" + b"x" * 8000), 404),
    "folders": (get(b"/static/" + b"x/" * 4000), 404),
    "parameters": (get(b"/fields?" + b"a&" * 4000), 400),
}


def status(heard: bytes) -> int:
    return int(heard[9:12])


@pytest.mark.slow
def test_what_is_dear_to_understand_costs_nobody_else(site):
    with siege(site):
        found = {
            name: status(site.says(said)) for name, (said, _) in BOMBS.items()
        }
    assert found == {name: code for name, (_, code) in BOMBS.items()}
