"""The fixtures that every test passes through can fail a test."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LEAVING = """
import asyncio, os, socket
import anyio, pytest
kept = []

def test_socket():
    kept.append(socket.socket())

@pytest.mark.parametrize("anyio_backend", ["asyncio"], indirect=True)
async def test_task():
    kept.append(asyncio.create_task(anyio.sleep_forever(), name="kept"))

async def test_nothing():
    await anyio.sleep(0)

def test_program(program):
    program("no-such-program")
"""


@pytest.mark.slow
def test_a_test_that_leaves_something_fails(tmp_path, monkeypatch):
    lines = run_where_all_must_be_there(tmp_path, monkeypatch)
    summary = [line.split(" - ")[0] for line in lines if "::" in line]
    ends = sorted(
        f"{line.split()[0]} {line.rpartition('::')[2]}" for line in summary
    )
    assert ends == [
        "ERROR test_socket",
        "ERROR test_task[asyncio]",
        "FAILED test_program",
        "PASSED test_nothing[asyncio]",
        "PASSED test_nothing[trio]",
        "PASSED test_socket",
        "PASSED test_task[asyncio]",
    ]
    assert any("descriptor" in line and "socket:" in line for line in lines)
    assert any("task kept" in line for line in lines)
    assert any(
        "no-such-program is not installed, and" in line for line in lines
    )


def run_where_all_must_be_there(folder, monkeypatch):
    """Return what pytest says of the tests above."""
    monkeypatch.setenv("MICROQUART_TEST_ALL", "1")
    (folder / "conftest.py").write_text("from tests.conftest import *")
    (folder / "test_leaving.py").write_text(LEAVING)
    arguments = [
        "-rA",
        "-p",
        "no:cacheprovider",
        "-c",
        ROOT / "pyproject.toml",
        folder,
    ]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return run.stdout.splitlines()


def test_what_is_missing_is_skipped_with_a_reason(program, monkeypatch):
    monkeypatch.delenv("MICROQUART_TEST_ALL", raising=False)
    with pytest.raises(
        pytest.skip.Exception, match="no-such-program is not installed"
    ):
        program("no-such-program")
