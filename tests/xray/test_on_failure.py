"""``pytest --xray-on-failure``."""

import json

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import asyncio
from microquart import Quart

def client():
    app = Quart(__name__)

    @app.get("/")
    async def index():
        return "hello"

    return app.test_client()

def test_fails():
    response = asyncio.run(client().get("/"))
    assert response.status_code == 404

def test_passes():
    response = asyncio.run(client().get("/"))
    assert response.status_code == 200

def test_fails_without_a_request():
    assert False
"""


@pytest.mark.slow
def test_the_trace_of_a_test_that_fails_is_kept(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("--xray-on-failure")
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["*- X-ray -*", "r1 GET /  HTTP/1.1  200 *"])
    (path,) = pytester.path.rglob("*.xray.jsonl")
    assert "test_fails" in path.name
    assert str(path) in result.stdout.str()
    assert json.loads(path.read_text().splitlines()[0])["xray"] == 1


@pytest.mark.slow
def test_without_the_option_nothing_is_loaded(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        """
import sys

def test_nothing():
    loaded = [name for name in sys.modules if "microquart" in name]
    assert loaded == ["pytest_microquart"]
"""
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1)
