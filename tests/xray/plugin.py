"""A plugin of pytest: traces every conversation, and checks each trace.

::

    pytest -p tests.xray.plugin tests/protocol tests/server
"""

from collections.abc import Iterator

import pytest

from microquart.protocol import Peer, Service
from microquart.server.shells import Shells
from microquart.xray.install import install
from microquart.xray.swaps import Swaps
from microquart.xray.taps.h1 import TappedH1
from microquart.xray.taps.h2 import TappedH2
from microquart.xray.taps.line import Line
from microquart.xray.tracer import Ring, Tracer
from tests.protocol.conversation import CONNECTIONS
from tests.server.running import WATCHERS
from tests.xray.checks import complaints

ENDLESS = 10**12


class Watch:
    """The traces of one test."""

    def __init__(self) -> None:
        self.tracers: list[Tracer] = []
        self.taps: list[Swaps] = []
        self.connections: list[TappedH1 | TappedH2] = []

    def server(self, shells: Shells) -> None:
        self.taps.append(install(self.tracer(), server=shells))

    def h1(self, peer: Peer, service: Service, now: float) -> TappedH1:
        line = Line(self.tracer(), peer, None)
        return self.kept(TappedH1(line, peer, service, now))

    def h2(self, peer: Peer, service: Service, now: float) -> TappedH2:
        line = Line(self.tracer(), peer, None)
        return self.kept(TappedH2(line, peer, service, now))

    def kept(self, connection):
        self.connections.append(connection)
        return connection

    def tracer(self) -> Tracer:
        tracer = Tracer(None, ring=Ring(ENDLESS, ENDLESS))
        self.tracers.append(tracer)
        return tracer

    def end(self) -> list[str]:
        for taps in reversed(self.taps):
            taps.remove()
        for connection in self.connections:
            connection.finish()
        return [
            complaint
            for tracer in self.tracers
            for complaint in complaints(tracer.records)
        ]


@pytest.fixture(autouse=True)
def every_byte_is_told() -> Iterator[None]:
    watch = Watch()
    usual = dict(CONNECTIONS)
    CONNECTIONS.update(h1=watch.h1, h2=watch.h2)
    WATCHERS.append(watch.server)
    yield
    WATCHERS.remove(watch.server)
    CONNECTIONS.update(usual)
    if found := watch.end():
        pytest.fail("\n".join(found[:20]))
