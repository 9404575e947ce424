"""Twenty mistakes: what a user sees of each, word for word.

Each program is a file ``app.py``, as the messages name its lines.
"""

import errno
import os
import re
import socket
import sys
from importlib import import_module

import anyio
import pytest

from microquart.cli.ports import explain
from microquart.loading import LoadError, load
from microquart.server.listen import BindError
from microquart.server.watchdog import Watchdog

HEAD = """\
import time, threading
from microquart import *
app = Quart(__name__)

"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Write a program, import it as ``app``, and return its application."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(source, debug=False):
        (tmp_path / "app.py").write_text(HEAD + source.lstrip("\n"))
        sys.modules.pop("app", None)
        app = import_module("app").app
        app.testing, app.debug = not debug, debug
        return app

    yield write
    sys.modules.pop("app", None)


RAISED = {
    "1: awaiting is forgotten": (
        """
@app.post("/")
async def view():
    return request.form["x"]
""",
        'request.form is awaitable: write (await request.form)["x"]  app.py:7',
    ),
    "4: a view returns nothing on one branch": (
        """
@app.route("/", methods=["GET", "POST"])
async def user():
    if request.args:
        return "x"
    print("no")
""",
        "view 'user' (app.py:5) returned None: is a return missing on one "
        "branch? line 9 has none",
    ),
    "5: a view returns what is no response": (
        """
@app.post("/")
async def answer():
    return 42
""",
        "view 'answer' (app.py:5) returned 42 (int); valid are str, bytes, "
        "dict, list, a Response, a generator or another iterator, and a tuple "
        "of one of these with a status, with headers, or with both; write "
        'str(42) or {"value": 42}',
    ),
    "6: a rule passes what its view does not take": (
        """
@app.post("/", defaults={"id": 1})
async def v():
    return "x"
""",
        "rule '/' passes id, but v() at app.py:5 does not take it",
    ),
    "9: a before hook returns False": (
        """
@app.before_request
async def b():
    return False

@app.post("/")
async def v():
    return "x"
""",
        "before_request 'b' (app.py:5) returned False; return None to go on, "
        "or a response to stop",
    ),
    "10: an after hook forgets its return": (
        """
@app.after_request
async def a(response):
    response.headers["X-A"] = "b"

@app.post("/")
async def v():
    return "x"
""",
        "after_request 'a' (app.py:5) returned None: must return the response",
    ),
    "11: a session without a secret": (
        """
@app.post("/")
async def v():
    session["x"] = 1
""",
        "the session cannot be changed because the application has no secret "
        "key to sign it; set app.secret_key to something random, for example "
        "the output of: python -c 'import secrets; "
        "print(secrets.token_hex())'",
    ),
    "12: url_for of an unknown endpoint": (
        """
@app.get("/user/<name>/<int:n>")
async def user(name, n):
    return "x"

@app.post("/")
async def v():
    return url_for("usr", name="a")
""",
        "Could not build a URL for endpoint 'usr' with name. Did you mean "
        "'user' (needs n, name) or 'static' (needs filename) or 'v'?",
    ),
    "12: url_for without an argument": (
        """
@app.get("/user/<name>/<int:n>")
async def user(name, n):
    return "x"

@app.post("/")
async def v():
    return url_for("user", name="a")
""",
        "Could not build a URL for endpoint 'user' with name. "
        "'/user/<name>/<int:n>' lacks n (needs n, name).",
    ),
}


@pytest.mark.parametrize(("source", "message"), RAISED.values(), ids=RAISED)
async def test_a_mistake_of_a_view_is_told(program, source, message):
    client = program(source).test_client()
    with pytest.raises(Exception, match=r".") as caught:
        await client.post("/", form={"x": "1"})
    assert str(caught.value) == message


AT_IMPORT = {
    "7: an unknown converter": (
        """
@app.get("/<itn:id>")
async def v(id):
    return "x"
""",
        "\"/<itn:id>\": converter 'itn' is unknown; known: int, string, any, "
        "path, uuid, float",
    ),
    "8: two views of one name": (
        """
@app.get("/a")
async def v():
    return "a"

@app.get("/b")
async def v():
    return "b"
""",
        "View function mapping is overwriting an existing endpoint function: "
        "v (app.py:5, now app.py:9); give one of them a name of its own: "
        'endpoint="..."',
    ),
    "13: request at import": (
        "print(request.path)",
        "no request here: this runs at import time (app.py:5). Move it into "
        "a view",
    ),
}


@pytest.mark.parametrize(
    ("source", "message"), AT_IMPORT.values(), ids=AT_IMPORT
)
def test_a_mistake_at_import_is_told(program, source, message):
    with pytest.raises(Exception, match=r".") as caught:
        program(source)
    told = caught.value.args[0] if caught.value.args else str(caught.value)
    assert told == message


ANSWERED = {
    "2: JSON of another media type": (
        {"data": "{}", "headers": {"Content-Type": "text/plain"}},
        415,
        "expected application/json, got text/plain; get_json(force=True) "
        "ignores it",
    ),
    "3: broken JSON": (
        {"data": '{"a":}', "headers": {"Content-Type": "application/json"}},
        400,
        "line 1 column 6: expecting value",
    ),
}


@pytest.mark.parametrize(
    ("sent", "status", "message"), ANSWERED.values(), ids=ANSWERED
)
async def test_a_mistake_of_the_client_is_told(program, sent, status, message):
    app = program(
        """
@app.post("/")
async def view():
    return await request.get_json()
""",
        debug=True,
    )
    response = await app.test_client().post("/", **sent)
    assert response.status_code == status
    assert f"<p>{message}</p>" in await response.get_data(as_text=True)


async def test_14_request_in_a_thread(program):
    app = program(
        """
@app.get("/")
async def v():
    def look():
        try:
            request.path
        except RuntimeError as error:
            told.append(str(error))
    told = []
    thread = threading.Thread(target=look, name="T-1")
    thread.start()
    thread.join()
    return told
"""
    )
    response = await app.test_client().get("/")
    assert await response.get_json() == [
        "no request here: this runs in thread 'T-1': contexts do not follow "
        "into threads; use await run_in_thread(f)"
    ]


async def test_15_a_template_is_missing(program, tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "index.html").write_text("x")
    app = program(
        """
@app.get("/")
async def v():
    return await render_template("indx.html")
"""
    )
    with pytest.raises(LookupError) as caught:
        await app.test_client().get("/")
    assert str(caught.value) == (
        f"no template 'indx.html'; sought in {tmp_path}/templates "
        "(application 'app'); nearest: index.html"
    )


@pytest.mark.slow
async def test_16_time_sleep_in_an_async_view(program, caplog):
    app = program(
        """
@app.get("/")
async def v():
    time.sleep(0.4)
    return "x"
"""
    )
    async with anyio.create_task_group() as group:
        group.start_soon(Watchdog("asyncio.sleep").run)
        await anyio.wait_all_tasks_blocked()
        await app.test_client().get("/")
        await anyio.sleep(0.1)  # the watchdog's next turn
        group.cancel_scope.cancel()
    assert re.fullmatch(
        r"loop blocked \d+ ms in app\.py:7 \(time\.sleep\); use await "
        r"asyncio\.sleep or a def view",
        caplog.messages[0],
    )


PAGES = {
    "17: a slash too many": (
        "GET",
        "/x/",
        "404 Not Found: GET /x/",
        "/x slash: extra slash v (app.py:5)",
    ),
    "18: another method": (
        "POST",
        "/x",
        "405 Method Not Allowed: POST /x",
        "/x method: it allows GET, HEAD, OPTIONS v (app.py:5)",
    ),
}


@pytest.mark.parametrize(
    ("method", "path", "head", "verdict"), PAGES.values(), ids=PAGES
)
async def test_a_rule_that_does_not_match_is_explained(
    program, method, path, head, verdict
):
    app = program('@app.get("/x")\nasync def v():\n    return "x"', debug=True)
    response = await app.test_client().open(path, method=method)
    text = await response.get_data(as_text=True)
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == head
    assert verdict in lines
    advice = (
        'To have v (app.py:5) answer POST, add "POST" to the methods of '
        "'/x'."
    )
    assert (advice in lines) is (method == "POST")


NAMED = {
    "nope:app": "no module 'nope' in {here}; Python files there: app.py",
    "app:nope": "app has no 'nope'; it has app:app",
}


@pytest.mark.parametrize(("target", "message"), NAMED.items(), ids=NAMED)
def test_19_an_application_that_is_not_there(
    program, tmp_path, target, message
):
    program("")
    with pytest.raises(LoadError) as caught:
        load(target)
    assert str(caught.value) == message.format(here=tmp_path)


def test_20_a_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        reason = OSError(errno.EADDRINUSE, "Address already in use")
        error = BindError(f"127.0.0.1:{port}", reason)
        told = explain(error, "--port")
    assert re.fullmatch(
        rf"port {port} is used by \S+ \(pid {os.getpid()}\); try --port \d+",
        told,
    )
