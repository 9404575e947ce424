"""``microquart.trace``: a block, what is traced in it, and what was seen."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from microquart.server.shells import Shells
from microquart.xray.diff import diff
from microquart.xray.install import install
from microquart.xray.redaction import Redactor
from microquart.xray.trace import Trace, load
from microquart.xray.tracer import Tracer


@contextmanager
def traced(target: object, redactor: Redactor | None) -> Iterator[Trace]:
    kept = Trace()
    tracer = Tracer(redactor or Redactor(), [kept.append])
    kept.head = tracer.head()
    server = target if isinstance(target, Shells) else None
    taps = install(tracer, app=target, server=server)
    try:
        yield kept
    finally:
        taps.remove()
        # Connections that are open still tell.
        tracer.sinks.clear()


class Tracing:
    """What ``microquart.trace`` is: to be called, and a few functions."""

    load = staticmethod(load)
    diff = staticmethod(diff)

    def __call__(
        self, target: object, redactor: Redactor | None = None
    ) -> AbstractContextManager[Trace]:
        """Trace an application, or a server and its application, in a block.

        ::

            with microquart.trace(app) as t:
                await app.test_client().get("/users/7")
            assert t.requests[0].calls() == ["load_user", "user"]

        Secrets are redacted; a ``redactor`` of one's own says which.

        Raises:
            TypeError: there is nothing in it to put a tap on.
        """
        return traced(target, redactor)


trace = Tracing()
