"""The table has an answer of each server, and ours keep what we promise."""

import re
import subprocess
import sys

import pytest

SERVERS = ["microquart", "uvicorn", "hypercorn", "granian"]
PATIENCE = 3  # seconds

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> dict[str, dict[str, str]]:
    """What was asked, and what each server answered."""
    for name in SERVERS:
        pytest.importorskip(name)
    script = request.path.parent / "compare.py"
    output = subprocess.check_output(
        [sys.executable, str(script), "--patience", str(PATIENCE)],
        text=True,
        timeout=90,
    )
    head, *lines = [
        re.split(r"\s{2,}", line.strip()) for line in output.splitlines()
    ]
    assert head == SERVERS
    return {
        question: dict(zip(SERVERS, answers, strict=True))
        for question, *answers in lines
    }


def number(answer: str) -> float:
    """Return the last number of an answer: seconds, or megabytes."""
    return float(re.findall(r"-?[\d.]+", answer)[-1])


def test_each_server_answers_each_question(table):
    assert len(table) == 7
    for answers in table.values():
        assert all(answers.values())


def test_our_server_tells_a_view_that_its_client_has_gone(table):
    rows = [row for row in table if row.startswith("tells")]
    assert len(rows) == 3
    for row in rows:
        assert number(table[row]["microquart"]) < 1


def test_whatever_the_server_our_application_learns_it(table):
    for row in (row for row in table if row.startswith("tells")):
        assert "never" not in table[row].values()


def test_our_server_keeps_little_for_who_does_not_read(table):
    client = table["memory for a client that does not read"]["microquart"]
    taken, kept = table["takes of 200 MB that no view reads"][
        "microquart"
    ].split(", ")
    assert number(client) < 20
    assert number(taken) < 20
    assert number(kept) < 20


def test_our_server_stops_although_a_stream_is_open(table):
    answer = table["stops with an event stream open"]["microquart"]
    assert not answer.startswith(">")


def test_our_server_speaks_http2_in_clear(table):
    assert table["HTTP/2 without TLS"]["microquart"] == "yes"
