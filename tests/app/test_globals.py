"""The proxies, and what they say where there is nothing to stand for."""

import subprocess
import sys
import threading

import pytest

import microquart
from microquart import Quart, current_app, g, request, session, websocket
from microquart.globals import request_ctx
from microquart.json import dumps, jsonify, loads
from microquart.wrappers.request import Request


@pytest.fixture
def app():
    return Quart(__name__, static_folder=None)


@pytest.mark.parametrize(
    ("proxy", "told"),
    [
        (current_app, "Not within an app context"),
        (g, "Not within an app context"),
        (request, "Not within a request context"),
        (websocket, "Not within a websocket context"),
        (session, "Not within a request nor websocket context"),
        (request_ctx, "Not within a request context"),
    ],
)
def test_outside_of_a_context_a_use_is_an_error(proxy, told):
    with pytest.raises(RuntimeError) as caught:
        _ = proxy.something
    assert str(caught.value) == told
    assert not proxy
    assert "outside of its context" in repr(proxy)
    assert dir(proxy) == []


async def test_a_proxy_is_as_good_as_its_object(app):
    async with app.test_request_context("/x", headers={"X-A": "b"}) as ctx:
        assert isinstance(request, Request)
        assert request._get_current_object() is ctx.request
        assert request == ctx.request
        assert hash(request) == hash(ctx.request)
        assert "X-A" in request.headers
        assert bool(request)
        assert repr(request) == repr(ctx.request)
        assert "path" in dir(request)
        request.own = 1
        assert ctx.request.own == 1
        del request.own
        assert not hasattr(request, "own")


async def test_a_session_is_used_by_its_proxy(app):
    app.secret_key = "s"
    async with app.test_request_context("/"):
        session["a"] = 1
        assert session["a"] == 1
        assert "a" in session
        assert len(session) == 1
        assert list(session) == ["a"]
        del session["a"]
        assert not session


# -- why there is no context --

PROGRAM = """
from microquart import request

def helper():
    return request.args

{use}
"""


@pytest.mark.parametrize(
    ("use", "line"), [("request.args", 7), ("helper()", 7)]
)
def test_a_use_at_import_is_told_with_its_line(
    tmp_path, monkeypatch, use, line
):
    (tmp_path / "early.py").write_text(PROGRAM.format(use=use))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "early", raising=False)
    with pytest.raises(RuntimeError) as caught:
        __import__("early")
    assert str(caught.value) == (
        f"no request here: this runs at import time (early.py:{line}). "
        "Move it into a view"
    )


def in_a_thread(use):
    told = []

    def run():
        try:
            use()
        except RuntimeError as error:
            told.append(str(error))

    thread = threading.Thread(target=run, name="T-1")
    thread.start()
    thread.join()
    return told[0]


@pytest.mark.parametrize(
    ("use", "name"),
    [
        (lambda: request.path, "request"),
        (lambda: websocket.path, "websocket"),
        (lambda: session["a"], "session"),
        (lambda: g.user, "g"),
        (lambda: current_app.name, "app"),
    ],
)
def test_a_use_in_a_thread_is_told_with_the_remedy(use, name):
    assert in_a_thread(use) == (
        f"no {name} here: this runs in thread 'T-1': contexts do not follow "
        "into threads; use await run_in_thread(f)"
    )


async def test_a_use_on_a_loop_has_the_plain_text():
    with pytest.raises(RuntimeError, match=r"^Not within a request context$"):
        _ = request.path


# -- JSON of the current application --


async def test_json_is_the_applications(app):
    app.json.sort_keys = False
    async with app.app_context():
        assert dumps({"b": 1, "a": 2}) == '{"b": 1, "a": 2}'
        assert loads("[1]") == [1]
        assert await jsonify(a=1).get_json() == {"a": 1}


def test_json_works_without_an_application():
    assert loads(dumps({"a": [1, None]})) == {"a": [1, None]}
    with pytest.raises(RuntimeError, match="Not within an app context"):
        jsonify(1)


# -- the public names --


def test_the_public_names_are_those_of_quart():
    quart = pytest.importorskip("quart")
    modules = {"annotations", *(n for n in dir(quart) if is_module(quart, n))}
    names = {n for n in dir(quart) if not n.startswith("_")} - modules
    assert names == set(microquart.__all__)


def is_module(package, name):
    return isinstance(getattr(package, name), type(package))


def test_importing_brings_no_heavy_library_in():
    program = (
        "import sys, microquart; "
        "print([m for m in ('jinja2', 'click', 'multipart', 'itsdangerous', "
        "'h11', 'h2', 'wsproto', 'trio') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
