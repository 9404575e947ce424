"""Several processes behind one port: who starts, who ends, who comes after."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress

import psutil
import pytest

from microquart.server.crew import Crew, Worker
from microquart.server.settings import Settings
from tests.server.load import WAYS, load_on
from tests.server.process import RUN, Process, command, started

SETTINGS = Settings(workers=3)
FAILURES = SETTINGS.worker_failures
SECOND = 1.0


# -- what is decided --


def start(crew: Crew, now: float = 0) -> list[Worker]:
    """Start who is missing, and have each of them be ready at once."""
    workers = [
        crew.started(pid=id(object()), now=now)
        for _ in range(crew.missing(now))
    ]
    for worker in workers:
        crew.heard(worker, "ready", now)
    return workers


@pytest.fixture
def crew() -> Crew:
    """Three workers that serve."""
    crew = Crew(3, SETTINGS)
    assert len(start(crew) + start(crew)) == 3
    return crew


def test_one_goes_ahead_and_the_others_follow_when_it_is_ready():
    crew = Crew(3, SETTINGS)
    assert crew.missing(0) == 1
    first = crew.started(pid=1, now=0)
    assert crew.missing(0) == 0
    crew.heard(first, "ready", now=1)
    assert crew.missing(1) == 2


def test_a_worker_that_dies_is_replaced_soon(crew):
    crew.ended(crew.workers[0], -signal.SIGKILL, now=10)
    assert crew.missing(10) == 0
    assert crew.missing(10.5) == 1


def test_a_worker_that_stops_by_itself_is_replaced_at_once(crew):
    worker = crew.workers[0]
    crew.heard(worker, "stopping", now=10)
    assert crew.missing(10) == 1
    crew.ended(worker, 0, now=20)
    assert crew.missing(20) == 1


def test_who_cannot_start_is_tried_again_after_longer_and_longer_pauses():
    crew = Crew(3, SETTINGS)
    now, pauses = 0.0, []
    while not crew.stopping:
        worker = crew.started(pid=1, now=now)
        crew.ended(worker, 3, now)
        began = now
        while not crew.missing(now) and not crew.stopping:
            now += 0.5
        pauses.append(now - began)
    assert pauses == [0.5, 1, 2, 4, 0]
    assert len(pauses) == FAILURES == 5
    assert crew.exit_code == 3


def test_a_pause_is_never_longer_than_half_a_minute(crew):
    for _ in range(20):
        worker = crew.started(pid=1, now=0)
        crew.ended(worker, 3, now=0)
    assert crew.missing(29.9) == 0
    crew.ended(crew.workers[0], -9, now=30)
    assert crew.missing(30.5) == 1


def fails(crew: Crew, times: int) -> list[float]:
    """Have the next ones fail; return the pauses after them."""
    now, pauses = 0.0, []
    for _ in range(times):
        crew.ended(crew.started(pid=1, now=now), 3, now)
        began = now
        while not crew.missing(now) and not crew.stopping:
            now += 0.25
        pauses.append(now - began)
    return pauses


@pytest.mark.parametrize(
    ("backoff", "pauses"),
    [
        ((0.25, 1), [0.25, 0.5, 1, 1]),
        ((2, 30), [2, 4, 8, 16]),
        (None, [0, 0, 0, 0]),
    ],
)
def test_the_pauses_are_a_setting(backoff, pauses):
    crew = Crew(3, Settings(worker_backoff=backoff))
    assert fails(crew, 4) == pauses


def test_the_first_pause_is_that_of_one_who_has_served(crew):
    crew = Crew(1, Settings(worker_backoff=(3, 30)))
    start(crew)
    crew.ended(crew.workers[0], -signal.SIGKILL, now=10)
    assert (crew.missing(12.9), crew.missing(13)) == (0, 1)


@pytest.mark.parametrize("failures", [1, 2])
def test_after_how_many_failures_nobody_tries_is_a_setting(failures):
    crew = Crew(3, Settings(worker_failures=failures))
    fails(crew, failures - 1)
    assert not crew.stopping
    fails(crew, 1)
    assert (crew.stopping, crew.exit_code) == (True, 3)


def test_without_a_limit_they_try_for_days():
    crew = Crew(3, Settings(worker_failures=None))
    for _ in range(3000):
        crew.ended(crew.started(pid=1, now=0), 3, now=0)
    assert not crew.stopping
    assert (crew.missing(29.9), crew.missing(30)) == (0, 1)


def test_while_others_serve_who_cannot_start_is_no_reason_to_end(crew):
    for _ in range(2 * FAILURES):
        worker = crew.started(pid=1, now=0)
        crew.ended(worker, 1, now=0)
    assert not crew.stopping


def test_an_application_that_cannot_be_imported_is_not_tried_again():
    crew = Crew(3, SETTINGS)
    crew.ended(crew.started(pid=1, now=0), 1, now=0)
    assert (crew.stopping, crew.exit_code) == (True, 1)


def test_a_process_that_cannot_be_had_is_tried_again():
    crew = Crew(3, SETTINGS)
    crew.not_started(OSError(12, "Cannot allocate memory"), now=0)
    assert crew.missing(0) == 0
    assert crew.missing(0.5) == 1


def test_the_old_ones_go_when_all_the_new_ones_are_there(crew):
    old = list(crew.workers)
    crew.roll(now=10)
    start(crew, now=10)
    assert crew.superfluous() == []
    start(crew, now=10)
    assert crew.superfluous() == old
    for worker in old:
        crew.told(worker, now=11)
        crew.ended(worker, 0, now=12)
    assert crew.missing(12) == 0
    assert crew.complete


def test_new_ones_that_cannot_start_leave_the_old_ones_in_place(crew):
    old = list(crew.workers)
    crew.roll(now=10)
    crew.ended(crew.started(pid=1, now=10), 1, now=11)
    assert crew.superfluous() == []
    assert crew.missing(12) == 0
    assert crew.current == old
    assert not crew.stopping


def test_a_second_failed_attempt_leaves_them_in_place_too(crew):
    old = list(crew.workers)
    for now in (10, 20):
        crew.roll(now)
        crew.ended(crew.started(pid=1, now=now), 1, now)
    assert crew.current == old


def test_a_new_one_beside_one_that_failed_has_to_go(crew):
    crew.roll(now=10)
    (first,) = start(crew, now=10)
    second, third = (crew.started(pid, now=11) for pid in (1, 2))
    crew.ended(third, 1, now=12)
    assert crew.superfluous() == [first, second]


@pytest.mark.parametrize(
    ("state", "fault", "after"),
    [
        ("starting", "took too long (starting)", 2 * SETTINGS.startup_timeout),
        ("ready", "hangs", SETTINGS.worker_timeout),
        ("stopping", "took too long (stopping)", 20 + 3 + 5 + SECOND),
        ("cancelled", "took too long (cancelled)", SECOND),
    ],
)
def test_each_state_has_its_time(state, fault, after):
    crew = Crew(1, SETTINGS)
    worker = crew.started(pid=1, now=100)
    if state in ("ready", "stopping"):
        crew.heard(worker, "ready", now=100)
    if state in ("stopping", "cancelled"):
        crew.told(worker, now=100)
    assert worker.state == state
    assert crew.overdue(100 + after - 0.1) == []
    assert crew.overdue(100 + after) == [worker]
    assert worker.fault == fault
    crew.killed(worker, 200)
    assert crew.overdue(200) == []
    assert crew.overdue(201) == [worker]


def test_a_sign_of_life_gives_time(crew):
    worker = crew.workers[0]
    crew.heard(worker, "beat", now=25)
    assert worker not in crew.overdue(54)
    assert worker in crew.overdue(55)


def test_between_two_beats_nobody_hangs():
    crew = Crew(1, Settings(worker_timeout=0.1))
    start(crew)
    assert crew.overdue(1.9) == []


def test_without_a_timeout_nobody_hangs():
    crew = Crew(1, Settings(worker_timeout=None))
    start(crew)
    assert crew.overdue(1e9) == []


def test_a_supervisor_that_was_held_up_itself_blames_nobody(crew):
    crew.excuse(3600)
    assert crew.overdue(3600) == []


@pytest.mark.parametrize("word", ["beat", "stopping", "imported", ""])
def test_what_a_worker_cannot_say_in_its_state_is_ignored(word):
    crew = Crew(1, SETTINGS)
    worker = crew.started(pid=1, now=0)
    crew.heard(worker, word, now=1)
    assert worker.state == "starting"


def test_at_a_stop_who_does_not_serve_yet_goes_first(crew):
    serving = list(crew.workers)
    late = crew.started(pid=1, now=0)
    crew.stop()
    assert crew.superfluous() == [late]
    crew.told(late, now=0)
    assert crew.superfluous() == []
    crew.ended(late, -15, now=0)
    assert crew.superfluous() == serving
    assert crew.missing(1) == 0
    assert crew.exit_code == 0


def test_a_second_word_to_stop_leaves_little_time(crew):
    crew.stop()
    for worker in crew.superfluous():
        crew.told(worker, now=0)
    crew.hurried(now=5)
    assert len(crew.overdue(6)) == 3


# -- with processes --


def ask(server: Process, path: str = "/") -> str:
    url = f"http://127.0.0.1:{server.port}{path}"
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.read().decode()


def serving(server: Process, count: int = 1) -> list[int]:
    """Wait until so many workers more serve; return which these are."""
    lines = [server.wait_for(" serves\n") for _ in range(count)]
    return [int(re.search(r"worker (\d+) serves", line)[1]) for line in lines]


def gone(pid: int, within: float) -> bool:
    with suppress(psutil.NoSuchProcess):
        try:
            psutil.Process(pid).wait(within)
        except psutil.TimeoutExpired:
            return False
    return True


def workers(*options: str, count: int = 2, **environment: str):
    """Run some workers round a block."""
    return started(
        "worker.py",
        *("--workers", str(count), "--no-access-log", *options),
        wait=False,
        **environment,
    )


def up(server: Process, count: int = 2) -> list[int]:
    """Wait until all workers serve; return which these are."""
    first = serving(server)
    server.listening()
    return first + serving(server, count - 1)


@pytest.mark.slow
def test_all_workers_serve_and_each_has_its_lifespan():
    with workers() as server:
        pids = up(server)
        with load_on(server.port, "one by one") as load:
            load.wait_for(100)
            load.enough.set()
        assert ask(server) in map(str, pids)
        assert server.stop() == 0
    assert all(f"shutdown of {pid}" in server.said for pid in pids)
    assert load.lost == []


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced():
    with workers() as server:
        pids = up(server)
        os.kill(pids[0], signal.SIGKILL)
        (other,) = serving(server)
        assert f"worker {pids[0]} ended (signal 9)" in server.said
        os.kill(pids[1], signal.SIGKILL)
        assert ask(server) == str(other)
        assert server.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_when_the_supervisor_is_killed_the_port_is_free_soon(loop):
    with workers("--loop", loop) as server:
        pids = up(server)
        server.popen.kill()
        assert all(gone(pid, 5) for pid in pids)
        with socket.socket() as again:
            again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            again.bind(("127.0.0.1", server.port))
        server.end()
    assert all(f"shutdown of {pid}" in server.said for pid in pids)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_sighup_replaces_all_and_loses_no_request(way):
    with workers() as server:
        pids = up(server)
        with load_on(server.port, way) as load:
            load.wait_for(50)
            server.popen.send_signal(signal.SIGHUP)
            pids += serving(server, 2)
            assert all(gone(pid, 5) for pid in pids[:2])
            load.wait_for(50)
            load.enough.set()
        assert load.lost == []
        assert ask(server) in map(str, pids[2:])
        assert server.stop() == 0


@pytest.mark.slow
def test_after_so_many_requests_a_worker_is_replaced():
    options = ("--max-requests", "60", "--max-requests-jitter", "20")
    with workers(*options) as server:
        serving(server)
        server.listening()
        with load_on(server.port, "HTTP/1.1") as load:
            load.wait_for(400)
            load.enough.set()
        assert load.lost == []
        assert server.stop() == 0
    assert server.said.count("requests are enough") >= 3


@pytest.mark.slow
def test_a_worker_that_hangs_is_shown_and_replaced():
    with workers("--worker-timeout", "2", count=1) as server:
        (pid,) = up(server, 1)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
            serving(server)
        assert f"worker {pid} hangs: killed" in server.said
        assert re.search(r'worker\.py", line \d+ in request', server.said)
        ask(server)
        assert server.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_for_all_processes_ends_them_in_order(number):
    """The terminal's Ctrl-C, or a service manager that tells all of them."""
    words = [*RUN, "worker.py", "--port", "0", "--workers", "2"]
    with command(*words, own_session=True) as server:
        up(server)
        with load_on(server.port, "HTTP/1.1", "/slow") as load:
            load.wait_for(1)
            os.killpg(server.popen.pid, number)
        assert server.end() == 0
    assert load.lost == []
    assert "Traceback" not in server.said


@pytest.mark.slow
def test_a_second_signal_ends_all_at_once():
    with workers() as server:
        up(server)
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(1000)
            began = time.monotonic()
            server.popen.send_signal(signal.SIGTERM)
            server.wait_for("SIGTERM: stopping")
            assert server.stop() == 0
    assert time.monotonic() - began < 1
    assert "stopping now" in server.said


@pytest.mark.slow
def test_a_startup_that_always_fails_ends_the_supervisor_with_3():
    with workers(FAIL="startup") as server:
        server.wait_for("giving up")
        assert server.end() == 3
    assert server.said.count("startup failed: no database") == FAILURES


@pytest.mark.slow
def test_how_often_and_how_soon_it_is_tried_is_said_in_settings():
    options = ("--worker-failures", "3", "--worker-backoff", "0.1", "0.15")
    with workers(*options, FAIL="startup") as server:
        server.wait_for("giving up")
        assert server.end() == 3
    pauses = re.findall(r"the next one starts in (\S+) s", server.said)
    assert pauses == ["0.1", "0.15"]


@pytest.mark.slow
def test_an_import_that_fails_is_said_once_and_ends_with_1(tmp_path):
    (tmp_path / "broken.py").write_text("import nothing_of_that_name")
    program = str(tmp_path / "broken.py")
    with started(program, "--workers", "2", wait=False) as server:
        assert server.end() == 1
    assert server.said.count("nothing_of_that_name") == 1


@pytest.mark.slow
def test_a_unix_socket_outlives_a_worker(tmp_path):
    path = tmp_path / "socket"
    words = [*RUN, "worker.py", "--bind", f"unix:{path}", "--workers", "1"]
    with command(*words) as server:
        (pid,) = serving(server)
        os.kill(pid, signal.SIGTERM)
        serving(server)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
        assert server.stop() == 0
    assert not path.exists()


UNSHARE = ("unshare", "--pid", "--fork", "--mount-proc")


def can_unshare() -> bool:
    """Tell whether this machine lets us have a first process."""
    if not shutil.which("unshare"):
        return False
    return not subprocess.run(
        [*UNSHARE, "true"], capture_output=True
    ).returncode


@pytest.mark.slow
@pytest.mark.skipif(not can_unshare(), reason="no PID namespaces to be had")
def test_as_the_first_process_of_a_container_it_reaps_orphans(tmp_path):
    words = [*UNSHARE, *RUN, "worker.py", "--port", "0", "--workers", "1"]
    with command(*words) as server:
        up(server, 1)
        (first,) = psutil.Process(server.popen.pid).children()
        ask(server, "/orphan")
        until = time.monotonic() + 5
        while len(left := first.children(recursive=True)) > 1:
            assert time.monotonic() < until, left
        first.send_signal(signal.SIGTERM)
        assert server.end() == 0
