"""The floors of the package, and what its core may not do."""

import ast
from pathlib import Path

import pytest

from tests.code import layers

ROOT = Path(__file__).parents[2] / layers.PACKAGE


@pytest.fixture(scope="module")
def modules() -> layers.Modules:
    return layers.package(ROOT)


def test_every_module_has_a_row(modules):
    assert layers.without_a_row(modules) == []


def test_every_row_has_a_module(modules):
    to_come = {"xray.*", "learn.*"}
    names = {line.split()[0] for line in layers.without_a_module(modules)}
    assert names <= to_come


def test_every_exception_is_needed(modules):
    late = {
        (entry.importer, entry.imported)
        for entry in layers.imports(modules)
        if entry.function
    }
    assert layers.LATE - late == set()


def test_every_import_leads_down_or_leftwards(modules):
    assert layers.against_the_floors(modules) == []


def test_there_is_no_cycle(modules):
    assert layers.cycles(modules) == []


def test_nothing_is_imported_for_typing_only(modules):
    assert layers.for_typing_only(modules) == []


def test_imports_stand_at_the_top(modules):
    assert layers.in_a_function(modules) == []


def test_what_decides_does_not_wait(modules):
    assert layers.waiting(modules) == []


def test_what_decides_has_no_clock_no_socket_no_chance(modules):
    assert layers.looking_at_the_world(modules) == []


def test_server_and_framework_meet_only_in_asgi(modules):
    assert layers.over_the_seam(modules) == []


def test_a_library_is_known_only_in_its_room(modules):
    assert layers.foreign(modules) == []


# -- the rules themselves can fail --


def planted(**sources: str) -> layers.Modules:
    """Make a package of few modules; ``http__fields`` is ``http.fields``."""
    return {
        name if name == "__init__" else name.replace("__", "."): ast.parse(
            source
        )
        for name, source in sources.items()
    }


@pytest.mark.parametrize(
    ("rule", "sources", "complaint"),
    [
        (layers.without_a_row, {"common": ""}, "common has no row"),
        (layers.without_a_module, {"asgi": ""}, "app has no module"),
        (
            layers.against_the_floors,
            {"context": "from microquart.app import Quart"},
            "context:1 imports app",
        ),
        (
            layers.against_the_floors,
            {"context": "import microquart.app"},
            "context:1 imports app",
        ),
        (
            layers.against_the_floors,
            {"context": "from microquart import request"},
            "context:1 imports __init__",
        ),
        (
            layers.against_the_floors,
            {"context": "from microquart import app", "app": ""},
            "context:1 imports app",
        ),
        (
            layers.against_the_floors,
            {"context": "from . import config"},
            "context:1 imports relative import in context",
        ),
        (
            layers.against_the_floors,
            {"signals": "from microquart.config import Config"},
            "signals:1 imports config",
        ),
        (
            layers.against_the_floors,
            {"exceptions": "from microquart.routing.rules import Rule"},
            "exceptions:1 imports routing.rules",
        ),
        (
            layers.against_the_floors,
            {"app": "def serve():\n from microquart.server import serve"},
            "app:2 imports server",
        ),
        (
            layers.against_the_floors,
            {"gateway": "import_module('microquart.globals')"},
            "gateway:1 imports globals",
        ),
        (
            layers.cycles,
            {
                "http__a": "import microquart.http.b",
                "http__b": "import microquart.http.c",
                "http__c": "def f():\n import microquart.http.a",
            },
            "http.a > http.b > http.c > http.a",
        ),
        (
            layers.for_typing_only,
            {"app": "from typing import *\nif TYPE_CHECKING: pass"},
            "app:2 mentions TYPE_CHECKING",
        ),
        (
            layers.for_typing_only,
            {"app": "import typing as t\nif t.TYPE_CHECKING: pass"},
            "app:2 mentions TYPE_CHECKING",
        ),
        (
            layers.in_a_function,
            {"app": "def run():\n import inspect"},
            "app:2 imports inspect in run()",
        ),
        (
            layers.in_a_function,
            {"app": "class A:\n async def f(self):\n  if 1:\n   import json"},
            "app:4 imports json in f()",
        ),
        (
            layers.in_a_function,
            {"blueprints": "def run():\n from microquart.server import serve"},
            "blueprints:2 imports server in run()",
        ),
        (layers.waiting, {"http__a": "async def f(): ..."}, "http.a:1 waits"),
        (
            layers.waiting,
            {"protocol__h1": "def f():\n return [x async for x in y]"},
            "protocol.h1:2 waits",
        ),
        (
            layers.looking_at_the_world,
            {"protocol": "from time import monotonic"},
            "protocol:1 imports time",
        ),
        (
            layers.looking_at_the_world,
            {"http__a": "import os.path"},
            "http.a:1 imports os.path",
        ),
        (
            layers.looking_at_the_world,
            {"http__a": "x = datetime.now(UTC)"},
            "http.a:1 calls now()",
        ),
        (
            layers.over_the_seam,
            {
                "server__serve": "import microquart.server.load",
                "server__load": "import microquart.app",
                "app": "",
            },
            "server.serve reaches app",
        ),
        (
            layers.over_the_seam,
            {
                "app": "from microquart.server.serve import run",
                "server__serve": "",
            },
            "app reaches server.serve",
        ),
        (
            layers.foreign,
            {"server__listen": "from h2.exceptions import H2Error"},
            "server.listen:1 imports h2.exceptions",
        ),
        (layers.foreign, {"app": "import requests"}, "app:1 imports requests"),
    ],
)
def test_a_rule_complains(rule, sources, complaint):
    assert complaint in rule(planted(**sources))


@pytest.mark.parametrize(
    ("rule", "sources"),
    [
        (
            layers.against_the_floors,
            {"exceptions": "import microquart.wrappers.bodies"},
        ),
        (
            layers.against_the_floors,
            {"http__a": "from microquart.http import b"},
        ),
        (layers.against_the_floors, {"cli": "import microquart.server.serve"}),
        (
            layers.against_the_floors,
            {"app": "def run():\n from microquart.server import serve"},
        ),
        (
            layers.in_a_function,
            {"app": "def run():\n from microquart.server import serve"},
        ),
        (layers.in_a_function, {"sessions": "def f():\n import itsdangerous"}),
        (
            layers.cycles,
            {"http__a": "import microquart.http.b", "http__b": ""},
        ),
        (layers.foreign, {"protocol__h2": "import h2.events, anyio, typing"}),
        (
            layers.over_the_seam,
            {"server__log": "import logging", "logging": ""},
        ),
        (layers.waiting, {"server__shell": "async def f(): await g()"}),
    ],
)
def test_a_rule_does_not_complain(rule, sources):
    assert rule(planted(**sources)) == []


def test_every_floor_says_what_is_below_it():
    assert layers.BELOW.keys() == layers.FLOORS.keys()
    assert {name for row in layers.BELOW.values() for name in row.split()} <= (
        layers.FLOORS.keys()
    )
