"""A trace: a list of records, and views of it for tests and for eyes.

::

    with microquart.trace(app) as t:
        await app.test_client().get("/users/7")
    assert t.requests[0].calls() == ["load_user", "user"]
"""

from collections.abc import Iterable, Mapping
from os import PathLike

from microquart.asgi import ASGIApplication
from microquart.xray import story
from microquart.xray.exports import har, jsonl, mermaid
from microquart.xray.exports.forms import FORMS
from microquart.xray.record import Record
from microquart.xray.replay import replay
from microquart.xray.requests import TracedRequest, requests_of


class Trace(list[Record]):
    """The records in their order; ``head`` says who made them, and when."""

    def __init__(
        self,
        records: Iterable[Record] = (),
        head: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(records)
        self.head = dict(head or {})

    @property
    def requests(self) -> list[TracedRequest]:
        """The requests and WebSockets, as they began."""
        return requests_of(self)

    def save(self, path: str | PathLike[str], bodies: bool = False) -> None:
        """Write JSON Lines; of bodies only the length, unless asked."""
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(jsonl.lines(self, self.head, bodies))

    def export(self, form: str, bodies: bool = False) -> bytes:
        """Return the file in another format, one of ``FORMS``."""
        return FORMS[form](self, self.head, bodies)

    def to_mermaid(self) -> str:
        return mermaid.diagram(self)

    def to_har(self, bodies: bool = False) -> dict[str, object]:
        return har.archive(self, self.head, bodies)

    def replay(self, app: ASGIApplication, slow: bool = False) -> "Trace":
        """Have a fresh server read the same bytes; trace that.

        What it shows differs from this only where ``app`` or microquart
        does. With ``slow`` each frame of HTTP/2 comes alone.

        Raises:
            CannotReplay: no connection is here from its beginning.
        """
        tracer = replay(self, self.head, app, slow)
        return Trace(tracer.records, tracer.head())

    def __str__(self) -> str:
        return story.told(self, level=1)


def load(path: str | PathLike[str]) -> Trace:
    """Read what ``Trace.save`` has written.

    Raises:
        ValueError: it is no trace, or one of a newer version.
    """
    with open(path, encoding="utf-8") as file:
        head, records = jsonl.read(file)
    return Trace(records, head)
