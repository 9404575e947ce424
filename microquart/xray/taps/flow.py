"""Whether a socket takes what is written to it.

asyncio's transport says when its buffer is full, and when it is not.  In the
shell for tasks a task writes what is left, and is seen to wait.
"""

import select
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any

from microquart.server.anyio_shell import AnyioShell
from microquart.xray.swaps import Swaps
from microquart.xray.taps.line import Line


def tell_flow(line: Line, shell: Any, name: str, unsent: int) -> None:
    data = {"write_buffer": unsent}
    line.tracer.emit(name, at=line.at, dir="out", data=data)
    if name == "net.pause":
        line.waits("socket", shell.server.service.limits.write_timeout)


def tap_flow(line: Line, shell: Any) -> None:
    """Tell when a transport takes no more, and when it does again."""
    if not hasattr(shell, "pause_writing"):
        return
    pause, resume = shell.pause_writing, shell.resume_writing

    def tell(name: str) -> None:
        left = shell._transport.get_write_buffer_size()
        tell_flow(line, shell, name, left)

    def pausing() -> None:
        pause()
        tell("net.pause")

    def resuming() -> None:
        tell("net.resume")
        resume()

    swaps = Swaps()
    swaps.attribute(shell, "pause_writing", pausing)
    swaps.attribute(shell, "resume_writing", resuming)


def tapped_shell(lines: Any) -> type[AnyioShell]:
    """Return a class of shells whose writer is seen to wait."""

    class Tapped(AnyioShell):
        __slots__ = ()

        async def _send(self, data: bytes) -> None:
            line, full = lines.of(self.peer), False

            def look() -> None:
                nonlocal full
                if not full and is_full(self._socket.fileno()):
                    full = True
                    tell_flow(line, self, "net.pause", len(data))

            try:
                await Watched(super()._send(data), look)
            finally:
                if full:
                    tell_flow(line, self, "net.resume", 0)

    return Tapped


def is_full(number: int) -> bool:
    """Tell whether a socket, by its number, takes nothing now."""
    if number < 0:  # it is closed
        return False
    if not hasattr(select, "poll"):  # Windows
        return not select.select([], [number], [], 0)[1]
    writable = select.poll()
    writable.register(number, select.POLLOUT)
    return not writable.poll(0)


class Watched(Awaitable[None]):
    """What is awaited, where somebody looks whenever it waits."""

    def __init__(
        self, work: Awaitable[None], look: Callable[[], None]
    ) -> None:
        self._work = work
        self._look = look

    def __await__(self) -> Generator[Any, Any, None]:
        work = self._work.__await__()
        step: Callable[[], Any] = partial(next, work)
        while True:
            try:
                trap = step()
            except StopIteration:
                return
            self._look()
            try:
                step = partial(work.send, (yield trap))
            except BaseException as error:
                step = partial(work.throw, error)
