"""The part of the pytest plugin that traces.

Every application is given its taps when the test first calls it, wherever it
was made; they come out again after the test.
"""

import re
from collections.abc import Generator
from pathlib import Path

import pytest

from microquart.app import Quart
from microquart.asgi import Receive, Scope, Send
from microquart.xray import story
from microquart.xray.install import install
from microquart.xray.redaction import Redactor
from microquart.xray.swaps import Swaps
from microquart.xray.trace import Trace
from microquart.xray.tracer import Tracer


class Watch:
    """What is traced while one test runs."""

    def __init__(self) -> None:
        self.tracer = Tracer(Redactor())
        self.swaps = Swaps()
        self.apps: list[Quart] = []
        call = Quart.__call__

        async def tapped(
            app: Quart, scope: Scope, receive: Receive, send: Send
        ) -> None:
            self.tap(app)
            await call(app, scope, receive, send)

        self.swaps.attribute(Quart, "__call__", tapped)

    def tap(self, app: Quart) -> None:
        if not any(app is known for known in self.apps):
            self.apps.append(app)
            self.swaps.then(install(self.tracer, app=app).remove)

    @property
    def trace(self) -> Trace:
        return Trace(self.tracer.records, self.tracer.head())


WATCH = pytest.StashKey[Watch]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item,
) -> Generator[None, object, object]:
    watch = item.stash[WATCH] = Watch()
    try:
        return (yield)
    finally:
        watch.swaps.remove()
        del item.stash[WATCH]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    trace = item.stash[WATCH].trace
    if report.failed and trace:
        path = path_of(item, report.when or "call")
        trace.save(path)
        lines = story.told(trace, level=0)
        report.sections.append(("X-ray", f"{lines}\n{path}"))
    return report


def path_of(item: pytest.Item, when: str) -> Path:
    """Return where the trace of a test goes: below pytest's cache."""
    folder: Path = item.config.rootpath / ".pytest_cache" / "xray"
    if item.config.pluginmanager.has_plugin("cacheprovider"):
        folder = item.config.cache.mkdir("xray")
    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w.-]+", "-", item.nodeid).strip("-")[-150:]
    suffix = "" if when == "call" else f"-{when}"
    return folder / f"{name}{suffix}.xray.jsonl"
