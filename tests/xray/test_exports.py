"""A trace in other formats."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

import pytest

from microquart.xray.exports import har, html, jsonl, mermaid, perfetto
from microquart.xray.record import Record
from microquart.xray.trace import Trace
from microquart.xray.tracing import trace
from tests.xray.recorded import (
    make_app,
    over_http1,
    over_http2,
    over_websocket,
)

# -- JSON Lines --


async def test_each_record_is_a_line_below_the_head() -> None:
    t = await over_http1()
    head, *lines = map(json.loads, jsonl.lines(t, t.head))
    assert head["xray"] == 1
    assert head["redaction"]
    assert [line["seq"] for line in lines] == list(range(len(t)))
    assert all(None not in line.values() for line in lines)


async def test_a_file_has_lengths_of_bodies_and_no_bodies() -> None:
    t = await over_http1()
    _, kept = jsonl.read(jsonl.lines(t, t.head))
    wire = b"".join(r.raw or b"" for r in kept if r.layer == "net")
    assert b"POST /users/7 HTTP/1.1" in wire
    assert b"abcd" not in wire
    assert b"changed" not in wire
    assert len(wire) == sum(len(r.raw or b"") for r in t if r.layer == "net")
    assert all(record.raw is None for record in kept if record.layer != "net")
    _, kept = jsonl.read(jsonl.lines(t, t.head, bodies=True))
    assert kept == t


async def test_a_sink_writes_the_same_lines_as_they_come() -> None:
    t = await over_http2()
    lines: list[str] = []
    sink = jsonl.JSONLines(lines.append, t.head)
    for record in t:
        sink(record)
    assert lines == list(jsonl.lines(t, t.head))


# -- HAR --

# What HAR 1.2 wants of each object.
WANTED = {
    "log": "version creator entries",
    "creator": "name version",
    "entries": "startedDateTime time request response cache timings",
    "request": (
        "method url httpVersion cookies headers queryString headersSize"
        " bodySize"
    ),
    "response": (
        "status statusText httpVersion cookies headers content redirectURL"
        " headersSize bodySize"
    ),
    "content": "size mimeType",
    "timings": "send wait receive",
    "headers": "name value",
    "queryString": "name value",
    "postData": "mimeType text",
    "_webSocketMessages": "type time opcode data",
}


def lacking(name: str, value: object) -> list[str]:
    """Return which keys an archive lacks."""
    if isinstance(value, list):
        return [key for item in value for key in lacking(name, item)]
    if not isinstance(value, dict):
        return []
    wanted = WANTED.get(name, "").split()
    found = [f"{name}.{key}" for key in wanted if key not in value]
    return found + [k for key in value for k in lacking(key, value[key])]


async def test_an_archive_has_what_har_wants() -> None:
    for t in (await over_http1(), await over_http2(), await over_websocket()):
        for bodies in (False, True):
            archive = t.to_har(bodies)
            assert json.loads(json.dumps(archive)) == archive
            assert lacking("", archive) == []


def entries(t: Trace, bodies: bool = False) -> list[Any]:
    log = har.archive(t, t.head, bodies)["log"]
    assert isinstance(log, dict)
    found: list[Any] = log["entries"]
    return found


async def test_an_entry_says_what_was_said() -> None:
    _, post, missing = entries(await over_http1(), bodies=True)
    assert post["request"] == post["request"] | {
        "method": "POST",
        "url": "http://localhost/users/7",
        "httpVersion": "HTTP/1.1",
    }
    assert post["response"]["status"] == 201
    assert post["response"]["content"] == {
        "size": 7,
        "mimeType": "text/html; charset=utf-8",
        "text": "changed",
    }
    assert missing["response"]["statusText"] == "Not Found"
    times = [time for time in post["timings"].values() if time >= 0]
    assert post["time"] == pytest.approx(sum(times))


async def test_the_messages_of_a_websocket_are_in_its_entry() -> None:
    (entry,) = entries(await over_websocket(), bodies=True)
    assert entry["request"]["url"].startswith("ws://127.0.0.1:")
    assert [
        (message["type"], message["opcode"], message["data"])
        for message in entry["_webSocketMessages"]
    ] == [
        ("send", 1, "hello"),
        ("receive", 1, "hello"),
        ("send", 2, "\0\1"),
        ("receive", 2, "\0\1"),
    ]
    (entry,) = entries(await over_websocket())
    assert {message["data"] for message in entry["_webSocketMessages"]} == {""}


# -- Perfetto --


async def test_what_begins_on_a_timeline_also_ends() -> None:
    t = await over_http2()
    t += [Record(len(t), t[-1].t, "B", "asgi.app", "c1", req="r9", span=99)]
    events = perfetto.timeline(t)["traceEvents"]
    assert json.loads(json.dumps(events)) == events
    open_names: dict[str, list[str]] = {}
    for event in events:
        names = open_names.setdefault(str(event.get("id")), [])
        if event["ph"] == "b":
            names.append(event["name"])
        elif event["ph"] == "e":
            assert names.pop() == event["name"]
    assert not any(open_names.values())
    kinds = Counter(event["ph"] for event in events)
    assert kinds["n"] == sum(record.ph == "I" for record in t)
    assert kinds["s"] == kinds["f"] == len(t.requests) - 1
    assert all(e["pid"] == 1 and e["tid"] for e in events)


# -- Mermaid --

STEP = re.compile(
    r"""\ {4}(?:
        participant\ p\d+\ as\ [^#;<>\n]+
      | p\d+-?->>p\d+:\ (?P<said>.+)
      | Note\ over\ p\d+:\ (?P<note>.+)
    )""",
    re.VERBOSE,
)
TEXT = re.compile(r"(?:[^#;<>\n]|#(?:lt|gt|35|59);)+")


def test_texts_are_no_syntax() -> None:
    assert mermaid.shown("a;b#<c>\r\nd") == "a#59;b#35;#lt;c#gt;  d"
    assert mermaid.shown("") == "-"


async def test_a_diagram_follows_the_grammar() -> None:
    for t in (await over_http1(), await over_http2(), await over_websocket()):
        first, *steps = t.to_mermaid().splitlines()
        assert first == "sequenceDiagram"
        known = set(re.findall(r"participant (p\d+)", t.to_mermaid()))
        for step in steps:
            match = STEP.fullmatch(step)
            assert match, step
            text = match["said"] or match["note"]
            assert text is None or TEXT.fullmatch(text), step
            assert set(re.findall(r"\bp\d+\b(?=[-:]| as)", step)) <= known


class Skin:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)


async def test_a_diagram_shows_each_skin_by_its_name() -> None:
    app = make_app()
    app.asgi_app = Skin(Skin(app.asgi_app))
    with trace(app) as t:
        await app.test_client().get("/")
    text = t.to_mermaid()
    names = dict(re.findall(r"participant (p\d+) as (.+)", text))
    assert [*names.values()][:5] == [
        *("client", "server", "Skin", "Skin 2", "app")
    ]
    said = re.findall(r"(p\d+)->>(p\d+): http\.response\.start 200", text)
    assert [(names[a], names[b]) for a, b in said] == [
        ("app", "Skin 2"),
        ("Skin 2", "Skin"),
        ("Skin", "server"),
    ]


async def test_a_diagram_shows_who_calls_whom() -> None:
    app = make_app()
    with trace(app) as t:
        await app.test_client().get("/broken")
    text = t.to_mermaid()
    names = dict(re.findall(r"participant (p\d+) as (\w+)", text))
    steps = [
        (names[a], names[b], said)
        for a, b, said in re.findall(r"(p\d+)-?->>(p\d+): (.*)", text)
    ]
    assert steps[:2] == [
        ("client", "server", "GET /broken"),
        ("server", "app", "http"),
    ]
    assert ("app", "broken", "view") in steps
    assert ("broken", "app", "ZeroDivisionError") in steps
    assert steps[-1] == ("server", "client", "500")


# -- HTML --

PAGE = """<!doctype html>
<html lang=en><head><meta charset="utf-8">
<link rel="stylesheet" href="page.css"></head>
<body><script type="module" src="page.js"></script></body></html>
"""


class Elements(HTMLParser):
    """Which elements a page has, with their attributes and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(
        self, tag: str, attrs: list[tuple[str, str | None]]
    ) -> None:
        self.found.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.found:
            tag, attrs, text = self.found[-1]
            self.found[-1] = tag, attrs, text + data

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [
            (attrs, text) for name, attrs, text in self.found if name == tag
        ]


def test_a_page_holds_all_that_it_needs() -> None:
    told = '{"head": {}, "records": ["</script><img src=x>"]}'
    page = Elements(html.inlined(PAGE, "a{}", "run()", told))
    assert [tag for tag, _, _ in page.found].count("img") == 0
    (data, records), (script, code) = page.all("script")
    assert data == {"type": "application/json", "id": "records"}
    assert json.loads(records)["records"] == ["</script><img src=x>"]
    assert (script, code) == ({"type": "module"}, "run()\n")
    assert page.all("style")[0][1].strip() == "a{}"
    assert page.all("link") == []
    policy = page.all("meta")[1][0]["content"] or ""
    assert "default-src 'none'" in policy
    assert f"script-src '{html.digest('run()')}'" in policy


def test_a_page_without_a_place_for_the_script_is_refused() -> None:
    with pytest.raises(ValueError, match=r"page\\\.js"):
        html.inlined(PAGE.replace("page.js", "x.js"), "", "", "")
