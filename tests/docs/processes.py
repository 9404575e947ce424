"""Programs that a page starts: a shell, and what they say."""

import os
import queue
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from unittest import SkipTest

TIMEOUT = 20.0  # seconds that a block may take
# Seconds behind "&" and "kill": nobody types the next command faster.
PAUSE = 0.2

NOT_RUN = {
    "docker": "it wants a daemon",
    "make": "it would run these tests within themselves",
    "pip": "it wants the network",
}
# Programs that a page may need, and a machine may lack.
OF_OTHERS = {"curl", "h2load", "nc", "nghttp", "openssl", "nginx"}

# On a terminal curl shows no progress.
AS_ON_A_TERMINAL = """curl() { case " $* " in
*" -s"*) command curl "$@";; *) command curl -sS "$@";; esac; }"""


class Failed(Exception):
    """A block did not do what the page says."""


class Said:
    """What a process says, as far as it has been read."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.text = ""
        self._process = process
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def until(self, enough: Callable[[str], bool]) -> bool:
        """Read on until it is enough; tell whether it ever was."""
        end = time.monotonic() + TIMEOUT
        while not enough(self.text):
            try:
                line = self._lines.get(timeout=max(end - time.monotonic(), 0))
            except queue.Empty:
                return False
            if line is None:
                self._lines.put(None)
                return enough(self.text)
            self.text += line
        return True

    def close(self) -> None:
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                self._lines.put(line)
        self._lines.put(None)


class Shell:
    """A bash that is given one command after the other."""

    END = "--- the end of a command, with "

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            ["bash", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._said = Said(self._process)
        self.run(AS_ON_A_TERMINAL)

    def run(self, command: str) -> tuple[int, str]:
        """Return the exit code of a command and what it said."""
        assert self._process.stdin is not None
        self._process.stdin.write(
            # As behind each prompt, jobs that have ended are forgotten.
            f"jobs >/dev/null\n{command}\nprintf '\\n{self.END}%s\\n' $?\n"
        )
        self._process.stdin.flush()
        self._said.text = ""
        if command.rstrip().endswith("&") or command.startswith("kill "):
            time.sleep(PAUSE)
        if not self._said.until(lambda text: self.END in text):
            raise Failed(
                f"{command}\ndid not end; it said:\n{self._said.text}"
            )
        said, _, code = self._said.text.rpartition(self.END)
        return int(code), said.strip("\n")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        # What it left in the background ends with it.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._said.close()


class Server:
    """A server that a page has started."""

    def __init__(
        self, command: str, folder: Path, environment: dict[str, str]
    ) -> None:
        self.command = command
        self._process = subprocess.Popen(
            shlex.split(command, comments=True),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.said = Said(self._process)

    def wait_for(self, port: int) -> None:
        """Wait until it says that it listens, or lets itself be connected."""
        if "microquart" in self.command:
            ready = self.said.until(lambda text: "listening on" in text)
        else:
            ready = self._answers(port)
        if not ready:
            raise Failed(f"{self.command} said:\n{self.said.text}")

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.wait(TIMEOUT)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.said.close()

    def _answers(self, port: int) -> bool:
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end and self._process.poll() is None:
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", port)) == 0:
                    return True
            time.sleep(0.02)
        return False


def present(command: str) -> None:
    """Skip a block whose program is not on this machine, unless all must be.

    Raises:
        SkipTest: it is not.
    """
    word = command.split()[0]
    if word in NOT_RUN:
        raise SkipTest(f"{word}: {NOT_RUN[word]}")
    if word in OF_OTHERS and shutil.which(word) is None:
        if os.environ.get("MICROQUART_TEST_ALL"):
            raise Failed(f"{word} is not installed")
        raise SkipTest(f"{word} is not installed")
