"""``import quart`` gives microquart, once a program has asked for it."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.conftest import present

pytestmark = pytest.mark.slow  # each starts Python anew

# What programs and extensions import below quart.
MODULES = [
    *("app", "blueprints", "cli", "config", "ctx", "datastructures"),
    *("exceptions", "formparser", "globals", "helpers", "json"),
    *("json.provider", "json.tag", "logging", "routing", "sessions"),
    *("signals", "templating", "testing", "testing.app", "testing.client"),
    *("testing.connections", "testing.utils", "typing", "utils", "views"),
    *("wrappers", "wrappers.base", "wrappers.request", "wrappers.response"),
    "wrappers.websocket",
]


def run(program):
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True
    )
    return done.stdout if done.returncode == 0 else done.stderr


def ours(program):
    start = "import sys, microquart; microquart.install_as_quart()\n"
    return run(start + program)


def test_quart_is_microquart():
    program = "import quart; print(quart is microquart)"
    assert ours(program) == "True\n"


def test_every_module_below_is_ours_and_loaded_once():
    program = f"""
from importlib import import_module
for name in {MODULES}:
    theirs = import_module("quart." + name)
    ours = sys.modules["microquart." + name]
    assert theirs is ours and ours.__spec__.name == ours.__name__, name
print("the same")
"""
    assert ours(program) == "the same\n"


def test_what_is_imported_from_quart_is_ours():
    program = """
from quart import Quart, request
from quart.wrappers import Body, Request
import quart.json.provider as provider
import microquart.wrappers.request
assert Quart is microquart.Quart and request is microquart.request
assert Request is microquart.wrappers.request.Request
print(provider.__name__)
"""
    assert ours(program) == "microquart.json.provider\n"


def test_a_module_that_there_is_not_is_not_found():
    said = ours("import quart.nothing")
    assert said.endswith(
        "ModuleNotFoundError: No module named 'quart.nothing'\n"
    )


def test_other_modules_are_found_as_ever():
    said = ours("import json; print(json.__name__); import quarto")
    assert said.endswith("ModuleNotFoundError: No module named 'quarto'\n")


def test_the_metadata_of_quart_tell_whose_names_these_are():
    program = """
from importlib.metadata import distribution, version
print(version("quart"), distribution("Quart").metadata["Name"])
"""
    assert ours(program) == "0.22.0 Quart\n"


def test_it_may_be_said_twice():
    program = """
microquart.install_as_quart()
print(sum(type(f).__name__ == "QuartFinder" for f in sys.meta_path))
"""
    assert ours(program) == "1\n"


def test_it_is_too_late_when_quart_is_imported():
    present("quart", find_spec("quart") is not None)
    said = run("import quart, microquart; microquart.install_as_quart()")
    assert "RuntimeError: quart is imported already, from " in said
    assert said.endswith(
        ": call microquart.install_as_quart() before the first import of "
        "quart or of an extension\n"
    )


@pytest.mark.parametrize(
    ("made", "theirs"),
    [
        ("exceptions.NotFound()", "exceptions.HTTPException"),
        ("exceptions.NotFound()", "exceptions.NotFound"),
        ("exceptions.BadRequestKeyError('a')", "exceptions.BadRequest"),
        ("exceptions.Unauthorized()", "exceptions.Unauthorized"),
        ("rule.converters['number']", "routing.IntegerConverter"),
        ("rule.converters['number']", "routing.converters.NumberConverter"),
    ],
)
def test_it_has_the_ancestors_that_extensions_ask_for(made, theirs):
    present("werkzeug", find_spec("werkzeug") is not None)
    program = f"""
import werkzeug
from quart import exceptions, routing
rule = routing.Rule("/<int:number>", endpoint="a")
routing.Map([rule])
print(isinstance({made}, werkzeug.{theirs}))
"""
    assert ours(program) == "True\n"


def test_the_exceptions_stay_as_they_are():
    program = """
from quart import exceptions
error = exceptions.BadRequestKeyError("page")
error.show_exception = True
print(error.description.partition("\\n")[2], error.code, error.get_headers())
print(exceptions.MethodNotAllowed(["GET"]).get_headers()[1])
"""
    expected = [
        "KeyError: 'page' 400 [('Content-Type', 'text/html; charset=utf-8')]",
        "('Allow', 'GET')",
    ]
    assert ours(program).splitlines() == expected
