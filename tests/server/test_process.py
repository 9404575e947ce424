"""One process: its signals, its pid file, its sockets, and systemd."""

import os
import pty
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import trustme

from microquart.server.imports import Imports
from microquart.server.leash import VARIABLE, Leash
from microquart.server.process import pid_file
from microquart.server.settings import Settings
from microquart.server.systemd import Notifier, activated
from tests.server.process import RUN, Process, command, started

# -- the pid file --


def test_the_pid_file_has_the_number_of_the_process(tmp_path):
    path = tmp_path / "pid"
    with pid_file(path):
        assert path.read_text() == f"{os.getpid()}\n"
    assert not path.exists()


def test_a_pid_file_that_another_server_has_taken_over_stays(tmp_path):
    path = tmp_path / "pid"
    with pid_file(path):
        path.write_text("1\n")
    assert path.read_text() == "1\n"


def test_the_folder_may_change_meanwhile(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pid_file(Path("pid")):
        monkeypatch.chdir("/")
    assert not (tmp_path / "pid").exists()


def test_without_a_pid_file_nothing_is_written():
    with pid_file(None):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "1"])
def test_the_pid_file_names_who_is_to_be_signalled(tmp_path, workers):
    path = tmp_path / "pid"
    options = ("--pid-file", str(path), "--workers", workers)
    with started("worker.py", *options) as server:
        assert int(path.read_text()) == server.popen.pid
        assert server.stop() == 0
    assert not path.exists()


# -- SIGHUP --


def certify(authority: trustme.CA, folder: Path, name: str) -> None:
    certificate = authority.issue_cert("localhost", common_name=name)
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "pem")


def certified(server: Process, authority: trustme.CA) -> str:
    """Return the name in the certificate that the server shows."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with (
        socket.create_connection(("127.0.0.1", server.port)) as client,
        context.wrap_socket(client, server_hostname="localhost") as secured,
    ):
        subject = secured.getpeercert()["subject"]
    return dict(pair for (pair,) in subject)["commonName"]


@pytest.mark.slow
@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "trio"])
def test_certificates_are_read_anew_on_sighup(tmp_path, loop):
    authority = trustme.CA()
    certify(authority, tmp_path, "old")
    options = ("--certfile", str(tmp_path / "pem"), "--loop", loop)
    with started("worker.py", *options) as server:
        assert certified(server, authority) == "old"
        certify(authority, tmp_path, "new")
        server.popen.send_signal(signal.SIGHUP)
        server.wait_for("SIGHUP: certificates are read anew")
        assert certified(server, authority) == "new"
        (tmp_path / "pem").write_text("no certificate at all")
        server.popen.send_signal(signal.SIGHUP)
        server.wait_for("SIGHUP: the certificates stay")
        assert certified(server, authority) == "new"
        assert server.stop() == 0


@pytest.mark.slow
def test_workers_read_certificates_anew_too(tmp_path):
    authority = trustme.CA()
    certify(authority, tmp_path, "old")
    options = ("--certfile", str(tmp_path / "pem"), "--workers", "1")
    with started("worker.py", *options) as server:
        assert certified(server, authority) == "old"
        certify(authority, tmp_path, "new")
        server.popen.send_signal(signal.SIGHUP)
        server.wait_for(" serves\n")
        # The old worker accepts until it is told to stop.
        until = time.monotonic() + 5
        while certified(server, authority) != "new":
            assert time.monotonic() < until
        assert server.stop() == 0


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--reload",)], ids=["one", "two"])
def test_when_its_terminal_is_closed_it_stops(options):
    ours, theirs = pty.openpty()
    with closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
        words = [*RUN, "worker.py", "--port", "0", *options]
        with command(*words, stdin=theirs, own_session=True) as server:
            os.close(theirs)
            server.listening()
            # What the shell does then: it hands the signal on.
            terminal.close()
            assert server.stop(signal.SIGHUP) == 0
    assert "SIGHUP: stopping" in server.said


# -- a worker --


@pytest.fixture
def environment(monkeypatch) -> Callable[..., None]:
    def be(**variables: object) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))

    return be


def test_who_has_no_supervisor_is_no_worker(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert Leash.inherited() is None


@pytest.mark.parametrize("descriptor", [os.devnull, None])
def test_what_a_worker_starts_is_no_worker(environment, descriptor):
    # It has inherited the variable, but not the pipes.
    number = os.open(os.devnull, os.O_RDONLY)
    environment(**{VARIABLE: f"{number} {number} 99"})
    if descriptor is None:
        os.close(number)
    assert Leash.inherited() is None
    if descriptor is not None:
        os.close(number)


@pytest.fixture
def supervisor(environment):
    """The other ends of a worker's pipes: a writer and a reader."""
    orders, order = os.pipe()
    news, new = os.pipe()
    environment(**{VARIABLE: f"{orders} {new} {order}"})
    with open(order, "wb", buffering=0) as writer, open(news, "rb") as reader:
        yield writer, reader
    os.close(orders)
    os.close(new)


async def test_a_worker_is_told_and_tells(supervisor):
    writer, reader = supervisor
    leash = Leash.inherited()
    assert leash.bind == (f"fd://{writer.fileno()}",)
    leash.ready([])
    leash.beat()
    leash.stopping()
    assert reader.read1() == b"ready\nbeat\nstopping\n"
    writer.write(b"s")
    assert await leash.order() == b"s"
    writer.close()
    assert await leash.order() == b""


def test_a_supervisor_that_hears_nothing_holds_no_worker_up(supervisor):
    _, reader = supervisor
    leash = Leash.inherited()
    for _ in range(100_000):
        leash.beat()
    reader.close()
    leash.beat()


def test_imports_are_told_once_without_what_is_installed(
    tmp_path, monkeypatch
):
    (tmp_path / "quite_new.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    imports = Imports()
    first = imports.added()
    assert __file__ in first
    assert not any(path.startswith(os.__file__[:-5]) for path in first)
    assert imports.added() == []
    __import__("quite_new")
    assert imports.added() == [str(tmp_path / "quite_new.py")]
    del sys.modules["quite_new"]


# -- systemd --


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """The socket on which a service manager listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        path = str(tmp_path / "notify")
        listener.bind(path)
        listener.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        yield listener


def test_systemd_is_told_how_the_service_is(systemd, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    notifier = Notifier()
    notifier.ready(["http://127.0.0.1:8000"])
    notifier.beat()
    notifier.reloading()
    notifier.reloaded()
    notifier.stopping()
    said = [systemd.recv(1000).decode() for _ in range(5)]
    assert said[:2] == ["READY=1", "WATCHDOG=1"]
    assert said[2].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert said[3:] == ["READY=1", "STOPPING=1"]


def test_without_a_watchdog_there_is_no_beat(systemd, monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    notifier = Notifier()
    notifier.beat()
    notifier.stopping()
    assert systemd.recv(1000) == b"STOPPING=1"


@pytest.mark.skipif(sys.platform != "linux", reason="an address of Linux")
def test_an_abstract_address_is_spoken_to(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("")  # the kernel makes one up
        address = listener.getsockname().decode()
        monkeypatch.setenv("NOTIFY_SOCKET", address.replace("\0", "@", 1))
        Notifier().stopping()
        assert listener.recv(1000) == b"STOPPING=1"


def test_who_does_not_listen_is_told_nothing_more(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notifier = Notifier()
    notifier.stopping()
    notifier.stopping()
    assert caplog.text.count("systemd does not listen") == 1


def test_sockets_of_systemd_are_listened_on(environment):
    settings = Settings(bind=("127.0.0.1:1",))
    environment(LISTEN_PID=os.getpid() + 1, LISTEN_FDS=1)
    assert activated(settings) == settings
    environment(LISTEN_PID=os.getpid(), LISTEN_FDS=0)
    assert activated(settings) == settings
    assert "LISTEN_PID" not in os.environ


# Sets the descriptors as systemd does, and becomes the server.
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_service_serves_on_the_socket_that_it_was_given(systemd, workers):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        words = [*RUN[1:], "worker.py", "--workers", workers]
        with command(
            *(sys.executable, "-c", ACTIVATE, str(listener.fileno())),
            *words,
            pass_fds=[listener.fileno()],
        ) as server:
            address = listener.getsockname()
            # Before it is ready: systemd keeps the socket.
            with socket.create_connection(address) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert client.recv(1000).startswith(b"HTTP/1.1 200")
            assert systemd.recv(1000) == b"READY=1"
            assert server.stop() == 0
            assert systemd.recv(1000) == b"STOPPING=1"
        # It still listens, for the next one.
        socket.create_connection(address).close()
