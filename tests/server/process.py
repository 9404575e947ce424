"""A server in a process of its own, as a person starts it."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

PROGRAMS = Path(__file__).parent / "programs"
TIMEOUT = 10.0  # seconds for a process to end
LIMIT = 60.0  # seconds that it may live

RUN = (sys.executable, "-m", "microquart", "run")


@dataclass
class Process:
    """A running server, what it has said so far, and where it listens."""

    popen: "subprocess.Popen[str]"
    said: str = ""
    port: int = 0

    def wait_for(self, text: str) -> str:
        """Read what the server says up to a line with this text."""
        assert self.popen.stderr is not None
        for line in self.popen.stderr:
            self.said += line
            if text in line:
                return line
        raise AssertionError(f"no {text!r} in:\n{self.said}")

    def listening(self) -> None:
        """Read what the server says up to where it listens."""
        line = self.wait_for("listening on")
        found = re.search(r":(\d+)\b(?!.*:\d)", line)
        self.port = int(found[1]) if found else 0

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit code."""
        self.popen.send_signal(number)
        return self.end()

    def end(self) -> int:
        """Wait until the server has ended; return its exit code."""
        _, rest = self.popen.communicate(timeout=TIMEOUT)
        self.said += rest
        return self.popen.returncode

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.popen.pid).memory_info().rss)


@contextmanager
def command(
    *words: str,
    folder: Path = PROGRAMS,
    own_session: bool = False,
    stdin: int = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
    limit: float = LIMIT,
    **environment: str,
) -> Iterator[Process]:
    """Run a command round a block; the process ends with it."""
    popen = subprocess.Popen(
        words,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stdin=stdin,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=own_session,
        pass_fds=pass_fds,
    )
    # Nobody waits for ever for a line that does not come.
    end = threading.Timer(limit, popen.kill)
    end.start()
    try:
        yield Process(popen)
    finally:
        end.cancel()
        popen.kill()
        popen.communicate()


@contextmanager
def started(
    program: str, *options: str, wait: bool = True, **environment: str
) -> Iterator[Process]:
    """Run ``microquart run`` round a block; the process ends with it."""
    words = [*RUN, program, "--bind", "127.0.0.1:0", *options]
    with command(*words, **environment) as process:
        if wait:
            process.listening()
        yield process
