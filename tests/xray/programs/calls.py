"""Counts the Python calls of one request: ``python calls.py [how]``.

``hidden``: without the package that traces; ``imported``: with it, unused;
``removed``: after taps were put in and taken out; ``on``: with taps.
Prints the count, and whether anything of that package is loaded.
"""

import asyncio
import sys
from importlib.abc import MetaPathFinder
from typing import Any

HOW = sys.argv[1] if len(sys.argv) > 1 else ""
TRACING = "microquart.xray"
REQUEST = b"GET /users/7 HTTP/1.1\r\nhost: a\r\n\r\n"


class Hidden(MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> None:
        if name.startswith(TRACING):
            raise ModuleNotFoundError(name)


if HOW == "hidden":
    sys.meta_path.insert(0, Hidden())

from microquart import Quart  # noqa: E402
from microquart.server.asyncio_shell import (  # noqa: E402
    AsyncioServer,
    AsyncioShell,
)
from microquart.server.settings import Settings  # noqa: E402
from microquart.server.shells import service_of  # noqa: E402

app = Quart(__name__)


@app.before_request
async def before() -> None:
    pass


@app.get("/users/<int:id>")
async def user(id: int) -> dict[str, int]:
    return {"id": id}


class Wire(asyncio.Transport):
    """A transport without a socket: what is written stays here."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "socket" else default

    def getpeername(self) -> None:
        raise OSError

    def write(self, data: Any) -> None:
        self.written += data

    def set_write_buffer_limits(self, *args: Any, **kwargs: Any) -> None:
        pass

    def is_closing(self) -> bool:
        return False


def main() -> None:
    settings = Settings(access_log=False, date_header=False)
    loop = asyncio.new_event_loop()
    server = AsyncioServer(app, settings, service_of(settings, {}), None)
    taps = None
    if HOW in ("imported", "removed", "on"):
        from microquart.xray.install import install
        from microquart.xray.tracer import Tracer

        if HOW != "imported":
            taps = install(Tracer(None), server=server)
    if taps is not None and HOW == "removed":
        loop.run_until_complete(asking(server, 2))
        taps.remove()
    print(loop.run_until_complete(asking(server, 10)))
    print(any(name.startswith(TRACING) for name in sys.modules))
    loop.close()


async def asking(server: AsyncioServer, times: int) -> int:
    """Ask so many times; return the calls of the last."""
    shell, wire = AsyncioShell(server, None), Wire()
    shell.connection_made(wire)
    for _ in range(times):
        wire.written = b""
        count = 0

        def saw(frame: Any, event: str, argument: Any) -> None:
            nonlocal count
            count += event == "call"

        sys.setprofile(saw)
        shell.data_received(REQUEST)
        await asyncio.sleep(0)  # a turn of the loop: the application runs
        sys.setprofile(None)
        assert wire.written.endswith(b'{"id":7}\n')
    return count


main()
