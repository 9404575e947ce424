"""The log: its lines, its formats, and what a client cannot do to them."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from microquart.asgi import Receive, Scope, Send
from microquart.server import log
from microquart.server.access import ATOMS, AccessLog, compiled
from microquart.server.log import Dam, Lines, Objects, request_id
from microquart.server.settings import Settings
from tests.server.applications import answer, hello, http
from tests.server.running import running

GET = b"GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n"
TIME = r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\]"


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return the lines of the access log."""
    caplog.set_level(logging.INFO, "microquart.access")
    return lambda: [record.getMessage() for record in accessed(caplog)]


def accessed(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [each for each in caplog.records if each.name.endswith("access")]


# -- the access log --


async def test_each_request_is_a_line_in_the_common_format(loop_name, said):
    async with running(hello, access_log=True) as server:
        await server.says(GET % (b"/x?y=1", b""), b"hello")
    (line,) = said()
    assert re.fullmatch(
        rf'127\.0\.0\.1 - - {TIME} "GET /x\?y=1 HTTP/1\.1" 200 5', line
    )


FIELDS = b"Referer: /from\r\nUser-Agent: curl\r\nX-Name: Ada\r\n"


@pytest.mark.parametrize(
    ("format", "line"),
    [
        ("%(h)s %(l)s %(u)s", r"127\.0\.0\.1 - -"),
        ("%(m)s %(U)s %(q)s %(Uq)s", r"GET /a/b c=d /a/b\?c=d"),
        ("%(r)s", r"GET /a/b\?c=d HTTP/1\.1"),
        ("%(S)s %(H)s", r"http HTTP/1\.1"),
        ("%(s)s %(st)s %(b)s %(B)s", "200 OK 5 5"),
        ("%(f)s %(a)s", "/from curl"),
        ("%({x-name}i)s %({X-Other}i)s", "Ada -"),
        ("%({HOME_OF_LOG}e)s %({NO_SUCH_NAME}e)s", "here -"),
        ("%(T)s %(D)s %(L)s", r"0 \d+ 0\.\d{6}"),
        ("%(t)s", TIME),
        ("%(p)s %(id)s", r"<\d+> -"),
        ("%(m)s 100%%", "GET 100%"),
    ],
)
async def test_a_format_has_the_usual_atoms(format, line, said, monkeypatch):
    monkeypatch.setenv("HOME_OF_LOG", "here")
    settings = {"access_log": True, "access_log_format": format}
    async with running(hello, **settings) as server:
        await server.says(GET % (b"/a/b?c=d", FIELDS), b"hello")
    (text,) = said()
    assert re.fullmatch(line, text)


@pytest.mark.parametrize(
    ("format", "reason"),
    [
        ("%(nope)s", r"%\(nope\)s is not known .*; known: h, l, u, t"),
        ("%(h)s %s", "not enough arguments"),
        ("%(h)y", "unsupported format character"),
        ("%(h)s 100% sure", "not enough arguments"),
    ],
)
def test_a_format_that_cannot_be_is_refused(format, reason):
    with pytest.raises(ValueError, match=reason):
        AccessLog(format)


def test_every_atom_is_short():
    assert all(len(name) <= 2 for name in ATOMS)
    assert compiled("".join(f"%({name})s" for name in ATOMS))


async def test_a_client_cannot_forge_a_line(said):
    fields = b'User-Agent: a\x80b" 200 5\r\n'
    settings = {"access_log": True, "access_log_format": '"%(r)s" "%(a)s"'}
    async with running(hello, **settings) as server:
        await server.says(GET % (b"/%0a?'", fields), b"hello")
    assert said() == [r'''"GET /%0a?' HTTP/1.1" "a\x80b\x22 200 5"''']


async def test_a_request_that_fails_is_a_line_too(said):
    @http
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("no such luck")

    async with running(broken, access_log=True) as server:
        await server.says(GET % (b"/", b""), b"Internal Server Error")
    assert said()[0].endswith(" 500 21")


async def test_with_json_a_record_has_the_facts(said, caplog):
    settings = {"access_log": True, "log_json": True}
    async with running(hello, **settings) as server:
        await server.says(GET % (b"/a%20b?c=d", FIELDS), b"hello")
    (record,) = accessed(caplog)
    facts = json.loads(Objects().format(record))
    assert facts.pop("seconds") < 10
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z", facts.pop("time"))
    assert facts == {
        "level": "info",
        "logger": "microquart.access",
        "message": "GET /a%20b?c=d",
        "client": "127.0.0.1",
        "method": "GET",
        "path": "/a b",
        "query": "c=d",
        "http": "1.1",
        "status": 200,
        "bytes": 5,
        "referer": "/from",
        "agent": "curl",
    }


async def test_without_an_access_log_nobody_looks(said):
    async with running(hello, access_log=False) as server:
        await server.says(GET % (b"/", b""), b"hello")
    assert said() == []


# -- requests by their id --


async def named(settings, *requests: bytes) -> list[bytes]:
    """Return the ids in the responses to some requests."""

    @http
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        logging.getLogger("microquart.access").info("in the application")
        assert scope["state"]["request_id"] == request_id.get()
        await answer(send)

    found = []
    async with running(app, request_id=True, **settings) as server:
        for fields in requests:
            heard = await server.says(GET % (b"/", fields), b"hello")
            found += re.findall(rb"\r\nx-request-id: (.*)\r\n", heard)
    return found


async def test_each_request_has_an_id_of_its_own(loop_name):
    first, second = await named({}, b"", b"")
    assert re.fullmatch(rb"[0-9a-f]{8}-1", first)
    assert second == first[:-1] + b"2"


async def test_the_id_of_a_client_is_kept(loop_name):
    assert await named({}, b"X-Request-ID: a.b-7\r\n") == [b"a.b-7"]


@pytest.mark.parametrize(
    "value", [b"two words", b"x" * 129, b'"', b"", b"\xff"]
)
async def test_an_id_that_could_do_harm_is_replaced(value):
    (given,) = await named({}, b"X-Request-ID: %s\r\n" % value)
    assert given != value


async def test_log_lines_of_a_request_have_its_id(capsys):
    settings = {"access_log": True, "access_log_format": "%(id)s %(s)s"}
    with own_root():
        log.configure(Settings(log_level="info"))
        await named(settings, b"X-Request-ID: n7\r\n")
    said = capsys.readouterr().err.splitlines()
    assert "[n7] in the application" in said
    assert "[n7] n7 200" in said


# -- all lines --


@contextmanager
def own_root() -> Iterator[logging.Logger]:
    """Our logger as it is in a process of its own, and none above."""
    above, root = logging.getLogger(), logging.getLogger("microquart")
    handlers, level = above.handlers[:], root.level
    above.handlers.clear()
    root.setLevel(logging.NOTSET)
    try:
        yield root
    finally:
        above.handlers[:] = handlers
        root.handlers.clear()
        root.setLevel(level)
        root.propagate = True


def test_lines_go_to_standard_error(capsys):
    with own_root() as root:
        log.configure(Settings(log_level="warning"))
        root.info("unheard")
        root.warning("heard")
    assert capsys.readouterr().err == "heard\n"


def test_with_json_each_line_is_an_object(capsys):
    with own_root() as root:
        log.configure(Settings(log_json=True))
        token = request_id.set("n7")
        try:
            raise ValueError("no such luck")
        except ValueError:
            root.exception("it failed:\n%s", "badly")
        request_id.reset(token)
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert said["message"] == "it failed:\nbadly"
    assert said["level"] == "error"
    assert said["id"] == "n7"
    assert said["exception"].endswith("ValueError: no such luck")


def test_what_a_program_has_set_up_stays():
    with own_root() as root:
        handler = logging.NullHandler()
        root.addHandler(handler)
        root.setLevel("ERROR")
        log.configure(Settings())
        assert root.handlers == [handler]
        assert root.level == logging.ERROR


def record(text: str, second: float = 7) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": "%s!", "args": (text,)})
    made.created = second
    return made


@pytest.mark.parametrize("most", [1, 10])
def test_equal_lines_are_few_in_a_second(most):
    dam = Dam(most)
    records = [record("a flood", 7.5) for _ in range(100)]
    passed = [each for each in records if dam.filter(each)]
    assert len(passed) == most
    assert records[0].getMessage().startswith("a flood!")
    assert passed[-1].getMessage() == (
        "a flood! (no more of these in this second)"
    )
    assert dam.filter(record("another"))
    assert dam.filter(record("a flood", 8.0))


@pytest.fixture
def server_logger() -> Iterator[logging.Logger]:
    """The logger of the server, as it was before."""
    logger = logging.getLogger("microquart.server")
    before = logger.filters[:]
    with own_root():
        yield logger
    logger.filters[:] = before


def test_the_dam_stands_before_the_server_and_once(server_logger):
    log.configure(Settings())
    log.configure(Settings())
    filters = server_logger.filters
    assert sum(isinstance(each, Dam) for each in filters) == 1


@pytest.mark.parametrize(
    ("settings", "passed"),
    [({}, 10), ({"log_repeats": 3}, 3), ({"log_repeats": None}, 20)],
)
def test_how_many_pass_is_a_setting(settings, passed, server_logger):
    log.configure(Settings(**settings))
    records = [record("a flood") for _ in range(20)]
    assert sum(bool(server_logger.filter(each)) for each in records) == passed


def test_a_line_without_a_request_has_no_id():
    assert Lines().format(record("x")) == "x!"
