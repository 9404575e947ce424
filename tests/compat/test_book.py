"""The programs of a book about microservices: each runs as with Quart."""

import pytest

from tests.compat.playing import loaded, play

row = pytest.mark.row
differs = pytest.mark.differs

RUNS = [("microquart", "asyncio"), ("microquart", "trio")]
BASIC = {"Authorization": "Basic YW5uYTpzZWNyZXQ="}


def same(name, *steps):
    """Play a program with Quart and with ours; return what was the same."""
    theirs = play(name, "quart", "asyncio", list(steps))
    for package, loop in RUNS:
        assert play(name, package, loop, list(steps)) == theirs
    return theirs


def get(path, **options):
    return "GET", path, options


def coded(path):
    """A step that sees the code alone: the description is in our words."""

    async def ask(client, module):
        response = await client.get(path)
        return response.status_code, (await response.get_json())["code"]

    return ask


def named(path):
    """A step that sees an error's text as far as its name."""

    async def ask(client, module):
        response = await client.get(path)
        text = (await response.get_json())["error"]
        return response.status_code, text.partition(":")[0]

    return ask


@row("dict as JSON response")
def test_a_dictionary_becomes_json():
    [(status, headers, body)] = same("hello", get("/api"))
    assert (status, body) == (200, b'{"Hello":"World!"}\n')
    assert headers["content-type"] == "application/json"


@row("app.run() and print(app.url_map)")
def test_the_rules_are_listed():
    [(_, _, body)] = same("hello", get("/rules"))
    assert b"/api" in body
    with loaded("hello", "microquart") as module:
        assert "'/api' (GET, HEAD, OPTIONS) -> my_service" in str(
            module.app.url_map
        )


@row("jsonify, await response.get_data()")
def test_a_response_can_be_looked_into():
    async def seen(client, module):
        return module.seen

    found = same("details", get("/api"), seen)
    assert found[1] == [
        "<Request 'http://localhost/api' [GET]>",
        "<Response [200 OK]>",
        '{"Hello":"World!"}\n',
    ]


@row("provide_automatic_options=False")
def test_options_are_not_answered_when_told():
    [(status, _, _)] = same("details", ("OPTIONS", "/api", {}))
    assert status == 405


@row("converters and a custom converter")
def test_values_are_converted():
    seen = same(
        "converters",
        get("/api/alice"),
        get("/number/12"),
        get("/number/7"),
        get("/any/dog"),
        get("/any/cow"),
        get("/user/1"),
        get("/user/9"),
    )
    codes = [status for status, _, _ in seen]
    assert codes == [200, 200, 404, 200, 404, 200, 404]
    assert seen[5][2] == b'{"name":"alice","url":"/user/2"}\n'


@row("test_request_context and url_for")
def test_urls_are_built_in_a_made_up_request():
    [(_, _, body)] = same("urls", get("/tried"))
    assert body == (
        b'["/dogs/Rex","/dogs/a%20b?size=3","http://localhost/dogs/Rex"]\n'
    )


@row("request.authorization", "g.user set in before_request")
def test_the_user_is_known():
    seen = same("authorization", get("/"), get("/", headers=BASIC))
    assert [body for _, _, body in seen] == [
        b'{"type":"","user":null}\n',
        b'{"type":"basic","user":"anna"}\n',
    ]


@row("tuple (body, status, headers) with")
def test_a_tuple_can_be_yaml():
    [(status, headers, body)] = same("yamlify", get("/api"))
    assert (status, headers["content-type"]) == (200, "application/x-yaml")
    assert body == b"- Hello\n- YAML\n- World!\n"


@row("signals: request_finished")
def test_a_signal_tells_of_requests():
    async def finished(client, module):
        return [status for _, status in module.finished]

    seen = same("events", get("/api"), get("/api"), finished)
    assert seen[2] == ["200 OK", "200 OK"]


@row("middleware over asgi_app")
def test_middleware_changes_the_headers():
    seen = same(
        "middleware",
        get("/api"),
        get("/api", headers={"X-Forwarded-For": "10.9.9.9"}),
    )
    assert b'"ip":"10.1.2.3"' in seen[0][2]
    assert b'"ip":"10.9.9.9"' in seen[1][2]


@row("Jinja templates")
def test_templates_are_rendered():
    mail, page, string = same(
        "mail", get("/mail"), get("/page"), get("/string")
    )
    assert b"Tea & <sugar>: 4.50 Euro" in mail[2]
    assert b"<li>Tea &amp; &lt;sugar&gt;</li>" in page[2]
    assert string[2] == b"&lt;b&gt;"


@row("config from a class, JSON, YAML")
def test_settings_come_from_everywhere():
    [(_, _, body)] = same("settings", get("/"))
    assert b'"NAME":"from JSON"' in body
    assert b'"PORTS":[1,2]' in body


@row("Blueprint")
def test_a_blueprint_is_part_of_a_program():
    seen = same(
        "teams",
        get("/teams"),
        get("/teams/developers"),
        get("/v1/teams/operators"),
        get("/teams/others"),
    )
    assert [body for _, _, body in seen] == [
        b'["Anna","Bo","Cem","Dana"]\n',
        b'["Anna","Bo"]\n',
        b'["Cem","Dana"]\n',
        b"[]\n",
    ]


@row("errorhandler(500), error as text")
def test_what_fails_is_answered():
    fails, teapot = same("failing", coded("/api"), named("/abort/418"))
    assert fails == (500, 500)
    assert teapot == (418, "418 I'm a teapot")


@row("one handler for every code")
def test_one_handler_is_for_every_code():
    codes = [400, 403, 404, 409, 503]
    seen = same(
        "failing",
        *(coded(f"/abort/{code}") for code in codes),
        coded("/nope"),
        get("/fails"),
    )
    assert seen[:-1] == [(code, code) for code in [*codes, 404]]
    assert b"nobody of this name" in seen[-1][2]


@row("one handler for every code")
@differs("werkzeug.exceptions is quart.exceptions again, as in the book")
def test_exceptions_are_where_the_book_has_them(quart):
    from microquart.exceptions import HTTPException, default_exceptions

    assert issubclass(default_exceptions[404], HTTPException)


@row("debugging: app.run(debug=True)")
@pytest.mark.parametrize("debug", [False, True])
def test_a_program_is_debugged(debug):
    async def ask(client, module):
        module.app.debug = debug
        module.app.add_url_rule("/fails", "broken", lambda: 1 / 0)
        response = await client.get("/fails")
        text = await response.get_data()
        return response.status_code, b"ZeroDivisionError" in text

    for package in ("quart", "microquart"):
        seen = play("teams", package, "asyncio", [ask])
        assert seen == [(500, debug)]
