"""Quart's extensions do with microquart what they do with Quart.

Each program is run twice, once as it is and once with ``quart`` given by
microquart, and has to print the same.
"""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import present

PROGRAMS = Path(__file__).parent / "programs"
PAGE = Path(__file__).parents[2] / "docs/explanation/extensions.md"
TIMEOUT = 60.0  # seconds for a program to end

PACKAGES = {
    "auth": "quart_auth",
    "babel_": "quart_babel",
    "bcrypt_": "quart_bcrypt",
    "compress": "quart_compress",
    "cors": "quart_cors",
    "database": "quart_db",
    "forms": "quart_wtf",
    "rate_limiter": "quart_rate_limiter",
    "schema": "quart_schema",
    "sentry": "sentry_sdk",
    "sessions": "quart_session",
    "tasks": "quart_tasks",
    "uploads": "quart_uploads",
}
WITH_OURS = (
    "import runpy, sys, microquart; microquart.install_as_quart(); "
    "sys.path.insert(0, sys.argv[2]); "
    "runpy.run_path(sys.argv[1], run_name='__main__')"
)


def run(*command):
    return subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        # Sets are printed in the same order by both.
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )


def test_every_program_is_run():
    assert {path.stem for path in PROGRAMS.glob("*.py")} == set(PACKAGES)


def test_every_program_stands_in_the_table():
    rows = re.findall(r"^\| (quart-\S+|sentry-sdk) ", PAGE.read_text(), re.M)
    assert len(rows) == len(PACKAGES)


@pytest.mark.slow
@pytest.mark.parametrize("name", PACKAGES)
def test_an_extension_does_with_ours_what_it_does_with_quart(name):
    for package in ("quart", PACKAGES[name]):
        present(package, find_spec(package) is not None)
    program = PROGRAMS / f"{name}.py"
    theirs = run(program)
    assert theirs.returncode == 0, theirs.stderr
    ours = run("-c", WITH_OURS, program, PROGRAMS)
    assert ours.returncode == 0, ours.stderr
    assert ours.stdout == theirs.stdout
    assert ours.stdout
